"""Hair moved to another lightness and towards grey, so that its light, shadows and strands stay those of
hair.

Grey hair reflects several times the light of black hair, in its shadows too; what no light reaches stays dark
whatever its colour is. Which of the two dark hair is, its strands tell: there are none in darkness.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.colour.spaces import FloatImage
from faceswap_cli.compositing.masks import FloatMask

UNLIKE = (3.0, 5.0)
"""What is lighter than hair by so many standard deviations of its lightness is hardly hair, and none: sky
between strands, or a wall behind them."""

STRANDS = 0.012
"""Face units up to which differences in lightness are strands or noise."""

MOST_TIMES = 6.0
"""How many times as light hair gets on average at most: white hair in even light is so much lighter than
black."""

BLACK = 3.0
"""Lightness that the camera has clipped off black hair."""

SHADOWS = 0.6
"""Power by which shadows between light strands are lighter than those between dark ones."""

LEAST_CONTRAST, MOST_CONTRAST = 0.7, 2.2
"""How much these shrink and grow at most when hair becomes several times as dark or light."""

MOST_STRAND = 16.0
"""Lightness by which single strands stand out about at most then."""

STRUCTURE, NEAR = 0.04, 0.08
"""Standard deviations in face units of the Gaussians under which hair has no strands, and in which they are
looked for."""

ROOM = 8.0
"""Hair becomes lighter by so many times the standard deviation of its strands at most: a dark place that
shows none is darkness, and would become a flat grey patch."""


@dataclass(frozen=True)
class GreyMove:
    """See `recolour.PartMove`: from hair's colour to another, its shadows and highlights left where they are.

    Attributes:
        own: (3,) CIELAB that it has on average.
        goal: (3,) that it gets.
        share: how much of its own play of colours is lost, 0..1.
        top: lightness that does not become lighter.
        spread: standard deviation of its lightness.
        unit: pixels to a face unit.
    """

    own: NDArray[np.float64]
    goal: NDArray[np.float64]
    share: float
    top: float
    spread: float = 10.0
    unit: float = 1.0

    def __call__(self, lab: FloatImage) -> FloatImage:
        """Colours (h, w, 3) of the part, moved."""
        light = np.ascontiguousarray(lab[..., 0])
        low = cv2.GaussianBlur(light, (0, 0), max(STRANDS * self.unit, 0.5))
        mean, goal = max(float(self.own[0]), 1.0), float(self.goal[0])
        ratio = goal / mean
        moved = low * ratio
        if ratio > 1:
            moved = goal * ((np.maximum(low, 0) + BLACK) / (mean + BLACK)) ** SHADOWS
            room = self.room(light)
            moved = low + room * np.tanh((moved - low) / room)
            # What is lighter than the goal already, behind thin hair for instance, stays.
            top = max(self.top, goal + 5)
            above = goal + (low - mean) * ((top - goal) / (top - mean))
            above = low + room * np.tanh((above - low) / room)
            moved = np.where(low < mean, moved, np.where(low > top, low, np.maximum(above, low)))
        gain = np.clip(moved / np.maximum(low, 1), LEAST_CONTRAST, MOST_CONTRAST)
        strands = (light - low) * gain
        if ratio > 1:  # the contrast that is there already is not cut
            most = np.maximum(MOST_STRAND, np.abs(light - low))
            strands = most * np.tanh(strands / most)
        alike = np.clip((UNLIKE[1] - (low - mean) / self.spread) / (UNLIKE[1] - UNLIKE[0]), 0, 1)
        tint = self.goal[1:].astype(np.float32) * np.clip(moved / goal, 0, 1.3)[..., None]
        # Shadows have less of the hair's colour: what differs from that of their own lightness is play.
        usual = self.own[1:].astype(np.float32) * np.clip(low / mean, 0, 1.3)[..., None]
        play = np.float32(1 - 0.95 * self.share) * (lab[..., 1:] - usual)
        new = np.concatenate([(moved + strands)[..., None], tint + play], -1)
        return np.asarray(lab + alike[..., None] * (new - lab), np.float32)

    def room(self, light: FloatMask) -> FloatMask:
        """(h, w) by how much hair of a lightness (h, w) may become lighter."""
        factor = max(1.0, STRUCTURE * self.unit / 4)
        height, width = light.shape
        size = (max(1, round(width / factor)), max(1, round(height / factor)))
        unit = self.unit / factor
        small = cv2.resize(np.asarray(light, np.float32), size, interpolation=cv2.INTER_AREA)
        detail = small - cv2.GaussianBlur(small, (0, 0), max(STRUCTURE * unit, 0.5))
        power = cv2.GaussianBlur(detail * detail, (0, 0), max(NEAR * unit, 0.5))
        room = np.asarray(ROOM * np.sqrt(np.maximum(power, 0)) + 1, np.float32)
        return np.asarray(cv2.resize(room, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
