"""Seamless cloning: keep a drawn face's gradients and lead the frame's colours in from the mask's edge.

P. Perez et al., Poisson image editing, SIGGRAPH 2003: inside the mask the result has the drawn face's
gradients and on its edge the frame's colours. Their difference from the drawn face is then as smooth as can
be, a membrane spanned by what differs on the edge (Z. Farbman et al., Coordinates for instant image cloning,
2009), so that a coarse grid is enough to solve for it, and the face is blended by its alpha as ever.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.colour.spaces import FloatImage

SIDE = 64
"""Of the grid that the membrane is solved on."""

_COARSEST = 8
_SWEEPS = 12
_HOLD = 4.0
"""How firmly the membrane is held where it is known, against the pull of four neighbours."""

_ODD = 0.25
"""Standard deviation of a difference on the edge that is believed, around the median: hair or a dark backdrop
behind the mask's edge must not run into the face."""


def solve_membrane(drawn: FloatImage, frame: FloatImage, shape: FloatImage, free: FloatImage) -> FloatImage:
    """What to add to a drawn face so that it meets its frame without a step.

    Args:
        drawn: (SIDE, SIDE, 3) RGB in [0, 1].
        frame: (SIDE, SIDE, 3) the frame's own pixels there.
        shape: (SIDE, SIDE) the mask, 0..1: its soft edge is where the two meet.
        free: (SIDE, SIDE) 0 where something stands before the face, which has no say.

    Returns:
        (SIDE, SIDE, 3) float32.
    """
    apart = np.asarray(frame - drawn, np.float32)
    # Only the outer part of the soft edge: masks are seldom quite 1 inside, where the old face would show.
    edge = np.clip(shape / 0.1, 0, 1) * np.clip((0.6 - shape) / 0.3, 0, 1) * free**2
    seen = edge > 0.1
    if seen.sum() < SIDE // 4:
        return np.zeros_like(apart)
    odd = apart - np.median(apart[seen], axis=0)
    believed = np.exp(-0.5 * (odd**2).sum(2) / np.float32(_ODD**2))
    return _spanned(apart, np.asarray(edge * believed, np.float32))


def _spanned(known: FloatImage, weight: FloatImage) -> FloatImage:
    """The smoothest picture that is `known` (S, S, 3) where it has `weight` (S, S), from coarse to fine."""
    field = np.zeros_like(known)
    if known.shape[0] > _COARSEST:
        half = _resized(weight, known.shape[0] // 2)
        sums = _resized(known * weight[..., None], known.shape[0] // 2)
        means = np.asarray(sums / np.maximum(half, np.float32(1e-6))[..., None], np.float32)
        field = _resized(_spanned(means, half), known.shape[0])
    else:
        field += (known * weight[..., None]).sum((0, 1)) / np.float32(max(weight.sum(), 1e-6))
    hold = np.float32(_HOLD) * weight[..., None]
    for _ in range(_SWEEPS):
        around = cv2.filter2D(field, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE)
        field = np.asarray((around + hold * known) / (1 + hold), np.float32)
    return field


def _resized(picture: FloatImage, side: int) -> FloatImage:
    how = cv2.INTER_AREA if side < picture.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=how), np.float32)


_NEIGHBOURS: NDArray[np.float32] = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / np.float32(4)
