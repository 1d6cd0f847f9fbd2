"""Where a drawn face is to be seen: soft masks in the pixels of its own aligned crop.

All lengths are fractions of the face's width, so that a mask has the same shape whatever the size of the
face in the frame and of the crop. Every mask is 0 on the crop's border: no square can ever show.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import FACE_SIDE, MEAN_FACE
from faceswap_cli.faces.hull import raised_hull

FloatMask = NDArray[np.float32]

FACE_WIDTH = float(MEAN_FACE[16, 0] - MEAN_FACE[0, 0])
"""Ear to ear, in face units."""

BORDER = 0.02
"""Share of the crop's side along each edge where every mask is 0."""


def face_mask(
    name: str,
    landmarks: ArrayLike,
    drawn: FloatMask,
    erode: float = 0.0,
    feather: float = 0.1,
    side: float = FACE_SIDE,
) -> FloatMask:
    """The mask by its name in MASKS.

    Args:
        name: hull, model or both.
        landmarks: (68, 2) crop pixels.
        drawn: (S, S) in [0, 1], the renderer's own mask.
        erode: how far the edge is moved inwards, in face widths; below 0 outwards.
        feather: width of the soft edge in face widths; it lies inside the edge.
        side: the crop's side in face units.

    Returns:
        (S, S) float32 in [0, 1].
    """
    width = face_width(drawn.shape[0], side)
    mask = MASKS[name](np.asarray(landmarks, np.float64), drawn, erode * width, feather * width)
    return mask * border_ramp(drawn.shape[0], feather * width)


def face_width(size: int, side: float = FACE_SIDE) -> float:
    """The mean face's width in the pixels of a crop of `size` pixels and `side` face units."""
    return FACE_WIDTH * size / side


def hull_depth(landmarks: ArrayLike, size: int) -> FloatMask:
    """How deep each pixel of a (size, size) crop lies inside the raised hull, in pixels; outside below 0.

    The hull is convex, so its depth is the least of the distances to its edges' lines. Being computed and
    not drawn, it moves smoothly with the landmarks, which a rasterised hull does not.
    """
    corners = raised_hull(landmarks)
    ends = np.roll(corners, -1, axis=0)
    along = ends - corners
    length = np.hypot(along[:, 0], along[:, 1])
    keep = length > 1e-6
    if keep.sum() < 3:
        return np.full((size, size), -1, np.float32)
    corners, along = corners[keep], along[keep] / length[keep, None]
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1)
    if np.mean(((corners.mean(0) - corners) * normals).sum(1)) < 0:
        normals = -normals
    axis = np.arange(size, dtype=np.float32)
    shift = -(normals * corners).sum(1)
    depth = np.full((size, size), np.inf, np.float32)
    for (nx, ny), constant in zip(normals.astype(np.float32), shift.astype(np.float32), strict=True):
        np.minimum(depth, (axis * nx)[None, :] + (axis * ny + constant)[:, None], out=depth)
    return depth


def skin(landmarks: ArrayLike, size: int) -> FloatMask:
    """(size, size) 1, but 0 on eyes and mouth: what opens and closes must not count as a change of light."""
    mask = np.ones((size, size), np.float32)
    points = np.asarray(landmarks, np.float64)
    for part in (slice(36, 42), slice(42, 48), slice(48, 60)):
        hull = cv2.convexHull(np.rint(points[part]).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 0.0)
    return mask


def border_ramp(size: int, feather: float) -> FloatMask:
    """1 in the middle of a crop, 0 along its border, with a soft edge of at most `feather` pixels."""
    margin = max(1.0, BORDER * size)
    axis = np.arange(size, dtype=np.float32)
    depth = np.minimum(axis, size - 1 - axis) - np.float32(margin)
    line = soft_edge(depth, min(feather, 0.08 * size))
    return np.minimum(line[:, None], line[None, :])


def soft_edge(depth: FloatMask, feather: float) -> FloatMask:
    """Depth inside an edge (pixels) to alpha: 0 up to the edge, 1 from `feather` pixels on."""
    t = np.clip(depth / max(feather, 1.0), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _hull(landmarks: NDArray[np.float64], drawn: FloatMask, erode: float, feather: float) -> FloatMask:
    """The landmarks' hull with raised brows."""
    return soft_edge(hull_depth(landmarks, drawn.shape[0]) - erode, feather)


def _model(landmarks: NDArray[np.float64], drawn: FloatMask, erode: float, feather: float) -> FloatMask:
    """The renderer's own mask."""
    # A blur spreads an edge both ways: moving it in by half the feather first keeps it inside.
    mask = np.ascontiguousarray(drawn, np.float32)
    radius = round(erode + feather / 2)
    if radius:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(radius) + 1,) * 2)
        mask = (cv2.erode if radius > 0 else cv2.dilate)(mask, kernel)  # type: ignore[assignment]
    if feather >= 1:
        mask = cv2.GaussianBlur(mask, (0, 0), feather / 4)  # type: ignore[assignment]
    return np.clip(mask, 0, 1)


def _both(landmarks: NDArray[np.float64], drawn: FloatMask, erode: float, feather: float) -> FloatMask:
    """Where both are. The lesser of the two: their product would soften a shared edge twice."""
    return np.minimum(_hull(landmarks, drawn, erode, feather), _model(landmarks, drawn, erode, feather))


MASKS: dict[str, Callable[[NDArray[np.float64], FloatMask, float, float], FloatMask]] = {
    "hull": _hull,
    "model": _model,
    "both": _both,
}
"""Masks by name: (landmarks, drawn mask, erode in pixels, feather in pixels) -> mask."""
