"""Colour spaces that faces are matched in, and what images are here.

Images are float32 RGB in [0, 1] with the usual (sRGB) transfer curve; masks are float32 in [0, 1].
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Matrix = NDArray[np.float64]
Space = Literal["lab", "rgb", "none"]

FLOOR: dict[Space, float] = {"lab": 0.5, "rgb": 1 / 255}
"""Smallest standard deviation taken for real, by colour space: keeps flat patches from dividing by zero."""


def to_space(image: FloatImage, space: Space) -> FloatImage:
    """(..., 3) RGB to lab (CIELAB, L 0..100) or rgb (0..1, as it is)."""
    return _converted(image, cv2.COLOR_RGB2Lab) if space == "lab" else np.asarray(image, np.float32)


def from_space(colours: FloatImage, space: Space) -> FloatImage:
    """The way back; the result may lie outside [0, 1]."""
    return _converted(colours, cv2.COLOR_Lab2RGB) if space == "lab" else colours


def _converted(image: FloatImage, code: int) -> FloatImage:
    # Whatever its shape, OpenCV sees an image of it.
    flat = np.ascontiguousarray(image, np.float32).reshape(-1, image.shape[-2], 3)
    return np.asarray(cv2.cvtColor(flat, code), np.float32).reshape(image.shape)
