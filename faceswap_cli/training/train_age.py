"""Training an ageing network: photos of known ages in, a run folder out. The loop is the swap's.

RUN/
  run.json        the settings
  faces/          the face set, where photos were given
  checkpoints/    see checkpoints.py
  preview.jpg     kept faces at several ages
  log.jsonl       a line for each report
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import FACE_CENTRE
from faceswap_cli.faces.identity.identity_encoder import CHIP, CHIP_CENTRE, CHIP_SIDE
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.extract_options import ExtractOptions
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import INDEX
from faceswap_cli.files import locked, make_folder, write_text
from faceswap_cli.networks.ageing import ageing
from faceswap_cli.networks.ageing.age_discriminator import AgeDiscriminator
from faceswap_cli.networks.ageing.ageing import AgeingConfig, AgeingNetwork
from faceswap_cli.networks.perception import age_estimator, identity
from faceswap_cli.training.data.age_batches import AgedFaces, AgeingBatches
from faceswap_cli.training.data.age_faces import load_labelled_faces
from faceswap_cli.training.engine.accelerate import tune_device
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget, Tick, fit
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.monitor.age_preview import spread_over, write_age_preview
from faceswap_cli.training.objectives.ageing import (
    AgeingLosses,
    AgeingWeights,
    measure_age,
    random_share,
    unit_vectors,
)
from faceswap_cli.training.runs.settings import TrainSettings

FORMAT, VERSION = "faceswap-ageing-run", 1
LARGEST_CARD = 2**20

BUNDLED = "ageing"
"""The weights in `models/` that a run starts from, unless it is to begin with random ones."""

COARSE = 0.5
"""Part of a run from random weights in which only the coarse part is trained, on small pictures."""


@dataclass(frozen=True)
class AgeingSettings:
    """How a run trains; saved in its folder.

    Attributes:
        base: name of the bundled weights that it started from; "": random ones.
        batch: faces in a step.
        learning_rate: the peak.
        seed: of weights and sampling.
        weights: of the losses.
    """

    base: str = BUNDLED
    batch: int = 8
    learning_rate: float = 3e-4
    seed: int = 0
    weights: AgeingWeights = field(default_factory=AgeingWeights)

    def of_trainer(self) -> TrainSettings:
        """For the loop."""
        return TrainSettings(
            batch=self.batch,
            learning_rate=self.learning_rate,
            warm_up=100,
            clip=5.0,
            ema=0.998,
            seed=self.seed,
        )


@dataclass(frozen=True)
class AgeingRequest:
    """What `train --model age` was asked for.

    Attributes:
        faces: a face set, or a folder of photos.
        run: the run folder, new or one to go on with.
        settings: for a new run; a run that is gone on with keeps its own.
        budget: how long.
        save_seconds, preview_seconds: time between checkpoints, and between previews.
    """

    faces: Path
    run: Path
    settings: AgeingSettings
    budget: Budget
    save_seconds: float = 60.0
    preview_seconds: float = 30.0


def is_ageing_run(path: Path) -> bool:
    """Whether an ageing run was begun in this folder."""
    try:
        return bool(_card(path)["format"] == FORMAT)
    except (UserError, KeyError, TypeError):
        return False


def train_ageing(
    request: AgeingRequest,
    device: torch.device,
    stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Tick]:
    """Begin a run or go on with one.

    Args:
        request: see there.
        device: where the networks run.
        stop: asked after every step; when true, the run saves and ends.
        say: called with a line about each stage before training.

    Raises:
        UserError: too few ages are known, the folder holds something else or can't be written, weights are
            missing, or see fit.
    """
    tune_device(device)
    settings = _begun(request)
    with locked(request.run), ThreadPoolExecutor(1) as pool:
        faces = load_labelled_faces(_face_set(request, say, stop), stop)
        low, high = faces.age.min(), faces.age.max()
        say(f"{len(faces.age)} faces of known age, {low:.0f} to {high:.0f}")
        for note in faces.notes:
            say(note)
        learner = AgeingTrainer(settings, faces, device, pool)
        store = CheckpointStore(request.run / "checkpoints")
        if checkpoint := learner.resumed(store, say):
            say(f"going on at step {checkpoint}")
        shown = spread_over(faces.age)
        drawn_at = -np.inf
        log = request.run / "log.jsonl"
        batches: Any = learner.batches  # all the loop asks of a batch is its input and its parts
        for tick in fit(learner.trainer, batches, request.budget, store, stop, request.save_seconds, log):
            if tick.progress >= 1 or time.monotonic() - drawn_at >= request.preview_seconds:
                model = learner.trainer.ema
                assert isinstance(model, AgeingNetwork)
                write_age_preview(request.run / "preview.jpg", model, faces, shown)
                drawn_at = time.monotonic()
            yield tick


class AgeingTrainer:
    """A network with all it learns by.

    Args:
        settings: see there.
        faces: to learn from.
        device: where the networks run.
        pool: makes the batches.
        recognise: another recogniser than the bundled one: aligned crops to embeddings of length 1.
    """

    def __init__(
        self,
        settings: AgeingSettings,
        faces: AgedFaces,
        device: torch.device,
        pool: ThreadPoolExecutor,
        recognise: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        torch.manual_seed(settings.seed)
        model = AgeingNetwork(AgeingConfig())
        if settings.base:
            model = zoo.load_network(settings.base, ageing.build_ageing_network).train().requires_grad_(True)
        model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        critic = AgeDiscriminator().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        estimator = zoo.shared_network("age_estimator", age_estimator.build_age_estimator, str(device))
        known = recognise or Recogniser(model.side, device)
        self.losses = AgeingLosses(model, critic, estimator, known, settings.weights)
        size = model.size
        sizes = ((2.0, size),) if settings.base else ((COARSE, size // 2), (2.0, size))
        self.batches = AgeingBatches(pool, faces, settings.batch, model.side, sizes, device)
        self.trainer = Trainer(model, self.losses.phases(), settings.of_trainer(), critic)

    def resumed(self, store: CheckpointStore, say: Callable[[str], None]) -> int:
        """Go on at the newest checkpoint; its step, or 0 at the very start.

        Raises:
            UserError: it is of another network.
        """
        checkpoint, notes = store.newest()
        for note in notes:
            say(note)
        if checkpoint is not None:
            self.trainer.restore(checkpoint)
            return self.trainer.step
        some = [
            self.batches.made(seed, self.batches.sizes[0][1]).to(self.trainer.device) for seed in range(4)
        ]
        views = [self.losses.view(unit_vectors(batch.real), random_share(batch, 1)) for batch in some]
        measure_age(self.losses.critic, self.losses.estimator, views)
        return 0


class Recogniser:
    """The bundled identity network on aligned crops; descriptors of length 1, compared by their cosine."""

    def __init__(self, side: float, device: torch.device) -> None:
        self.side = side
        self.network = zoo.shared_network("identity", identity.build_identity_network, str(device))

    def __call__(self, crops: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [0, 1] to (B, 128)."""
        theta = torch.zeros(len(crops), 2, 3, device=crops.device)
        theta[:, 0, 0] = theta[:, 1, 1] = CHIP_SIDE / self.side
        centre = torch.tensor(CHIP_CENTRE) - torch.tensor(FACE_CENTRE)
        theta[:, :, 2] = (centre * 2 / self.side).to(crops)
        grid = torch.nn.functional.affine_grid(theta, [len(crops), 3, CHIP, CHIP], align_corners=False)
        chips = torch.nn.functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)
        return torch.nn.functional.normalize(self.network(chips))


