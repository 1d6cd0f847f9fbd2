"""A part of a face, such as its hair, cut out in the pixels of a picture of any size.

A parser's coarse answer is fitted to the colours of the picture by a guided filter with a guide of three
channels (K. He et al., Guided image filtering, PAMI 2013), so that strands are followed also where what is
behind them is as bright as they are. It is fitted on a small picture, and its lines are then read with the
large one's own pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing.guided_filter import fit_lines, read_lines
from faceswap_cli.compositing.hair_extension import edge_fade
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.quick_arrays import dot_planes
from faceswap_cli.compositing.region_grid import RegionGrid, grid_around
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.media.frame import FineImage, Image

GUIDE = 120
"""Pixels to a face unit in which the filter is fitted, at most."""

ROUGH = 20
"""Pixels to a face unit in which it is found where in its square a part is at all."""

FADED = (0.9, 0.99)
"""Where a part begins to fade towards the border of its square, and where it has ended."""

ROOM = 0.05
"""Left around a part, in face units."""

SEEN = 1 / 255
"""A part that is less than this is not there."""

AROUND = 0.05
"""Standard deviation in face units of the Gaussian that says what a part, and what is behind it, looks like
near an edge."""

APART = (0.06, 0.2)
"""Difference of the two, in RGB of 1, from which on an edge's pixels are told apart by it, and fully."""

BAND = 0.03
"""Face units from a part's edge inwards that are told by their colours, too."""

FAINT = 0.08
"""So little of the part outside its edge may be light and noise."""

INSIDE, OUTSIDE = 0.97, 0.03
"""Surely the part, surely not."""


@dataclass(frozen=True)
class MatteFit:
    """How a part's coarse answer is fitted to a picture.

    Attributes:
        radius: of the filter, in face units.
        flat: variance of colours (of 1) under which a surface has no edges.
        sure: below the first share a pixel is not of the part, above the second it is.
    """

    radius: float
    flat: float
    sure: tuple[float, float]


@dataclass(frozen=True)
class PartRegion:
    """A part of a face in a picture.

    Attributes:
        grid: where in the picture.
        picture: (h, w, 3) in 0..1, what is there, in the grid's pixels.
        matte: (h, w) in 0..1, how much of each pixel is the part.
    """

    grid: RegionGrid
    picture: FloatArray
    matte: FloatMask


