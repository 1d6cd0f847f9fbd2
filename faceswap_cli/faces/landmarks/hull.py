"""The outline of a face: the convex hull of its landmarks, with room for the brows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

BROW_RAISE = 0.7
"""How far the hull reaches above the brows, in heights of the brow over the eye: the skin around a brow
belongs to it, and a feathered edge across the brow itself would show two of them."""

BROW_WIDEN = 0.08
"""How far raised brows reach out to the sides, as a share of their distance from the face's middle: else
the hull's upper corners would cut their tails off."""

_BROWS_AND_EYES = ((slice(17, 22), slice(36, 42)), (slice(22, 27), slice(42, 48)))


def raised_hull(landmarks: ArrayLike) -> NDArray[np.float64]:
    """Corners (K, 2) of the convex hull of a face's 68 points, its brows raised.

    Args:
        landmarks: (68, 2) in the pixels of a frame or a crop; the corners are in the same.
    """
    points = np.array(landmarks, np.float64)
    middle = points[17:27].mean(0)
    raises = [BROW_RAISE * (points[brow].mean(0) - points[eye].mean(0)) for brow, eye in _BROWS_AND_EYES]
    for (brow, _), up in zip(_BROWS_AND_EYES, raises, strict=True):
        points[brow] += up + BROW_WIDEN * (points[brow] - middle)
    hull = cv2.convexHull(points.astype(np.float32), clockwise=True)
    return hull[:, 0].astype(np.float64)
