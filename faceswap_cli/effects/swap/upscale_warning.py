"""Faces of which the frame shows more than the model draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.masks import face_width
from faceswap_cli.faces.geometry import crop_matrix
from faceswap_cli.networks.swap.renderer import Renderer

TOLD_FROM = 1.5
"""Faces so many times as wide as they are drawn are told of."""

_LARGEST = 0.95
"""Quantile of the faces' widths that is told: a few frames of a badly measured face are no close-up."""

_LOOKED_AT = 200
"""Faces of a video that are measured, evenly spread."""


def warn_of_upscaling(landmarks: NDArray[np.float32], renderer: Renderer) -> str | None:
    """What to tell the user of faces (M, 68, 2) in frame pixels; None when the model draws enough."""
    if not len(landmarks):
        return None
    chosen = np.unique(np.linspace(0, len(landmarks) - 1, _LOOKED_AT).astype(int))
    matrices = [crop_matrix(landmarks[place], renderer.size, renderer.side) for place in chosen]
    scales = [1 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-6) for matrix in matrices]
    enlarged = float(np.quantile(scales, _LARGEST))
    if enlarged < TOLD_FROM:
        return None
    drawn = face_width(renderer.size, renderer.side)
    return (
        f"faces are up to {enlarged * drawn:.0f} pixels wide here, and the model draws {drawn:.0f}: they "
        "come out softer than their frame. A model trained with a higher --resolution draws more"
    )
