"""Freckles: small spots of pigment, where the sun puts them.

Each is a soft, uneven spot in one place of the average face; pigment takes more blue than red, and dark skin
shows less of it. How many a face has already is not read: folds, stubble and noise look alike to a filter.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.effects.edit.drawn_face import DrawnFace, rise
from faceswap_cli.effects.edit.outlines import outer_lips
from faceswap_cli.effects.reenact.light import LUMA
from faceswap_cli.effects.reenact.warp import FloatArray

COUNT = 760
"""Spots that are tried; where and how many of them stay is DENSITY's."""

DENSITY = (
    (-0.38, 0.02, 0.2, 0.15, 1.0), (0.38, 0.02, 0.2, 0.15, 1.0), (0.0, -0.02, 0.12, 0.18, 0.9),
    (0.0, -0.68, 0.45, 0.14, 0.16), (0.0, 0.74, 0.25, 0.12, 0.1), (-0.58, 0.12, 0.13, 0.22, 0.3),
    (0.58, 0.12, 0.13, 0.22, 0.3),
)  # fmt: skip
"""Middles, widths and heights on the average face, and how many: cheeks, nose, forehead, chin, sides."""

RADIUS, SIZES = 0.0085, 0.42
"""Of a spot in face units (a face unit is about 9 cm), and the spread of its logarithm."""

PIGMENT = np.array([0.17, 0.27, 0.34], np.float32)
"""What a whole spot takes of red, green and blue, as a logarithm of encoded light."""

DARK, LIGHT = 0.3, 0.5
"""Luma of skin on which spots are hardly seen, and fully."""


@cache
def spots() -> NDArray[np.float64]:
    """(N, 6) x, y, radius, strength, aspect and turn of each, in the order in which they come."""
    random = np.random.default_rng(7)
    at = random.uniform([-0.75, -0.9], [0.75, 0.9], (40 * COUNT, 2))
    likely = sum(
        share * np.exp(-0.5 * (((at - [x, y]) / [width, height]) ** 2).sum(1))
        for x, y, width, height, share in DENSITY
    )
    # They come in loose clusters, and hardly ever one upon another.
    cluster = np.exp(0.5 * np.sin(9 * at[:, 0] + 3 * np.sin(7 * at[:, 1])) * np.cos(8 * at[:, 1]))
    at = at[random.uniform(0, 1.7, len(at)) < likely * cluster]
    apart = 1.9 * RADIUS * np.exp(0.35 * random.standard_normal(len(at)))
    kept: list[int] = []
    for k, one in enumerate(at):
        if not kept or np.hypot(*(at[kept] - one).T).min() > apart[k]:
            kept.append(k)
        if len(kept) == COUNT:
            break
    at = at[kept]
    count = len(at)
    radius = RADIUS * np.exp(SIZES * random.standard_normal(count)).clip(0.5, 2.2)
    strength = np.exp(0.45 * random.standard_normal(count)).clip(0.25, 1.8) * (RADIUS / radius) ** 0.25
    return np.column_stack(
        [at, radius, strength, random.uniform(1, 1.5, count), random.uniform(0, np.pi, count)]
    )


def draw_freckles(picture: FloatArray, face: DrawnFace, amount: float, colourful: float = 1.0) -> FloatMask:
    """Draw them, in place.

    Args:
        picture: (H, W, 3) of the face's box, in 0..1.
        face: whose.
        amount: how many and how dark, 0..1.
        colourful: how much colour the picture has, 0 for grey ones.

    Returns:
        (H, W) where it was done.
    """
    light = np.asarray(cv2.GaussianBlur(picture @ LUMA, (0, 0), 0.05 * face.unit), np.float32)
    points = face.points[:, :2]
    off = face.polygon(outer_lips(points, face.layout.mouth), 0.01)
    for eye in face.layout.eyes:
        ring = points[list(eye.outline)]
        off = np.maximum(off, face.polygon(ring.mean(0) + 1.25 * (ring - ring.mean(0)), 0.01))
    pigment = _pigment(face, amount) * face.skin * (1 - off) * rise(light, DARK - 0.18, LIGHT)
    hue = LUMA @ PIGMENT + np.float32(colourful) * (PIGMENT - LUMA @ PIGMENT)
    picture *= np.exp(-pigment[..., None] * hue)
    return np.asarray(pigment, np.float32)


def _pigment(face: DrawnFace, amount: float) -> FloatMask:
    """(H, W) how much pigment there is."""
    some = spots()[: max(1, round(len(spots()) * min(1.0, 0.25 + 0.75 * amount)))]
    at = face.pixels(some[:, :2])
    height, width = face.skin.shape
    drawn = np.zeros((height, width), np.float32)
    for (x, y), (_, _, radius, strength, aspect, turn) in zip(at, some, strict=True):
        size = radius * face.unit
        # Less than a pixel is as dark as its share of the pixel.
        sigma = max(size, 0.6)
        weight = strength * min(1.0, (size / 0.6) ** 2)
        reach = int(2.6 * sigma * aspect) + 2
        x0, y0, x1, y1 = int(x) - reach, int(y) - reach, int(x) + reach + 1, int(y) + reach + 1
        if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
            continue
        u, v = np.arange(x0, x1) - x, (np.arange(y0, y1) - y)[:, None]
        along, across = np.cos(turn) * u + np.sin(turn) * v, -np.sin(turn) * u + np.cos(turn) * v
        uneven = 1 + 0.25 * np.sin(3 * np.arctan2(across, along) + 5 * turn)
        far = ((along / aspect) ** 2 + across**2) / (sigma * uneven) ** 2
        drawn[y0:y1, x0:x1] += np.asarray(weight * np.exp(-0.5 * far**1.3), np.float32)
    strength = np.float32(0.45 + 0.75 * amount)
    return np.asarray(strength * (1 - np.exp(-drawn)), np.float32)
