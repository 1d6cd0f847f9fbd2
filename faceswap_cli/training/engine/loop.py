"""The one training loop. It knows no faces: it is given phases and batches.

Everything random is drawn from (seed, attempt, step), and model, average, optimiser, step and clock are
all in the checkpoint. So on the CPU a run that was stopped and gone on with ends in the same weights as
one that was not, as long as it is measured in steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine import event_log
from faceswap_cli.training.engine.accelerate import explain_memory
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.snapshots import Snapshots
from faceswap_cli.training.engine.trainer import Batches, Trainer, generator_for

REPORT_SECONDS = 1.0
MOST_ROLLBACKS = 5
"""So many roll-backs in a row without a save between them mean it will not work."""


@dataclass(frozen=True)
class Budget:
    """How long to train, counted from the run's first start: exactly one of the two.

    Attributes:
        steps: updates.
        minutes: time spent training.
    """

    steps: int | None = None
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Part done, 0..1 and beyond."""
        if self.steps is not None:
            return step / max(self.steps, 1)
        return seconds / max((self.minutes or 0.0) * 60, 1e-6)

    def seconds_left(self, step: int, seconds: float, steps_per_second: float) -> float:
        """An estimate."""
        if self.steps is not None:
            return max(self.steps - step, 0) / max(steps_per_second, 1e-6)
        return max((self.minutes or 0.0) * 60 - seconds, 0.0)


@dataclass(frozen=True)
class Tick:
    """A report.

    Attributes:
        step: updates so far.
        progress: part of the budget done, 0..1.
        losses: mean of each term since the last report.
        images_per_second: samples of all people through the network, augmentation included.
        data_wait: share of the time spent getting batches.
        seconds_left: estimate.
        saved: the checkpoint written just before, if any.
        note: something a person should read, if any.
        seconds: time spent on the run so far, earlier starts included.
        open_ended: nobody knows when it ends; `seconds_left` is the most, perhaps infinite.
    """

    step: int
    progress: float
    losses: dict[str, float]
    images_per_second: float
    data_wait: float
    seconds_left: float
    saved: Path | None = None
    note: str | None = None
    seconds: float = 0.0
    open_ended: bool = False

    @property
    def left(self) -> str:
        """The time that is left, in words."""
        if not self.open_ended and math.isfinite(self.seconds_left):  # the end may just have been decided
            return f"{monotonic_clock(self.seconds_left)} left"
        most = (
            f", at most {monotonic_clock(self.seconds_left)} left" if math.isfinite(self.seconds_left) else ""
        )
        return f"until it levels off{most}"


def monotonic_clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    whole = round(max(seconds, 0))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def fit(
    trainer: Trainer,
    batches: Batches,
    budget: Budget,
    store: CheckpointStore,
    stop: Callable[[], bool] = lambda: False,
    save_seconds: float = 60.0,
    log: Path | None = None,
    snapshots: Snapshots | None = None,
    attend: Callable[[int], bool] = lambda step: False,
) -> Iterator[Tick]:
    """Train until the budget is spent, yielding a report about every second.

    Args:
        trainer: as made, or restored from a checkpoint.
        batches: generator and progress to a batch.
        budget: when it is enough.
        store: where checkpoints go: at the start, every `save_seconds`, and at the end.
        stop: asked after every step; when true, the run saves and ends.
        save_seconds: time between saves.
        log: a JSON line for each report is appended here.
        snapshots: which checkpoints are kept for good.
        attend: true for steps after which a report is given whatever the clock says.

    Yields:
        reports; none when the budget was spent before.

    Raises:
        UserError: it went to NaN again and again, or a checkpoint can't be written.
    """
    run = _Running(trainer, store, save_seconds, snapshots)
    if not store.paths():
        run.save()
    while True:
        # The leader's clock decides for all processes, and whoever was asked to stop stops all.
        said = (budget.progress(trainer.step, run.seconds()), run.report_due(attend), run.save_due())
        (progress, report_due, save_due), stopped = trainer.team.agree(said, stop())
        ended = progress >= 1 or stopped
        if ended and run.saved_step == trainer.step:
            return
        if not ended and not report_due:
            run.one_step(batches, progress)
            continue
        fresh = bool(run.terms)
        # At the end this saves, or rolls back and there is still something to do.
        tick = run.report(budget, save=bool(save_due) or not report_due)
        if log is not None and fresh and trainer.team.leads:
            tick = _logged(log, tick)
        before = time.monotonic()
        yield tick
        run.reported_at += time.monotonic() - before  # what is done with a report is no training


