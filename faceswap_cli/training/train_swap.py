"""Training a swap: two face sets in, a run folder out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.files import locked
from faceswap_cli.networks.swap.registry import CONDITIONAL, FaceModel, build_model, place_model
from faceswap_cli.training.adapt import begin_beside, begin_with, least_faces, set_identity_statistics
from faceswap_cli.training.data.cache import MOST_MAPPED, load_cached_faces
from faceswap_cli.training.data.data_placement import place_samples
from faceswap_cli.training.data.dataset import MOST_FACES, Faces, check_enough, spread_indices
from faceswap_cli.training.data.train_val_split import describe_split, train_val_split
from faceswap_cli.training.engine.accelerate import should_compile, tune_device
from faceswap_cli.training.engine.autobatch import with_measured_batch
from faceswap_cli.training.engine.early_stopping import UntilPlateau
from faceswap_cli.training.engine.loop import Budget, Tick, fit
from faceswap_cli.training.engine.parallel import ALONE, ProcessGroup
from faceswap_cli.training.engine.snapshots import Snapshots
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.monitor.watch import Monitor, MonitorSettings
from faceswap_cli.training.objectives.swap import new_discriminator, swap_batches, swap_phases
from faceswap_cli.training.runs.folder import Run, create_run, is_run, open_run
from faceswap_cli.training.runs.setting_changes import apply_setting_changes, check_settings
from faceswap_cli.training.runs.settings import TARGET, TrainSettings, check_parts, identities

REFERENCES = 12
"""Embeddings of the target person kept in the run folder."""


@dataclass(frozen=True)
class TrainRequest:
    """What `train` was asked for.

    Attributes:
        target: face set of the person in the video (A).
        sources: face sets of the people put on (B); each gets a decoder of its own.
        run: the run folder, new or one to go on with.
        settings: for a new run; a run that is gone on with keeps its own.
        explicit: names of settings the user gave himself: what a run has otherwise is changed, if it can be.
        budget: how long.
        save_seconds: time between checkpoints.
        watching: what is measured and shown meanwhile.
        until_plateau: end when the run has levelled off; the budget, which may then be empty, is the most.
        checkpointing: less memory for more time, see FaceModel.
        snapshot_steps: steps between checkpoints that are kept for good; None: none is.
        auto_batch: whether a new run's batch is measured; `settings.batch` is then only where the
            learning rate belongs.
        compiled: auto, on or off, see accelerate.should_compile.
        guard: refuses face sets of children; None: none is refused.
    """

    target: Path
    sources: tuple[Path, ...]
    run: Path
    settings: TrainSettings
    explicit: frozenset[str]
    budget: Budget
    save_seconds: float = 60.0
    watching: MonitorSettings = field(default_factory=MonitorSettings)
    until_plateau: bool = False
    checkpointing: bool = False
    snapshot_steps: int | None = None
    auto_batch: bool = False
    compiled: str = "auto"
    guard: SafetyGuard | None = None


def train(
    request: TrainRequest,
    device: torch.device,
    stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda text: None,
    team: ProcessGroup = ALONE,
) -> Iterator[Tick]:
    """Begin a run or go on with one.

    Args:
        request: see there.
        device: where the network runs.
        stop: asked after every step; when true, the run saves and ends.
        say: called with a line about each stage before training.
        team: the processes that train together; the one that leads makes the folder and writes into it.

    Raises:
        UserError: see cached_faces, open_run and fit.
        Refusal: see Guard.check_set.
    """
    sets = {identity: FaceSet.open(path) for identity, path in faces_by_identity(request).items()}
    for face_set in sets.values():
        check_enough(face_set, least_faces(request.settings))
        if request.guard and team.leads:
            request.guard.check_set(face_set)
    compiled = should_compile(request.compiled, device, request.budget.minutes, request.budget.steps)
    run = _begun(request, sets, device, say, team) if team.leads else None
    team.wait()
    run = run or open_run(request.run)
    with locked(run.path) if team.leads else nullcontext():
        trainer = resume_or_start(run, device, say, team, request.checkpointing)
        budget = request.budget
        if request.until_plateau:
            budget = UntilPlateau(budget.steps, budget.minutes, trainer.extra)
        if budget.progress(trainer.step, trainer.seconds) >= 1:
            return
        run = apply_setting_changes(run, request.settings, request.explicit, trainer, say, record=team.leads)
        most = MOST_MAPPED if device.type == "cpu" else MOST_FACES
        if not team.leads:
            team.wait()  # for what the leader prepares: then it lies in the face sets' caches
        faces = _load_all(sets, run.settings.resolution, most, stop, say)
        if team.leads:
            team.wait()
        faces, resident = place_samples(faces, device)
        if not resident:
            say("the faces don't fit on the card beside the network: each batch is sent to it")
        set_identity_statistics(trainer, faces, say)
        splits = {
            identity: train_val_split(person, run.settings.held_out) for identity, person in faces.items()
        }
        say(describe_split(splits, run.settings.held_out))
        batches = swap_batches(
            {identity: one.train for identity, one in splits.items()}, run.settings, team.share
        )
        if compiled:
            assert isinstance(trainer.model, FaceModel)
            trainer.compilation.begin(trainer.model)
            say("compiling the network: the first step takes a minute or two")
        if not team.leads:  # what is watched, and what follows from it, is the leader's
            yield from fit(trainer, batches, budget, run.store, stop, request.save_seconds)
            return
        watch = Monitor(run, trainer, splits, budget, request.watching)
        for note in watch.begin():
            say(note)
        every = request.snapshot_steps
        snapshots = Snapshots(run.snapshots.folder, every) if every else None
        ticks = fit(
            *(trainer, batches, budget, run.store, stop, request.save_seconds, run.log),
            snapshots=snapshots,
            attend=watch.attends,
        )
        yield from map(watch, ticks)


def _begun(
    request: TrainRequest,
    sets: dict[str, FaceSet],
    device: torch.device,
    say: Callable[[str], None],
    team: ProcessGroup,
) -> Run:
    """The run, opened if it is there, made if not."""
    if is_run(request.run):
        run = open_run(request.run)
        check_same(run, request)
        return run
    settings = with_identities(request.settings, tuple(sets))
    if request.auto_batch:
        samples = sum(min(len(face_set), MOST_FACES) for face_set in sets.values())
        make = partial(new_trainer, checkpointing=request.checkpointing)
        settings = with_measured_batch(settings, make, swap_batches, device, team, samples)
        say(f"batch {settings.batch} of each person, learning rate {settings.learning_rate:.2g}")
    check_parts(settings, team.count)
    return create_run(request.run, settings, set_names(request), reference_embeddings(sets[TARGET]))


def _load_all(
    sets: dict[str, FaceSet],
    resolution: int,
    most: int,
    stop: Callable[[], bool],
    say: Callable[[str], None],
) -> dict[str, Faces]:
    """Every person's samples. Nothing is trained yet, so being asked to stop simply ends it."""

    def check(done: int, total: int) -> None:
        if stop():
            raise KeyboardInterrupt

    faces, parser = {}, FaceParser()
    for identity, face_set in sets.items():
        faces[identity] = load_cached_faces(face_set, resolution, parser, check, say, most)
        of = f" of {len(face_set)}" if len(faces[identity]) < len(face_set) else ""
        say(f"{identity.upper()}: {len(faces[identity])}{of} faces from {face_set.path}")
    return faces


