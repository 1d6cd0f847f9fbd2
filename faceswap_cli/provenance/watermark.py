"""An invisible mark in the pixels: this tool made or changed the picture, and a few bits of how.

A faint pattern is added to the luma. It repeats every TILE cells of a grid that is laid over every picture,
whatever its size, so that a scaled copy carries the same pattern. The pattern is made of waves (a ring in
the Fourier plane: finer ones are lost to scaling and compression, coarser ones to the picture). Some of the
waves, the pilot, are always the same: they tell where the pattern lies in a picture that was cropped or
turned. Each of the others carries one bit of the message in its sign. This is additive spread-spectrum
marking (Cox et al., Secure spread spectrum watermarking for multimedia, 1997) with a periodic pattern
against cropping (Kutter, Watermarking resisting to translation, rotation, and scaling, 1998).

The waves' phases follow from a key. It stands in this file, so that anybody can look for the mark; and so
anybody who wants to can remove or forge it. docs/provenance.md says what the mark survives and what not.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

KEY = 0x66616365
"""Seeds the waves' phases and which of them carries which bit."""

GRID = 512
"""The grid's cells: GRID * GRID over the whole picture, square ones."""

TILE = 128
"""The pattern repeats after so many cells."""

RING = (0.065, 0.19)
"""Frequencies of the waves, in cycles a cell."""

PILOT = 0.3
"""Share of the waves that carry no message, and of the power."""

FEWEST = 120
"""Waves that a picture must be able to hold: the smallest that is marked has about 200 x 200 pixels."""

PAYLOAD, CHECK = 16, 20
"""Bits of the message, and of its checksum."""

FINEST = 0.25
"""Waves of more cycles a pixel than this are left out: compression would not leave them."""

WEAKEST, STRONGEST, STEEPNESS, LOUDEST = 0.3, 5.0, 2.2, 1.95
"""Standard deviation of the mark in grey levels on the smoothest and on the most restless ground, how it
rises with restlessness, and over the whole picture at most: 42.3 dB. On smooth ground more would be seen, and
help little: that is what encoders throw away first. What they keep of texture carries the mark."""

USUAL, LEAST_NEED = 110_000, 0.45
"""Pixels from which on the mark is weaker, with their fourth root, and how much weaker at most."""

COARSE = 180
"""The shorter side, in pixels, at which a picture's restlessness is measured."""

STRIP = 64
"""Rows of a picture that are marked at once: what is added to them stays in the processor's cache."""

TEXTURE = 1.2
"""What is coarser than this blur, in those pixels, is no restlessness: a cheek's shading hides nothing."""

DOUBTED, MOST_WRONG = 12, 2
"""So many of the least certain bits may be wrong in so many places: 79 words are tried, and a checksum agrees
with one of them by chance once in 13,000 times. Nothing is read where the pilot is not sure."""

Float = NDArray[np.float32]
Plane = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class Waves:
    """The waves of a tile, as places in the upper half of its Fourier plane.

    Attributes:
        rows, columns: (N,) where they are.
        phases: (N,) complex64 of length 1.
        bits: (N,) which bit of message and checksum each carries; -1 for the pilot.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    phases: NDArray[np.complex64]
    bits: NDArray[np.int64]

    @property
    def frequencies(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Down and across, in cycles a cell."""
        steps = np.fft.fftfreq(TILE)
        return steps[self.rows], steps[self.columns]  # type: ignore[return-value]

    @property
    def heights(self) -> NDArray[np.float64]:
        """Their frequency in cycles a cell, whatever the direction."""
        return np.hypot(*self.frequencies)  # type: ignore[no-any-return]

    @property
    def rings(self) -> NDArray[np.int64]:
        """Their distance from the middle of the Fourier plane, in whole steps."""
        return np.rint(self.heights * TILE).astype(np.int64)  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def waves() -> Waves:
    """The waves of KEY."""
    random = np.random.Generator(np.random.PCG64(KEY))
    y, x = np.meshgrid(np.fft.fftfreq(TILE), np.fft.fftfreq(TILE), indexing="ij")
    far = np.hypot(x, y)
    upper = (y > 0) | ((y == 0) & (x > 0))  # a real picture's other half follows from this one
    rows, columns = np.nonzero((far >= RING[0]) & (far <= RING[1]) & upper)
    order = random.permutation(len(rows))
    rows, columns = rows[order], columns[order]
    phases = np.exp(2j * np.pi * random.random(len(rows))).astype(np.complex64)
    pilot = round(PILOT * len(rows))
    bits = np.concatenate([np.full(pilot, -1), np.arange(len(rows) - pilot) % (PAYLOAD + CHECK)])
    return Waves(rows, columns, phases, bits)


