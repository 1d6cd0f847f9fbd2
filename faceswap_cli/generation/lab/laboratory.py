"""Trainings on points, one after the other, at the pace of somebody who looks on and may interfere.

    lab = Laboratory(Experiment(PointsSource(Path("ring")), settings, steps=3000), folder)
    for frame in lab.train():
        ...

It trains by `training.task.train`, as every command here does: what it adds is when to look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from faceswap_cli.errors import UserError
from faceswap_cli.generation.lab.frames import Frame, FrameMaker
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.points import PointsData, PointsSource
from faceswap_cli.training.family import Say, TrainingData
from faceswap_cli.training.options import MonitorOptions, SessionOptions
from faceswap_cli.training.runs.family_options import override
from faceswap_cli.training.runs.setting_changes import CHANGEABLE
from faceswap_cli.training.runs.settings import PENALTIES, PointsSettings
from faceswap_cli.training.task import Spectator, TrainingTask, train

FAMILY = "points"

MEASURES, MOST_APART = 150, 50
"""In a training, and the most steps between two."""

RECORDED = 120
"""Frames that are kept of a training for its page: more of the beginning, where most happens."""

QUIET = 1e6
"""Seconds between previews and saves that nobody waits for; a run has one at its end in any case."""


@dataclass(frozen=True)
class Experiment:
    """What is trained.

    Attributes:
        source: the data.
        settings: of the run.
        steps: in all.
        explicit: names of settings that were asked for, see TrainingTask.
    """

    source: PointsSource
    settings: PointsSettings
    steps: int
    explicit: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """What is trained, in a few words."""
        return f"{self.source.data.name}, {self.settings.loss}, seed {self.settings.seed}"

    @property
    def summary(self) -> str:
        """The settings that matter, on a line."""
        own = self.settings
        penalties = {"R1": own.r1, "R2": own.r2, "gradient penalty": own.interpolation}
        return ", ".join(
            [
                f"{own.optimiser} at {own.learning_rate:g}",
                f"batch {own.batch}",
                *(
                    [f"{own.discriminator_updates} updates of the discriminator to 1 of the generator"]
                    if own.discriminator_updates > 1
                    else []
                ),
                *(f"{name} {weight:g}" for name, weight in penalties.items() if weight > 0),
                f"{own.noise} noise",
            ]
        )

    def changed(self, **values: Any) -> Experiment:
        """With other settings; another loss comes with its penalties.

        Raises:
            UserError: there is no such setting, or it can't have that value.
        """
        if values.get("loss", self.settings.loss) != self.settings.loss:
            values = {**penalties_of(values["loss"]), **values}
        settings = override(FAMILIES[FAMILY], self.settings, values)
        try:
            settings.check_types()
        except TypeError as error:
            raise UserError(f"{error}, which it can't be", "Give a value of its kind") from error
        return replace(self, settings=settings, explicit=frozenset(values))


def penalties_of(loss: str) -> dict[str, float]:
    """The penalties' weights that belong to a loss; none for one that is unknown."""
    return {"r1": 0.0, "r2": 0.0, "interpolation": 0.0, **PENALTIES.get(str(loss), {})}


class Laboratory(Spectator):
    """Trains an experiment, and another when told to.

    Args:
        experiment: the first.
        folder: for the runs.
        run: where the first experiment's run is, if it shall be kept or gone on with.
        say: called with a line about each stage.

    Attributes:
        every: steps from one frame to the next; 0: only those that are recorded or measured.
        only: name of the one phase that is trained, see Trainer.
        recording: the frames that are kept.
        data: what is learnt, once a training has begun.
        stopped: the training ends after the next step.
        trained, seconds: steps that were done here, and the time of the steps alone.
    """

    def __init__(
        self, experiment: Experiment, folder: Path, run: Path | None = None, say: Say = lambda text: None
    ) -> None:
        self.experiment, self.folder, self.say = experiment, folder, say
        self.run = run or folder / "run-0"
        self.every, self.only = 0, ""
        self.recording: list[Frame] = []
        self.data: PointsData | None = None
        self._trainer: Trainer | None = None
        self._runs = self._step = self.trained = 0
        self.seconds = 0.0
        self.stopped = False

    def train(self) -> Iterator[Frame]:
        """The experiment, from where its run stands."""
        self.stopped = False
        experiment = self.experiment
        task = TrainingTask(
            FAMILIES[FAMILY],
            experiment.source,
            self.run,
            experiment.settings,
            explicit=experiment.explicit,
            budget=Budget(steps=experiment.steps),
            session=SessionOptions(save_every=QUIET),
            watching=MonitorOptions(preview_every=QUIET, measure_every=self.measure_every),
        )
        for tick in train(task, torch.device("cpu"), lambda: self.stopped, self.say, spectator=self):
            if tick.step == self._step:
                continue  # only saved
            frame = self._maker.frame(tick)
            done = max(tick.step - self._step, 0)  # a run may have gone back
            self.seconds += done / max(frame.steps_per_second, 1e-9)
            self.trained, self._step = self.trained + done, tick.step
            if tick.step in self._recorded:
                self.recording.append(frame)
            yield frame

    @property
    def measure_every(self) -> int:
        """Steps between measures."""
        return min(max(1, self.experiment.steps // MEASURES), MOST_APART)

    def meet(self, trainer: Trainer, data: TrainingData) -> None:
        """A training is about to go on."""
        assert isinstance(data, PointsData)
        self.data, self._trainer = data, trainer
        self._maker = FrameMaker(trainer, data)
        # A run that is gone on with has settings of its own.
        self.experiment = replace(self.experiment, settings=data.settings, explicit=frozenset())
        steps = self.experiment.steps
        self._recorded = {max(1, round(steps * (i / RECORDED) ** 1.5)) for i in range(1, RECORDED + 1)}
        self.recording = [frame for frame in self.recording if frame.step <= trainer.step]
        trainer.only, self._step = self.only, trainer.step

    def attends(self, step: int) -> bool:
        """Whether a frame is due."""
        return step in self._recorded or bool(self.every and step % self.every == 0)

    def measure(self) -> dict[str, Any]:
        """What was measured last; measured now if nothing was yet."""
        assert self.data is not None and self._trainer is not None
        if not self.data.figures:
            self.data.prepare_measures()
            self.data.measure(self._trainer.ema)
        return self.data.figures

    def train_only(self, phase: str) -> None:
        """From the next step on train one phase only, or all with ""."""
        self.only = phase
        if self._trainer is not None:
            self._trainer.only = phase

    def stop(self) -> None:
        """Save and end after the next step."""
        self.stopped = True

    def begin(self, experiment: Experiment) -> None:
        """Train another experiment next, from the start, in a folder that is thrown away."""
        self.stop()
        self._runs += 1
        self.experiment, self.run = experiment, self.folder / f"run-{self._runs}"
        self.recording, self.trained, self.seconds = [], 0, 0.0

    def change(self, **values: Any) -> None:
        """Go on with other settings where that can be, begin anew where not.

        Raises:
            UserError: see `Experiment.changed`.
        """
        changed = self.experiment.changed(**values)
        if set(values) <= set(CHANGEABLE):
            self.stop()
            self.experiment = changed
        else:
            self.begin(changed)
