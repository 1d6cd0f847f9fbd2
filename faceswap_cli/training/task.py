"""One training, whatever the family: the run folder, the data, the trainer, and all that goes on beside them.

    for tick in train(TrainingTask(family, source, run, settings, budget=Budget(steps=1000)), device):
        print(tick.step, tick.losses)

`faceswap train` and the scripts that train the bundled weights go through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from faceswap_cli.errors import UserError
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.files import locked
from faceswap_cli.training.engine.accelerate import should_compile, tune_device
from faceswap_cli.training.engine.autobatch import with_measured_batch
from faceswap_cli.training.engine.early_stopping import UntilPlateau
from faceswap_cli.training.engine.loop import Budget, Tick, fit
from faceswap_cli.training.engine.parallel import ALONE, ProcessGroup
from faceswap_cli.training.engine.snapshots import Snapshots
from faceswap_cli.training.engine.trainer import Batches, Trainer
from faceswap_cli.training.family import DataSource, Family, LoadRequest, Say, TrainingData
from faceswap_cli.training.monitor.watch import Monitor
from faceswap_cli.training.options import MonitorOptions, SessionOptions
from faceswap_cli.training.runs.folder import Run, create_run, is_run, open_run, record_face_sets
from faceswap_cli.training.runs.setting_changes import apply_setting_changes, check_settings
from faceswap_cli.training.runs.settings import TrainSettings, check_parts
from faceswap_cli.training.runs.warm_start import load_aside, load_start


@dataclass(frozen=True)
class TrainingTask:
    """What is to be trained.

    Attributes:
        family: the kind of network.
        source: what it is trained from.
        run: the run folder, new or one to go on with.
        settings: of the family's class, for a new run; a run that is gone on with keeps its own.
        explicit: names of settings the user gave himself: what a run has otherwise is changed, if it can be.
        budget: how long.
        session: how it is done.
        watching: what is measured and shown meanwhile.
        until_plateau: end when the run has levelled off; the budget, which may then be empty, is the most.
        auto_batch: whether a new run's batch is measured; `settings.batch` is then only where the
            learning rate belongs.
        guard: refuses pictures of children; None: none is refused.
        adopt: whether a folder with checkpoints and no run.json is gone on with under `settings`.
    """

    family: Family
    source: DataSource
    run: Path
    settings: Any
    explicit: frozenset[str] = frozenset()
    budget: Budget = field(default_factory=Budget)
    session: SessionOptions = field(default_factory=SessionOptions)
    watching: MonitorOptions = field(default_factory=MonitorOptions)
    until_plateau: bool = False
    auto_batch: bool = False
    guard: SafetyGuard | None = None
    adopt: bool = False


class Spectator:
    """Looks on at a training from inside. It draws no random numbers, and this one asks for nothing."""

    def meet(self, trainer: Trainer, data: TrainingData) -> None:
        """Called before the first step of every start, with what is trained and what from."""

    def attends(self, step: int) -> bool:
        """Whether a report is wanted after this step whatever the clock says."""
        del step
        return False


def train(
    task: TrainingTask,
    device: torch.device,
    stop: Callable[[], bool] = lambda: False,
    say: Say = lambda text: None,
    team: ProcessGroup = ALONE,
    spectator: Spectator = Spectator(),  # noqa: B008 - it has no state
) -> Iterator[Tick]:
    """Begin a run or go on with one.

    Args:
        task: see there.
        device: where the network runs.
        stop: asked after every step; when true, the run saves and ends.
        say: called with a line about each stage before training.
        team: the processes that train together; the one that leads makes the folder and writes into it.
        spectator: who looks on.

    Raises:
        UserError: see DataSource.check and load, open_run and fit.
        Refusal: see SafetyGuard.check_set.
    """
    task.source.check(task.guard if team.leads else None)
    compiled = should_compile(task.session.compiled, device, task.budget.minutes, task.budget.steps)
    run = open_or_create(task, device, say, team) if team.leads else None
    team.wait()
    run = run or open_run(task.run, task.family)
    with locked(run.path) if team.leads else nullcontext():
        trainer = resume_or_start(task.family, run, device, say, team, task.session.checkpointing)
        budget = task.budget
        if task.until_plateau:
            budget = UntilPlateau(budget.steps, budget.minutes, trainer.extra)
        if budget.progress(trainer.step, trainer.seconds) >= 1:
            return
        run = apply_setting_changes(
            task.family, run, task.settings, task.explicit, trainer, say, record=team.leads
        )
        with closing(_load(task, run, device, stop, say, team)) as data:
            if not trainer.step:
                data.begin(trainer, say)
            batches = data.batches(run.settings, team.share)
            if compiled and task.family.compiled:
                trainer.compilation.begin(trainer.model, task.family.compiled)
                say("compiling the network: the first step takes a minute or two")
            spectator.meet(trainer, data)
            yield from _fit(task, run, trainer, data, batches, budget, stop, say, spectator)


def _load(
    task: TrainingTask,
    run: Run,
    device: torch.device,
    stop: Callable[[], bool],
    say: Say,
    team: ProcessGroup,
) -> TrainingData:
    """The data; the process that leads reads it first."""
    if not team.leads:
        team.wait()  # for what the leader prepares: then it lies in caches
    data = task.source.load(LoadRequest(run.settings, run.path, device, stop, say))
    if team.leads:
        team.wait()
    return data


def _fit(
    task: TrainingTask,
    run: Run,
    trainer: Trainer,
    data: TrainingData,
    batches: Batches,
    budget: Budget,
    stop: Callable[[], bool],
    say: Say,
    spectator: Spectator,
) -> Iterator[Tick]:
    """The loop, and beside it what is the leader's: what is watched, and what follows from it."""
    if not trainer.team.leads:
        yield from fit(trainer, batches, budget, run.store, stop, task.session.save_every)
        return
    watch = Monitor(run, trainer, data, task.family, budget, task.watching)
    for note in watch.begin():
        say(note)
    every = task.session.snapshot_every
    snapshots = Snapshots(run.snapshots.folder, every) if every else None
    ticks = fit(
        *(trainer, batches, budget, run.store, stop, task.session.save_every, run.log),
        snapshots=snapshots,
        attend=lambda step: watch.attends(step) or spectator.attends(step),
    )
    yield from map(watch, ticks)


