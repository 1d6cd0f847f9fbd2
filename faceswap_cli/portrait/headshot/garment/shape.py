"""The outlines of a drawn suit, in face units from the middle of the neck below the chin.

x grows to the right, y downwards; each outline is given for the side on the picture's right and mirrored. The
numbers are a tailor's proportions for shoulders of 4.6 units, which is about 41 cm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_cli.faces.face import FloatArray

Points = Sequence[tuple[float, float]]

SHOULDERS: Points = (
    (0.0, 0.20), (0.45, 0.13), (0.72, 0.12), (0.84, 0.26), (1.14, 0.48), (1.60, 0.70), (2.02, 0.84),
    (2.28, 1.02), (2.42, 1.36), (2.52, 1.9), (2.60, 2.8), (2.64, 5.0),
)  # fmt: skip
"""The upper edge of the jacket, from the nape over the shoulder to the arm."""

LAPEL: Sequence[Points] = (
    ((0.76, 0.13), (0.92, 0.62), (1.13, 1.00)),
    ((1.13, 1.00), (1.10, 1.06), (1.32, 1.13)),
    ((1.32, 1.13), (1.20, 1.62), (0.78, 2.35), (0.02, 3.05)),
)
"""The jacket's collar and below its notch the lapel: their outer edge from the side of the neck to the
button, in pieces that meet in corners."""

ROLL: Points = ((0.72, 0.10), (0.70, 0.50), (0.62, 1.0), (0.45, 1.75), (0.22, 2.45), (0.02, 3.05))
"""Where the lapel is folded: the inner edge of the jacket."""

COLLAR: Sequence[Points] = (
    ((0.67, -0.02), (0.62, 0.16), (0.38, 0.42), (0.04, 0.62)),
    ((0.04, 0.62), (0.16, 0.86), (0.36, 1.10)),
    ((0.36, 1.10), (0.56, 0.80), (0.75, 0.42), (0.75, 0.16), (0.67, -0.02)),
)
"""A leaf of the shirt's collar: along the neck, down the front to its tip, and back."""

OPEN_COLLAR: Sequence[Points] = (
    ((0.67, -0.02), (0.60, 0.24), (0.40, 0.60), (0.20, 0.98)),
    ((0.20, 0.98), (0.30, 1.12), (0.50, 1.26)),
    ((0.50, 1.26), (0.68, 0.86), (0.77, 0.42), (0.75, 0.16), (0.67, -0.02)),
)
"""The same, of a collar that is worn open."""

NECKLINE: Points = ((0.0, 0.60), (0.22, 0.57), (0.44, 0.46), (0.60, 0.26), (0.68, 0.02))
"""Of a plain top without a collar."""

OPENING: Points = ((0.0, 1.36), (0.10, 1.2), (0.20, 0.98), (0.40, 0.60), (0.60, 0.24), (0.67, -0.02))
"""Of an open shirt."""

CLOSED: Points = ((0.0, 0.66), (0.04, 0.62), (0.38, 0.42), (0.62, 0.16), (0.67, -0.02))
"""Of a buttoned one."""

INSIDE: Points = ((0.72, 0.16), (0.80, 0.55), (0.95, 1.0), (0.9, 2.0), (0.7, 6.0))
"""How far what is worn under the jacket reaches to the side."""

KNOT: Points = ((0.0, 0.575), (0.17, 0.565), (0.225, 0.62), (0.20, 0.78), (0.135, 0.985), (0.0, 1.0))
"""Of the tie."""

BLADE: Points = ((0.0, 0.94), (0.12, 0.95), (0.19, 1.2), (0.27, 1.6), (0.37, 2.3), (0.46, 3.4), (0.0, 3.5))
"""Of the tie below the knot."""


@dataclass(frozen=True)
class Layout:
    """Where a garment lies in the picture.

    Attributes:
        height, width: of the picture.
        x, y: of the middle of the neck below the chin.
        unit: pixels to a face unit.
        slim: width of the neck over the usual one.
    """

    height: int
    width: int
    x: float
    y: float
    unit: float
    slim: float = 1.0

    def grid(self) -> tuple[FloatArray, FloatArray]:
        """x and y in units of every pixel, (1, width) and (height, 1)."""
        x = (np.arange(self.width, dtype=np.float32) - np.float32(self.x)) / np.float32(self.unit)
        y = (np.arange(self.height, dtype=np.float32) - np.float32(self.y)) / np.float32(self.unit)
        return x[None], y[:, None]

    def area(self, outline: np.ndarray) -> FloatArray:
        """(height, width) in [0, 1] inside a closed outline (N, 2) in units."""
        mask = np.zeros((self.height, self.width), np.uint8)
        at = outline * (self.unit, self.unit) + (self.x, self.y)
        at = np.clip(at, -20 * self.width, 20 * self.width)
        cv2.fillPoly(mask, [np.round(at * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return np.asarray(mask.astype(np.float32) / 255, np.float32)

    def slimmed(self, points: Points) -> np.ndarray:
        """Points whose part near the neck is as wide as this neck."""
        given = np.asarray(points, np.float64)
        near = np.clip((1.6 - np.abs(given[:, 0])) / 0.9, 0, 1) * np.clip((1.4 - given[:, 1]) / 0.8, 0, 1)
        return given * np.stack([1 + (self.slim - 1) * near, np.ones(len(given))], -1)


def smooth(points: np.ndarray | Points, steps: int = 12) -> np.ndarray:
    """A Catmull-Rom spline through points (N, 2): (M, 2)."""
    given = np.asarray(points, np.float64)
    ends = np.vstack([2 * given[0] - given[1], given, 2 * given[-1] - given[-2]])
    a, b, c, d = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    whole = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    path = whole.transpose(1, 0, 2).reshape(-1, 2)
    return np.vstack([path, given[-1]])


def joined(pieces: Sequence[Points], layout: Layout) -> np.ndarray:
    """Pieces that meet in corners, each smooth, as wide at the neck as the layout's: (M, 2)."""
    return np.vstack([smooth(layout.slimmed(piece)) for piece in pieces])


def mirrored(path: np.ndarray) -> np.ndarray:
    """A path from the middle outwards, and the same on the other side before it: from left to right."""
    return np.vstack([(path * (-1, 1))[::-1], path])


def flipped(path: np.ndarray) -> np.ndarray:
    """A path on the other side."""
    return path * (-1, 1)
