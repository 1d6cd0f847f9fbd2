"""A face's points in head coordinates: what is left of them when the head's pose is taken away.

The camera is weak-perspective: a rotation, one scale, a shift. Depths are the layout's mean ones, so that any
set of two-dimensional points can be lifted and comes back exactly where it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.effects.reenact.gaps import gaps, set_gaps
from faceswap_cli.effects.reenact.layout import PointLayout, Points


@dataclass(frozen=True)
class HeadPose:
    """Where a head is in a picture.

    Attributes:
        rotation: (3, 3) from head to camera.
        scale: pixels for a face unit.
        shift: (2,) pixels, where the head's origin is.
    """

    rotation: NDArray[np.float64]
    scale: float
    shift: NDArray[np.float64]

    def project(self, head: ArrayLike) -> Points:
        """Head coordinates (N, 3) to pixels (N, 2)."""
        return self.scale * np.asarray(head, np.float64) @ self.rotation[:2].T + self.shift

    def lift(self, points: ArrayLike, depth: ArrayLike) -> Points:
        """Pixels (N, 2) whose head coordinate z is known (N,) to head coordinates (N, 3)."""
        z = np.asarray(depth, np.float64)
        seen = (np.asarray(points, np.float64) - self.shift) / self.scale - z[:, None] * self.rotation[:2, 2]
        return np.column_stack([seen @ np.linalg.inv(self.rotation[:2, :2]).T, z])


def fit_head(points: ArrayLike, layout: PointLayout) -> HeadPose:
    """The pose of a head, by the points that move little with the expression.

    The best affine camera, and of that the nearest weak-perspective one; as `faces.landmarks.pose`, but with
    scale and shift.

    Args:
        points: (N, 2) pixels.
        layout: what they are.
    """
    weight = np.sqrt(layout.rigid / layout.rigid.sum())[:, None]
    seen, mean = np.asarray(points, np.float64), layout.mean
    middles = (seen * weight**2).sum(0), (mean * weight**2).sum(0)
    camera = np.linalg.lstsq((mean - middles[1]) * weight, (seen - middles[0]) * weight, rcond=None)[0].T
    left, gains, right = np.linalg.svd(camera, full_matrices=False)
    rows = left @ right
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    scale = max(float(gains.mean()), 1e-6)
    return HeadPose(rotation, scale, middles[0] - scale * rows @ middles[1])


def true_gaps(points: ArrayLike, unit: float, layout: PointLayout) -> Points:
    """Points (N, 2) pixels whose gaps are as wide as they truly are; see `layout.Opening`.

    Args:
        points: as they were found.
        unit: pixels for a face unit.
        layout: what they are.
    """
    found = np.array(points, np.float64)
    for opening in layout.openings:
        if opening.gain != 1 or opening.slack:
            measured = gaps(found, opening)
            set_gaps(found, opening, np.maximum(measured - opening.slack * unit, 0) * opening.gain)
    return found


def lift_points(points: ArrayLike, pose: HeadPose, layout: PointLayout) -> Points:
    """Pixels (N, 2) to head coordinates (N, 3), with the layout's depths."""
    return pose.lift(points, layout.mean[:, 2])
