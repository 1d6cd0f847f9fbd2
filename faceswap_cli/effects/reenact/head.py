"""A face's points in head coordinates: what is left of them when the head's pose is taken away.

The camera is weak-perspective: a rotation, one scale, a shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.faces.landmarks.head_model import fit_similarity_3d


@dataclass(frozen=True)
class HeadPose:
    """Where a head is in a picture.

    Attributes:
        rotation: (3, 3) from head to camera.
        scale: pixels for a face unit.
        shift: (3,) pixels, where the head's origin is.
    """

    rotation: NDArray[np.float64]
    scale: float
    shift: NDArray[np.float64]

    def project(self, head: ArrayLike) -> Points:
        """Head coordinates (N, 3) to pixels (N, 3)."""
        return self.scale * np.asarray(head, np.float64) @ self.rotation.T + self.shift

    def lift(self, points: ArrayLike) -> Points:
        """Pixels (N, 3) to head coordinates (N, 3)."""
        return (np.asarray(points, np.float64) - self.shift) @ self.rotation / self.scale


def fit_head(points: ArrayLike, layout: PointLayout) -> HeadPose:
    """The pose of a head, by the points that move little with the expression.

    Args:
        points: (N, 3) pixels.
        layout: what they are.
    """
    head = layout.head
    seen = np.asarray(points, np.float64)[head.rigid]
    scale, rotation, shift = fit_similarity_3d(head.mean[head.rigid], seen)
    return HeadPose(rotation, max(scale, 1e-6), shift)
