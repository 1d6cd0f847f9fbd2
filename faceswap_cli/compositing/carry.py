"""How a change of age reaches a picture: as a difference, in the picture's own pixels.

Nothing is cut out and put back: the change, which a network found in a small crop, and its mask are brought
to the picture's grid, and only what they add is added there. So the picture's pixels are resampled
nowhere but where skin moves, and where the mask is 0 they stay bit for bit what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing.beyond import FADE, WIDE, faded
from faceswap_cli.compositing.blend import Box
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, invert, transform
from faceswap_cli.media.frame import FineImage, Image
from faceswap_cli.networks.change import LUMA, Change, carried

EDGE, FLAT = 0.05, 0.0004
"""Of the guided filter that fits a mask to the picture's edges: its radius in face units, and the variance of
brightness (of 1) under which a surface has no edges."""

GUIDE = 140
"""Pixels to a face unit in which the guided filter computes, at most."""

SURE = (0.45, 0.95)
"""Below the first share a pixel is not of the face, above the second it is."""

STRIP = 256
"""Rows that a difference is enlarged and added in, so that little memory is needed for it."""

COLOUR_SEEN = (3.5, 7.0)
"""Levels of 255, see `colourful`: a picture with less gets no colour, one with more gets all. Grey scans and
sepia have up to 3.4, the palest of ten colour photos 8.2."""


@dataclass(frozen=True)
class Grid:
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

    def to_crop(self, size: int, side: float) -> NDArray[np.float64]:
        """(2, 3) from this grid to the pixels of an aligned crop of that size and side in face units."""
        matrix = self.matrix * (size / side)
        matrix[:, 2] += (size - 1) / 2
        return matrix

    def at_most(self, unit: float) -> Grid:
        """The same box with so many pixels to a face unit at most."""
        factor = min(1.0, unit / self.unit)
        size = tuple(max(2, round(side * factor)) for side in self.size)
        return Grid(self.box, (size[0], size[1]), _rescaled(self.matrix, self.size, (size[0], size[1])))

    def cut(self, image: Image | FineImage) -> FloatArray:
        """The box (h, w, 3) of a picture in 0..255, as float32 in 0..1."""
        x0, y0, x1, y1 = self.box
        part = image[y0:y1, x0:x1]
        if self.size != (x1 - x0, y1 - y0):
            part = cv2.resize(part, self.size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return part.astype(np.float32) / np.float32(255)


def grid_of(landmarks: ArrayLike, shape: tuple[int, ...], most: int) -> Grid | None:
    """Where a face with these landmarks (68, 2) is changed in a picture (height, width, ...).

    Args:
        landmarks: picture pixels.
        shape: of the picture.
        most: pixels that the square's side is computed in, at most.

    Returns:
        None if the face lies outside the picture.
    """
    reach = FADE[1]
    to_units = np.asarray(crop_matrix(landmarks, 2, 2.0), np.float64)  # a pixel of this crop is a face unit
    to_units[:, 2] -= 0.5
    corners = transform(
        np.array([[x, y] for x in (-reach, reach) for y in (-reach, reach)]), invert(to_units)
    )
    x0, y0 = np.floor(corners.min(0)).astype(int).clip(0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, (shape[1], shape[0]))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    to_units[:, 2] += to_units[:, :2] @ np.array([x0, y0])
    box = (int(x0), int(y0), int(x1), int(y1))
    return Grid(box, (box[2] - box[0], box[3] - box[1]), to_units).at_most(most / (2 * reach))


def _rescaled(
    matrix: NDArray[np.float64], size: tuple[int, int], new: tuple[int, int]
) -> NDArray[np.float64]:
    """A matrix from a grid's pixels, for the same grid with other pixels; pixel centres lie at integers."""
    factor = np.array(size) / np.array(new)
    linear = matrix[:, :2] * factor
    return np.hstack([linear, (matrix[:, :2] @ ((factor - 1) / 2) + matrix[:, 2])[:, None]])


def head_mask(picture: FloatArray, head: FloatMask, grid: Grid) -> FloatMask:
    """Where a face is changed: skin, features and hair, faded before the square's border.

    The parser's coarse answer is fitted to the edges of the picture by a guided filter (K. He et al., Guided
    image filtering, ECCV 2010), so that it has no stairs on large faces and follows hair.

    Args:
        picture: (h, w, 3) in 0..1, of the grid.
        head: (P, P) in 0..1, see `beyond.wide_head`.
        grid: where it is wanted.

    Returns:
        (h, w) in 0..1.
    """
    coarse = grid.at_most(GUIDE)
    light = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    guide = (
        light if coarse.size == grid.size else cv2.resize(light, coarse.size, interpolation=cv2.INTER_AREA)
    )
    wanted = _placed(head, coarse, cv2.INTER_LINEAR)
    slope, offset = _guided(np.asarray(guide, np.float32), wanted, EDGE * coarse.unit)
    fitted = _enlarged(slope, grid.size) * light + _enlarged(offset, grid.size)
    low, high = SURE
    share = np.clip((fitted - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share) * _fade(grid), np.float32)


