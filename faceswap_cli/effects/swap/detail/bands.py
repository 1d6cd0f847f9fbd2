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
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact import warp
from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.layout import Points, face_layout
from faceswap_cli.effects.reenact.light import LUMA, log_light, relight
from faceswap_cli.effects.reenact.warp import Box, FloatArray
from faceswap_cli.effects.swap.detail.choice import lower_share
from faceswap_cli.effects.swap.detail.crops import DetailCrop

FINE, MIDDLE = 0.04, 0.11
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

CONTRAST = (0.8, 1.2)
"""Limits of how a crop's contrast is changed to that of what is drawn: a film's grading, another light."""

MISFIT, LIDS_MISFIT = (0.02, 0.05), (0.012, 0.03)
"""Face units by which the mouth or an eye may be otherwise open on a crop, and from which on nothing of it is
taken. An open eye is open by some 0.08."""

EDGE = 0.03
"""Face units over which what is taken of an eye or a mouth meets the rest."""

EVEN = 0.35
"""Of the logarithm: the most by which dark and light patches are evened out."""

NODES, _SMOOTH = 33, 0.02
"""Along a side, at which halves of a face are told, and how stiff the spline is that tells them."""

LIMIT = 0.6
"""Of the logarithm: what a change at a pixel comes near to and never reaches: nostrils are no holes."""


@dataclass(frozen=True)
class LentCrop:
    """A crop that lends detail to a face.

    Attributes:
        crop: which.
        upper: how much of the detail of a face's upper half is its; those of a face add up to 1.
        lower: likewise of the lower half.
        trust: how far it is believed, 0..1: less, the more it is turned otherwise.
    """

    crop: DetailCrop
    upper: float = 1.0
    lower: float = 1.0
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
    change = np.zeros_like(own)
    below = _lower_half(points, drawn.shape) if any(one.upper != one.lower for one in lent) else None
    for one in lent:
        share = one.upper if below is None else one.upper + (one.lower - one.upper) * below[..., None]
        seen = _seen_through(one.crop, points, drawn.shape, unit)
        bare = np.ascontiguousarray(seen[..., 3])
        mine, theirs = (part_bands(log, bare, unit) for log in (own, log_light(seen[..., :3])))
        agreed = agreement(mine.middle, theirs.middle, unit) * bare
        gain = contrast(mine.middle, theirs.middle, agreed)
        fine = agreed[..., None] * _paler(gain * theirs.fine - mine.fine)
        patches = theirs.coarse - mine.coarse
        patches -= smooth_field(patches, bare)  # which is another light
        even = bare[..., None] * np.clip(patches, -EVEN, EVEN)
        change += np.asarray(share * one.trust, np.float32) * (fine + even)
    held = np.float32(amount * LIMIT) * np.tanh(change / np.float32(LIMIT))
    return relight(drawn, np.asarray(held, np.float32))


def _lower_half(points: Points, shape: tuple[int, ...]) -> FloatArray:
    """(H, W) in [0, 1]: how far each pixel is of the lower half of a face; see `choice.lower_share`."""
    layout, box = face_layout(), (0, 0, shape[1], shape[0])
    known = lower_share(layout.head.mean[layout.skin])[:, None]
    coarse = warp.fit_spline(points[layout.skin], known, _SMOOTH)(warp.grid_points(box, NODES))
    nodes = np.clip(coarse, 0, 1).astype(np.float32).reshape(NODES, NODES)
    return np.clip(warp.enlarge(nodes, box, cubic=False), 0, 1)


def _paler(change: FloatArray) -> FloatArray:
    """A change of the logarithm (H, W, 3) with less of its colour."""
    light = (change @ LUMA)[..., None]
    return np.asarray(light + np.float32(COLOUR) * (change - light), np.float32)


@dataclass(frozen=True)
class Bands:
    """The logarithm of a picture, taken apart.

    Attributes:
        fine: (H, W, 3) what is finer than MIDDLE.
        middle: (H, W) the lightness of what is coarser than FINE in that.
        coarse: (H, W, 3) the rest.
    """

    fine: FloatArray
    middle: FloatArray
    coarse: FloatArray


def part_bands(log: FloatArray, bare: FloatArray, unit: float) -> Bands:
    """Take a picture apart.

    Args:
        log: (H, W, 3) its logarithm.
        bare: (H, W) how far it is believed: what is behind the face must not shine into it.
        unit: pixels for a face unit.
    """
    both = blurred(np.dstack([log * bare[..., None], bare]), MIDDLE * unit)
    coarse = np.asarray(both[..., :3] / np.maximum(both[..., 3:], np.float32(1e-3)), np.float32)
    fine = np.asarray(np.where(bare[..., None] > 0, log - coarse, 0), np.float32)
    return Bands(fine, blurred(np.asarray(fine @ LUMA, np.float32), FINE * unit), coarse)


