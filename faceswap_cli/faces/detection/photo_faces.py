"""The faces of a photo that is to be changed at once: a quick look first, which is enough for a portrait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.landmarks.dense import scale_dense
from faceswap_cli.media.frame import Frame, Image

LOOKED_AT = 1500
"""Least longer side in pixels of the copy that is looked at first; it is less than twice as long."""

PORTRAIT = 0.15
"""Least height of all faces that the quick look finds, as a share of the photo's longer side, for which the
photo itself is not searched for smaller ones. Beside a portrait those are found from about .02 on."""


def find_in_photo(image: Image, stage: FaceAnalyser) -> list[Face]:
    """The faces of a photo (H, W, 3), surest first.

    Where a quick look finds large faces only, these are they; any smaller one, or none at all, and the stage
    looks at the whole photo as closely as it can.
    """
    found = glance_at(image, stage)
    return found if _portrait(found, max(image.shape[:2])) else _faces(image, stage)


def glance_at(image: Image, stage: FaceAnalyser) -> list[Face]:
    """The faces that a quick look at a photo (H, W, 3), shrunk if it is large, finds, surest first."""
    small, factor = image, 1
    while max(small.shape[:2]) >= 2 * LOOKED_AT and min(small.shape[:2]) >= 2:
        small, factor = _half(small), 2 * factor
    return [_enlarged(face, factor) for face in _faces(small, stage.quick(1 / factor))]


def _faces(image: Image, stage: FaceAnalyser) -> list[Face]:
    return stage.find([Frame(0, 0.0, image)])[0]


def _portrait(found: Sequence[Face], longest: int) -> bool:
    return bool(found) and min(float(face.box[3] - face.box[1]) for face in found) > PORTRAIT * longest


def _half(image: Image) -> Image:
    """A picture at half its size; of an odd side the last pixel is left out."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    even = image[: 2 * height, : 2 * width]
    return cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _enlarged(face: Face, factor: int) -> Face:
    """A face of a smaller copy in the photo's own pixels; pixel centres lie at integers."""
    box, landmarks = ((points + 0.5) * factor - 0.5 for points in (face.box, face.landmarks))
    dense = None if face.dense is None else scale_dense(face.dense, factor)
    return replace(face, box=box.astype(np.float32), landmarks=landmarks.astype(np.float32), dense=dense)
