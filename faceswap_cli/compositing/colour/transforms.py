"""What a colour method gives: a map from colours to colours, applied to a whole crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from faceswap_cli.compositing.colour.spaces import FloatImage, Matrix, Space, from_space, to_space


class ColourTransform(Protocol):
    """A map of colours."""

    def __call__(self, image: FloatImage) -> FloatImage:
        """`image` (H, W, 3) with other colours, clipped to [0, 1]."""
        ...


@dataclass(frozen=True)
class Unchanged:
    """Leaves every colour as it is."""

    def __call__(self, image: FloatImage) -> FloatImage:
        """The image itself."""
        return image


@dataclass(frozen=True)
class Linear:
    """x -> matrix @ x + offset in `space`."""

    space: Space
    matrix: Matrix
    offset: Matrix

    def __call__(self, image: FloatImage) -> FloatImage:
        """See ColourTransform."""
        colours = to_space(image, self.space)
        moved = colours @ self.matrix.T.astype(np.float32) + self.offset.astype(np.float32)
        return np.clip(from_space(moved, self.space), 0, 1)


@dataclass(frozen=True)
class Lookup:
    """A table of how far colours are moved, read between its nodes by trilinear interpolation.

    Attributes:
        table: (N, N, N, 3) float32, RGB, what is added to the colour (r, g, b) = (i, j, k) / (N - 1).
    """

    table: FloatImage

    def __call__(self, image: FloatImage) -> FloatImage:
        """See ColourTransform."""
        last = self.table.shape[0] - 1
        place = np.clip(image.reshape(-1, 3), 0, 1) * np.float32(last)
        low = np.minimum(place.astype(np.int32), last - 1)
        part = place - low
        flat = self.table.reshape(-1, 3)
        strides = np.array([(last + 1) ** 2, last + 1, 1], np.int32)
        first = low @ strides
        moved = np.zeros_like(place)
        for corner in np.ndindex(2, 2, 2):
            share = np.where(corner, part, 1 - part).prod(1)
            moved += share[:, None] * flat[first + int(np.dot(corner, strides))]
        return np.clip(image + moved.reshape(image.shape), 0, 1)


IDENTITY = Unchanged()