def blurred(picture: FloatArray, deviation: float) -> FloatArray:
    """A picture (H, W) or (H, W, C) blurred by a Gaussian of so many pixels: a wide one, in fewer pixels."""
    height, width = picture.shape[:2]
    step = max(int(deviation / 4), 1)
    if step == 1:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), deviation), np.float32)
    small = cv2.resize(picture, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), deviation / step)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def smooth_field(difference: FloatArray, where: FloatArray) -> FloatArray:
    """The quadratic field (H, W, 3) that is nearest to a difference; see `fit_field`."""
    return field_of(fit_field(difference, where), difference.shape)


def field_of(factors: NDArray[np.float64], shape: tuple[int, ...]) -> FloatArray:
    """(H, W, 3) the quadratic field of factors (6, 3)."""
    return np.asarray(_terms(shape) @ factors.astype(np.float32), np.float32)


@lru_cache(4)
def _terms(shape: tuple[int, ...]) -> FloatArray:
    """(H, W, 6) what a quadratic field is made of, each in [-1, 1]."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j].astype(np.float32)
    return np.asarray(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1), np.float32)


def fit_field(difference: FloatArray, where: FloatArray) -> NDArray[np.float64]:
    """Factors (6, 3) of the quadratic field that is nearest to a difference (H, W, 3).

    What is far off, as a beard beside a bare chin, counts less: two rounds of reweighted least squares.

    Args:
        difference: of two pictures' logarithms.
        where: (H, W) how far it is believed.
    """
    step = max(difference.shape[0] // 48, 1)
    some = (slice(None, None, step), slice(None, None, step))
    given = where[some].ravel().astype(np.float64)
    rows = _terms(difference.shape)[some].reshape(-1, 6).astype(np.float64)
    values = difference[some].reshape(-1, 3).astype(np.float64)
    weight: NDArray[np.float64] = given
    factors = np.zeros((6, 3))
    for _ in range(2):
        weighted = rows * weight[:, None]
        system = rows.T @ weighted + 1e-3 * np.eye(6)
        factors = np.asarray(np.linalg.solve(system, weighted.T @ values), np.float64)
        off = np.abs(values - rows @ factors).mean(1)
        usual = 1.5 * max(float(np.median(off[given > 0.5])) if (given > 0.5).any() else 0.0, 0.01)
        weight = np.asarray(given / np.maximum(off / usual, 1), np.float64)
    return factors


def contrast(one: FloatArray, other: FloatArray, where: FloatArray) -> np.float32:
    """By what the second of two bands (H, W) is to be multiplied to have the contrast of the first."""
    own, shared = float((where * other * other).sum()), float((where * one * other).sum())
    return np.float32(np.clip(shared / max(own, 1e-9), *CONTRAST))


def agreement(one: FloatArray, other: FloatArray, unit: float) -> FloatArray:
    """(H, W) in [0, 1]: where two bands (H, W) tell the same, by their correlation around each pixel."""
    pairs = np.dstack([one * other, one * one, other * other])
    shared, first, second = cv2.split(blurred(pairs, AROUND * unit))
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
    seen[..., 3] *= _unstretched(where, crop.pose.scale / unit) * _openings_fit(crop, points, unit, box)
    return seen


def _openings_fit(crop: DetailCrop, points: Points, unit: float, box: Box) -> FloatArray:
    """(H, W) 0 on eyes and lips that are otherwise open on a crop than on a drawn face, else 1."""
    fits = np.ones((box[3], box[2]), np.float32)
    for opening in face_layout().openings:
        apart = gaps(points, opening).mean() / unit - gaps(crop.points, opening).mean() / crop.pose.scale
        least, most = LIDS_MISFIT if opening.iris else MISFIT
        fit = float(np.clip((most - abs(apart)) / (most - least), 0, 1))
        if fit < 1:
            ring = [*opening.above, *opening.below[::-1]] or list(opening.outline)
            inside = warp.polygon_mask(points[ring], box)
            soft = np.minimum(2 * cv2.GaussianBlur(inside, (0, 0), EDGE * unit), 1)
            fits = np.minimum(fits, 1 - np.float32(1 - fit) * soft)
    return np.asarray(fits, np.float32)


def _unstretched(where: FloatArray, usual: float) -> FloatArray:
    """(H, W) 1 where a map to a crop's pixels (H, W, 2) neither stretches nor folds it, 0 where it does."""
    right = cv2.filter2D(where, -1, np.array([[-0.5, 0, 0.5]]), borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(where, -1, np.array([[-0.5], [0], [0.5]]), borderType=cv2.BORDER_REPLICATE)
    area = (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]) / np.float32(usual**2)
    off = 1 / np.maximum(area, np.float32(1e-3))
    t = np.clip((STRETCH[1] - off) / (STRETCH[1] - STRETCH[0]), 0, 1)
    return np.asarray(t, np.float32)
