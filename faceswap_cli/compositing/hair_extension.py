"""Hair that goes on beyond the square a network sees: its change goes on there too.

A crown that stayed brown above grey temples would give every change away. Hair is looked for in a wider
square, and gets what the hair inside the network's square gets, smoothed; so does the scalp of the bald.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.compositing import temporal_masks
from faceswap_cli.faces.age.mask import INNER, OUTER, changeable_area
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing import face_parser

WIDE = 3.6
"""Side of the wider square in face units: most hair is in it, and the parser still knows hair there."""

FADE = (0.86 * WIDE / 2, 0.99 * WIDE / 2)
"""Distance from its middle, in face units, at which the change of hair begins to fade and has ended."""

LEARNT = (INNER * face_parser.SIDE / 2, OUTER * face_parser.SIDE / 2)
"""The same for what the network says, as in training."""

CORNER = 4.0
"""Shape of both fades: 2 would be a circle, infinity a square."""

SPREAD = 0.3
"""Standard deviation in face units of the Gaussian that carries a change outwards."""

COARSER = 4
"""How many times as coarse the picture is that it works on."""

FAR = 0.02
"""Share of hair (or skin) around a place at which the mean of all counts as much as what is near."""

STEP, STEPS = 3, 20
"""Reach of a step in pixels of the wider square, and how many are gone from the head: 1.3 face units."""

SCALP = (-0.45, -0.85)
"""Heights in face units: skin above the second belongs to the head if it is connected with it, below the
first it may be a neck or a neighbour."""


def edge_fade(x: FloatArray, y: FloatArray, fade: tuple[float, float]) -> FloatArray:
    """1 in the middle, 0 along a square's border, at places given in face units (broadcast)."""
    apart = (np.abs(x) ** CORNER + np.abs(y) ** CORNER) ** (1 / CORNER)
    share = np.clip((fade[1] - apart) / (fade[1] - fade[0]), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def extend_head_mask(near: FloatArray, wide: FloatArray) -> FloatArray:
    """Where a head may change, in the wider square: beyond the parser's own, hair and scalp connected to it.

    Args:
        near: (C, P, P) what the parser says of its own square.
        wide: (C, P, P) and of the wider one.

    Returns:
        (Q, Q) in 0..1, as fine as `near`.
    """
    size = round(near.shape[-1] * WIDE / face_parser.SIDE)
    inside = temporal_masks.rescale_mask(changeable_area(near[None])[0], face_parser.SIDE, size, WIDE)
    hair, scalp = (temporal_masks.rescale_mask(part, WIDE, size, WIDE) for part in _hair_and_skin(wide))
    learnt = _square(size)
    head = learnt * inside
    outside = np.maximum(head, np.minimum(hair + scalp * _up(size), 1))
    outside = _connected(head, outside)
    return np.asarray(head + (1 - learnt) * outside, np.float32)


def extend_change(change: FloatArray, side: float, near: FloatArray, wide: FloatArray) -> FloatArray:
    """A change in the wider square. Beyond the network's own, hair and skin get what hair and skin get.

    Args:
        change: (S, S, 8) residual, gains and flow in a square of `side` face units.
        side: see there.
        near: (C, P, P) what the parser says of its own square.
        wide: (C, P, P) and of the wider one.

    Returns:
        (Q, Q, 8) as fine as `change`.
    """
    size = round(change.shape[0] * WIDE / side)
    inner = np.concatenate([_moved(part, side, size) for part in (change[..., :4], change[..., 4:])], axis=2)
    square = _square(size)
    fill, total = np.zeros((size, size, 6), np.float32), np.full((size, size, 1), 1e-6, np.float32)
    for near_part, wide_part in zip(_hair_and_skin(near), _hair_and_skin(wide), strict=True):
        weight = temporal_masks.rescale_mask(near_part, face_parser.SIDE, size, WIDE) * square
        share = temporal_masks.rescale_mask(wide_part, WIDE, size, WIDE)[..., None]
        fill += share * _spread(inner[..., :6], weight)
        total += share
    fill = np.concatenate([fill / total, np.zeros_like(inner[..., 6:])], axis=2)
    return np.asarray(fill + square[..., None] * (inner - fill), np.float32)


def _hair_and_skin(found: FloatArray) -> tuple[FloatArray, FloatArray]:
    return face_parser.hair(found[None])[0], face_parser.class_share(found[None], ("skin",))[0]


def _connected(head: FloatArray, allowed: FloatArray) -> FloatArray:
    """What of `allowed` is reached from the head within it: reconstruction by dilation (L. Vincent, 1993)."""
    step = np.ones((2 * STEP + 1, 2 * STEP + 1), np.uint8)
    for _ in range(STEPS):
        head = np.minimum(cv2.dilate(head, step), allowed)
    return head


def _spread(values: FloatArray, weight: FloatArray) -> FloatArray:
    """What values (Q, Q, 6) are around each place where `weight` (Q, Q) is; far from there, on the whole."""
    size = weight.shape[0]
    small = (max(1, size // COARSER), max(1, size // COARSER))
    weighted = values * weight[..., None]
    sums, totals = [], []
    for part in (weighted[..., :3], weighted[..., 3:], weight):
        coarse = cv2.resize(np.ascontiguousarray(part), small, interpolation=cv2.INTER_AREA)
        totals.append(coarse.sum((0, 1)))
        smooth = cv2.GaussianBlur(coarse, (0, 0), SPREAD * small[0] / WIDE)
        sums.append(cv2.resize(smooth, (size, size), interpolation=cv2.INTER_LINEAR))
    whole = np.concatenate(totals[:2]) / max(float(totals[2]), 1e-6)
    return np.asarray(
        (np.concatenate(sums[:2], axis=2) + FAR * whole) / (sums[2][..., None] + FAR), np.float32
    )


def _up(size: int) -> FloatArray:
    """(size, 1) 1 where skin is the scalp's, 0 further down."""
    low, high = SCALP
    y = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * np.float32(WIDE)
    share = np.clip((y - low) / (high - low), 0, 1)[:, None]
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _square(size: int) -> FloatArray:
    axis = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32) * np.float32(WIDE)
    return edge_fade(axis[None], axis[:, None], LEARNT)


def _moved(part: FloatArray, side: float, size: int) -> FloatArray:
    """Channels (S, S, 4) of a square of `side` face units in the wider one."""
    scale = (size / WIDE) / (part.shape[0] / side)
    shift = (size - 1) / 2 - scale * (part.shape[0] - 1) / 2
    matrix = np.array([[scale, 0, shift], [0, scale, shift]])
    moved = cv2.warpAffine(
        np.ascontiguousarray(part, np.float32), matrix, (size, size),
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(moved, np.float32)
