"""A person's matte in full resolution, and the colours of what it cuts out.

A network's coarse answer says what is surely the person and what is surely not. Between them two colours are
known around every pixel, the mean of the person's near it and of the background's near it; where between
them the pixel's own colour lies is its alpha, as sure as the two differ more than they vary. That is done
twice, the second time nearer to the edge, and the rest is left to a guided filter.

Colours at the edge are mixed with the background that is taken away. They are estimated by M. Forte,
Approximate fast foreground colour estimation, ICIP 2021: box means of both sides, and what the mixing
equation leaves is given to the person.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.compositing.guided_filter import box_mean, guided_filter, weighted_mean
from faceswap_cli.faces.face import FloatArray

FINEST = 130.0
"""Pixels to a unit in which alpha is worked out, at most; the guided filter's lines carry it further."""

INNER, OUTER, OUTER_CLOTH, OUTER_SKIN = 0.11, 0.24, 0.09, 0.03
"""Width of what is unsure, in units: inside the coarse edge, and outside it beside hair, clothes, skin."""

_ROUNDS = ((0.30, 1.5), (0.13, 1.0))
"""Of the two estimates: radius of the means in units, and how much the colours' variance counts."""


def refine_matte(
    picture: FloatArray, coarse: FloatArray, unit: float, chin: float, hairless: FloatArray
) -> FloatArray:
    """The person's alpha.

    Args:
        picture: (H, W, 3) in [0, 1].
        coarse: (H, W) share of the person.
        unit: pixels to a face unit.
        chin: row of the chin: hair is looked for above half a unit below it.
        hairless: (H, W) in [0, 1] where no strands leave the edge: a shadow on the wall beside a cheek has
            colours between both.

    Returns:
        (H, W) in [0, 1].
    """
    scale = min(1.0, FINEST / unit)
    size = max(2, round(picture.shape[1] * scale)), max(2, round(picture.shape[0] * scale))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    prior = np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.float32)
    unit, chin = unit * scale, chin * scale
    alpha = _steepened(prior, 0.4, 0.85)
    outside = 1 - _steepened(prior, 0.25, 0.65)
    bare = np.asarray(cv2.resize(hairless, size, interpolation=cv2.INTER_LINEAR), np.float32)
    inner, outer = _bands(prior, unit, chin, bare)
    for radius, spread in _ROUNDS:
        alpha = _by_two_colours(small, alpha, outside, inner, outer, radius * unit, spread)
        inner = cv2.erode((alpha > 0.93).astype(np.uint8), _disc(0.03 * unit)).astype(bool)
        outer = cv2.erode((alpha < 0.05).astype(np.uint8), _disc(0.03 * unit)).astype(bool)
    alpha = largest_part(_without_blobs(alpha, prior, unit))
    alpha = _closed_cloth(alpha, unit, chin)
    alpha = np.clip(guided_filter(small, alpha, 0.025 * unit, 2e-4), 0, 1)
    alpha = np.where(inner, 1, np.where(outer, 0, alpha)).astype(np.float32)
    # The filter finds specks of the background that look like hair.
    alpha = largest_part(_steepened(alpha, 0.06, 0.94), 0.04)
    if scale == 1:
        return alpha
    whole = cv2.resize(alpha, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(whole, 0, 1), np.float32)


def foreground_colours(picture: FloatArray, alpha: FloatArray, unit: float) -> tuple[FloatArray, FloatArray]:
    """The person's own colours, and the background's, each wherever it is asked for.

    Args:
        picture: (H, W, 3) in [0, 1].
        alpha: (H, W) in [0, 1].
        unit: pixels to a face unit.

    Returns:
        (H, W, 3) both, in [0, 1].
    """
    a = alpha[..., None]
    front, back = picture, picture
    for radius in (0.35 * unit, 0.03 * unit):
        weight_f, weight_b = np.maximum(alpha, 1e-4), np.maximum(1 - alpha, 1e-4)
        mean_f = box_mean(front * weight_f[..., None], radius) / box_mean(weight_f, radius)[..., None]
        mean_b = box_mean(back * weight_b[..., None], radius) / box_mean(weight_b, radius)[..., None]
        left = picture - a * mean_f - (1 - a) * mean_b
        front = np.clip(mean_f + a * left, 0, 1)
        back = np.clip(mean_b + (1 - a) * left, 0, 1)
    return np.where(a > 0.995, picture, front).astype(np.float32), back.astype(np.float32)


def shaped_like_body(coarse: FloatArray, distance: FloatArray) -> FloatArray:
    """The coarse share with doubts about what is far from where a body is: there it must be surer.

    Args:
        coarse: (H, W) share.
        distance: (H, W) from the body in units, see `body_distance`.
    """
    odds = np.log(np.clip(coarse, 1e-4, 1 - 1e-4) / np.clip(1 - coarse, 1e-4, 1))
    return np.asarray(1 / (1 + np.exp(3 * np.clip(distance - 0.1, 0, 1) - odds)), np.float32)


def keep_one_person(coarse: FloatArray, own: FloatArray, others: list[FloatArray]) -> FloatArray:
    """The share of one of several people, each given by a rough distance from their body.

    Args:
        coarse: (H, W) of all.
        own: (H, W) distance from this person's body, see `body_distance`.
        others: of the others'.
    """
    if not others:
        return coarse
    nearest = np.min(others, axis=0)
    ours = np.clip((nearest - own) / 0.12 + 0.5, 0, 1)
    return np.asarray(coarse * ours, np.float32)


