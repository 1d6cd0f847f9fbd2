"""Shut and wide lids, open mouths and turned eyes are shown more often than footage has them.

The traits of `sampling` come from 68 points, which hardly tell a blink from open eyes, and nothing of where
the eyes look. Where a face set has dense points, they say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.landmarks.dense_states import STATES
from faceswap_cli.training.data.sampling import MOST_COMPARED

MOST = 3.0
"""So many times as often as the commonest a rare state is drawn, at most."""

WIDTHS = (0.1, 0.02, 0.1)
"""Differences that are plain to see: of lids against that person's open ones, of the mouth in face units, of
the gaze."""

OPEN = 0.8
"""Lids are open at this quantile of a set."""

UNKNOWN: NDArray[np.float32] = np.full(len(STATES), -1, np.float32)
"""The states of a face of 68 points: no lids are open less than not at all."""


def state_weights(states: NDArray[np.float32], power: float = 0.5) -> NDArray[np.float64]:
    """How many times as often as the commonest state each face is drawn: 1 to MOST.

    Args:
        states: (N, 3) see `dense_states`; UNKNOWN ones count as common.
        power: 0 draws evenly, 1 makes every state equally frequent up to MOST.
    """
    weights = np.ones(len(states))
    known = states[:, STATES.index("lids")] >= 0
    if not known.any():
        return weights
    some = states[known].astype(np.float64)
    lids, mouth, gaze = some.T
    # Samples are mirrored: looking to either side is one.
    shown = (lids / max(float(np.quantile(lids, OPEN)), 1e-6), mouth, np.abs(gaze))
    for values, width in zip(shown, WIDTHS, strict=True):
        density = _density(values, width)
        rare = (density.max() / density) ** power
        weights[known] = np.maximum(weights[known], np.minimum(rare, MOST))
    return weights


def _density(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """(N,) how many of the others are about like each, by a Gaussian kernel."""
    others = values[:: max(1, len(values) // MOST_COMPARED)]
    # The value itself counts, though it may be none of those compared: a density is never 0.
    found = np.exp(-0.5 * ((values[:, None] - others) / width) ** 2).sum(1)
    return np.asarray(np.maximum(found, 1.0), np.float64)
