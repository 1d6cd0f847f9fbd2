"""A frame as cells of a terminal: the discriminator's field as their colours, points as dots of Braille.

A cell holds 2 x 4 dots of one colour, so where both kinds of points meet, the more frequent ones are shown.
Without colours, or without Braille, points are letters and the field is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.generation.lab.frames import FIELD, Floats, Frame
from faceswap_cli.training.monitor.points_validation import WINDOW

Levels = NDArray[np.uint8]

REAL, FAKE = (120, 235, 120), (255, 130, 235)
"""Colours of points, RGB."""

TAKEN_FOR_FAKE, UNDECIDED, TAKEN_FOR_REAL = (64, 22, 74), (26, 26, 30), (16, 70, 34)
"""Colours of the field at 0, 0.5 and 1."""

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""Bits of a Braille character, by row and column."""

BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Cells:
    """Characters and their colours.

    Attributes:
        text: rows, the highest first.
        ink, paper: (H, W, 3) RGB.
    """

    text: Sequence[str]
    ink: Levels
    paper: Levels


def draw_cells(frame: Frame, real: Floats, width: int, height: int) -> Cells:
    """A frame with the real points (N, 2), in colours."""
    dots = [_dots(points, width, height) for points in (real, frame.fake)]
    counts = [one.reshape(height, 4, width, 2).sum((1, 3)) for one in dots]
    more_fake = counts[1] > counts[0]
    shown = np.where(more_fake.repeat(4, 0).repeat(2, 1), dots[1], dots[0]) > 0
    codes = (shown.reshape(height, 4, width, 2) * _DOTS[None, :, None, :]).sum((1, 3))
    text = ["".join(chr(0x2800 + code) if code else " " for code in row) for row in codes]
    ink = np.where(more_fake[..., None], np.array(FAKE), np.array(REAL)).astype(np.uint8)
    return Cells(text, ink, _field_colours(frame.field, width, height))


def draw_letters(frame: Frame, real: Floats, width: int, height: int) -> list[str]:
    """The same in plain characters: '.' a real point, 'o' a generated one, '@' both."""
    there = [
        _dots(points, width, height).reshape(height, 4, width, 2).sum((1, 3)) > 0
        for points in (real, frame.fake)
    ]
    return ["".join(" .o@"[code] for code in row) for row in there[0] + 2 * there[1].astype(int)]


def draw_curve(values: Sequence[float], width: int, blocks: str = BLOCKS) -> str:
    """Values as a row of blocks, the latest at the right: the least is the lowest block."""
    if not values:
        return " " * width
    edges = np.linspace(0, len(values), min(width, len(values)) + 1).astype(int)
    means = np.array([np.mean(values[a:b]) for a, b in itertools.pairwise(edges)])
    low, high = float(means.min()), float(means.max())
    shares = (means - low) / (high - low) if high > low else np.zeros_like(means)
    return "".join(blocks[1 + round(share * (len(blocks) - 2))] for share in shares).rjust(width)


def _dots(points: Floats, width: int, height: int) -> NDArray[np.int64]:
    """(4 H, 2 W) points at each dot, the highest row first; those outside are left out."""
    size = np.array([2 * width, 4 * height])
    places = np.floor((points * [1, -1] / WINDOW + 1) / 2 * size).astype(np.int64)
    places = places[((places >= 0) & (places < size)).all(1)]
    found = np.zeros((4 * height, 2 * width), np.int64)
    np.add.at(found, (places[:, 1], places[:, 0]), 1)
    return found


def _field_colours(field: Floats, width: int, height: int) -> Levels:
    rows = np.linspace(FIELD - 1, 0, height).round().astype(int)
    columns = np.linspace(0, FIELD - 1, width).round().astype(int)
    raw = 2 * field[rows][:, columns, None].astype(np.float64) - 1
    values = 0.5 + np.sign(raw) * np.sqrt(np.abs(raw)) / 2  # as on the page
    low, middle, high = (np.array(c, np.float64) for c in (TAKEN_FOR_FAKE, UNDECIDED, TAKEN_FOR_REAL))
    below = low + (middle - low) * np.clip(2 * values, 0, 1)
    colours = np.where(values < 0.5, below, middle + (high - middle) * np.clip(2 * values - 1, 0, 1))
    found: Levels = colours.round().astype(np.uint8)
    return found
