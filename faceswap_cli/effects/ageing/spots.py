"""Spots of old skin: where a person has them is drawn by chance, and stays so, in the mean face's shape."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from faceswap_cli.faces.face import FloatArray

SPOT_YEARS, SPOT_SHARES = (58.0, 66.0, 80.0), (0.0, 0.5, 1.0)
"""How dark spots are at which age."""

PLACES = (((-0.52, 0.02), (0.16, 0.2)), ((0.52, 0.02), (0.16, 0.2)), ((0.0, -0.62), (0.4, 0.12)))
"""Middles and spreads, in face units from the square's middle, of where they lie: cheeks and temples,
forehead."""

COUNT, RADIUS, DARK = (10, 22), (0.012, 0.036), (0.08, 0.3)
"""How many a person has, their radii in face units, and the logarithms of luma that they are dark by."""


ROUGH = 0.18
"""How far a spot's edge goes in and out, in parts of its radius."""


def spot_share(age: float) -> float:
    """How dark an age's spots are, 0..1."""
    return float(np.interp(age, SPOT_YEARS, SPOT_SHARES))


@lru_cache(maxsize=16)
def draw_spots(size: int, side: float, variant: float) -> FloatArray:
    """One person's spots.

    Args:
        size: of the square in pixels.
        side: in face units.
        variant: 0..1, tells people apart.

    Returns:
        (size, size) logarithms of luma, at most 0.
    """
    random = np.random.default_rng(round(9973 * variant))
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * np.float32(side)
    found = np.zeros((size, size), np.float32)
    rough = cv2.GaussianBlur(random.normal(size=(size, size)).astype(np.float32), (0, 0), 0.012 * size / side)
    spread = max(float(rough.std()), 1e-6)
    for _ in range(int(random.integers(*COUNT))):
        (x0, y0), (sx, sy) = PLACES[int(random.integers(len(PLACES)))]
        x, y = random.normal(x0, sx), random.normal(y0, sy)
        # Small spots are many, and large ones pale.
        part = random.uniform() ** 2
        radius, dark = (
            np.interp(part, (0, 1), RADIUS),
            np.interp(random.uniform(), (0, 1), DARK) * (1 - 0.4 * part),
        )
        apart = np.hypot((axis[None] - x) / random.uniform(0.8, 1.25), axis[:, None] - y) / radius
        edge = np.clip(2.2 * (1 - apart + ROUGH * rough / spread), 0, 1)
        found = np.maximum(found, np.float32(dark) * edge * edge * (3 - 2 * edge))
    return np.asarray(-found, np.float32)
