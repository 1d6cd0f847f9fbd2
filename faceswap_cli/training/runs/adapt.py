"""A new face for a conditional model: a run that begins with another's weights and a few photos.

The person's descriptor already makes the model draw somebody alike; a short training on the photos brings in
what a descriptor does not say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import INDEX
from faceswap_cli.files import make_folder
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.runs.folder import open_run
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.runs.warm_start import is_bundled, load_base

RATE, BATCH, MINUTES = 2e-4, 4, 1.0
"""Of an adaptation: little changes, it is known how to draw faces."""

PHOTOS = ".faces"
"""Folder inside a run where photos that were given become a face set."""


def is_adapting(origin: Path, settings: SwapSettings) -> SwapSettings:
    """Settings of a run that begins with a conditional run's or a bundled base's weights.

    Args:
        origin: a run folder, or conditional or gan.
        settings: the rest of what was asked for.

    Raises:
        UserError: it is neither, or of another family.
    """
    if not origin.exists() and (name := is_bundled(str(origin))):
        family, base = FAMILIES[str(origin)], name
        network = {**family.sizes["small"].network, **_options(load_base(name))}
    else:
        run = open_run(origin)
        family, network, base = FAMILIES[run.settings.family], run.settings.network, str(origin.resolve())
    if not family.adaptable:
        raise UserError(
            f"--adapt {origin}: a run of the family {family.name} can't take on a new face",
            "Use one of the family conditional or gan, or conditional, the bundled one",
        )
    own = family.sizes["small"]
    return replace(
        settings,
        family=family.name,
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
