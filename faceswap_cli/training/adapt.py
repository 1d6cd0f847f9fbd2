"""A new face for a conditional model: a run that begins with another's weights and a few photos.

The person's descriptor already makes the model draw somebody alike; a short training on the photos brings in
what a descriptor does not say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import INDEX
from faceswap_cli.files import make_folder
from faceswap_cli.networks.swap.conditional import ConditionalModel
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.networks.swap.registry import CONDITIONAL
from faceswap_cli.training.data.conditioning import describe_faces
from faceswap_cli.training.data.dataset import LEAST_FACES, Faces, spread_indices
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.runs.folder import load_trained, open_run
from faceswap_cli.training.runs.settings import FAMILIES, TrainSettings
from faceswap_cli.training.runs.warm_start import (
    CRITIC,
    PREFIX,
    copy_weights,
    is_bundled,
    load_base,
    warm_start,
)

RATE, BATCH, MINUTES = 2e-4, 4, 1.0
"""Of an adaptation: little changes, it is known how to draw faces."""

FEW = 100
"""From fewer people nobody learns how faces follow from descriptors."""

PICTURES = 24
"""A person's descriptor is the mean of so many pictures' at most."""

PHOTOS = ".faces"
"""Folder inside a run where photos that were given become a face set."""


def least_faces(settings: TrainSettings) -> int:
    """How many pictures a person has to have: one will do where a descriptor says who it is."""
    return 1 if settings.architecture in CONDITIONAL else LEAST_FACES


def is_adapting(origin: Path, settings: TrainSettings) -> TrainSettings:
    """Settings of a run that begins with a conditional run's or a bundled base's weights.

    Args:
        origin: a run folder, or conditional or gan.
        settings: the rest of what was asked for.

    Raises:
        UserError: it is neither, or of another family.
    """
    if not origin.exists() and (name := is_bundled(str(origin))):
        family, network, base = str(origin), FAMILIES[str(origin)]["small"].network, name
        network = {**network, **_options(load_base(name))}
    else:
        run = open_run(origin)
        family, network, base = run.settings.architecture, run.settings.network, str(origin.resolve())
    if family not in CONDITIONAL:
        raise UserError(
            f"--adapt {origin}: a run of the family {family} can't take on a new face",
            "Use one of the family conditional or gan, or conditional, the bundled one",
        )
    own = FAMILIES[family]["small"]
    return replace(
        settings,
        architecture=family,
        network=network,
        base=base,
        learning_rate=RATE,
        batch=BATCH,
        recolour=own.recolour,
        distortion_until=own.distortion_until,
        distortion_after=own.distortion_after,
    )


def _options(model: FaceModel) -> dict[str, object]:
    return {k: v for k, v in vars(model.config).items() if k != "identities"}


def begin_with(model: FaceModel, base: str) -> None:
    """Give a new network a bundled base's weights, or those of the run folder at a path."""
    if not Path(base).is_absolute():
        warm_start(model, base)
        return
    trained, _, _ = load_trained(open_run(Path(base)), torch.device("cpu"))
    copy_weights(model, trained)


def begin_beside(critic: nn.Module, base: str) -> None:
    """Give a new conditional run's critic or probe what it has learnt, where that is kept.

    A critic that has seen nobody misguides the first thousand steps: an adaptation has no more.
    """
    if not Path(base).is_absolute():
        name = f"{CRITIC}{base.removeprefix(PREFIX)}"
        if name in zoo.names():
            critic.load_state_dict(zoo.tensors(name))
        return
    checkpoint, _ = open_run(Path(base)).store.newest()
    assert checkpoint is not None, "begin_with has read it"
    known = {k.removeprefix("aside."): v for k, v in checkpoint.tensors.items() if k.startswith("aside.")}
    critic.load_state_dict(known)


def set_identity_statistics(trainer: Trainer, faces: Mapping[str, Faces], say: Callable[[str], None]) -> None:
    """Tell a new conditional run who its people are."""
    if trainer.step or not isinstance(trainer.model, ConditionalModel):
        return
    if not trainer.settings.base and len(faces) < FEW:
        say(
            f"what a descriptor means can't be learnt from {len(faces)} people: this run will draw them and "
            "nobody else. Begin with the bundled base, or see scripts/train/conditional.py"
        )
    for identity, own in faces.items():
        who = draw_portrait(own)
        for model in (trainer.model, trainer.ema):
            assert isinstance(model, ConditionalModel)
            model.embedding(identity).copy_(who)


def draw_portrait(faces: Faces) -> Tensor:
    """The mean descriptor (128,) of a person's pictures and their mirror images."""
    rows = torch.tensor(list(spread_indices(len(faces), PICTURES)))
    return describe_faces(faces.pick(rows)).embedding.mean((0, 1))


def find_face_sets(run: Path, given: Sequence[Path], stage: Callable[[], FaceAnalyser]) -> tuple[Path, ...]:
    """The face sets that were given; photos and folders of photos together become one inside the run folder.

    Raises:
        UserError: there is no face on the photos, see `extract_faces`.
    """
    photos = [path for path in given if not (path / INDEX).is_file()]
    found = tuple(path for path in given if path not in photos)
    if not photos:
        return found
    folder = run / PHOTOS / photos[0].stem
    make_folder(folder.parent)
    for _ in extract_faces(photos, folder, stage()):
        pass
    FaceSet.open(folder)
    return (folder, *found)
