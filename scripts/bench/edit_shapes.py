"""What dlib's 68 points say of each feature that can be edited by shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.landmarks.pose import estimate_pose

Points = NDArray[np.float64]


def _apart(p: Points, a: int, b: int) -> float:
    return float(np.linalg.norm(p[a] - p[b])) / interocular(p)


def _upright(p: Points) -> Points:
    """Points with the outer eye corners level."""
    x, y = p[45] - p[36]
    turn = np.array([[x, -y], [y, x]]) / np.hypot(x, y)
    return np.asarray((p - p[36]) @ turn, np.float64)


def _corners_up(p: Points) -> float:
    q = _upright(p)
    return float(q[[51, 57], 1].mean() - q[[48, 54], 1].mean()) / interocular(p) + _apart(p, 48, 54)


def _brows_up(p: Points) -> float:
    q = _upright(p)
    return float(q[[36, 39, 42, 45], 1].mean() - q[17:27, 1].mean()) / interocular(p)


def _lids(p: Points) -> float:
    return float(np.mean([_apart(p, a, b) for a, b in ((37, 41), (38, 40), (43, 47), (44, 46))]))


SHAPES: dict[str, tuple[Callable[[Points], float], float]] = {
    "brow-height": (_brows_up, 0.08),
    "lids": (_lids, 0.085),
    "eye-size": (lambda p: (_apart(p, 36, 39) + _apart(p, 42, 45)) / 2, 0.016),
    "nose-width": (lambda p: _apart(p, 31, 35), 0.031),
    "nose-length": (lambda p: _apart(p, 27, 33), 0.03),
    "lip-fullness": (lambda p: _apart(p, 51, 62) + _apart(p, 66, 57), 0.03),
    "jaw": (lambda p: _apart(p, 5, 11), 0.082),
    "chin": (lambda p: _apart(p, 57, 8), 0.048),
    "turn": (lambda p: estimate_pose(p)[0], 1.0),
    "nod": (lambda p: estimate_pose(p)[1], 1.0),
    "smile": (_corners_up, 0.25),
    "mouth": (lambda p: float(np.mean([_apart(p, a, b) for a, b in ((61, 67), (62, 66), (63, 65))])), 0.22),
}
"""What dlib's points say of a feature, and how much of that 1 of it ought to be."""
