"""What a face's expression is in landmarks, so that a change of age can be asked whether it kept it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from faceswap_cli.faces.geometry import MEAN_FACE, fit_similarity, transform

STEADY = np.array([27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45])
"""Nose and eye corners: a face is brought upright and to one size by what hardly moves in it."""


class Expression(NamedTuple):
    """Distances in % of the inter-ocular distance.

    Attributes:
        mouth: between the lips.
        brows: from the eyes up to the brows.
        smile: how much higher the mouth's corners are than its middle, and how much farther apart.
    """

    mouth: float
    brows: float
    smile: float

    def apart(self, other: Expression) -> Expression:
        """How much each differs."""
        return Expression(*(abs(a - b) for a, b in zip(self, other, strict=True)))


def measure_expression(landmarks: ArrayLike) -> Expression:
    """Of landmarks (68, 2) in any pixels."""
    points = np.asarray(landmarks, np.float64)
    p = 100 * transform(points, fit_similarity(points[STEADY], MEAN_FACE[STEADY]))
    mouth = p[[65, 66, 67], 1].mean() - p[[61, 62, 63], 1].mean()
    brows = p[[37, 38, 43, 44], 1].mean() - p[17:27, 1].mean()
    corners = p[[48, 54]]
    lift = p[[62, 66], 1].mean() - corners[:, 1].mean()
    width = np.linalg.norm(corners[1] - corners[0])
    return Expression(float(mouth), float(brows), float(lift + width / 2))