class _Running:
    """The clock and the sums of a run in progress."""

    def __init__(
        self, trainer: Trainer, store: CheckpointStore, save_seconds: float, snapshots: Snapshots | None
    ) -> None:
        self.trainer, self.store, self.save_seconds = trainer, store, save_seconds
        self.snapshots = snapshots
        self.begun = time.monotonic() - trainer.seconds
        self.saved_at = self.reported_at = time.monotonic()
        self.saved_step = trainer.step if store.paths() else -1
        self.rollbacks = 0
        self.losses: dict[str, float] = {}
        self._clear()

    def _clear(self) -> None:
        self.terms: list[dict[str, Tensor]] = []
        self.images, self.waited = 0, 0.0
        self.reported_at = time.monotonic()

    def seconds(self) -> float:
        """Time spent on this run, earlier starts included."""
        return time.monotonic() - self.begun

    def one_step(self, batches: Batches, progress: float) -> None:
        trainer, before = self.trainer, time.monotonic()
        batch = batches(generator_for(trainer.settings.seed, trainer.attempt, trainer.step), progress)
        self.waited += time.monotonic() - before
        with explain_memory(trainer.device):
            self.terms.append(trainer.update(batch, progress))
        self.images += sum(len(samples.input) for samples in batch) * trainer.team.count

    def report_due(self, attend: Callable[[int], bool]) -> bool:
        late = time.monotonic() - self.reported_at >= REPORT_SECONDS
        return bool(self.terms) and (late or attend(self.trainer.step) or self.snapshot_due())

    def snapshot_due(self) -> bool:
        step, snapshots = self.trainer.step, self.snapshots
        return snapshots is not None and snapshots.due(step) and self.saved_step != step

    def save_due(self) -> bool:
        return self.snapshot_due() or time.monotonic() - self.saved_at >= self.save_seconds

    def report(self, budget: Budget, save: bool) -> Tick:
        """Sum up, roll back if it went wrong, save if it is time."""
        trainer = self.trainer
        finite = self.look()
        elapsed = max(time.monotonic() - self.reported_at, 1e-9)
        note, saved = None, None
        if not finite:
            note = self.roll_back()
        elif save:
            saved = self.save()
        steps_per_second = len(self.terms) / elapsed
        tick = Tick(
            step=trainer.step,
            progress=min(budget.progress(trainer.step, self.seconds()), 1.0),
            losses=self.losses,
            images_per_second=self.images / elapsed,
            data_wait=self.waited / elapsed,
            seconds_left=budget.seconds_left(trainer.step, self.seconds(), steps_per_second),
            saved=saved,
            note=note,
            seconds=self.seconds(),
        )
        self._clear()
        return tick

    def look(self) -> bool:
        """Take the losses' means over all processes; whether they and the weights are numbers in all."""
        own = _means(self.terms) or self.losses  # reading them waits for the device
        sound = 0.0 if self.trainer.is_finite() else math.nan
        *values, sound = self.trainer.team.means([*own.values(), sound])
        self.losses = dict(zip(own, values, strict=True))
        return all(math.isfinite(v) for v in (*values, sound))

    def save(self) -> Path | None:
        """Save, and say where; only the process that leads writes."""
        trainer = self.trainer
        trainer.seconds = self.seconds()
        path = None
        if trainer.team.leads:
            path = self.store.save(trainer.step, trainer.tensors(), trainer.facts())
            if self.snapshots is not None and self.snapshots.due(trainer.step):
                self.snapshots.keep(path)
        self.saved_at, self.saved_step, self.rollbacks = time.monotonic(), trainer.step, 0
        return path

    def roll_back(self) -> str:
        trainer, failed_at = self.trainer, self.trainer.step
        self.rollbacks += 1
        checkpoint, _ = self.store.newest()
        if checkpoint is None or self.rollbacks > MOST_ROLLBACKS:
            raise UserError(
                f"the loss went to NaN {self.rollbacks} times at about step {failed_at}",
                "Train into a new run folder with a lower --learning-rate",
            )
        attempt = trainer.attempt + 1
        trainer.restore(checkpoint)
        trainer.team.check_shared(trainer.step)
        trainer.attempt = attempt  # other random numbers and half the rate, or it would only happen again
        self.saved_at, self.saved_step = time.monotonic(), trainer.step
        return (
            f"the loss went to NaN at step {failed_at}: back to step {trainer.step}, "
            f"going on at {0.5**attempt:g} of the learning rate"
        )


def _means(terms: list[dict[str, Tensor]]) -> dict[str, float]:
    """Mean of each loss term; NaN if any step's was."""
    if not terms:
        return {}
    return {name: float(torch.stack([t[name] for t in terms]).float().mean()) for name in terms[0]}


def _logged(log: Path, tick: Tick) -> Tick:
    """Append a report as a JSON line; a log that can't be written is told and never ends a training."""
    try:
        _append(log, tick)
    except OSError as error:
        return replace(tick, note=tick.note or f"{log} can't be written ({error.strerror})")
    return tick


def _append(log: Path, tick: Tick) -> None:
    line = {
        "step": tick.step,
        "seconds": round(tick.seconds, 2),
        "progress": tick.progress,
        "losses": tick.losses,
        "images_per_second": round(tick.images_per_second, 1),
        "data_wait": round(tick.data_wait, 4),
        **({"note": tick.note} if tick.note else {}),
    }
    event_log.append_event(log, line)
