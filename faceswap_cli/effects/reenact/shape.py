"""Where the points of a drawn face lie: the photo's shape, turned and expressed like the target.

In head coordinates the difference between two people at rest is added to the target's points as they move:
what the target's face does against its own rest, the drawn one does too (relative motion). What is shut must
shut, however wide the photo's mouth or eyes are open: openings of lips are the target's own, those of lids
are in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from faceswap_cli.effects.reenact.gaps import gaps, set_gaps
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.faces.geometry import fit_similarity, transform

LEAST_GAP = 0.004
"""Between edges that are shut, face units."""

RESTING_EYE = 0.75
"""Quantile of an eye's gap over a clip that is taken for the resting one."""

WIDEST_EYE = 1.3
"""How far an eye opens at most, of its resting gap."""

SHUTTING = 0.93
"""From this share of its resting gap on an eye is taken to shut, and goes all the way; see Opening.closed."""

WINK = (0.5, 0.9)
"""Difference of both eyes' openings up to which it is taken for noise, and from which on for a wink."""

EYE_RATIO = (0.6, 1.6)
"""Limits of how much wider the photo's eyes are open than the target's at rest."""

SMILE = (0.07, 0.04)
"""How much wider a smile makes the mouth and how much it lifts its corners, face units; see `attributes`."""

UNSMILE = 0.8
"""How much of a smile that the photo has and the target's resting face has not, or the other way round, is
taken for expression; the rest is taken for the person's mouth."""


@dataclass(frozen=True)
class DrawnShape:
    """Points of a drawn face in head coordinates.

    Attributes:
        drawn: (N, 3) as it is seen.
        still: (N, 3) the same, but eyes and mouth open as on the photo.
    """

    drawn: Points
    still: Points


def find_neutral(heads: ArrayLike, layout: PointLayout) -> Points:
    """The resting face (N, 3) of somebody seen in T frames (T, N, 3): the median of each point.

    Eyes rest open: their gaps are those of the frames in which they are wider than in most.
    """
    every = np.asarray(heads, np.float64)
    found = np.asarray(np.median(every, axis=0), np.float64)
    for eye in layout.eyes:
        wide = np.quantile([gaps(one, eye) for one in every], RESTING_EYE, axis=0)
        set_gaps(found, eye, np.asarray(wide, np.float64))
    return found


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
    smile = UNSMILE * sum(parts) / 2 if min(parts) > 0 or max(parts) < 0 else 0.0
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
    open_eyes = _eye_ratios(head, neutral, layout)
    for opening in layout.openings:
        own, there, rest = (gaps(points, opening) for points in (source, head, neutral))
        set_gaps(still, opening, own)
        if opening is layout.mouth:
            wanted = rest + expression * (there - rest)
        else:
            wider = np.clip(own.mean() / max(rest.mean(), 0.02), *EYE_RATIO)
            ratio = 1 + expression * (open_eyes[layout.eyes.index(opening)] - 1)
            wanted = rest * (1 + shape * (wider - 1)) * ratio
        set_gaps(drawn, opening, np.maximum(wanted, LEAST_GAP))
    return DrawnShape(drawn, still)


def _eye_ratios(head: Points, neutral: Points, layout: PointLayout) -> list[float]:
    """How far each eye is open, of its resting gap: 0 shut."""
    ratios = []
    for eye in layout.eyes:
        ratio = gaps(head, eye).mean() / max(gaps(neutral, eye).mean(), 0.02)
        if ratio < SHUTTING:
            ratio = SHUTTING * max(ratio - eye.closed, 0.0) / (SHUTTING - eye.closed)
        ratios.append(float(min(ratio, WIDEST_EYE)))
    # Eyes move together, unless one clearly doesn't: what is measured of each is noisy.
    apart = abs(ratios[0] - ratios[1])
    share = float(np.clip((WINK[1] - apart) / (WINK[1] - WINK[0]), 0, 1))
    return [ratio + share * (sum(ratios) / 2 - ratio) for ratio in ratios]
