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

from faceswap_cli.compositing.hair_extension import FADE, WIDE, edge_fade
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.region_grid import RegionGrid, grid_around
from faceswap_cli.compositing.skin_detail import DARK, SkinDetail
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.media.frame import FineImage, Image
from faceswap_cli.networks.ageing.change import LUMA, Change, carry_change

EDGE, FLAT = 0.05, 0.0004
"""Of the guided filter that fits a mask to the picture's edges: its radius in face units, and the variance of
brightness (of 1) under which a surface has no edges."""

GUIDE = 140
"""Pixels to a face unit in which the guided filter computes, at most."""

SMOOTH = 120
"""The same for what changes: twice as many as the networks know, and the rest is smooth."""

ROOM = 0.12
"""Around where a face is changed, in face units: what detail there is depends on pixels beside it."""

SURE = (0.45, 0.95)
"""Below the first share a pixel is not of the face, above the second it is."""

BRIGHTEST, AREA = 2.0, 0.03
"""What is added of brightness at most, in parts of that around it (within so many face units): as black hair
turns white it reflects ten times the light, which is three times the value of a gamma-coded pixel."""

FEWER = np.array([0.15, 0.2, 0.3], np.float32)
"""How much of what a network strengthens each band by is left where lines are drawn: pores would become
spots, and noise grain."""

WARM = 0.7
"""How much more, or less, lines show in a colour for each share by which skin has less of it, or more, than
of light: grey pictures stay grey."""

HOLD = 0.5
"""How far skin may be moved, in distances to the mask's edge; below 1 nothing folds."""

COLOUR_SEEN = (3.5, 7.0)
"""Levels of 255, see `measure_colourfulness`: a picture with less gets no colour, one with more
gets all. Grey scans and sepia have up to 3.4, the palest of ten colour photos 8.2."""


@dataclass(frozen=True)
class ChangeRegion:
    """Where a face is changed in a picture.

    Attributes:
        grid: the part of the picture.
        picture: (h, w, 3) in 0..1, what is there, in the grid's pixels.
        mask: (h, w) in 0..1: skin, features and hair, faded before the square's border.
    """

    grid: RegionGrid
    picture: FloatArray
    mask: FloatMask


def locate_region(
    canvas: Image | FineImage, landmarks: ArrayLike, head: FloatMask, most: int
) -> ChangeRegion | None:
    """Where a face is changed.

    The parser's coarse answer is fitted to the edges of the picture by a guided filter (K. He et al., Guided
    image filtering, ECCV 2010), so that it has no stairs on large faces and follows hair. That is done on a
    small picture, which also tells which part of the large one is needed.

    Args:
        canvas: (H, W, 3) RGB in 0..255, uint8 or float32.
        landmarks: (68, 2) pixels of the picture.
        head: (P, P) in 0..1, see `hair_extension.extend_head_mask`.
        most: pixels that the face's square is computed in, at most.

    Returns:
        None if there is nothing to change in the picture.
    """
    square = grid_around(landmarks, canvas.shape)
    if square is None:
        return None
    finest = most / (2 * FADE[1])
    coarse = square.at_most(min(GUIDE, finest))
    light = _light(_unit_range(coarse.cut(canvas)))
    lines = _guided(light, _placed(head, coarse, cv2.INTER_LINEAR), EDGE * coarse.unit)
    grid = coarse.around(_mask(light, lines, coarse) > 0, ROOM)
    if grid is None:
        return None
    grid = grid.at_most(finest)
    picture = _unit_range(grid.cut(canvas))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(
        lines, grid.to_grid(coarse), grid.size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return ChangeRegion(grid, picture, _mask(_light(picture), np.asarray(fine, np.float32), grid))


def _unit_range(part: Image | FineImage) -> FloatArray:
    """From 0..255 to 0..1."""
    return np.multiply(part, np.float32(1 / 255), dtype=np.float32)


def _light(picture: FloatArray) -> FloatMask:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _guided(guide: FloatMask, mask: FloatMask, radius: float) -> FloatArray:
    """(h, w, 2) slope and offset of the lines by which a mask follows its guide around each pixel."""
    side = 2 * max(1, round(radius)) + 1

    def mean(values: NDArray[Any]) -> FloatMask:
        return np.asarray(cv2.blur(values, (side, side)), np.float32)

    light, share = mean(guide), mean(mask)
    variance = mean(guide * guide) - light * light
    slope = (mean(guide * mask) - light * share) / (variance + np.float32(FLAT))
    return mean(np.dstack([slope, share - slope * light]))


def _mask(light: FloatMask, lines: FloatArray, grid: RegionGrid) -> FloatMask:
    """(h, w) in 0..1: what the lines make of the picture's brightness."""
    low, high = SURE
    share = lines[..., 0] * light
    share += lines[..., 1]
    share -= np.float32(low)
    share *= np.float32(1 / (high - low))
    np.clip(share, 0, 1, out=share)
    share *= share * (3 - 2 * share)
    share *= _enlarged(_fade(grid.at_most(SMOOTH / 3)), grid.size)
    return share


def _enlarged(values: FloatMask, size: tuple[int, int]) -> FloatMask:
    if size == values.shape[1::-1]:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _fade(grid: RegionGrid) -> FloatMask:
    """(h, w) 1 in the square's middle, 0 along its border."""
    width, height = grid.size
    x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    m = grid.matrix.astype(np.float32)
    return edge_fade(m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2], FADE)


