"""Which way a head looks, from its 68 landmarks, by a weak-perspective fit to a generic rigid face.

Portraits of 61 people looking ahead measure 0 +- 3 (yaw) and 0 +- 7 degrees (pitch). dlib's landmarks
collapse on full profiles, which read 35-50 degrees of yaw, not 90.

Signs, as seen by the viewer of the picture: yaw > 0, the face looks to the picture's right; pitch > 0, it
looks up; roll > 0, it is tilted with the clock. All three are about 0 for a passport photo.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import MEAN_FACE

# How far in front of the outer eye corners each point lies, in face units (their distance is 1, about 90
# mm): hand-set from anthropometric averages. Only points that move little with the expression are used:
# the bridge and the wings of the nose, the eye corners, and with less weight brows and upper lip.
_DEPTHS = {
    18: 0.17, 19: 0.22, 20: 0.25, 23: 0.25, 24: 0.22, 25: 0.17,
    27: 0.21, 28: 0.29, 29: 0.38, 30: 0.47, 31: 0.22, 32: 0.28, 33: 0.31, 34: 0.28, 35: 0.22,
    36: 0.00, 39: 0.11, 42: 0.11, 45: 0.00, 48: 0.16, 51: 0.31, 54: 0.16,
}  # fmt: skip
_WEIGHTS = {**dict.fromkeys((18, 19, 20, 23, 24, 25), 0.5), **dict.fromkeys((48, 51, 54), 0.5)}

_POINTS = np.array(list(_DEPTHS))
_SHAPE = np.column_stack([MEAN_FACE[_POINTS], -np.array(list(_DEPTHS.values()))])  # z grows into the picture
_WEIGHT = np.array([_WEIGHTS.get(i, 1.0) for i in _DEPTHS])
_CENTRED = _SHAPE - np.average(_SHAPE, axis=0, weights=_WEIGHT)
_SOLVE = np.linalg.pinv(_CENTRED * np.sqrt(_WEIGHT)[:, None])


def pose(landmarks: ArrayLike) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees; each within -180..180 and never NaN.

    Args:
        landmarks: (68, 2), in any similar frame whose y axis points down.
    """
    points = np.asarray(landmarks, np.float64)[_POINTS]
    points = points - np.average(points, axis=0, weights=_WEIGHT)
    # The best affine camera (2, 3), then the nearest scaled orthographic one.
    camera = (_SOLVE @ (points * np.sqrt(_WEIGHT)[:, None])).T
    if not np.isfinite(camera).all() or np.linalg.norm(camera) < 1e-9:
        return 0.0, 0.0, 0.0
    u, _, vt = np.linalg.svd(camera, full_matrices=False)
    return _angles(u @ vt)


def _angles(rows: NDArray[np.float64]) -> tuple[float, float, float]:
    """Angles of the rotation whose first two rows are given (2, 3): yaw first, then pitch, then roll.

    The axes are x to the right, y down, z into the picture; the face looks along -z.
    """
    into = np.cross(rows[0], rows[1])
    yaw = np.arctan2(into[0], into[2])
    pitch = -np.arcsin(np.clip(into[1], -1.0, 1.0))
    roll = np.arctan2(-rows[0, 1], rows[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))
