"""Blending in bands: coarse colours mix over a wide edge, fine detail over a narrow one.

P. Burt and E. Adelson, A multiresolution spline with application to image mosaics, 1983.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.compositing.colour.spaces import FloatImage

_DEEPEST = 5
_SMALLEST = 12
"""Pixels: a band's shorter side is at least as long."""

_FULL = 0.25
"""From this alpha on nothing holds the bands back; below, they fade to nothing where the alpha does."""


def blend_pyramids(new: FloatImage, old: FloatImage, alpha: FloatImage) -> FloatImage:
    """`new` (H, W, 3) over `old` by `alpha` (H, W, 1); where that is 0, `old` is left exactly."""
    mixed = _mixed(new, old, alpha, 0)
    return np.asarray(old + np.minimum(alpha / np.float32(_FULL), 1) * (mixed - old), np.float32)


def _mixed(new: FloatImage, old: FloatImage, alpha: FloatImage, level: int) -> FloatImage:
    if level == _DEEPEST or min(new.shape[:2]) < 2 * _SMALLEST:
        return np.asarray(old + alpha * (new - old), np.float32)
    size = new.shape[1::-1]
    coarse = [np.asarray(cv2.pyrDown(picture), np.float32) for picture in (new, old, alpha)]
    lower = _mixed(coarse[0], coarse[1], coarse[2][..., None], level + 1)
    fine = [
        picture - cv2.pyrUp(small, dstsize=size) for picture, small in zip((new, old), coarse, strict=False)
    ]
    band = fine[1] + alpha * (fine[0] - fine[1])
    return np.asarray(cv2.pyrUp(lower, dstsize=size) + band, np.float32)
