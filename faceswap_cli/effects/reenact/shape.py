"""Where the points of a drawn face lie: the photo's shape, turned and expressed like the target.

In head coordinates the difference between two people at rest is added to the target's points as they move:
what the target's face does against its own rest, the drawn one does too (relative motion). What is shut must
shut, however wide the photo's mouth or eyes are open: openings of lips are the target's own, those of lids
are in proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.effects.reenact.layout import Opening, PointLayout, Points
from faceswap_cli.faces.geometry import fit_similarity, transform

LEAST_GAP = 0.004
"""Between edges that are shut, face units."""

WIDEST_EYE = 1.3
"""How far an eye opens at most, of its resting gap."""

SHUTTING = 0.85
"""From this share of its resting gap on an eye is taken to shut, and goes all the way; see Opening.closed."""

EYE_RATIO = (0.6, 1.6)
"""Limits of how much wider the photo's eyes are open than the target's at rest."""

SMILE = (0.07, 0.04)
"""How much wider a smile makes the mouth and how much it lifts its corners, face units; see `attributes`."""

UNSMILE = 0.8
"""How much of a smile that the photo has and the target's resting face has not, or the other way round, is
taken for expression; the rest is taken for the person's mouth."""

LIP_SLACK = 0.02
"""What is measured between lips that touch, face units."""


@dataclass(frozen=True)
class DrawnShape:
    """Points of a drawn face in head coordinates.

    Attributes:
        drawn: (N, 3) as it is seen.
        still: (N, 3) the same, but eyes and mouth open as on the photo.
    """

    drawn: Points
    still: Points


def find_neutral(heads: ArrayLike) -> Points:
    """The resting face (N, 3) of somebody seen in T frames (T, N, 3): the median of each point."""
    return np.asarray(np.median(np.asarray(heads, np.float64), axis=0), np.float64)


def fit_to_target(source: Points, neutral: Points, layout: PointLayout) -> Points:
    """The photo's face (N, 3) placed on the target's at rest (N, 3): moved, scaled and levelled."""
    matrix = fit_similarity(source[layout.inner, :2], neutral[layout.inner, :2])
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    return np.column_stack([transform(source[:, :2], matrix), source[:, 2] * scale])


def match_smile(source: Points, neutral: Points, layout: PointLayout) -> Points:
    """The photo's face (N, 3) with its mouth as far from a smile as the target's at rest (N, 3).

    Only what is both wider and lifted, or both narrower and lowered, is a smile: mouths differ, too.
    """
    wide, lifted = (a - b for a, b in zip(_smile(source, layout), _smile(neutral, layout), strict=True))
    parts = wide / SMILE[0], lifted / SMILE[1]
    smile = UNSMILE * (max(min(parts), 0.0) + min(max(parts), 0.0))
    found = source.copy()
    some = list(layout.mouth_points)
    x = source[some, 0] - source[some, 0].mean()
    across = np.clip(x / max(np.ptp(x) / 2, 1e-6), -1, 1)
    found[some, 0] -= smile * SMILE[0] / 2 * across
    found[some, 1] += smile * SMILE[1] * across**2
    return found


def _smile(points: Points, layout: PointLayout) -> tuple[float, float]:
    """Width of a mouth, and how far its corners are above its middle, face units."""
    corners = points[list(layout.mouth.corners)]
    edges = points[[*layout.mouth.upper, *layout.mouth.lower]]
    return float(np.ptp(corners[:, 0])), float(edges[:, 1].mean() - corners[:, 1].mean())


def draw_shape(
    head: Points,
    neutral: Points,
    source: Points,
    layout: PointLayout,
    shape: float = 0.55,
    outline: float = 0.0,
    expression: float = 1.0,
) -> DrawnShape:
    """The points of a drawn face.

    Args:
        head: (N, 3) the target's points in this frame.
        neutral: (N, 3) at rest.
        source: (N, 3) the photo's, see `fit_to_target`.
        layout: what they are.
        shape: 0 the target's shape of eyes, nose and mouth, 1 the photo's.
        outline: the same of the outline. The target's own leaves no rim of it to be seen.
        expression: how far the target's motion is followed, 1: as it is.
    """
    share = np.where(layout.inner, shape, outline)[:, None]
    # Only x and y: depths are everybody's, and must stay so for the target's points to come back.
    person = (match_smile(source, neutral, layout) - neutral) * (1, 1, 0)
    moved = neutral + expression * (head - neutral) + share * person
    drawn, still = moved.copy(), moved.copy()
    for opening in layout.openings:
        own, there, rest = (gaps(points, opening) for points in (source, head, neutral))
        there = np.maximum(rest + expression * (there - rest), 0)
        set_gaps(still, opening, own)
        set_gaps(drawn, opening, _drawn_gaps(opening, there, rest, own, shape, opening is layout.mouth))
    return DrawnShape(drawn, still)


def _drawn_gaps(
    opening: Opening,
    there: NDArray[np.float64],
    rest: NDArray[np.float64],
    own: NDArray[np.float64],
    shape: float,
    mouth: bool,
) -> NDArray[np.float64]:
    """How wide each pair of an opening is drawn, face units."""
    if mouth:
        return np.maximum(there - LIP_SLACK, LEAST_GAP)
    base = np.maximum(rest, 0.02)
    wider = np.clip(own.mean() / base.mean(), *EYE_RATIO)
    ratio = np.clip(there.mean() / base.mean(), 0, WIDEST_EYE)
    if ratio < SHUTTING:
        ratio = SHUTTING * max(ratio - opening.closed, 0.0) / (SHUTTING - opening.closed)
    return np.maximum(base * (1 + shape * (wider - 1)) * ratio, LEAST_GAP)


def gaps(points: Points, opening: Opening) -> NDArray[np.float64]:
    """(K,) distance of each pair of an opening, across the line between its corners; below 0 if crossed."""
    across = _across(points, opening)
    found: NDArray[np.float64] = (points[list(opening.lower), :2] - points[list(opening.upper), :2]) @ across
    return found


def set_gaps(points: Points, opening: Opening, wanted: NDArray[np.float64]) -> None:
    """Open or shut eyes or a mouth, in place; corners stay, and lips keep their thickness.

    Args:
        points: (N, 3).
        opening: of them.
        wanted: (K,) distance of each pair.
    """
    across = _across(points, opening)
    change = wanted - gaps(points, opening)
    places = _along(points, opening, opening.upper), _along(points, opening, opening.lower)
    for moved, where, share in (
        ((opening.upper, opening.above), places[0], -opening.upper_share),
        ((opening.lower, opening.below), places[1], 1 - opening.upper_share),
    ):
        steps = [
            np.interp(_along(points, opening, some), [0, *where, 1], [0, *change, 0])
            for some in moved
            if some
        ]
        for some, step in zip([some for some in moved if some], steps, strict=True):
            points[list(some), :2] += share * step[:, None] * across


def _across(points: Points, opening: Opening) -> NDArray[np.float64]:
    """Unit vector (2,) down across the line between an opening's corners."""
    left, right = points[list(opening.corners), :2]
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    return np.array([-along[1], along[0]])


def _along(points: Points, opening: Opening, some: Sequence[int]) -> NDArray[np.float64]:
    """(K,) place of points along an opening: 0 at its left corner, 1 at its right one."""
    left, right = points[list(opening.corners), :2]
    line = right - left
    found: NDArray[np.float64] = (points[list(some), :2] - left) @ line / max(float(line @ line), 1e-9)
    return found
