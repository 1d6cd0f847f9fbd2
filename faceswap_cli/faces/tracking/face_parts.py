"""Parts of a face that are smoothed together, and what they do that a few of their points alone show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG, POINTS, opening_pairs

Numbers = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True)
class FacePart:
    """Points that move together and share their window: a blink must not unsteady the chin.

    Attributes:
        points: (K,) their numbers.
        gestures: (K,) weights each, with the sum 0: what must not be smoothed away though few points show it,
            as the opening of lids and lips, and the iris between the corners of its eye.
    """

    points: NDArray[np.int64]
    gestures: tuple[NDArray[np.float64], ...] = ()


def face_parts(count: int) -> tuple[FacePart, ...]:
    """The parts of a face of 68 or of 222 points, see `landmarks.dense`."""
    if count not in (IBUG, POINTS):
        raise ValueError(f"{count} points, not {IBUG} or {POINTS}")
    return _parts(count == POINTS)


@cache
def _parts(dense: bool) -> tuple[FacePart, ...]:
    def part(first: int, beyond: int, groups: Sequence[str], *gestures: tuple[Numbers, Numbers]) -> FacePart:
        numbers = [np.arange(first, beyond), *(GROUPS[name] for name in groups if dense)]
        points = np.concatenate(numbers)
        return FacePart(points, tuple(_gesture(points, *pair) for pair in gestures))

    def eye(first: int, upper: Sequence[int], lower: Sequence[int], side: str) -> FacePart:
        gestures: list[tuple[Numbers, Numbers]] = [(upper, lower)]
        if dense:
            lids, iris = GROUPS[f"{side}_lids"], GROUPS[f"{side}_iris"]
            gestures += [_opening(f"{side}_lids"), (iris, lids[[0, 8]])]
        return part(first, first + 6, [f"{side}_lids", f"{side}_iris"], *gestures)

    lips: list[tuple[Numbers, Numbers]] = [((61, 62, 63), (65, 66, 67))]
    return (
        part(0, 17, ["outline", "cheeks", "chin", "forehead"]),
        part(17, 27, ["right_brow", "left_brow"]),
        part(27, 36, ["nose"]),
        eye(36, (37, 38), (40, 41), "right"),
        eye(42, (43, 44), (46, 47), "left"),
        part(48, 68, ["lips_outer", "lips_inner"], *lips, *([_opening("lips_inner")] if dense else [])),
    )


def _opening(outline: str) -> tuple[Numbers, Numbers]:
    """The middle half of the edges, see `dense.measure_opening`."""
    upper, lower = opening_pairs(outline)
    quarter = len(upper) // 4
    inner = slice(quarter, len(upper) - quarter)
    return upper[inner], lower[inner]


def _gesture(points: NDArray[np.int64], above: Numbers, below: Numbers) -> NDArray[np.float64]:
    """Weights that give the mean of some points less that of others."""
    weights = np.zeros(len(points))
    weights[np.isin(points, above)] = 1 / len(above)
    weights[np.isin(points, below)] = -1 / len(below)
    return weights
