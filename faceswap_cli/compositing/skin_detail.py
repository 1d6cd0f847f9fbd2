"""Lines drawn onto skin or smoothed away, and changes of its light and colour without rims.

Lines are logarithms of luma: what is multiplied onto skin keeps its hue, the light on it and its own pores.
Lines go by an edge-preserving filter, and what a network says of light and colour is taken coarsely, away
from outlines and hair, where its errors would be seen as fringes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_cli.compositing.guided_filter import box_mean
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.region_grid import RegionGrid
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing.face_parser import SIDE as SKIN_SIDE
from faceswap_cli.networks.ageing.change import LUMA

DARK = 0.04
"""Added to luma before logarithms, so that the noise of black pixels stays small."""

WIDEST = 0.22
"""Standard deviation in face units of the Gaussian whose finer part counts as lines: folds, not light."""

RADIUS, FLAT = 0.1, 0.02
"""Of the guided filter that takes lines away: its radius in face units, and the variance of luma's logarithm
under which a surface counts as flat."""

FINE = 120
"""Pixels to a face unit in which that is computed, at most: what is finer are pores, which stay."""

LIGHT_REACH, COLOUR_REACH = 0.05, 0.12
"""Standard deviations in face units of the Gaussians under which changes of light and of colour are seen."""

MOST_LINE = 0.25
"""Lines get deeper up to about so much: what is deeper already is no wrinkle."""

NOISE_WIDTH, USUAL = 0.009, 0.02
"""Face units up to which detail may be noise, and standard deviation of skin's own, of luma's logarithm: what
a picture has beyond that is noise."""

PORES = 0.35
"""How much of such fine detail counts as lines: old skin has deeper folds, and not as much deeper pores."""

KEPT_PORES = 0.6
"""How much of it stays when a face is smoothed: skin without pores is wax."""

ALONG, COHERENT = 0.035, (0.35, 0.75)
"""Standard deviation in face units in which a line's direction is looked for; coherence of its structure
below which there is no line, and from which on there is."""

BRIGHT = 0.5
"""How much of what is lighter than its surroundings is deepened with the lines: highlights are no folds."""

CLEAR = 0.16
"""Distance from the head's outline in face units from which on colours change as they shall."""

MOST_LIGHT, MOST_COLOUR = 0.25, 0.02
"""Logarithm of luma, and levels of 1, by which skin changes at most, lines aside."""

STILL = 0.85
"""How much of the change of light is taken off that all of the skin has in common: it is the lamp's."""


@dataclass(frozen=True)
class SkinDetail:
    """What happens to the skin of a face.

    Attributes:
        lines: (L, L) logarithms of luma to draw, in the aligned square of `lines_side` face units.
        lines_side: see there.
        own: by how much of themselves its own lines get deeper; below 0 shallower, at -1 they go.
        skin: (P, P) in 0..1 where, in the parser's square; see `faces.age.skin.skin_area`.
        hair: (Q, Q) in 0..1 in a square of `hair_side` face units; what is said of it is not asked.
        hair_side: see there.
    """

    lines: FloatMask
    lines_side: float
    own: float
    skin: FloatMask
    hair: FloatMask
    hair_side: float

    def place(self, values: FloatMask, side: float, grid: RegionGrid) -> FloatMask:
        """Values (S, S) of an aligned square in a grid's pixels; 0 beyond it."""
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        matrix = grid.to_crop(values.shape[0], side)
        placed = cv2.warpAffine(np.ascontiguousarray(values, np.float32), matrix, grid.size, flags=flags)
        return np.asarray(placed, np.float32)

    def draw(self, picture: FloatArray, grid: RegionGrid, mask: FloatMask, strength: float) -> FloatMask:
        """What is added to the logarithm of luma.

        Args:
            picture: (h, w, 3) in 0..1, the grid's.
            grid: where.
            mask: (h, w) in 0..1, nothing is drawn where it is 0.
            strength: how much of it is drawn.

        Returns:
            (h, w).
        """
        coarse = grid.at_most(FINE)
        skin = np.clip(self.place(self.skin, SKIN_SIDE, coarse), 0, 1)
        drawn = strength * self.place(self.lines, self.lines_side, coarse) * skin
        small = np.asarray(cv2.resize(picture, coarse.size, interpolation=cv2.INTER_AREA), np.float32)
        own = find_lines(luma_logs(small), skin, coarse.unit)
        if self.own > 0:
            own = MOST_LINE * np.tanh(_above_noise(own, skin, coarse.unit) / MOST_LINE)
            own = own * _line_share(own, coarse.unit) * np.where(own > 0, np.float32(BRIGHT), 1)
        else:
            own = own - KEPT_PORES * (own - _coarse(own, coarse.unit))
        drawn = drawn + np.float32(max(-1.0, strength * self.own)) * own
        large = cv2.resize(drawn, grid.size, interpolation=cv2.INTER_CUBIC)
        return np.asarray(large * mask, np.float32)

    def even_out(
        self, residual: FloatArray, picture: FloatArray, mask: FloatMask, grid: RegionGrid
    ) -> FloatArray:
        """A residual (h, w, 3) of a coarse grid as skin can have it: no light that all of the face gets,
        no colour near its outline, and nothing in its hair.

        Args:
            residual: in levels of 1.
            picture: (H, W, 3) in 0..1 of the same part of the picture, in any pixels.
            mask: (H, W) in 0..1 likewise.
            grid: of the residual.
        """
        unit = grid.unit
        small, inside = (
            np.asarray(cv2.resize(one, grid.size, interpolation=cv2.INTER_AREA), np.float32)
            for one in (picture, mask)
        )
        hair = np.clip(self.place(self.hair, self.hair_side, grid), 0, 1)
        apart = cv2.distanceTransform(
            ((inside > 0.5) & (hair < 0.5)).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5
        ) / np.float32(unit)
        weight = np.asarray(np.clip(apart / 0.04, 0, 1) * (1 - hair) + 1e-4, np.float32)
        light = residual @ np.array(LUMA, np.float32)
        soft = np.maximum(cv2.GaussianBlur(small, (0, 0), 0.02 * unit), 0)
        base = soft @ np.array(LUMA, np.float32)
        logs = np.log(np.maximum(base + light, 0) + DARK) - np.log(base + DARK)
        logs = _smooth(np.clip(logs, -0.6, 0.6)[..., None], weight, LIGHT_REACH * unit)[..., 0]
        common = float((logs * weight).sum() / weight.sum())
        logs = MOST_LIGHT * np.tanh((logs - STILL * common) / MOST_LIGHT)
        colour = _smooth(residual - light[..., None], weight, COLOUR_REACH * unit)
        most = np.asarray(MOST_COLOUR * np.clip(base / 0.5, 0.05, 1), np.float32)[..., None]
        colour = most * np.tanh(colour / most) * np.clip(apart / CLEAR, 0, 1)[..., None]
        shown = np.clip(apart / 0.05, 0, 1)
        # Light has the skin's own hue: grey light on brown skin would be ash.
        added = (soft + DARK) * np.expm1(logs * shown)[..., None]
        return np.asarray(added + colour, np.float32)


