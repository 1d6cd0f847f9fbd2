"""Parts of the target's face that stay its own: where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing.looks import KeptPart
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.faces.geometry import interocular

Points = NDArray[np.float64]

SOFT = 0.07
"""Width of a kept part's soft edge, in eye distances."""


def kept_share(landmarks: ArrayLike, parts: Sequence[str], size: int) -> FloatMask:
    """(size, size) in [0, 1]: how much of each pixel stays the target's own.

    Args:
        landmarks: (68, 2) in the pixels of a crop of `size` pixels.
        parts: names in PARTS.
        size: of the crop.
    """
    points = np.asarray(landmarks, np.float64)
    unit = max(interocular(points), 1e-6)
    found = np.zeros((size, size), np.float32)
    for part in parts:
        np.maximum(found, PARTS[part](points, unit, size), out=found)
    return found


def _mouth(points: Points, unit: float, size: int) -> FloatMask:
    return _around(points[48:60], 0.04 * unit, unit, size)


def _eyes(points: Points, unit: float, size: int) -> FloatMask:
    """Lids and lashes, too."""
    both = [_around(points[some], 0.08 * unit, unit, size) for some in (slice(36, 42), slice(42, 48))]
    return np.maximum(*both)


def _brows(points: Points, unit: float, size: int) -> FloatMask:
    both = [_around(points[some], 0.07 * unit, unit, size) for some in (slice(17, 22), slice(22, 27))]
    return np.maximum(*both)


def _beard(points: Points, unit: float, size: int) -> FloatMask:
    """Jaw, chin and upper lip; the lips are the drawn face's."""
    nose = points[[31, 33, 35]]
    area = _around(np.vstack([points[3:14], nose]), 0.0, unit, size)
    return area * (1 - _mouth(points, unit, size))


def _around(polygon: Points, margin: float, unit: float, size: int) -> FloatMask:
    """1 in the hull of some points and up to `margin` pixels around it, softly."""
    inside = np.zeros((size, size), np.uint8)
    corners = cv2.convexHull(np.rint(polygon * 16).astype(np.int32))
    cv2.fillConvexPoly(inside, corners, 1, shift=4)
    apart = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    edge = (margin - apart + within) / (SOFT * unit) + 0.5
    t = np.clip(edge, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


PARTS: dict[str, Callable[[Points, float, int], FloatMask]] = {
    KeptPart.MOUTH: _mouth,
    KeptPart.EYES: _eyes,
    KeptPart.BROWS: _brows,
    KeptPart.BEARD: _beard,
}
"""Of each part the mask in a crop, by landmarks (68, 2), the eye distance and the crop's size."""