def load_ageing(path: Path, device: torch.device) -> AgeingNetwork:
    """The averaged weights of a run, ready to use.

    Raises:
        UserError: it is no ageing run, or nothing was trained yet.
    """
    _card(path)
    checkpoint, _ = CheckpointStore(path / "checkpoints").newest()
    if checkpoint is None:
        raise UserError(f"{path} holds no checkpoint yet", "Train first: `faceswap train --model age`")
    network = AgeingNetwork(AgeingConfig())
    weights = {k.removeprefix("ema."): v for k, v in checkpoint.tensors.items() if k.startswith("ema.")}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{checkpoint.path} is of another network", "Use the version that made it") from error
    return network.to(device).eval().requires_grad_(False)


def _face_set(request: AgeingRequest, say: Callable[[str], None], stop: Callable[[], bool]) -> FaceSet:
    """The face set that was given, or one made of the photos that were."""
    if (request.faces / INDEX).is_file():
        return FaceSet.open(request.faces)
    folder = request.run / "faces"
    if not (folder / INDEX).is_file() or request.faces.is_dir():
        say(f"finding the faces in {request.faces}")
        stage, photo = build_analyser(device="cpu"), build_analyser(device="cpu", thorough=True)
        for _ in extract_faces([request.faces], folder, stage, ExtractOptions(), photo):
            if stop():
                raise KeyboardInterrupt
    return FaceSet.open(folder)


def _begun(request: AgeingRequest) -> AgeingSettings:
    """The settings of the run, which is made if it is not there."""
    path = request.run
    if (path / "run.json").is_file():
        card = _card(path)
        try:
            values: dict[str, Any] = dict(card["settings"])
            return AgeingSettings(**{**values, "weights": AgeingWeights(**values["weights"])})
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path / 'run.json'} is damaged ({error})", "Restore it from a backup"
            ) from error
    if path.exists() and any(not p.name.startswith(".") for p in path.iterdir()):
        raise UserError(f"{path} is not empty and holds no run", "Choose a new folder for the run")
    make_folder(path)
    card = {"format": FORMAT, "version": VERSION, "settings": asdict(request.settings)}
    write_text(path / "run.json", json.dumps(card, indent=1))
    return request.settings


def _card(path: Path) -> dict[str, Any]:
    """What run.json says.

    Raises:
        UserError: there is none, or it is of something else.
    """
    file = path / "run.json"
    if not file.is_file():
        raise UserError(
            f"{path} holds no ageing run", "Give the folder that `faceswap train --model age` wrote"
        )
    try:
        if file.stat().st_size > LARGEST_CARD:
            raise ValueError("it is too large")
        card = json.loads(file.read_text(encoding="utf-8"))
        if card["format"] != FORMAT:
            raise ValueError("it is of another kind of run")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} can't be used for ageing ({error})", "Choose another folder") from error
    if card.get("version") != VERSION:
        raise UserError(f"{path} was made by another version of this tool")
    return card  # type: ignore[no-any-return]