def luma_logs(picture: FloatArray) -> FloatMask:
    """Logarithms (h, w) of the luma of a picture (h, w, 3) in 0..1."""
    return np.asarray(np.log(np.maximum(picture @ np.array(LUMA, np.float32), 0) + DARK), np.float32)


def find_lines(logs: FloatMask, skin: FloatMask, unit: float) -> FloatMask:
    """Lines of skin: what an edge-preserving filter takes away.

    A guided filter that is its own guide (K. He et al., Guided image filtering, PAMI 2013): what varies
    little around a place goes, what varies much, such as the shadow beside a nose, stays.

    Args:
        logs: (h, w) logarithms of luma.
        skin: (h, w) in 0..1.
        unit: pixels to a face unit.

    Returns:
        (h, w), 0 where no skin is.
    """
    radius = RADIUS * unit
    area = box_mean(skin, radius) + np.float32(1e-3)

    def mean(values: FloatMask) -> FloatMask:
        return np.asarray(box_mean(values * skin, radius) / area, np.float32)

    # What is coarser is taken off first, so that the squares don't lose digits.
    rest = np.asarray(logs - _blurred(logs, 2 * radius), np.float32)
    middle = mean(rest)
    varies = mean(rest * rest) - middle * middle
    slope = np.asarray(varies / (varies + np.float32(FLAT)), np.float32)
    offset = mean(np.asarray((1 - slope) * middle, np.float32))
    lines = np.asarray((rest - mean(slope) * rest - offset) * skin, np.float32)
    return np.asarray((lines - _blurred(lines, WIDEST * unit)) * skin, np.float32)


def _above_noise(lines: FloatMask, skin: FloatMask, unit: float) -> FloatMask:
    """Lines without what may be noise, by soft thresholds (D. Donoho, 1995): the fine part by the level of
    its lower half, the coarser by what is left of it there."""
    coarse = _coarse(lines, unit)
    fine = lines - coarse
    inside = np.abs(fine[skin > 0.9])
    level = float(np.median(inside)) / 0.6745 if inside.size else 0.0
    least = 2 * max(0.0, level - USUAL)
    fine = fine - np.clip(fine, -least, least)
    coarse = coarse - np.clip(coarse, -least / 2, least / 2)
    # Of a noisy picture nobody knows which of its lines are any.
    trust = min(1.0, USUAL / max(level, 1e-6)) ** 2
    return np.asarray(trust * (PORES * fine + coarse), np.float32)


def _line_share(lines: FloatMask, unit: float) -> FloatMask:
    """(h, w) in 0..1: how far what is around each pixel goes in one direction, as folds do: blemishes,
    mottled skin and noise don't.

    The coherence of the structure tensor (J. Weickert, Coherence-enhancing diffusion filtering, 1999).
    """
    soft = cv2.GaussianBlur(lines, (0, 0), max(NOISE_WIDTH * unit, 0.5))
    dx, dy = (cv2.Scharr(soft, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    width = max(ALONG * unit, 0.7)
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), width) for product in (dx * dx, dy * dy, dx * dy))
    total = xx + yy
    share = np.sqrt((xx - yy) ** 2 + 4 * xy * xy) / np.maximum(total, 1e-9)
    low, high = COHERENT
    return np.asarray(np.clip((share - low) / (high - low), 0, 1), np.float32)


def _coarse(lines: FloatMask, unit: float) -> FloatMask:
    """Lines without what is as fine as pores and noise."""
    return np.asarray(cv2.GaussianBlur(lines, (0, 0), max(NOISE_WIDTH * unit, 0.5)), np.float32)


def _blurred(values: FloatMask, deviation: float) -> FloatMask:
    """Under a wide Gaussian, on a smaller picture."""
    height, width = values.shape
    factor = max(1.0, deviation / 4)
    size = (max(2, round(width / factor)), max(2, round(height / factor)))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), deviation / factor)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _smooth(values: FloatArray, weight: FloatMask, deviation: float) -> FloatArray:
    """Values (h, w, C) under a Gaussian that looks only at places of some weight (h, w)."""
    summed = cv2.GaussianBlur(np.ascontiguousarray(values * weight[..., None]), (0, 0), deviation)
    total = cv2.GaussianBlur(weight, (0, 0), deviation)
    return np.asarray(summed.reshape(values.shape) / np.maximum(total, 1e-6)[..., None], np.float32)