def _guided(guide: FloatMask, mask: FloatMask, radius: float) -> tuple[FloatMask, FloatMask]:
    """Slope and offset of the lines by which a mask follows its guide around each pixel."""
    side = 2 * max(1, round(radius)) + 1

    def mean(values: NDArray[Any]) -> FloatMask:
        return np.asarray(cv2.blur(values, (side, side)), np.float32)

    light, share = mean(guide), mean(mask)
    variance = mean(guide * guide) - light * light
    slope = (mean(guide * mask) - light * share) / (variance + np.float32(FLAT))
    return mean(slope), mean(share - slope * light)


def _enlarged(values: FloatMask, size: tuple[int, int]) -> FloatMask:
    if size == values.shape[1::-1]:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _fade(grid: Grid) -> FloatMask:
    """(h, w) 1 in the square's middle, 0 along its border."""
    width, height = grid.size
    x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    m = grid.matrix.astype(np.float32)
    return faded(m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2], FADE)


def _placed(values: FloatArray, grid: Grid, sampling: int) -> FloatArray:
    """Values (S, S) or (S, S, C <= 4) of an aligned square of WIDE face units, in a grid's pixels."""
    matrix = grid.to_crop(values.shape[0], WIDE)
    placed = cv2.warpAffine(
        np.ascontiguousarray(values, np.float32), matrix, grid.size,
        flags=sampling | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(placed, np.float32)


def colourful(crop: FloatArray) -> float:
    """How much colour a face's crop (S, S, 3) in 0..1 has: 0 for grey pictures and those of one hue.

    What its colours deviate from the line on which they follow the brightness.
    """
    pixels = 255 * crop.reshape(-1, 3)
    light = pixels @ np.array(LUMA, np.float32)
    pixels, light = pixels - pixels.mean(0), light - light.mean()
    slope = light @ pixels / max(float(light @ light), 1.0)
    spread = float((pixels - light[:, None] * slope).std(0).max())
    low, high = COLOUR_SEEN
    return float(np.clip((spread - low) / (high - low), 0, 1))


def carry(
    canvas: Image | FineImage,
    landmarks: ArrayLike,
    change: FloatArray,
    head: FloatMask,
    most: int,
    strength: float = 1.0,
) -> None:
    """Change a face in a picture, in place.

    Args:
        canvas: (H, W, 3) RGB in 0..255, uint8 or float32.
        landmarks: (68, 2) pixels of the picture.
        change: (Q, Q, 8) residual, gains and flow in the wider square, see `packed` and `beyond`.
        head: (P, P) in 0..1 in the same square, see `head_mask`.
        most: pixels that the square's side is computed in, at most. A finer picture keeps its own detail,
            which only the change does not have.
        strength: how much of the change is made.
    """
    grid = grid_of(landmarks, canvas.shape, most)
    if grid is None:
        return
    picture = grid.cut(canvas)
    mask = head_mask(picture, head, grid)
    if not mask.any():
        return
    residual_gain = [_placed(change[..., a:b], grid, cv2.INTER_CUBIC) for a, b in ((0, 3), (3, 6))]
    flow = _placed(change[..., 6:], grid, cv2.INTER_LINEAR) @ _turn(grid)
    parts = [np.float32(strength) * part for part in (*residual_gain, flow)]
    parts[1] = np.maximum(parts[1], -1)  # more than all of a band can't be taken away
    with torch.inference_mode():
        x, mask_tensor, *fields = (_tensor(part) for part in (picture, mask[..., None], *parts))
        new = carried(x, Change(*fields), mask_tensor, grid.size[0] / grid.unit, "bicubic", noisy=True)
        difference = (new - x)[0].permute(1, 2, 0).contiguous().numpy()
    _add(canvas, np.float32(255) * difference, grid)


def packed(change: Change, colour: Sequence[float]) -> list[FloatArray]:
    """A change as arrays (S, S, 8), their residuals as colourful as the faces are, see `colourful`."""
    residual, gain, flow = (part.permute(0, 2, 3, 1).float().cpu().numpy() for part in change)
    light = residual @ np.array(LUMA, np.float32)[:, None]
    share = np.asarray(colour, np.float32)[:, None, None, None]
    return list(np.concatenate([light + share * (residual - light), gain, flow], axis=3))


def _turn(grid: Grid) -> FloatArray:
    """(2, 2) that turns row vectors of the upright square into the picture's axes."""
    return np.asarray(grid.matrix[:, :2] * grid.unit, np.float32)


def _tensor(part: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(part.transpose(2, 0, 1)))[None]


def _add(canvas: Image | FineImage, difference: FloatArray, grid: Grid) -> None:
    """Add a difference (h, w, 3), in levels of 255, to its box of a picture, strip by strip."""
    x0, y0, x1, y1 = grid.box
    width = x1 - x0
    for top in range(0, y1 - y0, STRIP):
        rows = min(STRIP, y1 - y0 - top)
        part = difference[top : top + rows]
        if grid.size != (width, y1 - y0):
            back = _rescaled(np.eye(2, 3), grid.size, (width, y1 - y0))
            back[:, 2] += back[:, 1] * top
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            part = cv2.warpAffine(  # type: ignore[assignment]
                difference, back, (width, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
            )
        where = canvas[y0 + top : y0 + top + rows, x0:x1]
        new = np.clip(where + part, 0, 255)
        where[:] = np.rint(new) if canvas.dtype == np.uint8 else new
