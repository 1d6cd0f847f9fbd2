"""The road of colour: parts are cut out in the picture's own pixels, and moved in CIELAB.

What colour a part has is measured once a person; what it becomes follows from that alone, so that a video
does not flicker. Where each part is, every frame says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.colour.recolour import (
    ColourMove,
    PartColour,
    PartMove,
    measure_part,
    recolour_part,
)
from faceswap_cli.compositing.colour.spaces import FloatImage
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.part_matte import MatteFit, PartRegion, cut_out
from faceswap_cli.effects.edit.colours import HAIR, IRIS, LIPS, NamedColour, find_colour
from faceswap_cli.effects.edit.features import FEATURES, Value
from faceswap_cli.effects.edit.outlines import SOFT, cut_outline, without_openings
from faceswap_cli.effects.edit.parts import SIDE
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout, select_points
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.media.frame import FineImage, Image

FITS: dict[str, MatteFit] = {
    "hair": MatteFit(0.06, 1e-4, (0.2, 0.6)),
    "skin": MatteFit(0.05, 4e-4, (0.3, 0.8)),
    "brows": MatteFit(0.03, 1e-4, (0.15, 0.6)),
}
"""How each of the parser's parts is fitted to the picture."""

PART_OF = {
    "hair": "hair", "brows": "brows", "lips": "lips", "iris": "iris", "skin": "skin", "warmth": "skin",
    "teeth": "teeth",
}  # fmt: skip
"""The part that a feature of colour changes."""

LEAST_AREA = {"hair": 0.3, "skin": 0.1, "brows": 0.004, "lips": 0.004, "iris": 0.002, "teeth": 0.003}
"""Square face units of a part under which it is taken for not there."""

MISSING = {
    "hair": "no hair is seen",
    "skin": "hardly any skin is seen",
    "brows": "no brows are seen",
    "lips": "the lips are not seen",
    "iris": "the eyes are shut, or too small to be seen",
    "teeth": "no teeth are seen",
}
"""What is said of a part that is not there."""

SKIN_MIDDLE, SKIN_RANGE = 58.0, 24.0
"""Lightness of skin (CIELAB, in even light) at 0, and what is added for 1."""

WARM_MIDDLE, WARM_RANGE = 18.0, 12.0
"""The same for its b*."""

RED_SHARE = 0.25
"""How much warm skin gains of a*, in parts of what it gains of b*."""

DARK_COLOUR = (4.0, 6.0)
"""What a* and b* gain as skin gets darker, for all of its lightness."""

TEETH_YELLOW = (26.0, 3.0)
"""b* of teeth at 0 and at 1."""

TEETH_LIGHT = 7.0
"""Lightness that teeth gain from 0 to 1."""

IRIS_LIGHT = 0.4
"""How much of the difference in lightness to another colour an iris gets."""

SHARES = {"brows": 0.75, "iris": 0.75}
"""How much of a colour parts get that are never evenly of it."""

ALIKE = 11.0
"""CIELAB distance up to which a part has a colour already."""


@dataclass(frozen=True)
class Scene:
    """In what light a face is seen.

    Attributes:
        exposure: how light it is, 1 where the lightest in the face's square is nearly white.
        colourful: 0 for grey pictures, see `apply_change.measure_colourfulness`.
    """

    exposure: float = 1.0
    colourful: float = 1.0

    def show(self, colour: NamedColour) -> tuple[NDArray[np.float64], float]:
        """A colour's CIELAB (3,) and spread as they are here."""
        lab = np.array(colour.lab, np.float64) * self.exposure
        lab[1:] *= self.colourful
        return lab, colour.spread * self.exposure


@dataclass(frozen=True)
class SkinMove:
    """Skin made lighter, darker, warmer or colder; shading and blemishes stay.

    Attributes:
        lightness: it is multiplied by.
        added: (2,) to a* and b*, at the skin's mean lightness.
        mean: of its lightness.
    """

    lightness: float
    added: tuple[float, float]
    mean: float

    def __call__(self, lab: FloatImage) -> FloatImage:
        """See PartMove."""
        light = lab[..., 0]
        # Highlights are the lamp's: they are moved less.
        share = np.clip((100 - light) / max(100 - self.mean, 1.0), 0, 1)
        gain = 1 + (self.lightness - 1) * (share if self.lightness > 1 else 0.5 + 0.5 * share)
        warm = np.clip(light / max(self.mean, 1.0), 0, 1)[..., None]
        # The darker skin is, the more colour it has for its lightness.
        added = np.array(self.added, np.float32) + np.array(DARK_COLOUR, np.float32) * (1 - self.lightness)
        colour = lab[..., 1:] + warm * added
        return np.asarray(np.concatenate([(light * gain)[..., None], colour], -1), np.float32)


@dataclass(frozen=True)
class TeethMove:
    """Teeth made whiter, or yellower.

    Attributes:
        yellow: added to b* at most; below 0 no tooth becomes blue.
        light: added to the lightness.
    """

    yellow: float
    light: float

    def __call__(self, lab: FloatImage) -> FloatImage:
        """See PartMove."""
        b = lab[..., 2]
        floor = np.minimum(b, TEETH_YELLOW[1])
        moved = np.maximum(b + self.yellow, floor) if self.yellow < 0 else b + self.yellow
        light = np.minimum(lab[..., 0] + self.light, np.maximum(lab[..., 0], 96))
        return np.asarray(np.stack([light, lab[..., 1] * (moved / np.maximum(b, 1)).clip(0.3, 1), moved], -1))


