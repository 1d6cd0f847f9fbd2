"""Look for the invisible mark of `watermark` in a picture that was scaled, cropped, turned or compressed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.provenance.watermark import (
    CHECK,
    PAYLOAD,
    RING,
    TILE,
    Float,
    cells_a_pixel,
    decoded,
    waves,
)

Image = NDArray[np.uint8]

SCALES = np.exp(np.arange(np.log(0.88), np.log(1.06), 0.004))
"""How much of its width a picture may have kept: each pixel of a cropped one is more cells wide."""

WHOLE = 0.01
"""Scales within so much of 1 are those of pictures that were hardly cropped."""

FINE = 0.001
"""Step of the search around the best scale."""

SURE = 5.8
"""Least height of the pilot's peak over the chance level's standard deviation, for the message to be read.
The highest of the millions of places that are looked at reaches 5.5 by chance, rarely more; the message's
checksum decides."""

CERTAIN = 9.0
"""From this height on there is a mark even if no message can be read, as when two lie over each other."""

COARSEST, AROUND, FLOOR, MOST = 2.8, 3.0, 0.6, 1.2
"""How a picture is made flat: an average over so many cells is taken away, because it is no wave of the mark;
the rest is divided by its own strength over so many cells and so many grey levels at least, and cut off."""

BANDS = (RING[1], 0.125)
"""Up to these frequencies (cycles a cell) the pilot is looked for: small pictures never had finer waves."""

TINY = 1e-12
"""Keeps what is nothing but black from being divided by nought."""

PARTS = (-0.5, -0.25, 0.0, 0.25, 0.5)
"""Parts of a cell by which the place is refined."""

TRIED = 4
"""Most promising places at which the message is read."""


@dataclass(frozen=True)
class Found:
    """A mark that was found.

    Attributes:
        message: its bits; None if they could not be read.
        peak: the pilot's height over chance, in standard deviations.
        turned: quarter turns counter-clockwise that the picture was turned by.
        mirrored: the picture was mirrored.
        scale: share of the original's size that is seen.
    """

    message: int | None
    peak: float
    turned: int
    mirrored: bool
    scale: float


@dataclass(frozen=True)
class _Place:
    peak: float
    scale: float
    turned: int
    mirrored: bool
    highest: float


def find(images: Iterable[Image]) -> Found | None:
    """Look for a mark in a picture, or in several frames of a video, which say more together than each alone.

    Where the camera moves, encoders carry the mark along with the picture, and frames contradict each other.
    So the first is looked at by itself as well: a video's first frame is encoded from nothing but itself.

    Args:
        images: (H, W, 3) uint8 RGB, all of one size.
    """
    flat = [flattened(image) for image in images]
    assert flat, "at least one picture"
    together = _find(np.sum(flat, axis=0))
    if len(flat) == 1 or (together and together.message is not None):
        return together
    return _find(flat[0]) or together


def _find(flat: Float) -> Found | None:
    """The mark of a flattened picture, or of a sum of them: most were not cropped, which is soon seen."""
    whole = _find_at(flat, SCALES[np.abs(SCALES - 1) < WHOLE])
    if whole is not None and whole.message is not None:
        return whole
    return _find_at(flat, SCALES)


def _find_at(flat: Float, scales: NDArray[np.float64]) -> Found | None:
    places = sorted(_coarse(flat, scales), key=lambda place: -place.peak)[:TRIED]
    for place in places:
        best = max(_around(flat, place), key=lambda other: other.peak)
        message = _read(flat, best) if best.peak >= SURE else None
        if message is not None or best.peak >= CERTAIN:
            return Found(message, best.peak, best.turned, best.mirrored, best.scale)
    return None


def flattened(image: Image) -> Float:
    """A picture on the grid, without what is coarser than the waves, and equally restless everywhere."""
    height, width = image.shape[:2]
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    cells = cells_a_pixel(height, width)
    size = (round(width * cells), round(height * cells))
    grid = cv2.resize(luma, size, interpolation=cv2.INTER_AREA if cells < 1 else cv2.INTER_CUBIC)
    fine = grid - cv2.GaussianBlur(grid, (0, 0), COARSEST)
    spread = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), AROUND)) + FLOOR
    return np.clip(fine / spread, -MOST, MOST)  # type: ignore[no-any-return]


def folded(flat: Float, scale: float) -> Float:
    """All tiles of a flattened picture on top of each other: (TILE, TILE)."""
    height, width = flat.shape
    size = (round(width * scale), round(height * scale))
    scaled = cv2.resize(flat, size, interpolation=cv2.INTER_LINEAR)
    down, right = -(-size[1] // TILE), -(-size[0] // TILE)
    padded = np.zeros((down * TILE, right * TILE), np.float32)
    padded[: size[1], : size[0]] = scaled
    return padded.reshape(down, TILE, right, TILE).sum((0, 2))  # type: ignore[no-any-return]


def _coarse(flat: Float, scales: NDArray[np.float64]) -> Iterator[_Place]:
    """How high the pilot's peak is, roughly, at some scales, turned and mirrored in every way."""
    w = waves()
    pilot = [(w.bits < 0) & (w.heights <= band) for band in BANDS]
    ways = [(turned, mirrored) for turned in range(4) for mirrored in (False, True)]
    # No wave is finer than a quarter of a cycle a cell, so half the samples tell enough of the peaks.
    half = TILE // 2
    for scale in scales:
        spectrum = _whitened(np.fft.fft2(folded(flat, float(scale))))
        planes = np.zeros((len(BANDS), len(ways), half, half), np.complex64)
        for way, (turned, mirrored) in enumerate(ways):
            found = spectrum[_seen_as(turned, mirrored)] * w.phases.conj()
            for plane, counted in zip(planes[:, way], pilot, strict=True):
                plane[w.rows[counted] % half, w.columns[counted] % half] = found[counted]
        likeness = np.fft.ifft2(planes).real
        peaks = likeness.max((2, 3)) / (likeness.std((2, 3)) + TINY)
        for highest, row in zip(BANDS, peaks, strict=True):
            for (turned, mirrored), peak in zip(ways, row, strict=True):
                yield _Place(float(peak), float(scale), turned, mirrored, highest)


