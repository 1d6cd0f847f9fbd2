"""The lines of an ageing neck: rings, and the two bands of muscle, drawn in the face's own coordinates."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.part_matte import place_square, to_unit_range
from faceswap_cli.compositing.region_grid import grid_around
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.media.frame import FineImage, Image

JAW = slice(2, 15)
"""Of the 68 landmarks."""

FROM, TO, WIDE = 0.06, 0.75, 0.6
"""Where a neck is looked for: how far below the jaw, and to either side of the chin, in face units."""

RINGS = (0.17, 0.29, 0.42, 0.55)
"""How far below the chin rings lie."""

RING_WIDTH, RING, BEND = 0.016, 0.2, 0.3
"""Standard deviation of a ring in face units, the logarithm of luma that it is dark by, and how it bends."""

BANDS, BAND_WIDTH, BAND = (-0.17, 0.16), 0.035, 0.14
"""Where the bands are beside the middle, how wide, and how light."""

FINEST = 90
"""Pixels to a face unit in which that is computed, at most."""

NECK_YEARS, NECK_SHARES = (40.0, 55.0, 70.0, 80.0), (0.0, 0.3, 0.8, 1.0)
"""How much of it an age has."""


def neck_share(source: float, target: float) -> float:
    """How much is drawn when somebody becomes older, 0..1; nothing is taken away from a neck."""
    before, after = (float(np.interp(age, NECK_YEARS, NECK_SHARES)) for age in (source, target))
    return max(0.0, after - before)


def find_neck(skin: FloatMask, landmarks: ArrayLike, side: float) -> FloatMask:
    """Skin (S, S) in 0..1 of an aligned square of `side` face units that is a neck's; landmarks (68, 2) are
    pixels of the picture."""
    size = skin.shape[0]
    unit = size / side
    points = transform(np.asarray(landmarks, np.float64), crop_matrix(landmarks, size, side))
    jaw = points[JAW]
    order = np.argsort(jaw[:, 0])
    across, down = np.arange(size, dtype=np.float64), np.arange(size, dtype=np.float64)[:, None]
    edge = np.interp(across, jaw[order, 0], jaw[order, 1])[None]
    chin = points[8]
    below = np.clip((down - edge) / unit / FROM - 0.5, 0, 1)
    ends = np.clip((TO - (down - chin[1]) / unit) / 0.2, 0, 1)
    beside = np.clip((WIDE - np.abs(across - chin[0])[None] / unit) / 0.15, 0, 1)
    return np.asarray(skin * below * ends * beside, np.float32)


def age_neck(
    canvas: Image | FineImage,
    landmarks: ArrayLike,
    neck: FloatMask,
    side: float,
    share: float,
    variant: float,
) -> None:
    """Draw the lines onto a picture, in place.

    Args:
        canvas: (H, W, 3) RGB in 0..255, uint8 or float32.
        landmarks: (68, 2) pixels of the picture.
        neck: (S, S) in 0..1, see `find_neck`.
        side: of its square in face units.
        share: how much of them is drawn.
        variant: 0..1, tells people apart.
    """
    square = grid_around(landmarks, canvas.shape, side / 2)
    if square is None or share <= 0:
        return
    rough = square.at_most(20)
    grid = rough.around(place_square(neck, side, rough) > 0.05, 0.03)
    if grid is None:
        return
    grid = grid.at_most(FINEST)
    m, (width, height) = grid.matrix, grid.size
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    to_units = np.asarray(crop_matrix(landmarks, 2, 2.0), np.float64)
    to_units[:, 2] -= 0.5
    chin = transform(np.asarray(landmarks, np.float64)[8:9], to_units)[0]
    across = m[0, 0] * x + m[0, 1] * y + m[0, 2] - chin[0]
    down = m[1, 0] * x + m[1, 1] * y + m[1, 2] - chin[1]
    lines = share * _lines(np.asarray(across, np.float32), np.asarray(down, np.float32), variant)
    shown = cv2.GaussianBlur(place_square(neck, side, grid), (0, 0), 0.02 * grid.unit)
    # Where a chain or a collar is there is no skin's light, and nothing is multiplied onto black.
    difference = to_unit_range(grid.cut(canvas)) * (np.expm1(lines) * shown)[..., None]
    grid.add(canvas, np.asarray(255 * difference, np.float32))


def add_neck(mask: FloatMask, landmarks: ArrayLike, neck: FloatMask, side: float) -> None:
    """Add to a mask (H, W), in place, where `age_neck` may change something; for the arguments see there."""
    square = grid_around(landmarks, mask.shape, side / 2)
    if square is None:
        return
    x0, y0, x1, y1 = square.box
    small = square.at_most(FINEST)
    shown = cv2.GaussianBlur(place_square(neck, side, small), (0, 0), 0.02 * small.unit)
    shown = cv2.dilate(shown, np.ones((5, 5), np.uint8))
    large = cv2.resize(shown, square.box_size, interpolation=cv2.INTER_LINEAR)
    np.maximum(mask[y0:y1, x0:x1], large, out=mask[y0:y1, x0:x1])


def _lines(across: FloatArray, down: FloatArray, variant: float) -> FloatArray:
    """Logarithms of luma at some places, in face units from the chin."""
    random = np.random.default_rng(round(997 * variant))
    found = np.zeros_like(across)
    for ring in RINGS:
        depth, shift, tilt, phase = random.uniform((0.5, -0.03, -0.08, 0), (1.0, 0.03, 0.08, 6.28))
        wave = 0.012 * np.sin(9 * across + phase) + tilt * across
        apart = down - (ring + shift - BEND * across**2 + wave)
        ends = np.exp(-((across / 0.34) ** 4))
        found -= RING * depth * ends * np.exp(-((apart / RING_WIDTH) ** 2) / 2)
        found += (
            RING / 3 * depth * ends * np.exp(-(((apart - 2.2 * RING_WIDTH) / (1.4 * RING_WIDTH)) ** 2) / 2)
        )
    for band in BANDS:
        apart = across - band * (1 - 0.25 * np.clip(down, 0, 1))
        strong = np.clip(down / 0.15, 0, 1)
        found += BAND * strong * np.exp(-((apart / BAND_WIDTH) ** 2) / 2)
        found -= BAND * strong * np.exp(-(((apart - np.sign(band) * 0.06) / BAND_WIDTH) ** 2) / 2)
    return np.asarray(found, np.float32)