def cut_part(
    part: str,
    canvas: Image | FineImage,
    landmarks: FloatArray,
    dense: FloatArray | None,
    parsed: Mapping[str, FloatMask],
    most: float,
) -> PartRegion | None:
    """A part of a face in a picture; None if it is not seen.

    Args:
        part: its name.
        canvas: (H, W, 3) RGB in 0..255.
        landmarks: (68, 2) pixels.
        dense: (222, 3) pixels; without them there are no lips, teeth and irises.
        parsed: see `parts.parse_parts`.
        most: pixels to a face unit of the answer, at most.
    """
    points = None if dense is None else select_points(dense)
    if part in FITS:
        region = cut_out(canvas, landmarks, parsed[part], SIDE, FITS[part], most)
        if part == "skin" and region is not None and points is not None:
            region = without_openings(region, points, face_layout())
        return region
    if points is None:
        return None
    return cut_outline(part, canvas, points, fit_head(points, face_layout()).scale, face_layout(), most)


def measure_colour(region: PartRegion | None) -> PartColour:
    """What colour a part has; of area 0 if it is not seen."""
    if region is None:
        return PartColour(np.zeros(3), 0.0, 0.0)
    return measure_part(region.picture, region.matte, region.grid.unit)


def apply_colour(canvas: Image | FineImage, region: PartRegion, move: PartMove, strength: float) -> None:
    """Change a part's colour in a picture, in place."""
    difference = recolour_part(region.picture, region.matte, region.grid.unit, move)
    region.grid.add(canvas, np.asarray(difference * np.float32(255 * strength), np.float32))


def is_seen(part: str, colour: PartColour) -> bool:
    """Whether enough of a part is seen."""
    return colour.area >= LEAST_AREA[part] and colour.spread > 0


def read_colour(name: str, colour: PartColour, scene: Scene) -> Value:
    """What a feature of colour is now: the name of the nearest colour, its #rrggbb, or a number."""
    mean = colour.mean
    if name == "skin":
        return round((float(mean[0]) / scene.exposure - SKIN_MIDDLE) / SKIN_RANGE, 2)
    if name == "warmth":
        return round((float(mean[2]) / scene.exposure - WARM_MIDDLE) / WARM_RANGE, 2)
    if name == "teeth":
        low, high = TEETH_YELLOW
        return round(float(np.clip((mean[2] - low) / (high - low), 0, 1)), 2)
    names = FEATURES[name].colours or {}
    near = min(names, key=lambda one: _distance(scene, names[one], mean))
    # Lips have a colour of their own, which no name of paint says.
    return near if name != "lips" or _distance(scene, names[near], mean) < ALIKE else "own"


def plan_colour(name: str, value: Value, colour: PartColour, scene: Scene) -> PartMove | None:
    """What makes a part's colour the one that is asked for; None if it has it already."""
    now = read_colour(name, colour, scene)
    if now == value:
        return None
    if name in ("skin", "warmth"):
        assert not isinstance(now, str) and not isinstance(value, str)
        change = float(value) - float(now)
        if name == "skin":
            goal = float(colour.mean[0]) + SKIN_RANGE * change * scene.exposure
            return SkinMove(max(goal, 5.0) / max(float(colour.mean[0]), 5.0), (0, 0), float(colour.mean[0]))
        more = WARM_RANGE * change * scene.colourful
        return SkinMove(1.0, (RED_SHARE * more, more), float(colour.mean[0]))
    if name == "teeth":
        assert not isinstance(now, str) and not isinstance(value, str)
        change = float(value) - float(now)
        return TeethMove(change * (TEETH_YELLOW[1] - TEETH_YELLOW[0]), TEETH_LIGHT * change)
    names = {"hair": HAIR, "brows": HAIR, "lips": LIPS, "iris": IRIS}[name]
    goal_lab, spread = scene.show(find_colour(str(value), names, 10.0))
    if name == "iris":  # pupils stay dark, and eyes in the shadow of brows too
        goal_lab[0] = max(float(colour.mean[0]) + IRIS_LIGHT * (goal_lab[0] - float(colour.mean[0])), 8)
        spread = max(spread, colour.spread)
    if name == "lips":  # paint is as light as the lips' own light makes it
        spread = max(spread, colour.spread)
    return ColourMove(colour, goal_lab, spread, share=SHARES.get(name, 1.0))


def parser_parts(names: Mapping[str, Value]) -> list[str]:
    """The parts that the parser is asked for, for features to change."""
    return sorted({PART_OF[name] for name in names if name in PART_OF} & FITS.keys())


def _distance(scene: Scene, named: NamedColour, mean: NDArray[np.float64]) -> float:
    lab, _ = scene.show(named)
    # How light hair looks depends on the lamp more than its colour does.
    return float(np.linalg.norm((lab - mean) * np.array([0.7, 1, 1])))


assert SOFT.keys() | FITS.keys() == LEAST_AREA.keys() == MISSING.keys()
