"""What is behind a person, painted once: a head that moves uncovers it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.media.frame import Image

FloatArray = NDArray[np.float32]

RIM = 0.025
"""Face units around the person that are painted over, too: farther out the photo stays as it is, with the
person's own shadow."""

COARSE = 32.0
"""Pixels for a face unit at which what is hidden is painted, at most."""

REACH = 0.2
"""Face units over which the painting goes on along edges."""

_GRAIN = 0.015
"""Face units: finer detail is grain and texture, which is laid on again."""


def paint_background(image: Image, matte: FloatArray, unit: float) -> Image:
    """(H, W, 3) the photo without its person.

    Close to the person edges go on into the hole (A. Telea, An image inpainting technique based on the fast
    marching method, 2004); farther in it is an average of the surroundings, found coarse to fine.

    Args:
        image: (H, W, 3) uint8 RGB.
        matte: (H, W) in [0, 1], where the person is.
        unit: pixels for a face unit.
    """
    size = max(1, round(RIM * unit))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1,) * 2)
    hidden = np.asarray(cv2.dilate((matte > 0.02).astype(np.uint8), kernel), np.uint8)
    if not hidden.any() or hidden.all():
        return image
    scale = min(1.0, COARSE / unit)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(hidden.astype(np.float32), small.shape[1::-1], interpolation=cv2.INTER_AREA) > 0.01
    filled = fill_hole(small.astype(np.float32), hole)
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5) / (unit * scale)
    ring = (hole & (depth < 2 * REACH)).astype(np.uint8)
    start = np.where(hole[..., None] & (ring[..., None] == 0), filled, small).clip(0, 255).astype(np.uint8)
    led = cv2.inpaint(start, ring, max(2, round(REACH * unit * scale)), cv2.INPAINT_TELEA)
    share = np.clip((depth - 0.5 * REACH) / (1.5 * REACH), 0, 1)[..., None]
    coarse = led + share.astype(np.float32) * (filled - led)
    smooth = cv2.resize(coarse.astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    grain = _grain(image, hidden, unit)
    share = np.maximum(
        matte > 0.02, cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), max(0.5, 0.5 * size))
    )[..., None]
    mixed = image + share * (smooth + grain - image)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def fill_hole(picture: FloatArray, hole: NDArray[np.bool_]) -> FloatArray:
    """A picture (H, W, C) whose hole (H, W) is filled by averages from ever farther (push-pull: S. Gortler
    et al., The Lumigraph, 1996)."""
    weight = (~hole).astype(np.float32)[..., None]
    levels = [(picture * weight, weight)]
    while min(levels[-1][0].shape[:2]) > 2:
        values, weights = (np.atleast_3d(cv2.pyrDown(part)) for part in levels[-1])
        levels.append((np.asarray(values, np.float32), np.asarray(weights, np.float32)))
    found = levels[-1][0] / np.maximum(levels[-1][1], 1e-6)
    for values, weights in levels[-2::-1]:
        wide = np.atleast_3d(cv2.resize(found, values.shape[1::-1], interpolation=cv2.INTER_LINEAR))
        share = np.clip(weights, 0, 1)
        found = (
            values + (1 - share) * wide
            if values.shape[:2] == picture.shape[:2]
            else (share * values / np.maximum(weights, 1e-6) + (1 - share) * wide)
        )
    return np.asarray(found, np.float32)


def _grain(image: Image, hidden: NDArray[np.uint8], unit: float) -> FloatArray:
    """(H, W, 1) grain as strong as what is to be seen near the person has, in the hole."""
    wide = max(1.0, _GRAIN * unit)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), wide)
    seen = hidden == 0
    level = float(np.median(np.abs(fine[seen]))) / 0.67 if seen.any() else 0.0
    noise = np.random.default_rng(0).normal(0, min(level, 4.0), hidden.shape)
    return np.asarray((noise * hidden)[..., None], np.float32)
