"""Another colour for a part of a face, such as its hair, whose light and strands stay.

In CIELAB, which tells light from colour (compare E. Reinhard et al., Color transfer between images, 2001):
the lightness is moved and stretched from what the part has to what the colour usually has, the colour follows
the lightness as it does on real hair, pale in highlights and weak in shadows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from faceswap_cli.compositing.colour.spaces import FloatImage, Matrix, from_space, to_space
from faceswap_cli.compositing.part_matte import average_where

CONTRAST = (0.45, 2.6)
"""Limits of how much the strands' contrast is changed."""

DEEPEST = 2.8
"""Limit of how much deeper shadows become, as a share: more would show the noise in them."""

MOST_LOST = 6.0
"""Lightness that deeper shadows may take on average, and that the rest gets."""

KEPT = 0.25
"""How much of the part's own play of colours is kept."""

SURE = 0.9
"""A pixel that is so much of the part shows its colour, and not what is behind it."""

SPREAD = 0.05
"""Face units over which the part's colour is averaged, for pixels that are only partly of it."""

LEAST_PIXELS = 12
"""A part of fewer pixels says nothing of its colour."""

LIGHTEST, DARKEST = 97.0, 3.0
"""Lightness that is approached and not passed."""


@dataclass(frozen=True)
class PartColour:
    """What colour a part has.

    Attributes:
        mean: (3,) CIELAB.
        spread: of its lightness: what its tenths are apart, as a standard deviation.
        area: its size in square face units; 0 if it is not seen.
    """

    mean: Matrix
    spread: float
    area: float


class PartMove(Protocol):
    """From a part's colours to others."""

    def __call__(self, lab: FloatImage) -> FloatImage:
        """Colours (..., 3) in CIELAB, moved."""
        ...


@dataclass(frozen=True)
class ColourMove:
    """From a part's colour to another one.

    Attributes:
        source: what it has.
        target: (3,) CIELAB, what it gets on average.
        spread: standard deviation of lightness that it gets, within limits.
        kept: how much of its own play of colours is kept.
        share: how much of the move is made.
    """

    source: PartColour
    target: Matrix
    spread: float
    kept: float = KEPT
    share: float = 1.0

    def __call__(self, lab: FloatImage) -> FloatImage:
        """Colours (..., 3) of the part, moved."""
        own = self.source.mean.astype(np.float32)
        goal = self.target.astype(np.float32)
        gain = np.float32(np.clip(self.spread / max(self.source.spread, 1.0), *CONTRAST))
        apart = lab[..., 0] - own[0]
        # Single strands that stand out by more than the colour allows are held: else black hair gets sparks.
        most = np.float32(3 * max(self.spread, float(gain) * self.source.spread))
        above = most * np.tanh(gain * np.maximum(apart, 0) / most)
        # Where no light falls the colour does not matter: shadows keep their share of the lightness.
        deep = np.float32(max(float(gain), min(float(goal[0] / max(own[0], 1.0)), DEEPEST)))
        lost = min(0.4 * float(deep - gain) * self.source.spread, MOST_LOST)  # of a normal spread, on average
        light = _limit(goal[0] + np.float32(lost) + above + deep * np.minimum(apart, 0))
        # Shadows have little colour, and highlights are the lamp's more than the hair's.
        rise = np.clip(light / max(float(goal[0]), 1.0), 0, 1.15)
        fall = np.clip((light - goal[0]) / max(100.0 - float(goal[0]), 1.0), 0, 1)
        amount = (rise * (1 - 0.55 * fall))[..., None]
        colour = goal[1:] * amount + self.kept * (lab[..., 1:] - own[1:])
        moved = np.concatenate([light[..., None], colour], axis=-1)
        return np.asarray(lab + np.float32(self.share) * (moved - lab), np.float32)


def _limit(light: FloatImage) -> FloatImage:
    """Lightness bent at both ends, so that nothing is clipped flat."""
    knee = 12.0
    high, low = LIGHTEST - knee, DARKEST + knee
    over = knee * np.tanh(np.maximum(light - high, 0) / knee)
    under = knee * np.tanh(np.maximum(low - light, 0) / knee)
    return np.asarray(np.clip(light, low, high) + over - under, np.float32)


def measure_part(picture: FloatImage, matte: FloatImage, unit: float) -> PartColour:
    """What colour a part has.

    Args:
        picture: (h, w, 3) RGB in 0..1.
        matte: (h, w) in 0..1 where the part is.
        unit: pixels to a face unit.
    """
    area = float(matte.sum()) / unit**2
    inner = cv2.erode(matte, np.ones((3, 3), np.uint8))
    # Of a small part hardly a pixel is wholly its own.
    choices = (np.where(one >= least, one, 0) for one, least in ((inner, SURE), (matte, SURE), (matte, 0.5)))
    weight = next((one for one in choices if one.sum() >= LEAST_PIXELS), None)
    if weight is None:
        return PartColour(np.zeros(3), 0.0, 0.0)
    weight = weight.astype(np.float64)
    rows, columns = np.nonzero(weight)
    shares = weight[rows, columns] / weight.sum()
    colours = to_space(picture[rows, columns][None], "lab")[0].astype(np.float64)
    mean = shares @ colours
    low, high = np.quantile(colours[:, 0], [0.1, 0.9])
    return PartColour(mean, float(high - low) / 2.56, area)


def recolour_part(picture: FloatImage, matte: FloatImage, unit: float, move: PartMove) -> FloatImage:
    """What to add to a picture (h, w, 3) in 0..1, so that a part has another colour.

    A pixel at the part's edge is half background: what changes is what the part's own colour, taken from
    around it, changes by. So nothing of what is behind is recoloured, and no rim is left.

    Args:
        picture: see there.
        matte: (h, w) in 0..1.
        unit: pixels to a face unit.
        move: from its colour to another.
    """
    lab = to_space(picture, "lab")
    sure = matte > SURE
    near, known = average_where(lab, sure, SPREAD * unit)
    if sure.any():  # far from what is surely the part, its mean stands for it
        mean = lab[sure].mean(0)
        near = mean + known[..., None] * (near - mean)
    whole = np.clip((matte - 0.5) / (SURE - 0.5), 0, 1)[..., None]
    own = near + whole * (lab - near)
    moved = lab + matte[..., None] * (move(own) - own)
    return np.asarray(np.clip(from_space(moved, "lab"), 0, 1) - picture, np.float32) * (matte[..., None] > 0)
