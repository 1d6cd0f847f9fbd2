"""How a face looks at the moment, as the conditional networks are told it: `conditions.TRAITS`.

Each number is about 0 for a resting face that looks ahead and of about unit spread. A person's brows and eyes
at rest are his own: what is read here is against everybody's mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import MEAN_FACE, interocular
from faceswap_cli.faces.landmarks.mean_shape import DEPTH
from faceswap_cli.faces.landmarks.pose import estimate_pose, rotation_matrix

_REST, _UNIT = (0.05, 0.64, 0.03, 0.23, 0.09), (0.08, 0.07, 0.04, 0.04, 0.025)
"""Mean and spread of the mouth's opening and width, the lift of its corners, brows' height and eyes' opening,
in face units."""

MIRRORED = np.array([-1, 1, -1, 1, 1, 1, 1], np.float32)
"""What a picture's mirror image makes of the traits."""


DEGREES = np.array([30.0, 20.0, 10.0])
"""Of yaw, pitch and roll for 1."""

_LEAST_GAP = 0.01
"""Between lids and between lips that are closed, in face units."""

_LIP = np.array([0.7, 1, 1, 1, 0.7])
_JAW = np.array([0.2, 0.5, 0.7, 0.8, 0.8, 0.8, 0.7, 0.5, 0.2])
"""How far the lower lip's outer edge and the jaw go along when the mouth opens."""

_HEAD = np.column_stack([MEAN_FACE - MEAN_FACE.mean(0), DEPTH.mean() - DEPTH])
"""(68, 3) the 3-D mean face around its middle, z into the picture."""


def measure_attributes(landmarks: ArrayLike) -> NDArray[np.float32]:
    """(len(TRAITS),) of an upright face.

    Args:
        landmarks: (68, 2), in any upright pixels.
    """
    p = np.asarray(landmarks, np.float64)
    unit = max(interocular(p), 1e-6)
    yaw, pitch, roll = estimate_pose(p)

    def apart(*pairs: tuple[int, int]) -> float:
        return float(np.mean([np.linalg.norm(p[a] - p[b]) for a, b in pairs])) / unit

    mouth, width = apart((61, 67), (62, 66), (63, 65)), apart((48, 54))
    lift = float((p[[51, 57], 1].mean() - p[[48, 54], 1].mean()) / unit)
    brows = apart((19, 37), (24, 44))
    eyes = apart((37, 41), (38, 40), (43, 47), (44, 46))
    values = (
        (v - rest) / one for v, rest, one in zip((mouth, width, lift, brows, eyes), _REST, _UNIT, strict=True)
    )
    opened, wide, lifted, raised, open_eyes = values
    yaw, pitch, roll = np.array([yaw, pitch, roll]) / DEGREES
    found = yaw, pitch, roll, opened, (wide + lifted) / 2, raised, open_eyes
    return np.clip(np.array(found, np.float32), -5, 5)


def change_attributes(landmarks: ArrayLike, change: ArrayLike) -> NDArray[np.float64]:
    """Where the points of an upright face would be, were its attributes others.

    The head is turned as the 3-D mean face; the mouth opens by lower lip and jaw, a smile draws its corners
    out and up, lids move alike up and down.

    Args:
        landmarks: (68, 2), in any upright pixels.
        change: (len(TRAITS),) what is added to the attributes; about that is found afterwards.
    """
    p, d = np.array(landmarks, np.float64), np.asarray(change, np.float64)
    unit = max(interocular(p), 1e-6)
    mouth, smile, brows, eyes = d[3:] * unit * np.array([_UNIT[0], 1, _UNIT[3], _UNIT[4]])
    p[17:27, 1] -= brows
    upper, lower = [37, 38, 43, 44], [41, 40, 47, 46]
    more = np.maximum(eyes, _LEAST_GAP * unit - (p[lower, 1] - p[upper, 1]))
    p[upper, 1] -= more / 2
    p[lower, 1] += more / 2
    upper, lower = [61, 62, 63], [67, 66, 65]
    more = np.maximum(mouth, _LEAST_GAP * unit - (p[lower, 1] - p[upper, 1]))
    p[lower, 1] += more
    p[55:60, 1] += more.mean() * _LIP
    p[4:13, 1] += more.mean() * _JAW
    across = np.clip((p[48:68, 0] - p[48:68, 0].mean()) / max(np.ptp(p[48:68, 0]) / 2, 1e-6), -1, 1)
    p[48:68, 0] += smile * _UNIT[1] / 2 * across
    p[48:68, 1] -= smile * _UNIT[2] * across**2
    return _turned(p, d[:3] * DEGREES, unit)


def _turned(p: NDArray[np.float64], degrees: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """Points (68, 2) after a further turn of the head by yaw, pitch and roll: depths are the mean face's."""
    now = np.array(estimate_pose(p))
    before, after = rotation_matrix(*now), rotation_matrix(*(now + degrees))
    head = _HEAD @ before.T
    # A face's own width tells how large it is, as far as it looks ahead.
    scale = unit / max(float(np.linalg.norm(head[45, :2] - head[36, :2])), 0.3)
    middle = p.mean(0)
    deep = np.column_stack([p - middle, head[:, 2] * scale])
    turned: NDArray[np.float64] = (deep @ (after @ before.T).T)[:, :2] + middle
    return turned
