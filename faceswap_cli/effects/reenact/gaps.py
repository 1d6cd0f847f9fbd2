"""How far eyes and mouth are open, where irises are, and changing both.

Points are (N, 2) or (N, 3), in any unit; depths stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.layout import Opening, Points


def gaps(points: Points, opening: Opening) -> NDArray[np.float64]:
    """(K,) distance of each pair of an opening, across the line between its corners; below 0 if crossed."""
    across = _across(points, opening)
    apart = points[list(opening.lower), :2] - points[list(opening.upper), :2]
    return np.asarray(apart @ across, np.float64)


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


def lower_edge(points: Points, opening: Opening, by: float) -> None:
    """Move the lower edge of an eye or a mouth down, in place; its corners stay."""
    points[list(opening.lower), :2] += by * _across(points, opening)


def measure_gaze(points: Points, eye: Opening) -> NDArray[np.float64]:
    """(2,) where an iris is: along the eye, 0 at the left corner and 1 at the right one, and below that line
    in widths of the eye."""
    left, right = points[list(eye.corners), :2]
    width = max(float(np.linalg.norm(right - left)), 1e-6)
    down = float((points[eye.iris[0], :2] - left) @ _across(points, eye)) / width
    return np.array([_along(points, eye, eye.iris[:1])[0], down])


def set_gaze(points: Points, eye: Opening, wanted: NDArray[np.float64]) -> None:
    """Move an iris, in place, to where `measure_gaze` then finds it."""
    left, right = points[list(eye.corners), :2]
    along, down = wanted - measure_gaze(points, eye)
    step = along * (right - left) + down * float(np.linalg.norm(right - left)) * _across(points, eye)
    points[list(eye.iris), :2] += step


def _across(points: Points, opening: Opening) -> NDArray[np.float64]:
    """Unit vector (2,) down across the line between an opening's corners."""
    left, right = points[list(opening.corners), :2]
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    return np.array([-along[1], along[0]])


def _along(points: Points, opening: Opening, some: Sequence[int]) -> NDArray[np.float64]:
    """(K,) place of points along an opening: 0 at its left corner, 1 at its right one."""
    left, right = points[list(opening.corners), :2]
    line = right - left
    along = (points[list(some), :2] - left) @ line / max(float(line @ line), 1e-9)
    return np.asarray(along, np.float64)
