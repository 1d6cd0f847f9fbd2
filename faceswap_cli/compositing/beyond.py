"""Hair that goes on beyond the square a network sees: its change goes on there too.

A crown that stayed brown above grey temples would give every change away. Hair is looked for in a wider
square, and gets what the hair inside the network's square gets, smoothed.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.compositing import veil
from faceswap_cli.faces import parsing
from faceswap_cli.faces.ageing_mask import INNER, OUTER
from faceswap_cli.faces.face import FloatArray

WIDE = 3.6
"""Side of the wider square in face units: most hair is in it, and the parser still knows hair there."""

FADE = (0.86 * WIDE / 2, 0.99 * WIDE / 2)
"""Distance from its middle, in face units, at which the change of hair begins to fade and has ended."""

LEARNT = (INNER * parsing.SIDE / 2, OUTER * parsing.SIDE / 2)
"""The same for what the network says, as in training."""

CORNER = 4.0
"""Shape of both fades: 2 would be a circle, infinity a square."""

SPREAD = 0.3
"""Standard deviation in face units of the Gaussian that carries hair's change outwards."""

ENOUGH, NEAR = 0.02, 0.05
"""Share of hair around a place under which there is no change to carry, and from which on there is all."""


def faded(x: FloatArray, y: FloatArray, fade: tuple[float, float]) -> FloatArray:
    """1 in the middle, 0 along a square's border, at places given in face units (broadcast)."""
    apart = (np.abs(x) ** CORNER + np.abs(y) ** CORNER) ** (1 / CORNER)
    share = np.clip((fade[1] - apart) / (fade[1] - fade[0]), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def wide_head(near: FloatArray, near_hair: FloatArray, wide_hair: FloatArray) -> FloatArray:
    """Where a head may change, in the wider square. Beyond the parser's own, hair counts near hair inside it.

    Args:
        near: (P, P) in 0..1, see `ageing_mask.changed`, in the parser's own square.
        near_hair: (P, P) in 0..1, hair in the same square.
        wide_hair: (P, P) in 0..1, hair in the wider one.

    Returns:
        (Q, Q) as fine as `near`.
    """
    size = round(near.shape[0] * WIDE / parsing.SIDE)
    inside = veil.rescaled(near, parsing.SIDE, size, WIDE)
    outside = veil.rescaled(wide_hair, WIDE, size, WIDE)
    _, around = _hair(near_hair, size)
    learnt = _square(size)
    outside = outside * np.minimum(around / np.float32(NEAR), 1)
    return np.asarray(learnt * inside + (1 - learnt) * outside, np.float32)


def wide_change(change: FloatArray, side: float, near_hair: FloatArray) -> FloatArray:
    """A change in the wider square.

    Args:
        change: (S, S, 8) residual, gains and flow in a square of `side` face units.
        side: see there.
        near_hair: (P, P) in 0..1, hair in the parser's square.

    Returns:
        (Q, Q, 8) as fine as `change`.
    """
    size = round(change.shape[0] * WIDE / side)
    inner = np.concatenate([_moved(part, side, size) for part in (change[..., :4], change[..., 4:])], axis=2)
    hair, around = _hair(near_hair, size)
    carried = [
        cv2.GaussianBlur(np.ascontiguousarray(part * hair[..., None]), (0, 0), SPREAD * size / WIDE)
        for part in (inner[..., :3], inner[..., 3:6])
    ]
    fill = np.concatenate(carried, axis=2) / np.maximum(around, ENOUGH)[..., None]
    fill = np.concatenate([fill, np.zeros_like(inner[..., 6:])], axis=2)
    return np.asarray(fill + _square(size)[..., None] * (inner - fill), np.float32)


def _hair(near_hair: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Hair of the parser's square in the wider one (size, size), and how much of it is around each place."""
    hair = veil.rescaled(near_hair, parsing.SIDE, size, WIDE) * _square(size)
    return hair, np.asarray(cv2.GaussianBlur(hair, (0, 0), SPREAD * size / WIDE), np.float32)


def _square(size: int) -> FloatArray:
    axis = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32) * np.float32(WIDE)
    return faded(axis[None], axis[:, None], LEARNT)


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
