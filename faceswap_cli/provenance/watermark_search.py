"""Look for the invisible mark of `watermark` in a picture that was scaled, cropped, turned or compressed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.provenance import message_code
from faceswap_cli.provenance.watermark_waves import (
    FORMER,
    PRESENT,
    TILE,
    Float,
    Layout,
    Waves,
    cells_a_pixel,
    waves,
)

Image = NDArray[np.uint8]

SCALES = (0.88, 1.06)
"""How much of its width a picture may have kept, at least and at most: each pixel of a cropped one is more
cells wide."""

STEP = 2.0
"""Step between scales that are looked at, in cells that the whole grid then changes by."""

WHOLE = 0.01
"""Scales within so much of 1 are those of pictures that were hardly cropped."""

FINE = (-0.35, 0.0, 0.35)
"""How far around a promising scale others are looked at, in steps."""

LEAST_PIXELS = 0.75
"""Grids of which a cell is narrower than so many pixels are not looked for: a picture made so much smaller
has nothing left of them."""

LEAST_PEAK, SURE_PEAK = 4.2, 5.8
"""Least height of the pilot's peak over the chance level's standard deviation, for the message to be read: in
the present layout, where all waves together decide, and in the former. The highest of the millions of places
that are looked at reaches 5.5 by chance, rarely more."""

SURE, SURE_MESSAGE = 8.7, 5.6
"""Least height of pilot and message together, and of the message alone, over chance. In a picture without a
mark the best message at the best places reaches 6.9 on average and rarely more than 7.9."""

SURE_IN_PLACE, SURE_MESSAGE_IN_PLACE = 6.8, 5.4
"""The same where the picture is whole, so that the place of the pattern is known: its size may be another,
and it may be turned by quarters or mirrored. Only the message is looked for, so chance reaches much less: in
half of 750 unmarked pictures (4,800 ways to read one) at most 5.8, a tenth as often with every 0.3 more."""

FIRMEST = 3.0
"""How much more a video's first frame, or a keyframe, counts than others: encoders make the most of it, and
what they leave out of the others is lost for good."""

CERTAIN = 9.0
"""From this height of the pilot on there is a mark even if no message can be read, as when two lie over each
other."""

AROUND, MOST = 3.0, 1.2
"""How a picture is made flat: divided by its own strength over so many cells, and cut off."""

LIMIT = 0.5
"""A wave much stronger than the others of its frequency is the picture's; it counts for not much more."""

TINY = 1e-12
"""Keeps what is nothing but black from being divided by nought."""

PARTS = (-0.5, -0.25, 0.0, 0.25, 0.5)
"""Parts of a cell by which the place is refined."""

TRIED = 8
"""Most promising places at which the message is read."""


@dataclass(frozen=True)
class Found:
    """A mark that was found.

    Attributes:
        message: its bits; None if they could not be read.
        peak: its height over chance, in standard deviations: pilot and message together, or the pilot's alone
            where the message could not be read or is of the former layout.
        turned: quarter turns counter-clockwise that the picture was turned by.
        mirrored: the picture was mirrored.
        scale: share of the original's size that is seen.
        layout: which it is.
    """

    message: int | None
    peak: float
    turned: int
    mirrored: bool
    scale: float
    layout: Layout = PRESENT


@dataclass(frozen=True)
class _Place:
    peak: float
    scale: float
    turned: int
    mirrored: bool


