"""Which way a head looks, from its 68 landmarks, by a weak-perspective fit to the 3-D mean face.

That face is `geometry.MEAN_FACE` with the depths of `mean_shape.DEPTH`; of its points those are used that
move little with the expression.

Signs, as seen by the viewer of the picture: yaw > 0, the face looks to the picture's right; pitch > 0, it
looks up; roll > 0, it is tilted with the clock. All three are about 0 for a passport photo.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import MEAN_FACE
from faceswap_cli.faces.landmarks.mean_shape import DEPTH

RIGID = (18, 19, 20, 23, 24, 25, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45, 48, 51, 54)
"""Points that move little with the expression: the bridge and the wings of the nose, the eye corners, and
with less weight brows and upper lip."""

_POINTS = np.array(RIGID)
_SHAPE = np.column_stack([MEAN_FACE, -DEPTH])[_POINTS]  # z grows into the picture
RIGID_WEIGHTS = np.where(np.isin(_POINTS, (18, 19, 20, 23, 24, 25, 48, 51, 54)), 0.5, 1.0)
_CENTRED = _SHAPE - np.average(_SHAPE, axis=0, weights=RIGID_WEIGHTS)
_SOLVE = np.linalg.pinv(_CENTRED * np.sqrt(RIGID_WEIGHTS)[:, None])


def estimate_pose(landmarks: ArrayLike) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees; each within -180..180 and never NaN.

    Args:
        landmarks: (68, 2), in any similar frame whose y axis points down.
    """
    points = np.asarray(landmarks, np.float64)[_POINTS]
    points = points - np.average(points, axis=0, weights=RIGID_WEIGHTS)
    # The best affine camera (2, 3), then the nearest scaled orthographic one.
    camera = (_SOLVE @ (points * np.sqrt(RIGID_WEIGHTS)[:, None])).T
    if not np.isfinite(camera).all() or np.linalg.norm(camera) < 1e-9:
        return 0.0, 0.0, 0.0
    u, _, vt = np.linalg.svd(camera, full_matrices=False)
    return _angles(u @ vt)


def rotation_angles(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a rotation (3, 3) from the face to the camera."""
    return _angles(rotation[:2])


def _angles(rows: NDArray[np.float64]) -> tuple[float, float, float]:
    """Angles of the rotation whose first two rows are given (2, 3): yaw first, then pitch, then roll.

    The axes are x to the right, y down, z into the picture; the face looks along -z.
    """
    into = np.cross(rows[0], rows[1])
    yaw = np.arctan2(into[0], into[2])
    pitch = -np.arcsin(np.clip(into[1], -1.0, 1.0))
    roll = np.arctan2(-rows[0, 1], rows[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def rotation_matrix(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """The rotation (3, 3) from the face to the camera that has these angles in degrees."""
    (sy, sp, sr), (cy, cp, cr) = (f(np.radians([yaw, pitch, roll])) for f in (np.sin, np.cos))
    turn = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    found: NDArray[np.float64] = tilt @ nod @ turn
    return found
