"""What goes on beside a training: measures, previews, the report, and the decision that it is enough.

None of it draws random numbers or touches weights. Only with `--until-plateau` does it act on the training at
all, by what it has measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine import event_log
from faceswap_cli.training.engine.collapse_detection import CollapseDetector
from faceswap_cli.training.engine.early_stopping import (
    ProgressVerdict,
    UntilPlateau,
    judge_progress,
    points_at_full_rate,
)
from faceswap_cli.training.engine.loop import Budget, Tick
from faceswap_cli.training.engine.trainer import HOLD, Trainer
from faceswap_cli.training.family import Family, TrainingData
from faceswap_cli.training.monitor import preview_history, report
from faceswap_cli.training.monitor.figures import progress_kinds
from faceswap_cli.training.monitor.history import History
from faceswap_cli.training.monitor.tensorboard import TensorBoardLog
from faceswap_cli.training.options import MonitorOptions
from faceswap_cli.training.runs.folder import Run

MEASURE_SECONDS = 60.0
"""Time between measures once a run is long; in a young one GROWTH of its time, but at least LEAST_SECONDS."""
GROWTH, LEAST_SECONDS = 0.04, 10.0

MOST_SHARE = 0.05
"""Measuring may take this share of the time."""


class Monitor:
    """Call `begin` before the first step and the watch itself with every report.

    Args:
        run: where everything is written.
        trainer: the one whose averaged weights are looked at.
        data: what it is trained and measured on.
        family: of the run.
        budget: an UntilPlateau is told when the run has levelled off.
        wanted: see there.

    Raises:
        UserError: tensorboard is wanted and missing.
    """

    def __init__(
        self,
        run: Run,
        trainer: Trainer,
        data: TrainingData,
        family: Family,
        budget: Budget,
        wanted: MonitorOptions,
    ) -> None:
        self._run, self._trainer, self._data, self._budget = run, trainer, data, budget
        self._wanted, self._figures = wanted, family.figures
        self._kinds = progress_kinds(family.figures)
        self._history = History.of(run.log, trainer.step)
        self._board = TensorBoardLog(run.path / "tensorboard", trainer.step) if wanted.tensorboard else None
        self._measured_at, self._cost = time.monotonic(), 0.0
        self._is_prepared, self._shown_at = False, -math.inf
        self._collapse = CollapseDetector(family.collapse_signs)
        self._measured: dict[str, Any] = {}

    def attends(self, step: int) -> bool:
        """Whether a report is needed after this step whatever the clock says."""
        every = self._wanted.measure_every
        return bool(every) and step % every == 0  # type: ignore[operator]

    def begin(self) -> list[str]:
        """Take up where the run stopped; returns what a person should know."""
        trainer = self._trainer
        # From here on, what the log tells of later steps is of no account.
        notes = self._log({"step": trainer.step, "seconds": trainer.seconds, "begun": True})
        tick = Tick(trainer.step, self._budget.progress(trainer.step, trainer.seconds), {}, 0, 0, 0)
        tick = replace(tick, seconds=trainer.seconds)
        if trainer.step and self.attends(trainer.step) and not self._is_measured(trainer.step):
            notes += self._measure(tick)
        return notes + self._decide(tick)

    def __call__(self, tick: Tick) -> Tick:
        """Do what is due after a report, which is given on with a note where there is something to say."""
        now, last = time.monotonic(), tick.progress >= 1
        self._history.add({"step": tick.step, "seconds": tick.seconds, "losses": tick.losses})
        if self._board:
            self._board.losses(tick)
        collapse = self._collapse({**tick.losses, **self._measured}, tick.step)
        notes = [note for note in (tick.note, collapse) if note]
        if self._is_due(tick, last):
            notes += self._measure(tick) + self._decide(tick)
        waiting = isinstance(self._budget, UntilPlateau) and self._budget.waiting(tick.step, tick.seconds)
        tick = replace(tick, open_ended=waiting)
        if last or now - self._shown_at >= self._wanted.preview_every:
            notes += self._show(tick)
            self._shown_at = time.monotonic()
        if last and (verdict := self._verdict()).state != "early":
            notes.append(self._advice(verdict, done=True))
        return replace(tick, note="; ".join(notes) or None)

    def _is_measured(self, step: int) -> bool:
        return bool(self._history.measures) and self._history.measures[-1]["step"] == step

    def _is_due(self, tick: Tick, last: bool) -> bool:
        if self._is_measured(tick.step):
            return False
        every = self._wanted.measure_every
        if every is not None:
            return every > 0 and (last or tick.step % every == 0)
        usual = min(MEASURE_SECONDS, max(LEAST_SECONDS, GROWTH * tick.seconds))
        return last or time.monotonic() - self._measured_at >= max(usual, self._cost / MOST_SHARE)

    def _measure(self, tick: Tick) -> list[str]:
        if not self._is_prepared:  # loads networks and looks at the real samples: that is no measuring
            self._data.prepare_measures()
            self._is_prepared = True
        began = time.monotonic()
        figures = self._measured = self._data.measure(self._trainer.ema)
        self._measured_at = time.monotonic()
        self._cost = self._measured_at - began
        line = {"step": tick.step, "seconds": tick.seconds, "progress": tick.progress, "validation": figures}
        if self._board:
            self._board.validation(tick.step, figures)
        return self._log(line)

    def _decide(self, tick: Tick) -> list[str]:
        """Begin the closing phase if the run has levelled off."""
        budget = self._budget
        if not isinstance(budget, UntilPlateau) or not budget.waiting(tick.step, tick.seconds):
            return []
        verdict = self._verdict()
        if verdict.state != "level":
            return []
        until = budget.close(tick.step, verdict.since)
        return [
            *self._log({"step": tick.step, "seconds": tick.seconds, "level_since": verdict.since}),
            f"levelled off since step {verdict.since}: finishing until step {until}, the learning rate falls",
        ]

    def _verdict(self) -> ProgressVerdict:
        points = self._history.points(self._kinds)
        timed = self._wanted.measure_every is None
        if not isinstance(self._budget, UntilPlateau):
            return judge_progress(points, timed, self._kinds)
        if self._budget.level_since is not None:
            return ProgressVerdict("level", self._budget.level_since)
        while points and points[-1].progress > HOLD:  # closing for want of time: it says nothing
            points.pop()
        return judge_progress(points_at_full_rate(points), timed, self._kinds)

    def _show(self, tick: Tick) -> list[str]:
        """Refresh preview and report; what can't be written is told and never ends a training."""
        run = self._run
        try:
            self._data.write_preview(run.preview, self._trainer.ema, tick.progress)
            preview_history.keep_preview(run.preview, run.path / preview_history.FOLDER, tick.step)
            report.write_report(run.path, self._history, self._state(tick), self._figures)
            if self._board:
                self._board.preview(run.preview, tick.step)
        except (UserError, OSError) as error:
            return [str(error)]
        return []

    def _state(self, tick: Tick) -> report.State:
        run, done = self._run, tick.progress >= 1
        closing = self._budget.state if isinstance(self._budget, UntilPlateau) else {}
        begun = closing.get("closing_from")
        verdict = self._verdict()
        return report.State(
            name=run.path.resolve().name,
            people=run.names,
            step=tick.step,
            seconds=tick.seconds,
            images_per_second=tick.images_per_second,
            left=tick.left,
            done=done,
            closing_from=None if begun is None else int(begun),
            verdict=verdict,
            advice=self._advice(verdict, done),
            held=self._data.held_out,
            written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            refresh=0 if done else self._wanted.preview_every,
        )

    def _advice(self, verdict: ProgressVerdict, done: bool) -> str:
        closing = self._budget.state if isinstance(self._budget, UntilPlateau) else {}
        until = closing.get("closing_until")
        return report.give_advice(
            verdict,
            done=done,
            closing_until=None if until is None else int(until),
            remedy=self._data.remedy,
            figures=self._figures,
        )

    def _log(self, line: Mapping[str, Any]) -> list[str]:
        """Append a line to the log and to what is known."""
        self._history.add(line)
        try:
            event_log.append_event(self._run.log, line)
        except OSError as error:
            return [f"{self._run.log} can't be written ({error.strerror})"]
        return []