def find(images: Iterable[Image], firm: Sequence[bool] | None = None) -> Found | None:
    """Look for a mark in a picture, or in several frames of a video, which say more together than each alone.

    Where the camera moves, encoders carry the mark along with the picture, and frames contradict each other.
    So the first is looked at by itself as well: a video's first frame is encoded from nothing but itself.

    Args:
        images: (H, W, 3) uint8 RGB, all of one size.
        firm: which of them were encoded by themselves; only the first if it is not said.
    """
    lumas = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for image in images]
    assert lumas, "at least one picture"
    firm = firm or [True] + [False] * (len(lumas) - 1)
    sizes = lumas[0].shape[:2]
    flat = {grid: [flatten(luma, PRESENT, grid) for luma in lumas] for grid in _grids(PRESENT, *sizes)}
    for several in flat.values():
        counted = (
            one * np.float32(FIRMEST if is_firm else 1) for one, is_firm in zip(several, firm, strict=True)
        )
        if (found := _in_place(sum(counted))) is not None:  # type: ignore[arg-type]
            return found
    unread: Found | None = None
    for layout in (PRESENT, FORMER):
        for grid in _grids(layout, *sizes):
            several = flat[grid] if layout is PRESENT else [flatten(luma, layout, grid) for luma in lumas]
            found = _find_in(several, layout, STEP / grid)
            if found is not None and found.message is not None:
                return found
            unread = unread or found
    return unread


def _grids(layout: Layout, height: int, width: int) -> list[int]:
    """The grids that a picture of this size may have been marked with, when it was perhaps larger."""
    fitting = [grid for grid in layout.grids if 1 / cells_a_pixel(height, width, grid) >= LEAST_PIXELS]
    return fitting or [layout.grids[0]]


def _in_place(flat: Float) -> Found | None:
    """The present mark of a whole picture, if its message is sure there, however it is turned."""
    ways = [(turned, mirrored) for turned in range(4) for mirrored in (False, True)]
    read = {way: in_place(flat, *way) for way in ways}
    best = max(ways, key=lambda way: read[way][1])
    message, height, alone = read[best]
    sure = height >= SURE_IN_PLACE and alone >= SURE_MESSAGE_IN_PLACE
    return Found(message, height, *best, 1.0) if sure else None


def in_place(flat: Float, turned: int, mirrored: bool) -> tuple[int, float, float]:
    """The likeliest message of a whole picture, its and the pilot's height over chance, and its alone.

    Each wave counts as much as it was written: nothing is learned from the picture, so that chance has no
    help.

    Args:
        flat: a flattened picture, or a sum of such.
        turned: by so many quarters.
        mirrored: before that.
    """
    w = waves(PRESENT)
    found = _spectrum(fold(_upright(flat, turned, mirrored), 1.0), w)
    pilot, trust = w.bits < 0, w.heights**PRESENT.slope
    values = _straightened(found, w, (0, 0), PRESENT.slope) * trust
    message, agreed = message_code.likeliest(values[~pilot], w.bits[~pilot])
    power = (np.abs(found) * trust) ** 2 / 2
    together = (values[pilot].sum() + agreed) / np.sqrt(power.sum() + TINY)
    return message, float(together), float(agreed / np.sqrt(power[~pilot].sum() + TINY))


def _straightened(
    found: NDArray[np.complex64], w: Waves, shift: tuple[int, int], slope: float
) -> NDArray[np.float64]:
    """How much each wave (N,) is there, the picture shifted so that the pilot says most within a cell."""
    y, x = w.frequencies
    pilot = w.bits < 0
    here = found * w.phases.conj() * np.exp(2j * np.pi * (y * shift[0] + x * shift[1]))
    counted = here[pilot] * w.heights[pilot] ** slope
    down, across = (np.exp(2j * np.pi * np.outer(PARTS, one[pilot])) for one in (y, x))
    said = ((down * counted) @ across.T).real
    best = np.unravel_index(said.argmax(), said.shape)
    turn = np.exp(2j * np.pi * (y * PARTS[best[0]] + x * PARTS[best[1]]))
    return (here * turn).real  # type: ignore[no-any-return]


def _find_in(flat: list[Float], layout: Layout, step: float) -> Found | None:
    together = _find(np.sum(flat, axis=0), layout, step)
    if len(flat) == 1 or (together and together.message is not None):
        return together
    return _find(flat[0], layout, step) or together


def _find(flat: Float, layout: Layout, step: float) -> Found | None:
    """The mark of a flattened picture, or of a sum of them: most were not cropped, which is soon seen."""
    least, most = (round(np.log(scale) / step) for scale in SCALES)
    scales = np.exp(step * np.arange(least, most + 1))
    near = np.abs(scales - 1) < WHOLE
    first = list(_coarse(flat, scales[near], layout))
    whole = _best(flat, first, layout, step)
    if whole is not None and whole.message is not None:
        return whole
    return _best(flat, first + list(_coarse(flat, scales[~near], layout)), layout, step)


