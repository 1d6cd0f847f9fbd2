"""The waves a watermark is made of, and the two layouts of them that were ever written.

A mark repeats every TILE cells of a grid that is laid over a picture, whatever its size, so that a scaled
copy carries the same pattern. It is made of waves (a ring in the Fourier plane). Some of the waves, the
pilot, are always the same: they tell where the pattern lies in a picture that was cropped or turned. Each of
the others carries one bit of a coded message in its sign.

The waves' phases follow from a key. It stands in this file, so that anybody can look for the mark; and so
anybody who wants to can remove or forge it. docs/provenance.md says what the mark survives and what not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.provenance import message_code

Float = NDArray[np.float32]

TILE = 128
"""The pattern repeats after so many cells."""


@dataclass(frozen=True)
class Layout:
    """How a mark's waves are laid out.

    Attributes:
        key: seeds the waves' phases and which of them carries which bit.
        grids: how many cells, squared, lie over a whole picture: one of these, by its size.
        ring: frequencies of the waves, in cycles a cell.
        slope: a wave's amplitude goes with this power of its frequency.
        pilot: share of the waves that carry no message.
        linear: the message is coded linearly, one bit a wave, instead of checked and repeated.
        flat: what is coarser than so many cells is taken away from a picture in which the mark is looked for.
        floor: grey levels that are added to the strength of each place before a picture is divided by it.
        power: how much less of it counts where a picture is restless: 1 suits a mark that is stronger there
            in the same measure, 2 one that is equally strong everywhere.
    """

    key: int
    grids: tuple[int, ...]
    ring: tuple[float, float]
    slope: float
    pilot: float
    linear: bool
    flat: float
    floor: float
    power: float


PRESENT = Layout(0x6D61726B, (256, 512, 1024), (0.05, 0.245), -1.0, 0.3, True, 2.0, 0.9, 2.0)
"""What is written."""

FORMER = Layout(0x66616365, (512,), (0.065, 0.19), 0.0, 0.3, False, 2.8, 0.6, 1.0)
"""What versions before wrote, louder; it is still read."""


@dataclass(frozen=True)
class Waves:
    """The waves of a tile, as places in the upper half of its Fourier plane.

    Attributes:
        rows, columns: (N,) where they are.
        phases: (N,) complex64 of length 1.
        bits: (N,) what each carries of the message; -1 for the pilot. In the former layout the number of a
            bit of message and checksum; in the present one the bits of the message, as a 16-bit number,
            whose parity it carries.
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


@lru_cache(maxsize=2)
def waves(layout: Layout) -> Waves:
    """The waves of a layout."""
    random = np.random.Generator(np.random.PCG64(layout.key))
    y, x = np.meshgrid(np.fft.fftfreq(TILE), np.fft.fftfreq(TILE), indexing="ij")
    far = np.hypot(x, y)
    upper = (y > 0) | ((y == 0) & (x > 0))  # a real picture's other half follows from this one
    rows, columns = np.nonzero((far >= layout.ring[0]) & (far <= layout.ring[1]) & upper)
    order = random.permutation(len(rows))
    rows, columns = rows[order], columns[order]
    phases = np.exp(2j * np.pi * random.random(len(rows))).astype(np.complex64)
    pilot = round(layout.pilot * len(rows))
    rest = len(rows) - pilot
    if layout.linear:
        carried = random.integers(1, message_code.MESSAGES, rest)
    else:
        carried = np.arange(rest) % (message_code.PAYLOAD + message_code.CHECK)
    return Waves(rows, columns, phases, np.concatenate([np.full(pilot, -1), carried]))


def grid_of(pixels: int) -> int:
    """Cells, squared, of the grid over a picture that is marked: a cell is 1.8 to 3.6 pixels wide where there
    are grids for that, so that the waves are as fine in large pictures as in small ones.

    Args:
        pixels: height times width.
    """
    fitting = [grid for grid in PRESENT.grids if np.sqrt(pixels) / grid >= NARROWEST]
    return max(fitting, default=PRESENT.grids[0])


NARROWEST = 1.8
"""Pixels a cell at least, but in the smallest pictures."""


def cells_a_pixel(height: int, width: int, grid: int) -> float:
    """How many cells of a grid a pixel is wide."""
    return float(grid / np.sqrt(height * width))
