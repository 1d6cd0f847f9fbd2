"""An invisible mark in the pixels: this tool made or changed the picture, and a few bits of how.

A pattern of waves (see `waves`) is added to the luma, so faint that nobody sees it. This is additive
spread-spectrum marking (Cox et al., Secure spread spectrum watermarking for multimedia, 1997) with a periodic
pattern against cropping (Kutter, Watermarking resisting to translation, rotation, and scaling, 1998).

How strong it is at a place follows a model of the just noticeable difference, of that very place: about a
third of a grey level on smooth ground, so that after rounding most samples stay and some change by one; more
in texture; less near black. In video the pattern stands still and each frame carries the whole of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.provenance.message_code import signs_of
from faceswap_cli.provenance.watermark_waves import PRESENT, TILE, Float, cells_a_pixel, grid_of, waves

SMALLEST = 160
"""Pixels, squared, of the smallest picture that is marked: in smaller ones nothing would be found."""

FINEST = 0.25
"""Waves of more cycles a pixel than this are left out: compression would not leave them."""

CLEAN, GRAINY, GRAIN = 0.35, 0.4, 0.6
"""Standard deviation of the mark, in grey levels, on ground without any grain, and on smooth ground that has
at least so much of it (mean difference from the pixels around)."""

FLAT = 0.02
"""Grain, by the same measure, below which the mark fades to nothing: on drawn ground, which is exactly flat,
one level more can be seen."""

TEXTURED_STILL, TEXTURED_MOVING, STRONGEST = 0.2, 0.1, 2.5
"""How much it rises with the texture of a place, as a share of the same measure, in a photo and in a frame of
a video, which has others to be read with; and its limit."""

USUAL, FAINTEST, LOUDEST = 300_000, 0.8, 1.15
"""Pixels of a picture that is marked as told above; smaller ones more, with their fourth root, and larger
ones less, within these factors: more pixels say more of the same bits."""

BLACK, DIM, LEFT = 4.0, 28.0, 0.4
"""Grey levels between which the mark rises from so much of its strength to all of it: near black a step of
one level is a large part of the light there."""

COARSE = 360
"""The shorter side, in pixels, at which a picture's texture is measured."""

AROUND, PLACE, SMOOTH = 5, 9, 7
"""In those pixels: what grain is a difference from, how far around a place its least texture is looked for,
and over how much the strength is smoothed. The least, so that an edge lends nothing to smooth ground beside
it."""

STRIP = 64
"""Rows of a picture that are marked at once: what is added to them stays in the processor's cache."""

Plane = NDArray[np.uint8] | NDArray[np.uint16]


@lru_cache(maxsize=8)
def tile(message: int, highest: float = PRESENT.ring[1]) -> Float:
    """The pattern of a message, repeating in both directions: (2 TILE, 2 TILE) float32, two samples a cell;
    all waves together have a standard deviation of 1.

    Args:
        message: PAYLOAD bits.
        highest: waves above this frequency (cycles a cell) are left out: a small picture can't hold them.
    """
    w = waves(PRESENT)
    signs = np.where(w.bits < 0, 1, signs_of(message, np.maximum(w.bits, 0)))
    amplitudes = w.heights**PRESENT.slope * signs * (w.heights <= highest)
    spectrum = np.zeros((2 * TILE, 2 * TILE), np.complex64)
    y, x = np.meshgrid(np.fft.fftfreq(TILE, 1 / TILE), np.fft.fftfreq(TILE, 1 / TILE), indexing="ij")
    spectrum[y[w.rows, 0].astype(int), x[0, w.columns].astype(int)] = w.phases * amplitudes
    one = np.fft.ifft2(spectrum).real
    return np.asarray(one / one.std(), np.float32)


