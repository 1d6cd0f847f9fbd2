"""Where in a picture a face is changed, and in which pixels that is computed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing.blend import Box
from faceswap_cli.compositing.hair_extension import FADE
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, invert, transform
from faceswap_cli.media.frame import FineImage, Image

BLOCK = 4
"""Pixels that a box's sides lie on multiples of, where they can: by whole numbers shrinking is quick."""

STRIP = 256
"""Rows that a difference is enlarged and added in, so that little memory is needed for it."""


@dataclass(frozen=True)
class RegionGrid:
    """A part of a picture in which a face is changed, and its pixels, which may be coarser.

    Attributes:
        box: of the picture, in whole pixels.
        size: width and height that the box is computed in.
        matrix: (2, 3) similarity from those pixels to face units around the square's middle.
    """

    box: Box
    size: tuple[int, int]
    matrix: NDArray[np.float64]

    @property
    def unit(self) -> float:
        """Pixels to a face unit."""
        return 1 / float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def box_size(self) -> tuple[int, int]:
        """Width and height of the box in the picture's pixels."""
        x0, y0, x1, y1 = self.box
        return x1 - x0, y1 - y0

    def to_crop(self, size: int, side: float) -> NDArray[np.float64]:
        """(2, 3) from this grid to the pixels of an aligned crop of that size and side in face units."""
        matrix = self.matrix * (size / side)
        matrix[:, 2] += (size - 1) / 2
        return matrix

    def to_grid(self, other: RegionGrid) -> NDArray[np.float64]:
        """(2, 3) from this grid to the pixels of another one of the same face."""
        back = invert(other.matrix)
        linear = back[:, :2] @ self.matrix[:, :2]
        return np.hstack([linear, (back[:, :2] @ self.matrix[:, 2] + back[:, 2])[:, None]])

    def at_most(self, unit: float) -> RegionGrid:
        """The same box with so many pixels to a face unit at most."""
        factor = min(1.0, unit / self.unit)
        width, height = (max(2, round(side * factor)) for side in self.size)
        return RegionGrid(self.box, (width, height), rescale_matrix(self.matrix, self.size, (width, height)))

    def cut(self, image: Image | FineImage) -> Image | FineImage:
        """The box (h, w, 3) of a picture, in this grid's pixels."""
        x0, y0, x1, y1 = self.box
        part = image[y0:y1, x0:x1]
        while part.shape[0] % 2 == part.shape[1] % 2 == 0 and part.shape[1] >= 2 * self.size[0]:
            half = (part.shape[1] // 2, part.shape[0] // 2)
            part = cv2.resize(part, half, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        if self.size != (part.shape[1], part.shape[0]):
            part = cv2.resize(part, self.size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return part

    def around(self, shown: NDArray[np.bool_], room: float) -> RegionGrid | None:
        """The part of the box in which something is shown, in the picture's own pixels.

        Args:
            shown: (h, w), of this grid.
            room: to leave around it, in face units.

        Returns:
            None if nothing is shown.
        """
        x, y = np.flatnonzero(shown.any(0)), np.flatnonzero(shown.any(1))
        if not len(x):
            return None
        size = np.array(self.box_size)
        factor = size / np.array(self.size)
        reach = room * self.unit * factor
        low = np.floor(np.array([x[0], y[0]]) * factor - reach).astype(int)
        high = np.ceil(np.array([x[-1] + 1, y[-1] + 1]) * factor + reach).astype(int)
        low, high = _on_blocks(low, high, size)
        matrix = rescale_matrix(self.matrix, self.size, self.box_size)
        matrix[:, 2] += matrix[:, :2] @ low
        return _own_pixels(low + np.array(self.box[:2]), high + np.array(self.box[:2]), matrix)

    def add(self, canvas: Image | FineImage, difference: FloatArray) -> None:
        """Add a difference (h, w, 3) of this grid, in levels of 255, to the box of a picture, in strips."""
        x0, y0, _, _ = self.box
        width, height = self.box_size
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        for top in range(0, height, STRIP):
            rows = min(STRIP, height - top)
            part = difference[top : top + rows]
            if self.size != self.box_size:
                back = rescale_matrix(np.eye(2, 3), self.size, self.box_size)
                back[:, 2] += back[:, 1] * top
                part = cv2.warpAffine(  # type: ignore[assignment]
                    difference, back, (width, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
                )
            where = canvas[y0 + top : y0 + top + rows, x0 : x0 + width]
            if canvas.dtype == np.uint8:
                where[:] = cv2.add(where, part, dtype=cv2.CV_8U)
            else:
                np.clip(where + part, 0, 255, out=where)


def grid_around(landmarks: ArrayLike, shape: tuple[int, ...], reach: float = FADE[1]) -> RegionGrid | None:
    """The square in which a face may change, as far as it is in the picture, in the picture's own pixels.

    Args:
        landmarks: (68, 2) picture pixels.
        shape: of the picture: height, width, ...
        reach: half the square's side, in face units.

    Returns:
        None if the face lies outside the picture.
    """
    to_units = np.asarray(crop_matrix(landmarks, 2, 2.0), np.float64)  # a pixel of this crop is a face unit
    to_units[:, 2] -= 0.5
    corners = transform(
        np.array([[x, y] for x in (-reach, reach) for y in (-reach, reach)]), invert(to_units)
    )
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    low, high = _on_blocks(low, high, np.array([shape[1], shape[0]]))
    if (high - low).min() < 2:
        return None
    to_units[:, 2] += to_units[:, :2] @ low
    return _own_pixels(low, high, to_units)


def _on_blocks(
    low: NDArray[np.int_], high: NDArray[np.int_], size: NDArray[np.int_]
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """A box's corners on multiples of BLOCK, or at the edges of what is `size` pixels wide and high."""
    return (low // BLOCK * BLOCK).clip(0, size), (-(-high // BLOCK) * BLOCK).clip(0, size)


def _own_pixels(low: NDArray[np.int_], high: NDArray[np.int_], matrix: NDArray[np.float64]) -> RegionGrid:
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    return RegionGrid((x0, y0, x1, y1), (x1 - x0, y1 - y0), matrix)


def rescale_matrix(
    matrix: NDArray[np.float64], size: tuple[int, int], new: tuple[int, int]
) -> NDArray[np.float64]:
    """A matrix from a grid's pixels, for the same grid with other pixels; pixel centres lie at integers."""
    factor = np.array(size) / np.array(new)
    linear = matrix[:, :2] * factor
    return np.hstack([linear, (matrix[:, :2] @ ((factor - 1) / 2) + matrix[:, 2])[:, None]])