def _placed(values: FloatArray, grid: RegionGrid, sampling: int) -> FloatArray:
    """Values (S, S) or (S, S, C <= 4) of an aligned square of WIDE face units, in a grid's pixels."""
    matrix = grid.to_crop(values.shape[0], WIDE)
    placed = cv2.warpAffine(
        np.ascontiguousarray(values, np.float32), matrix, grid.size,
        flags=sampling | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(placed, np.float32)


def measure_colourfulness(crop: FloatArray) -> float:
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


def apply_change(
    canvas: Image | FineImage,
    landmarks: ArrayLike,
    change: FloatArray,
    head: FloatMask,
    most: int,
    strength: float = 1.0,
    detail: SkinDetail | None = None,
) -> None:
    """Change a face in a picture, in place.

    Args:
        canvas: (H, W, 3) RGB in 0..255, uint8 or float32.
        landmarks: (68, 2) pixels of the picture.
        change: (Q, Q, 8) residual, gains and flow in the wider square, see `pack_change` and `beyond`.
        head: (P, P) in 0..1 in the same square, see `head_mask`.
        most: pixels that the square's side is computed in, at most. A finer picture keeps its own detail,
            which only the change does not have.
        strength: how much of the change is made.
        detail: lines that are drawn onto its skin or taken away, and where its hair is, which then stays for
            others to change.
    """
    place = locate_region(canvas, landmarks, head, most)
    if place is None:
        return
    grid, size = place.grid, place.grid.size
    fields = _fields(change, place, strength, detail)
    planes = np.empty((3, *place.mask.shape), np.float32)
    for number, plane in enumerate(planes):
        cv2.extractChannel(place.picture, number, dst=plane)
    with torch.inference_mode():
        arrays = (planes, place.mask[None], fields[:3], fields[3:6], fields[6:])
        x, mask, *parts = (torch.from_numpy(array)[None] for array in arrays)
        new = carry_change(x, Change(*parts), mask, size[0] / grid.unit, "bicubic", noisy=True)
        if detail is not None:
            lines = detail.draw(np.moveaxis(new[0].numpy(), 0, -1), grid, place.mask, strength)
            new = torch.where(mask > 0, _deepened(new, torch.from_numpy(lines)), new)
        difference = new.sub_(x).mul_(255)[0].numpy()
    grid.add(canvas, np.asarray(cv2.merge(list(difference)), np.float32))


def _deepened(picture: torch.Tensor, lines: torch.Tensor) -> torch.Tensor:
    """A picture (1, 3, h, w) with lines (h, w), logarithms of luma, multiplied onto it: more onto the
    colours that skin has less of, since the light in its folds went through skin."""
    light = (picture * picture.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    ratio = (picture + DARK) / (light.clamp_min(0) + DARK)
    more = (WARM * lines.clamp(-0.7, 0.3) * (1 - ratio)).clamp(-0.3, 0.3)
    return (picture + DARK) * torch.exp(lines) * (1 + more) - DARK


def _fields(
    change: FloatArray, place: ChangeRegion, strength: float, detail: SkinDetail | None
) -> FloatArray:
    """A change (Q, Q, 8) in the pixels and axes of a place's grid: (8, h, w)."""
    grid = place.grid
    smooth = grid.at_most(SMOOTH)
    parts = [_placed(change[..., a:b], smooth, cv2.INTER_CUBIC) for a, b in ((0, 3), (3, 6))]
    flow = cv2.transform(_placed(change[..., 6:], smooth, cv2.INTER_LINEAR), _turn(smooth).T)
    fields = np.empty((change.shape[2], grid.size[1], grid.size[0]), np.float32)
    parts = [np.float32(strength) * part for part in (*parts, flow)]
    if detail is not None:
        parts[0] = detail.even_out(parts[0], place.picture, place.mask, smooth)
        hair = np.clip(detail.place(detail.hair, detail.hair_side, smooth), 0, 1)[..., None]
        gains = np.where(parts[1] > 0, FEWER * parts[1], parts[1])
        parts[1] = np.asarray(gains * (1 - np.float32(0.8) * hair), np.float32)
    parts[0], parts[2] = _lit(parts[0], place.picture, smooth), _held(parts[2], place.mask, smooth)
    for number, plane in enumerate(plane for part in parts for plane in cv2.split(part)):
        fields[number] = _enlarged(np.asarray(plane, np.float32), grid.size)
    np.maximum(fields[3:6], -1, out=fields[3:6])  # more than all of a band can't be taken away
    return fields


def _lit(residual: FloatArray, picture: FloatArray, grid: RegionGrid) -> FloatArray:
    """A residual (h, w, 3) of a grid that lightens nothing beyond what light there is (see BRIGHTEST).

    Else the shadow under a hat and dark ground beside dark hair, which the parser takes for hair, get a haze.
    """
    coarse = cv2.resize(picture, grid.size, interpolation=cv2.INTER_AREA)
    side = 2 * max(1, round(AREA * grid.unit)) + 1
    light = cv2.blur(_light(np.asarray(coarse, np.float32)), (side, side))
    added = np.maximum(_light(residual), np.float32(1e-6))
    return np.asarray(residual * np.minimum(BRIGHTEST * light / added, 1)[..., None], np.float32)


def _held(flow: FloatArray, mask: FloatMask, grid: RegionGrid) -> FloatArray:
    """A flow (h, w, 2) of a grid, in face units, that brings nothing across the mask's edge.

    Else what is beside the head would be drawn into it, and the head's old outline as a ghost.
    """
    inside = (cv2.resize(mask, grid.size, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    apart = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5) / grid.unit
    length = np.maximum(np.hypot(flow[..., 0], flow[..., 1]), np.float32(1e-6))
    return np.asarray(flow * np.minimum(HOLD * apart / length, 1)[..., None], np.float32)


def pack_change(change: Change, colour: Sequence[float]) -> list[FloatArray]:
    """A change as arrays (S, S, 8), their residuals as colourful as the faces are."""
    residual, gain, flow = (part.permute(0, 2, 3, 1).float().cpu().numpy() for part in change)
    light = residual @ np.array(LUMA, np.float32)[:, None]
    share = np.asarray(colour, np.float32)[:, None, None, None]
    return list(np.concatenate([light + share * (residual - light), gain, flow], axis=3))


def _turn(grid: RegionGrid) -> FloatArray:
    """(2, 2) that turns row vectors of the upright square into the picture's axes."""
    return np.asarray(grid.matrix[:, :2] * grid.unit, np.float32)
