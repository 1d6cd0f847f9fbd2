"""Arithmetic of boxes: overlap, suppression, turning. Boxes are (4,) x0 y0 x1 y1 in frame pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.face import Detection

SAME_FACE = 0.4
"""Boxes that overlap more than this (intersection over union) are one face."""

INSIDE = 0.65
"""Nor does a face lie in another: detectors at times see a small one in the cheek of a large one. Heads
that cover each other in a crowd share less than this part of the smaller box."""


def overlap(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every box of `a` (N, 4) with every box of `b` (M, 4): (N, M), 0..1."""
    p, q = np.asarray(a, np.float64).reshape(-1, 1, 4), np.asarray(b, np.float64).reshape(1, -1, 4)
    low, high = np.maximum(p[..., :2], q[..., :2]), np.minimum(p[..., 2:], q[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), -1)
    union = np.prod(p[..., 2:] - p[..., :2], -1) + np.prod(q[..., 2:] - q[..., :2], -1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float64)


def contained(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Shared area over the smaller box's area, of every box of `a` with every box of `b`: (N, M), 0..1."""
    p, q = np.asarray(a, np.float64).reshape(-1, 1, 4), np.asarray(b, np.float64).reshape(1, -1, 4)
    low, high = np.maximum(p[..., :2], q[..., :2]), np.minimum(p[..., 2:], q[..., 2:])
    smaller = np.minimum(np.prod(p[..., 2:] - p[..., :2], -1), np.prod(q[..., 2:] - q[..., :2], -1))
    shared = np.prod(np.clip(high - low, 0, None), -1)
    return np.asarray(shared / np.maximum(smaller, 1e-9), np.float64)


def enclosing_box(detection: Detection) -> float:
    """The longer side of a detection's box, in frame pixels."""
    return float((detection.box[2:] - detection.box[:2]).max())


def size_of(detection: Detection) -> float:
    """Root of the area of a detection's box, in frame pixels."""
    return float(np.sqrt(np.prod(np.maximum(detection.box[2:] - detection.box[:2], 0.0))))


def suppress(found: Sequence[Detection], ranks: Sequence[float] | None = None) -> list[Detection]:
    """Non-maximum suppression: of boxes that overlap much, or lie in one another, only the best stays.

    Args:
        found: detections in any order.
        ranks: how good each is; the scores, if not given.

    Returns:
        The detections that stay, surest first.
    """
    if not found:
        return []
    values = [d.score for d in found] if ranks is None else list(ranks)
    order = sorted(range(len(found)), key=lambda i: -values[i])
    ranked = [found[i] for i in order]
    boxes = [d.box for d in ranked]
    clash = (overlap(boxes, boxes) > SAME_FACE) | (contained(boxes, boxes) > INSIDE)
    kept: list[int] = []
    for i in range(len(ranked)):
        if not clash[i, kept].any():
            kept.append(i)
    return sorted((ranked[i] for i in kept), key=lambda d: -d.score)


def roll_of(points: ArrayLike) -> float:
    """How far five points (5, 2) are turned: degrees with the clock, -180..180, 0 when upright."""
    p = np.asarray(points, np.float64)
    across, down = p[1] - p[0], (p[3] + p[4] - p[0] - p[1]) / 2
    # Both lines tell the direction "to the right" (down, turned a quarter back); the longer tells more.
    right = complex(*across) + complex(*down) * -1j
    return float(np.degrees(np.angle(right))) if abs(right) > 1e-9 else 0.0


def within_half_turn(degrees: float) -> float:
    """An angle within -180..180."""
    return (degrees + 180) % 360 - 180


def turn_back(detection: Detection, quarter: int, size: tuple[int, int]) -> Detection:
    """A detection in `np.rot90(image, quarter)` as one in `image`.

    The five points keep their order (the face's own left and right as seen upright), so that they tell
    how far the face is turned.

    Args:
        detection: coordinates in the turned picture.
        quarter: quarter turns against the clock, 0..3.
        size: (width, height) of the picture before it was turned.
    """
    points = np.concatenate([detection.box.reshape(2, 2), detection.points])
    width, height = size
    for turn in range(quarter % 4):
        # rot90 puts pixel (x, y) of a picture w wide at (y, w - 1 - x). Undone last turn first: the
        # picture before an even turn has the original's width, before an odd one its height.
        before = width if (quarter - 1 - turn) % 2 == 0 else height
        points = np.stack([before - 1 - points[:, 1], points[:, 0]], 1)
    box = np.concatenate([points[:2].min(0), points[:2].max(0)])
    return Detection(box.astype(np.float32), points[2:].astype(np.float32), detection.score)