def _best(flat: Float, places: list[_Place], layout: Layout, step: float) -> Found | None:
    """The mark at the most promising places."""
    unread: Found | None = None
    for place in sorted(places, key=lambda place: -place.peak)[:TRIED]:
        best = max(_around(flat, place, layout, step), key=lambda other: other.peak)
        message, peak = _read(flat, best, layout)
        if message is not None:
            return Found(message, peak, best.turned, best.mirrored, best.scale, layout)
        if best.peak >= CERTAIN and unread is None:
            unread = Found(None, best.peak, best.turned, best.mirrored, best.scale, layout)
    return unread


def flatten(luma: Float, layout: Layout, grid: int) -> Float:
    """A picture on a grid, without what is coarser than the waves, and what is restless in it weakened.

    Args:
        luma: (H, W) grey levels.
        layout: of the mark that is looked for.
        grid: cells, squared, over the whole picture.
    """
    height, width = luma.shape[:2]
    cells = cells_a_pixel(height, width, grid)
    size = (round(width * cells), round(height * cells))
    way = cv2.INTER_AREA if cells < 1 else cv2.INTER_CUBIC
    whole = cv2.resize(luma, size, interpolation=way)
    fine = whole - cv2.GaussianBlur(whole, (0, 0), layout.flat)
    spread = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), AROUND)) + layout.floor
    flat = np.clip(fine / spread, -MOST, MOST) / spread ** (layout.power - 1)
    return np.asarray(flat, np.float32)


