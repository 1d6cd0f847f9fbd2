"""Which points a face is described by here, and what each of them is: all else asks the layout, not a number.

They are the dense points of `faces.landmarks.dense` without the 68 of iBUG. Head coordinates are in face
units (the distance between the outer eye corners is 1): x to the picture's right, y down, z into the picture,
for a head that looks ahead.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG, MIRROR_DENSE
from faceswap_cli.faces.landmarks.head_model import HeadModel, load_head_model

Points = NDArray[np.float64]
"""(N, 3) pixels with z into the picture in the same unit, or head coordinates; (N, 2) pixels where it says
so."""

Indices = tuple[int, ...]

FREE_OUTLINE = 0.35
"""How much of the photo's shape forehead, cheeks and chin are given, of what eyes, nose and mouth are."""


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
        iris: of an eye: the iris' middle, then its rim.
    """

    corners: tuple[int, int]
    upper: Indices
    lower: Indices
    above: Indices
    below: Indices
    upper_share: float
    reach: tuple[float, float]
    iris: Indices = ()

    @property
    def outline(self) -> Indices:
        """Its edge, once around."""
        return (self.corners[0], *self.upper, self.corners[1], *self.lower[::-1])


@dataclass(frozen=True, eq=False)
class PointLayout:
    """A set of face points.

    Attributes:
        head: the linear head of these points.
        skin: those that a warp is fitted on: all but the irises.
        shape: (N,) how far each takes on the photo's shape, 0..1; the outline does not.
        mirror: (N,) point i of a face is point mirror[i] of its mirror image.
        eyes: both.
        mouth: its inner edge.
        brows: both outlines.
        nostrils: the nose's lower end.
    """

    head: HeadModel
    skin: NDArray[np.int64]
    shape: NDArray[np.float64]
    mirror: NDArray[np.int64]
    eyes: tuple[Opening, Opening]
    mouth: Opening
    brows: tuple[Indices, Indices]
    nostrils: Indices

    @property
    def openings(self) -> tuple[Opening, ...]:
        """Eyes and mouth."""
        return (*self.eyes, self.mouth)

    @property
    def inner(self) -> NDArray[np.int64]:
        """Points of brows, eyes, nose and mouth."""
        return np.flatnonzero(self.shape == 1)

    def parts(self, names: Collection[str]) -> NDArray[np.bool_]:
        """(N,) which points are of the mouth, the eyes or the brows, as far as these are named."""
        every = {
            "mouth": (*self.mouth.outline, *self.mouth.above, *self.mouth.below),
            "eyes": [place for eye in self.eyes for place in (*eye.outline, *eye.iris)],
            "brows": [place for brow in self.brows for place in brow],
        }
        found = np.zeros(len(self.shape), np.bool_)
        for name in names:
            found[list(every.get(name, ()))] = True
        return found


def select_points(dense: ArrayLike) -> Points:
    """(..., N, 3) the layout's points out of all dense ones (..., 222, 3)."""
    return np.asarray(dense, np.float64)[..., IBUG:, :]


def _group(name: str) -> list[int]:
    return [int(number) - IBUG for number in GROUPS[name]]


def _eye(side: str) -> Opening:
    lids, iris = _group(f"{side}_lids"), _group(f"{side}_iris")
    upper, lower, ends = lids[1:8], lids[:8:-1], (lids[0], lids[8])
    if side == "left":  # its outline begins at the outer corner too, which is on the picture's right
        upper, lower, ends = upper[::-1], lower[::-1], ends[::-1]
    return Opening(ends, tuple(upper), tuple(lower), (), (), 0.85, (0.24, 0.14), tuple(iris))


def _mouth() -> Opening:
    inner, outer = _group("lips_inner"), _group("lips_outer")
    edges = [(ring[1:10], ring[:10:-1]) for ring in (inner, outer)]
    (upper, lower), (above, below) = edges
    return Opening(
        (inner[0], inner[10]), tuple(upper), tuple(lower), tuple(above), tuple(below), 0.25, (0.14, 0.42)
    )


@cache
def face_layout() -> PointLayout:
    """The layout of dense points, with the head that comes with the tool.

    Raises:
        UserError: see `load_head_model`.
    """
    head = load_head_model().select(IBUG)
    eyes = _eye("right"), _eye("left")
    irises = [place for eye in eyes for place in eye.iris]
    shape = np.ones(len(head.mean))
    shape[_group("outline")] = 0
    shape[[*_group("forehead"), *_group("cheeks"), *_group("chin")]] = FREE_OUTLINE
    return PointLayout(
        head,
        np.setdiff1d(np.arange(len(shape)), irises),
        shape,
        MIRROR_DENSE[IBUG:] - IBUG,
        eyes,
        _mouth(),
        (tuple(_group("right_brow")), tuple(_group("left_brow"))),
        tuple(_group("nose")[6:8] + _group("nose")[10:12] + _group("nose")[14:16]),
    )
