"""Which points a face is described by here, and what each of them is: all else asks the layout, not a number.

Head coordinates are in face units (the distance between the outer eye corners is 1): x to the picture's
right, y down, z into the picture, for a head that looks ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.geometry import INTERIOR, MEAN_FACE
from faceswap_cli.faces.landmarks import pose
from faceswap_cli.faces.landmarks.mean_shape import DEPTH, MIRROR

Points = NDArray[np.float64]
"""(N, 2) pixels, or (N, 3) head coordinates."""

Indices = tuple[int, ...]


@dataclass(frozen=True)
class Opening:
    """A gap that opens and closes: an eye, or the mouth.

    Attributes:
        corners: its two ends, left and right in the picture.
        upper: points of its upper edge from left to right.
        lower: those of its lower edge opposite them.
        above: points that move with the upper edge (the upper lip's outline); none of an eye.
        below: likewise with the lower edge.
        upper_share: share of a change of the gap that the upper edge makes.
        reach: how far above and below the surrounding skin goes along, face units.
        closed: what the points measure of a gap that is shut, as a share of the resting one.
        slack, gain: what they measure of it in face units, and by how much a gap's true width grows faster
            than what they measure.
    """

    corners: tuple[int, int]
    upper: Indices
    lower: Indices
    above: Indices
    below: Indices
    upper_share: float
    reach: tuple[float, float]
    closed: float = 0.0
    slack: float = 0.0
    gain: float = 1.0

    @property
    def outline(self) -> Indices:
        """Its edge, once around."""
        return (self.corners[0], *self.upper, self.corners[1], *self.lower[::-1])


@dataclass(frozen=True, eq=False)
class PointLayout:
    """A set of face points.

    Attributes:
        mean: (N, 3) head coordinates of the mean face.
        rigid: (N,) how far each point tells the head's pose, 0..1.
        inner: (N,) true where the face's own shape is drawn, false on the outline.
        mirror: (N,) point i of a face is point mirror[i] of its mirror image.
        eyes: both.
        mouth: its inner edge.
        mouth_points: all that are on the lips.
        forehead: (M, 3) head coordinates of points above the brows that nobody finds: they are taken to be
            where the mean head has them.
    """

    mean: Points
    rigid: NDArray[np.float64]
    inner: NDArray[np.bool_]
    mirror: NDArray[np.int64]
    eyes: tuple[Opening, Opening]
    mouth: Opening
    mouth_points: Indices
    forehead: Points

    @property
    def openings(self) -> tuple[Opening, ...]:
        """Eyes and mouth."""
        return (*self.eyes, self.mouth)


def _rigid() -> NDArray[np.float64]:
    weights = np.zeros(len(MEAN_FACE))
    weights[list(pose.RIGID)] = pose.RIGID_WEIGHTS
    return weights


def _inner() -> NDArray[np.bool_]:
    mask = np.zeros(len(MEAN_FACE), np.bool_)
    mask[INTERIOR] = True
    return mask


# The network that finds the 68 points saw few shut eyes: of a shut one it measures two thirds of an eye. Of
# lips it measures .023-.156 face units where a better one measures .002-.211.
_LEFT_EYE = Opening((36, 39), (37, 38), (41, 40), (), (), 0.85, (0.24, 0.14), 0.68)
_RIGHT_EYE = Opening((42, 45), (43, 44), (47, 46), (), (), 0.85, (0.24, 0.14), 0.68)
_MOUTH = Opening(
    (60, 64),
    (61, 62, 63),
    (67, 66, 65),
    (49, 50, 51, 52, 53),
    (59, 58, 57, 56, 55),
    0.25,
    (0.14, 0.42),
    slack=0.02,
    gain=1.4,
)

_FOREHEAD = np.array(
    [[-0.62, -0.78, 0.0], [-0.36, -0.95, -0.2], [0, -1.0, -0.26], [0.36, -0.95, -0.2], [0.62, -0.78, 0.0]]
)

LAYOUT_68 = PointLayout(
    np.column_stack([MEAN_FACE, -DEPTH]),
    _rigid(),
    _inner(),
    np.asarray(MIRROR, np.int64),
    (_LEFT_EYE, _RIGHT_EYE),
    _MOUTH,
    tuple(range(48, 68)),
    _FOREHEAD,
)
"""The 68 points of iBUG 300-W, with the mean face's depths."""