def open_or_create(
    task: TrainingTask, device: torch.device, say: Say = lambda text: None, team: ProcessGroup = ALONE
) -> Run:
    """The run, opened if it is there, made if not.

    Raises:
        UserError: it was begun otherwise than is asked for, or can't be made.
    """
    if is_run(task.run):
        run = open_run(task.run, task.family)
        check_same(task, run)
        return record_face_sets(run, task.source.face_sets)
    settings = replace(task.settings, network={**task.settings.network, **task.source.network})
    if task.auto_batch:
        settings = _with_measured_batch(task, settings, device, team)
        say(f"batch {settings.batch} of each person, learning rate {settings.learning_rate:.2g}")
    check_parts(settings, team.count)
    source = task.source
    run = create_run(task.run, settings, source.names, source.reference(), task.adopt)
    return record_face_sets(run, source.face_sets)


def _with_measured_batch(task: TrainingTask, settings: Any, device: torch.device, team: ProcessGroup) -> Any:
    made_up = task.family.made_up
    assert made_up is not None, f"batches of the family {task.family.name} are not measured"
    data = made_up(settings, device)

    def make(wanted: TrainSettings) -> tuple[Trainer, Batches]:
        trainer = new_trainer(task.family, wanted, device, checkpointing=task.session.checkpointing)
        return trainer, data.batches(wanted)

    return with_measured_batch(settings, make, device, team, task.source.nbytes(settings))


def check_same(task: TrainingTask, run: Run) -> None:
    """Refuse to go on with a run under other settings than it was begun with.

    Raises:
        UserError: names what differs.
    """
    if run.settings.family != task.family.name:
        raise UserError(
            f"{run.path} was begun with other settings "
            f"(family {run.settings.family}, not {task.family.name})",
            "The family can't change in mid-run: leave it out to go on, or choose a new run folder",
        )
    asked = replace(task.settings, network={**task.settings.network, **task.source.network})
    check_settings(task.family, run, asked, task.explicit)
    if task.source.names != run.names:
        told = ", ".join(f"{identity.upper()} = {name}" for identity, name in run.names.items())
        raise UserError(
            f"{run.path} was begun with other face sets ({told})",
            "Give folders of these names in this order, or choose a new run folder",
        )


def new_trainer(
    family: Family,
    settings: Any,
    device: torch.device,
    team: ProcessGroup = ALONE,
    checkpointing: bool = False,
) -> Trainer:
    """A trainer at the very start of a run; the seed decides its weights."""
    tune_device(device)
    torch.manual_seed(settings.seed)
    start = partial(load_start, family, settings.base) if settings.base else None
    model = family.new_model(family, settings, device, start)
    if checkpointing:
        model.checkpointing = True  # type: ignore[assignment]
    aside = family.new_aside(model, settings)
    if aside is not None and settings.base and (known := load_aside(settings.base)):
        aside.load_state_dict(known)
    phases = family.phases(model, aside, settings, team)
    return Trainer(model, phases, settings, aside, team)


def resume_or_start(
    family: Family,
    run: Run,
    device: torch.device,
    say: Say = lambda text: None,
    team: ProcessGroup = ALONE,
    checkpointing: bool = False,
) -> Trainer:
    """The trainer of a run, at its newest whole checkpoint or at the very start."""
    checkpoint, notes = run.store.newest()
    for note in notes:
        say(note)
    began = f"the bundled {run.settings.base}" if run.settings.base else "random weights"
    # What is gone on with needs no base: it may have been replaced since.
    settings = run.settings if checkpoint is None else replace(run.settings, base="")
    trainer = new_trainer(family, settings, device, team, checkpointing)
    trainer.settings = run.settings
    trainer.compilation.say = say
    if checkpoint is None:
        say(f"starting from {began}")
    else:
        trainer.restore(checkpoint)
        if trainer.step:
            say(f"going on at step {trainer.step} ({trainer.seconds / 60:.1f} minutes trained so far)")
    team.check_shared(trainer.step)
    team.spread(trainer.weights())
    return trainer