def new_trainer(
    settings: TrainSettings, device: torch.device, team: ProcessGroup = ALONE, checkpointing: bool = False
) -> Trainer:
    """A trainer at the very start of a run; the seed decides its weights."""
    tune_device(device)
    torch.manual_seed(settings.seed)
    model = build_model(settings.architecture, settings.network)
    if settings.base:
        begin_with(model, settings.base)
    model = place_model(model, device)
    model.checkpointing = checkpointing
    critic = new_discriminator(model, settings)
    if critic is not None and settings.base and settings.architecture in CONDITIONAL:
        begin_beside(critic, settings.base)
    return Trainer(model, swap_phases(model, settings, critic, team), settings, critic, team)


def resume_or_start(
    run: Run,
    device: torch.device,
    say: Callable[[str], None],
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
    trainer = new_trainer(settings, device, team, checkpointing)
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


def check_same(run: Run, request: TrainRequest) -> None:
    """Refuse to go on with a run under other settings than it was begun with.

    Raises:
        UserError: names what differs.
    """
    asked = with_identities(request.settings, run.identities)
    check_settings(run, asked, request.explicit)
    names = set_names(request)
    if names != run.names:
        told = ", ".join(f"{identity.upper()} = {name}" for identity, name in run.names.items())
        raise UserError(
            f"{run.path} was begun with other face sets ({told})",
            "Give folders of these names in this order, or choose a new run folder",
        )


def faces_by_identity(request: TrainRequest) -> dict[str, Path]:
    """The face sets by identity.

    Raises:
        UserError: a face set is given twice, or two have one name: convert could not tell them apart.
    """
    found = dict(zip(identities(len(request.sources)), (request.target, *request.sources), strict=True))
    names = [path.resolve().name for path in found.values()]
    for name in names[1:]:
        if names.count(name) > 1 and len(names) > 2:
            raise UserError(f"two face sets are called {name}", "Rename one: people are told apart by it")
    return found


def with_identities(settings: TrainSettings, names: tuple[str, ...]) -> TrainSettings:
    """The settings with a network for these identities."""
    return replace(settings, network={**settings.network, "identities": names})


def set_names(request: TrainRequest) -> dict[str, str]:
    """What a run calls its people: their face sets' folders. Exchanged or mistyped ones are noticed by it."""
    return {identity: path.resolve().name for identity, path in faces_by_identity(request).items()}


def reference_embeddings(face_set: FaceSet) -> NDArray[np.float32]:
    """Up to REFERENCES embeddings (K, 128) of a face set's person, from its sharper crops.

    They tell convert whom to replace. Blurred crops are left out: their embeddings drift towards
    everybody's.
    """
    records = sorted(face_set.records, key=lambda r: r.sharpness, reverse=True)
    records = records[: max(REFERENCES, len(records) // 2)]
    encoder = IdentityEncoder()
    found = []
    for index in spread_indices(len(records), REFERENCES):
        record = records[index]
        landmarks = transform(record.landmarks, record.matrix).astype(np.float32)
        found.append(encoder.embed(face_set.crop(record), [landmarks])[0])
    return np.stack(found).astype(np.float32)