def coded(message: int) -> NDArray[np.int64]:
    """Message and checksum as PAYLOAD + CHECK signs, -1 or 1."""
    assert 0 <= message < 1 << PAYLOAD
    check = zlib.crc32(message.to_bytes(PAYLOAD // 8, "big")) & ((1 << CHECK) - 1)
    word = message << CHECK | check
    return np.array([1 if word >> i & 1 else -1 for i in range(PAYLOAD + CHECK)])


def decoded(sums: NDArray[np.float64]) -> int | None:
    """The message of PAYLOAD + CHECK soft bits, or None when no checksum agrees.

    The least certain bits are tried both ways (D. Chase, A class of algorithms for decoding block codes with
    channel measurement information, 1972).
    """
    signs = np.where(sums > 0, 1, -1)
    weakest = np.argsort(np.abs(sums))[:DOUBTED]
    for count in range(MOST_WRONG + 1):
        for wrong in itertools.combinations(weakest, count):
            tried = signs.copy()
            tried[list(wrong)] *= -1
            word = sum(1 << i for i, sign in enumerate(tried) if sign > 0)
            if np.array_equal(coded(word >> CHECK), tried):
                return word >> CHECK
    return None


@lru_cache(maxsize=8)
def tile(message: int, highest: float = RING[1]) -> Float:
    """The pattern of a message: (TILE, TILE) float32, repeating in both directions; all waves together have
    a standard deviation of 1.

    Args:
        message: PAYLOAD bits.
        highest: waves above this frequency (cycles a cell) are left out: a small picture can't hold them.
    """
    w, signs = waves(), coded(message)
    spectrum = np.zeros((TILE, TILE), np.complex64)
    spectrum[w.rows, w.columns] = w.phases * np.where(w.bits < 0, 1, signs[w.bits])
    y, x = np.meshgrid(np.fft.fftfreq(TILE), np.fft.fftfreq(TILE), indexing="ij")
    spectrum[np.hypot(x, y) > highest] = 0
    one = np.fft.ifft2(spectrum).real
    # A handful of waves could not be told from anything else, and would be seen.
    return np.asarray(one / one.std() if (spectrum != 0).sum() >= FEWEST else 0 * one, np.float32)


def cells_a_pixel(height: int, width: int) -> float:
    """How many cells of the grid a pixel is wide."""
    return float(GRID / np.sqrt(height * width))


@lru_cache(maxsize=4)
def pattern(height: int, width: int, message: int) -> Float:
    """The message's pattern over a whole picture: (height, width) float32."""
    cells = cells_a_pixel(height, width)
    one = tile(message, min(RING[1], FINEST / cells))
    # Repeated over as many cells as there are, then resized: OpenCV's way from pixels to cells is the same.
    down, across = (np.arange(int(side * cells) + 3) % TILE for side in (height, width))
    whole = cv2.resize(one[down][:, across], None, fx=1 / cells, fy=1 / cells, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(whole[:height, :width], np.float32)


def strength(small: Float, size: int) -> Float:
    """How strong the mark may be, in grey levels (standard deviation), where a picture's luma is `small`.

    Little on smooth ground, where it would be seen first, more in what is as fine as the mark. Large pictures
    need less.

    Args:
        small: (h, w) grey levels 0..255 of a picture made smaller to about COARSE pixels on its shorter side.
        size: pixels of the picture.
    """
    unlike = np.abs(small - cv2.GaussianBlur(small, (0, 0), TEXTURE))
    # The least around: smooth ground beside an edge is smooth ground.
    least = cv2.erode(cv2.GaussianBlur(unlike, (0, 0), 1.5), np.ones((5, 5)))
    restless = cv2.GaussianBlur(least, (0, 0), 2)
    need = min(1.0, max(LEAST_NEED, (USUAL / size) ** 0.25))
    most = LOUDEST * need**0.5
    amount = np.minimum((WEAKEST + restless * STEEPNESS) * need, STRONGEST)
    return np.asarray(amount * min(1.0, most / float(np.sqrt(np.mean(amount**2)))), np.float32)


def change(planes: Sequence[Plane], depth: int, message: int) -> Float:
    """What is to be added to a picture's luma to mark it: (H, W) float32, in steps of its samples.

    Args:
        planes: (H, W, samples) each; one of luma alone, or those of red, green and blue in any order.
        depth: bits a sample.
        message: PAYLOAD bits.
    """
    height, width = planes[0].shape[:2]
    scale = np.float32(1 << (depth - 8))
    amount = strength(_small(planes) / scale, height * width) * scale
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


def mark(planes: Sequence[Plane], depth: int, message: int) -> None:
    """Add the mark to a picture, in its own memory; see `change`."""
    added = change(planes, depth, message)
    most = (1 << depth) - 1
    for plane in planes:
        if plane.dtype == np.uint8:
            for top in range(0, len(plane), STRIP):
                rows, more = plane[top : top + STRIP], added[top : top + STRIP]
                more = more if plane.shape[2] == 1 else cv2.merge([more] * plane.shape[2])  # type: ignore[assignment]
                rows[...] = cv2.add(rows, more, dtype=cv2.CV_8U).reshape(rows.shape)
        else:
            plane[...] = np.rint(plane + added[..., None]).clip(0, most)