def cut_out(
    canvas: Image | FineImage,
    landmarks: ArrayLike,
    part: FloatMask,
    side: float,
    fit: MatteFit,
    most: float,
) -> PartRegion | None:
    """Where a part is in a picture.

    Args:
        canvas: (H, W, 3) RGB in 0..255, uint8 or float32.
        landmarks: (68, 2) pixels of the picture.
        part: (P, P) in 0..1, a parser's answer in the aligned square of `side` face units.
        side: see there.
        fit: how it is fitted to the picture.
        most: pixels to a face unit of the answer, at most.

    Returns:
        None if nothing of it is in the picture.
    """
    square = grid_around(landmarks, canvas.shape, side / 2)
    if square is None:
        return None
    # Beyond two radii of the filter nothing of the part is found: brows are a small part of the square.
    rough = square.at_most(ROUGH)
    near = rough.around(place_square(part, side, rough) > SEEN, 2 * fit.radius + 2 / ROUGH)
    if near is None:
        return None
    coarse = near.at_most(min(GUIDE, most))
    guide = to_unit_range(coarse.cut(canvas))
    asked = place_square(part, side, coarse)
    lines = fit_lines(guide, asked, fit.radius * coarse.unit, fit.flat)
    grid = coarse.around(_read(lines, guide, fit, side, coarse) > SEEN, ROOM)
    if grid is None:
        return None
    grid = grid.at_most(most)
    picture = to_unit_range(grid.cut(canvas))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(
        lines, grid.to_grid(coarse), grid.size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    matte = _read(np.asarray(fine, np.float32), picture, fit, side, grid)
    return PartRegion(grid, picture, unmix(picture, matte, grid.unit))


def to_unit_range(part: Image | FineImage) -> FloatArray:
    """From 0..255 to 0..1."""
    return np.multiply(part, np.float32(1 / 255), dtype=np.float32)


def place_square(values: FloatMask, side: float, grid: RegionGrid) -> FloatMask:
    """Values (P, P) of an aligned square in a grid's pixels; 0 beyond it."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    matrix = grid.to_crop(values.shape[0], side)
    return np.asarray(cv2.warpAffine(values.astype(np.float32), matrix, grid.size, flags=flags), np.float32)


def _read(lines: FloatArray, picture: FloatArray, fit: MatteFit, side: float, grid: RegionGrid) -> FloatMask:
    """(h, w) in 0..1: what the lines make of the picture's colours."""
    low, high = fit.sure
    share = read_lines(lines, picture)
    share = smooth_step((share - np.float32(low)) * np.float32(1 / (high - low)))
    return share * _fade(grid, side)


def unmix(picture: FloatArray, matte: FloatMask, unit: float) -> FloatMask:
    """A matte (h, w) whose edge is told by colours: how far a pixel is from what is behind to the part.

    Both are averaged near the edge. Where they are alike the matte stays. Without this a light forehead
    beside dark hair counts as half hair, and gets a rim.
    """
    reach = 2 * max(1, round(BAND * unit)) + 1
    inside = cv2.erode(matte, np.ones((reach, reach), np.uint8)) > INSIDE
    front, seen = average_where(picture, inside, AROUND * unit)
    behind, free = average_where(picture, matte < OUTSIDE, AROUND * unit)
    line = front - behind
    length = dot_planes(line, line)
    share = dot_planes(picture - behind, line) / np.maximum(length, 1e-6)
    low, high = APART
    trust = smooth_step((np.sqrt(length) - low) / (high - low)) * np.minimum(seen, free)
    # More of the part is believed less the farther out it is: else the matte would end in a line.
    near = reach // 2 | 1
    wide = cv2.GaussianBlur(cv2.dilate(matte, np.ones((near, near), np.uint8)), (0, 0), BAND * unit / 2)
    more = share > matte
    share = np.where(more, (share - FAINT) / (1 - FAINT), share)
    trust = np.where(more, trust * np.minimum(wide / np.float32(0.5), 1), trust)
    told = np.clip(share, 0, 1) - matte
    edge = ~inside & ((matte > 0) | (told > 0))
    return np.where(edge, matte + trust * told, matte)


def average_where(
    values: FloatArray, counted: NDArray[np.bool_], deviation: float
) -> tuple[FloatArray, FloatMask]:
    """What values (h, w, 3) are on average around each pixel, of those pixels that count.

    Returns:
        (h, w, 3) the averages, and (h, w) in 0..1 how far there is anything to average.
    """
    height, width = counted.shape
    factor = max(1.0, deviation / 3)
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    weight = counted.astype(np.float32)
    total = cv2.resize(weight, small, interpolation=cv2.INTER_AREA)
    summed = cv2.resize(values * weight[..., None], small, interpolation=cv2.INTER_AREA)
    total, summed = (cv2.GaussianBlur(part, (0, 0), deviation / factor) for part in (total, summed))
    coarse = (summed / np.maximum(total, 1e-6)[..., None], np.minimum(total / 0.02, 1))
    mean, known = (
        np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        for part in coarse
    )
    return mean, known


def _fade(grid: RegionGrid, side: float) -> FloatMask:
    """(h, w) 1 in the square's middle, 0 along its border."""
    small = grid.at_most(20)
    width, height = small.size
    x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    m = small.matrix.astype(np.float32)
    half = side / 2
    shown = edge_fade(
        m[0, 0] * x + m[0, 1] * y + m[0, 2],
        m[1, 0] * x + m[1, 1] * y + m[1, 2],
        (FADED[0] * half, FADED[1] * half),
    )
    return np.asarray(cv2.resize(shown, grid.size, interpolation=cv2.INTER_LINEAR), np.float32)


def smooth_step(values: ArrayLike) -> FloatArray:
    """Values cut to 0..1, with no corner at either end."""
    t = np.clip(values, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
