"""How far lids and mouth are open, and where the eyes look, by dense points and expression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES, measure_opening

STATES = ("lids", "mouth", "gaze")
"""What `measure_states` gives."""

_OUTER_CORNERS = 36, 45
_GAZE = [EXPRESSION_NAMES.index(f"gaze_x_{side}") for side in ("right", "left")]


def measure_states(dense: NDArray[np.floating], expression: NDArray[np.floating]) -> NDArray[np.float32]:
    """(..., 3) lids, mouth, gaze.

    Lids (both eyes' mean) and mouth (the inner edge of the lips) in face units. The unit is taken in space,
    so that a turned head's openings do not grow. Gaze is -1..1, above 0 towards the picture's right, against
    the head; the mean of both eyes.

    Args:
        dense: (..., 222, 3) any pixels.
        expression: (..., 26).
    """
    unit = np.linalg.norm(dense[..., _OUTER_CORNERS[0], :] - dense[..., _OUTER_CORNERS[1], :], axis=-1)
    unit = np.maximum(unit, 1e-6)
    lids = (measure_opening(dense, "right_lids") + measure_opening(dense, "left_lids")) / 2 / unit
    mouth = measure_opening(dense, "lips_inner") / unit
    gaze = np.asarray(expression)[..., _GAZE].mean(-1)
    return np.stack([lids, mouth, gaze], axis=-1).astype(np.float32)
