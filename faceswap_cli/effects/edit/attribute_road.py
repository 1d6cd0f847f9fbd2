"""The road of the hidden vector: a network says how a face with another attribute differs, and that is carried.

The average difference in shape is made first, by the road of shape; what the network adds is light, colour,
detail and small moves, inside the face alone: hair, temples and what is around them stay.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.warp import FloatArray

EDGE = 0.11
"""Standard deviation in face units over which a change ends beside the inner face."""


def inner_face(points: NDArray[np.floating], size: int, soft: float, grow: float = 1.0) -> FloatArray:
    """(size, size) in 0..1: a face without temples and the forehead's edge, where hair is.

    Args:
        points: (N, 2) the layout's, in pixels.
        size: of the picture.
        soft: standard deviation of its edge in pixels.
        grow: times its size.
    """
    mean = face_layout().head.mean
    below = mean[:, 1] > -0.8
    within = np.abs(mean[:, 0]) < np.where(mean[:, 1] < 0, 0.67, 0.9)
    hull = cv2.convexHull(np.asarray(points, np.float32)[below & within])[:, 0]
    middle = hull.mean(0)
    drawn = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(drawn, np.rint((middle + (hull - middle) * grow) * 16).astype(np.int32), 255, shift=4)
    return cv2.GaussianBlur(drawn, (0, 0), soft).astype(np.float32) / np.float32(255)


def attribute_area(points: NDArray[np.floating], size: int, unit: float) -> FloatArray:
    """(size, size) in 0..1: how much of a change is made, for points (N, 2) in pixels, `unit` to a face unit."""
    return np.asarray((1.7 * inner_face(points, size, EDGE * unit)).clip(0, 1), np.float32)
