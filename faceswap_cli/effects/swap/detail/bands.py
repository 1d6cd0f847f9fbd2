"""The fine part of a drawn face, replaced by that of a real picture of the same person where both agree.

A network draws what a face looks like and leaves out what is finest. A crop of the person is warped onto the
drawn face, and both are taken apart into bands by Gaussians, in the logarithm of their colours, so that
another light is only a gain. Where their middle bands tell the same, the crop's fine band takes the place of
the drawn one: nothing is added to what was drawn there, so that no edge stands twice. Where they don't (the
mouth is otherwise open, a lid hangs, a hand was there), what was drawn stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_cli.effects.reenact import warp
from faceswap_cli.effects.reenact.layout import Points, face_layout
from faceswap_cli.effects.reenact.light import LUMA, log_light, relight
from faceswap_cli.effects.reenact.warp import Box, FloatArray
from faceswap_cli.effects.swap.detail.crops import DetailCrop

FINE, MIDDLE = 0.03, 0.11
"""Face units: deviations of the Gaussians that part the fine band from the middle one, and that from the
rest."""

AROUND = 0.07
"""Face units: deviation of the Gaussian over which bands are compared."""

FAINT = 0.02
"""Of the logarithm: what differs by less in the middle band is plain skin, on which nothing disagrees."""

AGREE = (0.55, 0.9)
"""Correlations from which on the crop's detail is taken, and from which on wholly."""

STRETCH = (1.6, 2.6)
"""A crop's pixels stretched by so much are believed less, and not at all."""

COLOUR = 0.4
"""How much of the fine band's colour is taken, of what is taken of its lightness."""

LIMIT = 0.9
"""Of the logarithm: the most that is changed at a pixel."""


@dataclass(frozen=True)
class LentCrop:
    """A crop that lends detail to a face.

    Attributes:
        crop: which.
        share: how much of the detail is its; those of a face add up to 1.
        trust: how far it is believed, 0..1: less, the more it is turned otherwise.
    """

    crop: DetailCrop
    share: float
    trust: float = 1.0


def lend_detail(
    drawn: FloatArray, points: Points, unit: float, lent: Sequence[LentCrop], amount: float
) -> FloatArray:
    """A drawn face with the fine detail of real pictures.

    Args:
        drawn: (H, W, 3) in [0, 1].
        points: (N, 2) its pixels, the drawn face's, in the layout of `reenact.layout`.
        unit: pixels for a face unit.
        lent: the pictures.
        amount: how much, 0..1.

    Returns:
        (H, W, 3) in [0, 1].
    """
    own = log_light(drawn)
    fine, middle = part_bands(own, unit)
    change = np.zeros_like(own)
    for one in lent:
        seen = _seen_through(one.crop, points, drawn.shape, unit)
        bands = part_bands(log_light(seen[..., :3]), unit)
        weight = agreement(middle, bands[1], unit) * seen[..., 3] * np.float32(one.share * one.trust)
        change += weight[..., None] * (bands[0] - fine)
    light = (change @ LUMA)[..., None]
    change = np.clip(light + np.float32(COLOUR) * (change - light), -LIMIT, LIMIT)
    return relight(drawn, np.asarray(np.float32(amount) * change, np.float32))


def part_bands(log: FloatArray, unit: float) -> tuple[FloatArray, FloatArray]:
    """The fine band (H, W, 3) of a picture's logarithm, and the lightness of its middle band (H, W)."""
    soft = np.asarray(cv2.GaussianBlur(log, (0, 0), FINE * unit), np.float32)
    light = np.asarray(soft @ LUMA, np.float32)
    wide = np.sqrt(MIDDLE**2 - FINE**2) * unit
    return log - soft, light - np.asarray(cv2.GaussianBlur(light, (0, 0), wide), np.float32)


def agreement(one: FloatArray, other: FloatArray, unit: float) -> FloatArray:
    """(H, W) in [0, 1]: where two bands (H, W) tell the same, by their correlation around each pixel."""
    pairs = np.dstack([one * other, one * one, other * other])
    shared, first, second = cv2.split(cv2.GaussianBlur(pairs, (0, 0), AROUND * unit))
    faint = np.float32(FAINT**2)
    found = (shared + faint) / np.sqrt((first + faint) * (second + faint))
    t = np.clip((found - AGREE[0]) / (AGREE[1] - AGREE[0]), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _seen_through(crop: DetailCrop, points: Points, shape: tuple[int, ...], unit: float) -> FloatArray:
    """(H, W, 4) a crop, warped so that its points lie where a drawn face's do; its fourth channel says how
    far it is believed."""
    box: Box = (0, 0, shape[1], shape[0])
    skin = face_layout().skin
    where = warp.fit_spline(points[skin], crop.points[skin, :2]).field(box)
    seen = crop.sample(where, crop.pose.scale / unit)
    seen[..., 3] *= _unstretched(where, crop.pose.scale / unit)
    return seen


def _unstretched(where: FloatArray, usual: float) -> FloatArray:
    """(H, W) 1 where a map to a crop's pixels (H, W, 2) neither stretches nor folds it, 0 where it does."""
    right = cv2.filter2D(where, -1, np.array([[-0.5, 0, 0.5]]), borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(where, -1, np.array([[-0.5], [0], [0.5]]), borderType=cv2.BORDER_REPLICATE)
    area = (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]) / np.float32(usual**2)
    off = 1 / np.maximum(area, np.float32(1e-3))
    t = np.clip((STRETCH[1] - off) / (STRETCH[1] - STRETCH[0]), 0, 1)
    return np.asarray(t, np.float32)
