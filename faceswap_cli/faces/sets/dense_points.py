"""Whether a face set has dense points, and what to say where it could have them and has not."""

from __future__ import annotations

from faceswap_cli import zoo
from faceswap_cli.faces.landmarks.dense import IBUG, POINTS
from faceswap_cli.faces.sets.faceset import FaceSet

OWN = "compact"
"""The landmarker, by `face_analyser.LANDMARKERS`, whose second version gives dense points."""


def has_dense(faces: FaceSet) -> bool:
    """Whether all faces have dense points and expression: what is known of some can't be compared."""
    return bool(faces.records) and all(record.packed for record in faces.records)


def suggest_extracting(faces: FaceSet, gain: str) -> str | None:
    """A line that says what extracting anew would give; None if it gives nothing.

    Args:
        faces: the set.
        gain: what whoever asks would do with dense points.
    """
    own = faces.header.settings.get("landmarks", OWN) == OWN
    if has_dense(faces) or not own or "points" not in zoo.card("landmarks").facts["config"]:
        return None
    missing = sum(not record.packed for record in faces.records)
    of = "" if missing == len(faces) else f" in {missing} of its {len(faces)} faces"
    return f"{faces.path} has {IBUG} landmarks{of}, not {POINTS}: extracted anew into another folder, {gain}"