@lru_cache(maxsize=4)
def pattern(height: int, width: int, message: int) -> Float:
    """The message's pattern over a whole picture: (height, width) float32."""
    cells = cells_a_pixel(height, width, grid_of(height * width))
    one, samples = tile(message, min(PRESENT.ring[1], FINEST / cells)), 2 * cells
    # Repeated over as many cells as there are, then resized: OpenCV's way from pixels to cells is the same.
    down, across = (np.arange(int(side * samples) + 3) % (2 * TILE) for side in (height, width))
    tiled = one[down][:, across]
    whole = cv2.resize(tiled, None, fx=1 / samples, fy=1 / samples, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(whole[:height, :width], np.float32)


def strength(small: Float, size: int, still: bool) -> Float:
    """How strong the mark may be, in grey levels (standard deviation), where a picture's luma is `small`.

    Args:
        small: (h, w) grey levels 0..255 of a picture made smaller to about COARSE pixels on its shorter side.
        size: pixels of the picture.
        still: it is a photo.
    """
    around, place, smooth = ((side, side) for side in (AROUND, PLACE, SMOOTH))
    local = cv2.blur(small, around)
    unlike = cv2.blur(cv2.absdiff(small, local), around)
    grain = cv2.blur(cv2.erode(unlike, np.ones(place)), smooth)
    amount = (
        CLEAN
        + (GRAINY - CLEAN) * np.minimum(grain / GRAIN, 1)
        + (TEXTURED_STILL if still else TEXTURED_MOVING) * grain
    )
    amount *= np.minimum(grain / FLAT, 1)
    amount *= np.clip((local - BLACK) / (DIM - BLACK), 0, 1) * (1 - LEFT) + LEFT
    need = min(LOUDEST, max(FAINTEST, (USUAL / size) ** 0.25))
    return np.asarray(np.minimum(amount, STRONGEST) * need, np.float32)


def change(planes: Sequence[Plane], depth: int, message: int, still: bool = False) -> Float:
    """What is to be added to a picture's luma to mark it: (H, W) float32, in steps of its samples.

    Args:
        planes: (H, W, samples) each; one of luma alone, or those of red, green and blue in any order.
        depth: bits a sample.
        message: PAYLOAD bits.
        still: it is a photo, not a frame of a video.
    """
    height, width = planes[0].shape[:2]
    scale = np.float32(1 << (depth - 8))
    amount = strength(_small(planes) / scale, height * width, still) * scale
    over_all = cv2.resize(amount, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(over_all, pattern(height, width, message), dst=over_all)  # type: ignore[return-value]


def _small(planes: Sequence[Plane]) -> Float:
    """The mean of all samples, COARSE pixels or so on the shorter side."""
    height, width = planes[0].shape[:2]
    step = max(1, round(min(height, width) / COARSE))
    size = (max(width // step, 1), max(height // step, 1))
    # OpenCV knows only this machine's order of bytes.
    own = [plane.astype(plane.dtype.newbyteorder("="), copy=False) for plane in planes]
    parts = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in own]  # type: ignore[arg-type]
    return np.dstack(parts).mean(axis=2, dtype=np.float32)  # type: ignore[no-any-return]


def mark(planes: Sequence[Plane], depth: int, message: int, still: bool = False) -> None:
    """Add the mark to a picture, in its own memory; a picture below SMALLEST stays as it is. See `change`."""
    if planes[0].shape[0] * planes[0].shape[1] < SMALLEST**2:
        return
    added = change(planes, depth, message, still)
    most = (1 << depth) - 1
    for plane in planes:
        if plane.dtype == np.uint8:
            for top in range(0, len(plane), STRIP):
                rows, more = plane[top : top + STRIP], added[top : top + STRIP]
                more = more if plane.shape[2] == 1 else cv2.merge([more] * plane.shape[2])  # type: ignore[assignment]
                rows[...] = cv2.add(rows, more, dtype=cv2.CV_8U).reshape(rows.shape)
        else:
            plane[...] = np.rint(plane + added[..., None]).clip(0, most)
