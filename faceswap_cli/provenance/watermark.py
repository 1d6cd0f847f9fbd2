"""An invisible mark in the pixels: this tool made or changed the picture, and a few bits of how.

A pattern of waves (see `waves`) is added to the luma, so faint that nobody sees it. This is additive
spread-spectrum marking (Cox et al., Secure spread spectrum watermarking for multimedia, 1997) with a periodic
pattern against cropping (Kutter, Watermarking resisting to translation, rotation, and scaling, 1998).

How strong it is at a place follows a model of the just noticeable difference, of that very place: about a
third of a grey level on smooth ground, so that after rounding most samples stay and some change by one; more
in texture; less near black. In video the pattern stands still and each frame carries the whole of it; where
the picture moves under it, which costs an encoder bits in every frame, it fades (see `Stillness`).
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
ones less, within these factors: more pixels say more of the same bits. Of larger frames, which encoders pay
for, with the square root."""

BLACK, DIM, LEFT = 4.0, 28.0, 0.4
"""Grey levels between which the mark rises from so much of its strength to all of it: near black a step of
one level is a large part of the light there."""

COARSE = 360
"""The shorter side, in pixels, at which a picture's texture is measured."""

AROUND, PLACE, SMOOTH = 5, 9, 3
"""In those pixels: what grain is a difference from, and how far around a place its least texture is looked
for: the least, so that an edge lends nothing to smooth ground beside it. And over how much the strength,
which is told for every second of them, is smoothed."""

MOVING, NOISE = 0.7, 1.5
"""Mean difference from the frame before, in grey levels, at which the mark falls to a third of what it is: so
much, and so many times the grain of the place. Where grain changes from frame to frame the mark costs no
bits."""

FALL, RISE = 0.1, 0.05
"""How fast the mark follows: share of the way a frame, down and up. A mark that changed at once would be news
for an encoder in every frame."""

FIRST = 1.2
"""How much stronger it is in the first frame of a piece, and fading in those after it: encoders make the most
of such a frame, and carry what is in it along."""

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


def _grain(small: Float) -> Float:
    """How restless each place is at least, in grey levels (mean difference from around): (h // 2, w // 2)."""
    unlike = cv2.blur(cv2.absdiff(small, cv2.blur(small, (AROUND, AROUND))), (AROUND, AROUND))
    least = _halved(cv2.erode(unlike, np.ones((PLACE, PLACE))))  # type: ignore[arg-type]
    return cv2.blur(least, (SMOOTH, SMOOTH))  # type: ignore[return-value]


def strength(small: Float, grain: Float, size: int, still: bool) -> Float:
    """How strong the mark may be, in grey levels (standard deviation): (h // 2, w // 2).

    Args:
        small: (h, w) grey levels 0..255 of the picture made smaller to about COARSE pixels on its shorter
            side.
        grain: (h // 2, w // 2) see `_grain`.
        size: pixels of the picture.
        still: it is a photo.
    """
    local = cv2.blur(_halved(small), (SMOOTH, SMOOTH))
    amount = (
        CLEAN
        + (GRAINY - CLEAN) * np.minimum(grain / GRAIN, 1)
        + (TEXTURED_STILL if still else TEXTURED_MOVING) * grain
    )
    amount *= np.minimum(grain / FLAT, 1)
    amount *= np.clip((local - BLACK) / (DIM - BLACK), 0, 1) * (1 - LEFT) + LEFT
    root = 0.25 if still or size < USUAL else 0.5
    need = min(LOUDEST, max(FAINTEST, (USUAL / size) ** root))
    return np.asarray(np.minimum(amount, STRONGEST) * need, np.float32)