def body_distance(shape: tuple[int, int], eyes: tuple[float, float], unit: float) -> FloatArray:
    """How far a pixel is from the body that hangs on a head, in units: an ellipse over a trapezoid."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = (x - np.float32(eyes[0])) / np.float32(unit), (y - np.float32(eyes[1])) / np.float32(unit)
    # Above the eyes there is room for hair and hats.
    up = np.clip(-y, 0, 1)
    head = np.hypot(x / (1 + 0.35 * up), (y - 0.1) / (1.45 + 0.55 * up)) - 1
    half = np.clip(0.7 + 2.0 * (y - 1.6), 0.7, 2.3)
    body = np.maximum(np.abs(x) - half, 1.3 - y)
    return np.asarray(np.minimum(head, body), np.float32)


def _bands(prior: FloatArray, unit: float, chin: float, bare: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """What is surely the person, and what is surely not, as booleans (H, W)."""
    here = (prior > 0.5).astype(np.uint8)
    inside = cv2.distanceTransform(np.pad(here, 1, mode="edge"), cv2.DIST_L2, 3)[1:-1, 1:-1]
    outside = cv2.distanceTransform(np.pad(1 - here, 1, mode="edge"), cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows = np.arange(len(prior), dtype=np.float32)[:, None]
    cloth = np.clip((rows - chin - 0.2 * unit) / (0.6 * unit), 0, 1)
    width = OUTER + (OUTER_CLOTH - OUTER) * cloth
    outer = unit * (width + (OUTER_SKIN - width) * bare)
    sure = (inside > INNER * unit) | ((inside > 0.04 * unit) & (prior > 0.97))
    return sure, (outside > outer) & (prior < 0.3)


def _by_two_colours(
    picture: FloatArray,
    alpha: FloatArray,
    outside: FloatArray,
    inner: np.ndarray,
    outer: np.ndarray,
    radius: float,
    spread: float,
) -> FloatArray:
    """Alpha by where a colour lies between the person's and the background's around it."""
    means, variances = [], []
    for sure in (inner, outer):
        weight = sure.astype(np.float32)
        both = np.concatenate([picture, (picture**2).sum(-1, keepdims=True)], -1).astype(np.float32)
        mean = weighted_mean(both, weight, radius)
        means.append(mean[..., :3])
        variances.append(np.maximum(mean[..., 3] - (mean[..., :3] ** 2).sum(-1), 0))
    front, back = means
    apart = front - back
    square = (apart**2).sum(-1)
    share = np.clip(((picture - back) * apart).sum(-1) / np.maximum(square, 1e-5), 0, 1)
    sure = square / (square + spread * (variances[0] + variances[1]) + 2e-3)
    # Outside the coarse edge a strand is believed only where person and background differ clearly.
    strands = share * np.clip((sure - 0.55) / 0.3, 0, 1)
    mixed = sure * share + (1 - sure) * alpha
    mixed = mixed + outside * (np.minimum(strands, mixed) - mixed)
    return np.where(inner, 1, np.where(outer, 0, mixed)).astype(np.float32)


def _without_blobs(alpha: FloatArray, prior: FloatArray, unit: float) -> FloatArray:
    """Only what is thin, as hair is, well outside the coarse edge: what is thick there is background that
    looks like the person."""
    outside = cv2.distanceTransform(np.pad((prior < 0.85).astype(np.uint8), 1, mode="edge"), cv2.DIST_L2, 3)
    far = np.clip((outside[1:-1, 1:-1] / unit - 0.055) / 0.05, 0, 1)
    thick = cv2.morphologyEx(alpha, cv2.MORPH_OPEN, _disc(0.02 * unit))
    thin = _steepened(alpha - np.minimum(thick, alpha), 0.22, 0.75)
    return np.asarray(alpha + far * (np.minimum(thin, alpha) - alpha), np.float32)


def _closed_cloth(alpha: FloatArray, unit: float, chin: float) -> FloatArray:
    """Clothes have no holes the width of a seam, which colours like the background's tear into them, and no
    thin things stick out of shoulders."""
    rows = np.arange(len(alpha), dtype=np.float32)[:, None]
    cloth = np.clip((rows - chin - 0.2 * unit) / (0.4 * unit), 0, 1)
    closed = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, _disc(0.06 * unit), borderType=cv2.BORDER_REPLICATE)
    even = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _disc(0.09 * unit), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(alpha + cloth * (even - alpha), np.float32)


def largest_part(alpha: FloatArray, least: float = 0.3) -> FloatArray:
    """Of an alpha (H, W) only what hangs together with the largest part by values above the least."""
    count, labels, facts, _ = cv2.connectedComponentsWithStats((alpha > least).astype(np.uint8))
    if count > 1:
        largest = 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))
        near = cv2.dilate((labels == largest).astype(np.uint8), np.ones((5, 5)))
        alpha = np.where(near > 0, alpha, 0)
    return alpha.astype(np.float32)


def _steepened(alpha: FloatArray, low: float, high: float) -> FloatArray:
    return np.asarray(np.clip((alpha - low) / (high - low), 0, 1), np.float32)


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
