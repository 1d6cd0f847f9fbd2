"""What 68 points say of a face over time: curves of mouth, smile, brows, lids and yaw, and blinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.landmarks.pose import estimate_pose
from scripts.bench import reenact_judges as judges

Points = NDArray[np.float64]
"""(68, 2), in pixels."""

BLINK, OPEN_AGAIN = 0.72, 0.85
"""Of the median eye opening: below, an eye is shut; above, it was opened again."""


def _unit(points: Points) -> float:
    return max(float(np.linalg.norm(points[45] - points[36])), 1e-6)


def mouth(points: Points) -> float:
    return judges.apart(points, judges.LIPS)


def smile(points: Points) -> float:
    return float(np.linalg.norm(points[54] - points[48])) / _unit(points)


def brows(points: Points) -> float:
    pairs = ((19, 37), (24, 44), (21, 39), (22, 42))
    return judges.apart(points, pairs)


def lids(points: Points) -> float:
    return judges.apart(points, judges.LIDS)


def yaw(points: Points) -> float:
    return estimate_pose(points)[0]


MEASURES = (mouth, smile, brows, lids, yaw)


def correlation(
    measure: Callable[[Points], float],
    truth: Sequence[Points],
    seen: Sequence[Points],
) -> float:
    curves = np.array([[measure(points) for points in some] for some in (truth, seen)])
    return float(np.corrcoef(curves)[0, 1]) if curves.std(1).min() > 1e-4 else float("nan")


def eye_ratio(points: Points) -> float:
    """Opening of the eyes over their breadth."""
    found = []
    for first in (36, 42):
        p = points[first : first + 6]
        tall = np.linalg.norm(p[1] - p[5]) + np.linalg.norm(p[2] - p[4])
        found.append(tall / max(2 * float(np.linalg.norm(p[0] - p[3])), 1e-6))
    return float(np.mean(found))


def find_blinks(points: Sequence[Points]) -> list[int]:
    """Frames in which eyes are most shut, one of each blink."""
    curve = np.array([eye_ratio(one) for one in points])
    curve = curve / np.quantile(curve, 0.6)
    found, low = [], None
    for number, value in enumerate(curve):
        if low is None and value < BLINK:
            low = number
        elif low is not None:
            low = number if value < curve[low] else low
            if value > OPEN_AGAIN:
                found.append(low)
                low = None
    return found


def blinks_kept(truth: Sequence[Points], seen: Sequence[Points]) -> tuple[int, int]:
    """How many blinks are seen again within three frames, and how many there are."""
    there, here = find_blinks(truth), find_blinks(seen)
    return sum(any(abs(a - b) <= 3 for b in here) for a in there), len(there)