class Stillness:
    """How strong the mark may be in the frames of one piece of a video, by how they move."""

    def __init__(self) -> None:
        self._before: Float | None = None
        self._share: Float | None = None

    def shares(self, small: Float, grain: Float) -> Float:
        """Of the usual strength, for the next frame: (h // 2, w // 2), 0 where it moves all the time, at most
        FIRST.

        Args:
            small: (h, w) grey levels of the frame, as in `strength`.
            grain: (h // 2, w // 2) see `_grain`.
        """
        before, self._before = self._before, small
        if before is None or self._share is None or before.shape != small.shape:
            self._share = np.full_like(_halved(small), FIRST)
        else:
            moved = cv2.blur(_halved(cv2.absdiff(small, before)), (SMOOTH, SMOOTH))  # type: ignore[arg-type]
            way = np.exp(-((moved / (MOVING + NOISE * grain)) ** 2)) - self._share
            self._share = self._share + way * np.where(way < 0, np.float32(FALL), np.float32(RISE))
        return self._share


def change(
    planes: Sequence[Plane],
    depth: int,
    message: int,
    still: bool = False,
    stillness: Stillness | None = None,
) -> Float:
    """What is to be added to a picture's luma to mark it: (H, W) float32, in steps of its samples.

    Args:
        planes: (H, W, samples) each; one of luma alone, or those of red, green and blue in any order.
        depth: bits a sample.
        message: PAYLOAD bits.
        still: it is a photo, not a frame of a video.
        stillness: of the piece of video whose next frame it is.
    """
    amount = _amount(planes, depth, still, stillness)
    return cv2.multiply(amount, pattern(*amount.shape, message), dst=amount)  # type: ignore[return-value]


def _amount(planes: Sequence[Plane], depth: int, still: bool, stillness: Stillness | None) -> Float:
    """How strong the mark is at each sample: (H, W) float32, in steps of the samples."""
    height, width = planes[0].shape[:2]
    scale = np.float32(1 << (depth - 8))
    small = _small(planes) / scale
    grain = _grain(small)
    amount = strength(small, grain, height * width, still) * scale
    if stillness is not None:
        amount *= stillness.shares(small, grain)
    return cv2.resize(amount, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _small(planes: Sequence[Plane]) -> Float:
    """The mean of all samples, COARSE pixels or so on the shorter side."""
    height, width = planes[0].shape[:2]
    step = max(1, round(min(height, width) / COARSE))
    size = (max(width // step, 1), max(height // step, 1))
    # OpenCV knows only this machine's order of bytes.
    own = [plane.astype(plane.dtype.newbyteorder("="), copy=False) for plane in planes]
    if step % 2 and (width, height) == (size[0] * step, size[1] * step):
        # The same means, to the bit, in half the time: OpenCV is quick with areas of even sides alone.
        places = slice(step // 2, None, step)
        parts = [cv2.blur(plane, (step, step))[places, places] for plane in own]  # type: ignore[arg-type]
    else:
        parts = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in own]  # type: ignore[arg-type]
    if len(parts) == 1 and parts[0].ndim == 2:
        return parts[0].astype(np.float32)
    return np.dstack(parts).mean(axis=2, dtype=np.float32)  # type: ignore[no-any-return]


def _halved(small: Float) -> Float:
    height, width = small.shape
    size = (max(width // 2, 1), max(height // 2, 1))
    return cv2.resize(small, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def mark(
    planes: Sequence[Plane],
    depth: int,
    message: int,
    still: bool = False,
    stillness: Stillness | None = None,
) -> None:
    """Add the mark to a picture, in its own memory; a picture below SMALLEST stays as it is. See `change`."""
    if planes[0].shape[0] * planes[0].shape[1] < SMALLEST**2:
        return
    amount, most = _amount(planes, depth, still, stillness), (1 << depth) - 1
    wave = pattern(*amount.shape, message)
    for top in range(0, len(amount), STRIP):
        strip = slice(top, top + STRIP)
        added = cv2.multiply(amount[strip], wave[strip])
        for rows in (plane[strip] for plane in planes):
            if rows.dtype == np.uint8:
                more = added if rows.shape[2] == 1 else cv2.merge([added] * rows.shape[2])
                rows[...] = cv2.add(rows, more, dtype=cv2.CV_8U).reshape(rows.shape)
            else:
                rows[...] = np.rint(rows + added[..., None]).clip(0, most)