def _seen_as(turned: int, mirrored: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where a turned picture's spectrum has the waves of the upright one, but for a shift of the picture."""
    w = waves()
    down, across = w.rows, -w.columns if mirrored else w.columns
    for _ in range(turned):
        down, across = -across, down
    return down % TILE, across % TILE


def _whitened(spectrum: NDArray[np.complexfloating]) -> NDArray[np.complex64]:
    """A folded picture's spectrum (TILE, TILE), all frequencies equally strong whatever their direction."""
    ring = _rings()
    power = np.bincount(ring.ravel(), (np.abs(spectrum) ** 2).ravel()) / np.bincount(ring.ravel())
    return (spectrum / np.sqrt(power[ring] + TINY)).astype(np.complex64)


@lru_cache(maxsize=1)
def _rings() -> NDArray[np.int64]:
    steps = np.fft.fftfreq(TILE)
    return np.rint(np.hypot(steps[:, None], steps) * TILE).astype(np.int64)  # type: ignore[no-any-return]


def _around(flat: Float, place: _Place) -> Iterator[_Place]:
    for scale in place.scale * (1 + FINE * np.arange(-3, 4)):
        one = _upright(folded(flat, float(scale)), place.turned, place.mirrored)
        peak, _ = _pilot(_spectrum(one), place.highest)
        yield replace(place, peak=peak, scale=float(scale))


def _upright(one: Float, turned: int, mirrored: bool) -> Float:
    """A folded picture turned back."""
    straight = np.rot90(one, -turned)
    return np.ascontiguousarray(straight[:, ::-1] if mirrored else straight)


def _spectrum(one: Float) -> NDArray[np.complex64]:
    """A folded picture's waves (N,), those of each frequency equally strong."""
    w = waves()
    return _whitened(np.fft.fft2(one))[w.rows, w.columns]  # type: ignore[no-any-return]


def _pilot(found: NDArray[np.complex64], highest: float) -> tuple[float, tuple[int, int]]:
    """Height of the pilot's peak over all shifts, in standard deviations, and the shift (rows, columns).

    Waves above the frequency `highest` (cycles a cell) don't count.
    """
    w = waves()
    pilot = (w.bits < 0) & (w.heights <= highest)
    plane = np.zeros((TILE, TILE), np.complex64)
    plane[w.rows[pilot], w.columns[pilot]] = found[pilot] * w.phases[pilot].conj()
    likeness = np.fft.ifft2(plane).real
    best = int(likeness.argmax())
    return float(likeness.flat[best] / (likeness.std() + TINY)), (best // TILE, best % TILE)


def _read(flat: Float, place: _Place) -> int | None:
    """The message at a place."""
    w = waves()
    found = _spectrum(_upright(folded(flat, place.scale), place.turned, place.mirrored))
    _, (down, right) = _pilot(found, place.highest)
    y, x = w.frequencies
    pilot = w.bits < 0
    counted = pilot & (w.heights <= place.highest)

    def straightened(dy: float, dx: float) -> NDArray[np.float64]:
        turn = np.exp(2j * np.pi * (y * (down + dy) + x * (right + dx)))
        return (found * w.phases.conj() * turn).real  # type: ignore[no-any-return]

    shifts = [(dy, dx) for dy in PARTS for dx in PARTS]
    best = max(shifts, key=lambda shift: float(straightened(*shift)[counted].sum()))
    values = straightened(*best)
    values *= _trust(values, pilot)
    return decoded(np.bincount(w.bits[~pilot], values[~pilot], PAYLOAD + CHECK).astype(np.float64))


def _trust(values: NDArray[np.float64], pilot: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much each wave counts: as much as the pilot's waves of about its frequency say of the mark."""
    ring = waves().rings
    said = np.bincount(ring[pilot], values[pilot], ring.max() + 1)
    many = np.bincount(ring[pilot], minlength=ring.max() + 1).astype(np.float64)
    around = np.ones(5)
    mean = np.convolve(said, around, "same") / np.maximum(np.convolve(many, around, "same"), 1)
    return np.maximum(mean, 0.02)[ring]  # type: ignore[no-any-return]
