"""Where a face has a beard: what is darker than its skin around the mouth, and has strands.

The parser takes beards for skin. Shadows are as dark, but smooth; a hard one may pass for a beard.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing.colour.spaces import FloatImage, to_space
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.faces.geometry import crop_matrix, transform

JAW, NOSE, LIPS, BROWS = slice(2, 15), [35, 33, 31], slice(48, 60), slice(17, 27)
"""Of the 68 landmarks."""

BELOW = 1.02
"""Points of the jaw are moved away from the nose so far: farther down shadows are dark, too."""

SOFT = 0.03
"""Standard deviation in face units under which strands are not seen singly."""

DARKER = (0.94, 0.66)
"""Lightness in parts of the skin's at which a beard begins, and is one."""

ROUGHER = (1.25, 2.5)
"""The same for the strength of its detail."""

SEEN = (0.05, 0.14)
"""Share of the lower face below which there is none, and from which on there surely is."""

LEAST = 60
"""Pixels of skin that are compared with, at least."""


def find_beard(square: FloatImage, landmarks: ArrayLike, skin: FloatMask, side: float) -> FloatMask:
    """Where a beard is.

    Args:
        square: (S, S, 3) RGB in 0..1, the aligned square of `side` face units.
        landmarks: (68, 2) pixels of the picture that it was cut out of.
        skin: (S, S) in 0..1.
        side: see there.

    Returns:
        (S, S) in 0..1.
    """
    size = square.shape[0]
    unit = size / side
    points = transform(np.asarray(landmarks, np.float64), crop_matrix(landmarks, size, side))
    lower = _lower_face(points, size, unit)
    height = np.arange(size)[:, None]
    above = (height < points[33, 1]) & (height > points[BROWS, 1].min()) & (skin > 0.9)
    nothing = np.zeros((size, size), np.float32)
    if above.sum() < LEAST or lower.max() <= 0:
        return nothing
    light = np.ascontiguousarray(to_space(square, "lab")[..., 0])
    low = cv2.GaussianBlur(light, (0, 0), SOFT * unit)
    fine = light - cv2.GaussianBlur(light, (0, 0), max(SOFT / 2 * unit, 0.6))
    rough = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), SOFT * unit))
    usual, smooth = float(np.median(low[above])), float(np.median(rough[above]))
    dark = _ramp(np.asarray(low / max(usual, 1.0), np.float32), *DARKER)
    strands = _ramp(np.asarray(rough / max(smooth, 0.3), np.float32), *ROUGHER)
    # Where a beard is thick it is dark throughout, and its strands are seen at its edge.
    around = cv2.GaussianBlur(cv2.dilate(strands, np.ones((3, 3), np.uint8)), (0, 0), SOFT * unit)
    beard = dark * np.clip(1.5 * around, 0, 1) * lower
    known = float(beard.sum() / lower.sum())
    return np.asarray(beard * np.clip((known - SEEN[0]) / (SEEN[1] - SEEN[0]), 0, 1), np.float32)


def _lower_face(points: NDArray[np.float64], size: int, unit: float) -> FloatMask:
    """(S, S) in 0..1: around the mouth, and along the jaw."""
    jaw = points[33] + BELOW * (points[JAW] - points[33])
    outline = np.rint(np.concatenate([jaw, points[NOSE]])).astype(np.int32)
    lips = np.rint(points[LIPS]).astype(np.int32)
    area = np.zeros((size, size), np.float32)
    cv2.fillPoly(area, [outline], 1.0)
    cv2.fillPoly(area, [lips], 0.0)
    return np.asarray(cv2.GaussianBlur(area, (0, 0), 0.05 * unit), np.float32)


def _ramp(values: FloatMask, first: float, last: float) -> FloatMask:
    return np.asarray(np.clip((values - first) / (last - first), 0, 1), np.float32)
