"""How a stored picture has to be turned to stand upright, and how to turn it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Sample = TypeVar("Sample", bound=np.generic)


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a picture down: first transpose, then mirror, then flip.

    Attributes:
        transpose: rows become columns.
        mirror: left and right change places (after transposing).
        flip: top and bottom change places (after transposing).
    """

    transpose: bool = False
    mirror: bool = False
    flip: bool = False

    @property
    def upright(self) -> bool:
        """True if there is nothing to turn."""
        return not (self.transpose or self.mirror or self.flip)

    @property
    def degrees(self) -> int:
        """Counter-clockwise turn from stored to upright: 0, 90, 180 or 270; any mirroring comes after it."""
        if self.transpose:
            # A transpose is a quarter turn with a mirror; whether the flip goes with it tells which turn.
            return 90 if self.flip else 270
        return 180 if self.flip else 0

    @property
    def mirrored(self) -> bool:
        """True if the picture is also seen in a mirror, so that no turn alone makes it upright."""
        return self.transpose ^ self.mirror ^ self.flip

    def apply(self, image: NDArray[Sample]) -> NDArray[Sample]:
        """Turn a stored (H, W, ...) picture upright; a contiguous array, the same one if nothing is to do."""
        if self.upright:
            return image
        turned = image.swapaxes(0, 1) if self.transpose else image
        return np.ascontiguousarray(self._flipped(turned))

    def undo(self, image: NDArray[Sample]) -> NDArray[Sample]:
        """Turn an upright (H, W, ...) picture back to how it is stored."""
        if self.upright:
            return image
        turned = self._flipped(image)
        return np.ascontiguousarray(turned.swapaxes(0, 1) if self.transpose else turned)

    def _flipped(self, image: NDArray[Sample]) -> NDArray[Sample]:
        rows = slice(None, None, -1) if self.flip else slice(None)
        columns = slice(None, None, -1) if self.mirror else slice(None)
        return image[rows, columns]


def from_display_matrix(matrix: Sequence[int] | None) -> Orientation:
    """The orientation that a video's 3x3 display matrix (9 fixed-point integers, row by row) asks for.

    A stored point (x, y) is shown at (a*x + c*y, b*x + d*y). Turns that are not quarter turns, which no
    camera writes, are left alone: the picture is then worked on as it is stored.
    """
    if matrix is None:
        return Orientation()
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if a and d and not b and not c:
        return Orientation(mirror=a < 0, flip=d < 0)
    if b and c and not a and not d:
        return Orientation(transpose=True, mirror=c < 0, flip=b < 0)
    return Orientation()


# EXIF's eight values, as its standard defines them (1 is upright).
_EXIF = {
    1: Orientation(),
    2: Orientation(mirror=True),
    3: Orientation(mirror=True, flip=True),
    4: Orientation(flip=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, mirror=True),
    7: Orientation(transpose=True, mirror=True, flip=True),
    8: Orientation(transpose=True, flip=True),
}


def from_exif(value: int) -> Orientation:
    """The orientation that an EXIF orientation value asks for; unknown values count as upright."""
    return _EXIF.get(value, Orientation())