def fold(flat: Float, scale: float) -> Float:
    """All tiles of a flattened picture on top of each other: (TILE, TILE)."""
    height, width = flat.shape
    size = (round(width * scale), round(height * scale))
    scaled = flat if size == (width, height) else cv2.resize(flat, size, interpolation=cv2.INTER_LINEAR)
    down, right = -(-size[1] // TILE), -(-size[0] // TILE)
    padded = np.zeros((down * TILE, right * TILE), np.float32)
    padded[: size[1], : size[0]] = scaled
    return padded.reshape(down, TILE, right, TILE).sum((0, 2))  # type: ignore[no-any-return]


def _coarse(flat: Float, scales: NDArray[np.float64], layout: Layout) -> Iterator[_Place]:
    """How high the pilot's peak is, roughly, at some scales, turned and mirrored in every way."""
    w = waves(layout)
    pilot, ways = w.bits < 0, [(turned, mirrored) for turned in range(4) for mirrored in (False, True)]
    seen_as = [_seen_as(w, *way) for way in ways]
    wanted = w.phases[pilot].conj() * w.heights[pilot] ** layout.slope
    # No wave is finer than a quarter of a cycle a cell, so half the samples tell enough of the peaks.
    half = TILE // 2
    for scale in scales:
        spectrum = _whitened(np.fft.fft2(fold(flat, float(scale))))
        planes = np.zeros((len(ways), half, half), np.complex64)
        for plane, (rows, columns) in zip(planes, seen_as, strict=True):
            plane[w.rows[pilot] % half, w.columns[pilot] % half] = (
                spectrum[rows[pilot], columns[pilot]] * wanted
            )
        likeness = np.fft.ifft2(planes).real
        peaks = likeness.max((1, 2)) / (likeness.std((1, 2)) + TINY)
        for (turned, mirrored), peak in zip(ways, peaks, strict=True):
            yield _Place(float(peak), float(scale), turned, mirrored)


def _seen_as(w: Waves, turned: int, mirrored: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where a turned picture's spectrum has the waves of the upright one, but for a shift of the picture."""
    down, across = w.rows, -w.columns if mirrored else w.columns
    for _ in range(turned):
        down, across = -across, down
    return down % TILE, across % TILE


def _whitened(spectrum: NDArray[np.complexfloating]) -> NDArray[np.complex64]:
    """A folded picture's spectrum (TILE, TILE), all frequencies equally strong whatever their direction."""
    ring = _rings()
    power = np.bincount(ring.ravel(), (np.abs(spectrum) ** 2).ravel()) / np.bincount(ring.ravel())
    even = spectrum / np.sqrt(power[ring] + TINY)
    return (even / (np.abs(even) + LIMIT)).astype(np.complex64)


@lru_cache(maxsize=1)
def _rings() -> NDArray[np.int64]:
    steps = np.fft.fftfreq(TILE)
    return np.rint(np.hypot(steps[:, None], steps) * TILE).astype(np.int64)  # type: ignore[no-any-return]


def _around(flat: Float, place: _Place, layout: Layout, step: float) -> Iterator[_Place]:
    for scale in place.scale * (1 + step * np.array(FINE)):
        one = _upright(fold(flat, float(scale)), place.turned, place.mirrored)
        peak, _ = _pilot(_spectrum(one, waves(layout)), layout)
        yield replace(place, peak=peak, scale=float(scale))


def _upright(one: Float, turned: int, mirrored: bool) -> Float:
    """A folded picture turned back."""
    straight = np.rot90(one, -turned)
    return np.ascontiguousarray(straight[:, ::-1] if mirrored else straight)


def _spectrum(one: Float, w: Waves) -> NDArray[np.complex64]:
    """A folded picture's waves (N,), those of each frequency equally strong."""
    return _whitened(np.fft.fft2(one))[w.rows, w.columns]  # type: ignore[no-any-return]


def _pilot(found: NDArray[np.complex64], layout: Layout) -> tuple[float, tuple[int, int]]:
    """Height of the pilot's peak over all shifts, in standard deviations, and the shift (rows, columns)."""
    w = waves(layout)
    pilot = w.bits < 0
    plane = np.zeros((TILE, TILE), np.complex64)
    wanted = w.phases[pilot].conj() * w.heights[pilot] ** layout.slope
    plane[w.rows[pilot], w.columns[pilot]] = found[pilot] * wanted
    likeness = np.fft.ifft2(plane).real
    best = int(likeness.argmax())
    return float(likeness.flat[best] / (likeness.std() + TINY)), (best // TILE, best % TILE)


def _read(flat: Float, place: _Place, layout: Layout) -> tuple[int | None, float]:
    """The message at a place, None if it can't be read, and how high above chance it is."""
    w = waves(layout)
    if place.peak < (LEAST_PEAK if layout.linear else SURE_PEAK):
        return None, place.peak
    found = _spectrum(_upright(fold(flat, place.scale), place.turned, place.mirrored), w)
    _, (down, right) = _pilot(found, layout)
    pilot = w.bits < 0
    straight = _straightened(found, w, (down, right), layout.slope)
    trust = _trust(straight, w)
    values = straight * trust
    if not layout.linear:
        sums = np.bincount(w.bits[~pilot], values[~pilot], message_code.PAYLOAD + message_code.CHECK)
        return message_code.decode_checked(sums.astype(np.float64)), place.peak
    message, agreed = message_code.likeliest(values[~pilot], w.bits[~pilot])
    power = (np.abs(found) * trust) ** 2 / 2
    together = (values[pilot].sum() + agreed) / np.sqrt(power.sum() + TINY)
    alone = agreed / np.sqrt(power[~pilot].sum() + TINY)
    sure = together >= SURE and alone >= SURE_MESSAGE
    return (message if sure else None), float(together)


def _trust(values: NDArray[np.float64], w: Waves) -> NDArray[np.float64]:
    """How much each wave counts: as much as the pilot's waves of about its frequency say of the mark."""
    ring, pilot = w.rings, w.bits < 0
    said = np.bincount(ring[pilot], values[pilot], ring.max() + 1)
    many = np.bincount(ring[pilot], minlength=ring.max() + 1).astype(np.float64)
    around = np.ones(5)
    mean = np.convolve(said, around, "same") / np.maximum(np.convolve(many, around, "same"), 1)
    return np.maximum(mean, 0.02)[ring]  # type: ignore[no-any-return]
