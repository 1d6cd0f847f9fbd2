"""Hair and brows that go grey with age, or get their colour back: through the whole matte, to its edge.

The network that changes faces sees hair around the face only, and coarsely. Here hair is cut out in the
picture's own pixels, as for `faceswap edit`, and moved towards grey as a whole, the crown as the temples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.apply_change import measure_colourfulness
from faceswap_cli.compositing.colour.recolour import PartColour, measure_part
from faceswap_cli.compositing.colour.spaces import FloatImage, to_space
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.part_matte import MatteFit, PartRegion, cut_out
from faceswap_cli.effects.edit.colour_road import LEAST_AREA, apply_colour
from faceswap_cli.effects.edit.parts import SIDE, SIZE, parse_track_parts
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import FineImage, Image

PARTS = ("hair", "brows")

FITS = {"hair": MatteFit(0.06, 1e-4, (0.35, 0.75)), "brows": MatteFit(0.03, 1e-4, (0.15, 0.6))}
"""How each part is fitted to the picture: grey shows where it does not belong more than other colours do."""

CROWN, SURER = (-1.1, 0.2), 2.0
"""Height in face units above which a crown begins, and how much higher it is one for sure; hair there counts
for so much more."""

UNLIKE = (3.0, 5.0)
"""What is lighter than hair by so many standard deviations of its lightness is hardly hair, and none: sky
between strands, or a wall behind them."""

GREY_YEARS = (30.0, 40.0, 50.0, 60.0, 70.0, 80.0)
GREY_SHARES = (0.0, 0.12, 0.38, 0.68, 0.9, 1.0)
"""How much of hair is grey at which age; about as S. Panhard et al. found it (Greying of the human hair,
British Journal of Dermatology 2012)."""

GREY, WHITE = (54.0, 0.0, 2.0), (70.0, 0.0, 3.0)
"""CIELAB of grey hair in even light, half of it and all of it."""

DARK = (22.0, 3.0, 5.0)
"""CIELAB that grey hair gets back: nobody knows its colour, and dark is the most usual."""

PALE, LEAST_PALE = (45.0, 18.0), 0.08
"""Least lightness and greatest chroma of what is pale; share of the square that has to be."""

COLOURLESS = 9.0
"""Chroma from which on hair is not grey at all."""

LIGHT = (24.0, 44.0)
"""Lightness of colourless hair that is black, and that is grey."""

BROWS = {True: 0.55, False: 0.25}
"""How far brows go of what hair does, when it greys and when it gets its colour back: they grey later."""

HIGHLIGHT = 86.0
"""Lightness of the skin's lightest tenth in even light: by that exposure is told."""

STRANDS = 0.012
"""Face units up to which differences in lightness are strands or noise."""

MOST_TIMES = 3.0
"""How many times as light hair gets at most: what is darker than black hair is darkness."""

SHADOWS = 0.7
"""Power by which shadows between light strands are lighter than those between dark ones."""

LEAST_CONTRAST, MOST_CONTRAST = 0.7, 1.7
"""How much these shrink and grow at most when hair becomes several times as dark or light."""

LEAST = 0.02
"""Less of a change is none."""


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
            moved = goal * (np.maximum(low, 0.5) / mean) ** SHADOWS
            moved = np.minimum(moved, MOST_TIMES * low + 2)
            # What is lighter than the goal already, behind thin hair for instance, stays.
            top = max(self.top, goal + 5)
            above = goal + (low - mean) * ((top - goal) / (top - mean))
            moved = np.where(low < mean, moved, np.where(low > top, low, np.maximum(above, low)))
        strands = (light - low) * np.clip(ratio, LEAST_CONTRAST, MOST_CONTRAST)
        alike = np.clip((UNLIKE[1] - (low - mean) / self.spread) / (UNLIKE[1] - UNLIKE[0]), 0, 1)
        tint = self.goal[1:].astype(np.float32) * np.clip(moved / goal, 0, 1.3)[..., None]
        play = np.float32(1 - 0.95 * self.share) * (lab[..., 1:] - self.own[1:].astype(np.float32))
        new = np.concatenate([(moved + strands)[..., None], tint + play], -1)
        return np.asarray(lab + alike[..., None] * (new - lab), np.float32)


@dataclass(frozen=True)
class HairColours:
    """What hair and brows of a face look like.

    Attributes:
        parsed: of each part (SIZE, SIZE) in 0..1, see `parse_parts`.
        colours: of each part: three of CIELAB, spread of the lightness, and area in square face units.
        exposure: how light the picture is, 1 where the lightest in the face's square is nearly white.
        colourful: see `measure_colourfulness`.
        cast: CIELAB's a and b of what is pale around the face: grey hair has the colour of the light.
    """

    parsed: Mapping[str, FloatMask]
    colours: Mapping[str, NDArray[np.float64]]
    exposure: float
    colourful: float
    cast: tuple[float, float] = (0.0, 0.0)


def look_at_hair(parser: FaceParser, faces: Sequence[tuple[Image, PlannedFace]]) -> list[HairColours]:
    """What hair and brows of some faces look like.

    Args:
        parser: says where they are.
        faces: each with its frame's image (H, W, 3); those of a track in order.
    """
    found = []
    answers = parse_track_parts(parser, faces, (*PARTS, "skin"))
    for (image, face), answer in zip(faces, answers, strict=True):
        points = face.landmarks
        parsed = {**answer, "hair": trust_crown(answer["hair"])}
        square = warp(image, crop_matrix(points, SIZE, SIDE), SIZE).astype(np.float32) / np.float32(255)
        unit = SIZE / SIDE
        colours = {name: _measured(measure_part(square, parsed[name], unit)) for name in PARTS}
        middle = slice(SIZE // 4, -SIZE // 4)
        inner = square[middle, middle]
        cast = measure_cast(square, np.maximum(parsed["hair"], parsed["skin"]))
        bare = parsed["skin"][middle, middle] > 0.8
        light = to_space(inner, "lab")[..., 0][bare]
        exposure = float(np.quantile(light, 0.9)) / HIGHLIGHT if light.size else 1.0
        found.append(
            HairColours(
                parsed, colours, float(np.clip(exposure, 0.2, 1.1)), measure_colourfulness(inner), cast
            )
        )
    return found


def measure_cast(square: FloatImage, person: FloatMask) -> tuple[float, float]:
    """CIELAB's a and b of the light, by what is pale behind a person; (0, 0) where too little is.

    Args:
        square: (S, S, 3) RGB in 0..1.
        person: (S, S) in 0..1, where hair and skin are.
    """
    lab = to_space(square, "lab")
    pale = (person < 0.05) & (lab[..., 0] > PALE[0]) & (np.hypot(lab[..., 1], lab[..., 2]) < PALE[1])
    if pale.mean() < LEAST_PALE:
        return 0.0, 0.0
    a, b = np.median(lab[pale][:, 1:], axis=0)
    return float(a), float(b)


def trust_crown(hair: FloatMask) -> FloatMask:
    """Hair (SIZE, SIZE) surer of its crown, of which the parser is not."""
    rows = ((np.arange(SIZE, dtype=np.float32)[:, None] + 0.5) / SIZE - 0.5) * np.float32(SIDE)
    above = np.clip((CROWN[0] - rows) / CROWN[1], 0, 1)
    return np.asarray(hair + above * (np.clip(SURER * hair, 0, 1) - hair), np.float32)


def average_hair(seen: Sequence[tuple[float, HairColours]]) -> HairColours:
    """The first one's places with the colours of all, by their weights."""
    first = seen[0][1]
    total = sum(weight for weight, _ in seen)
    colours = {
        name: np.sum([weight * one.colours[name] for weight, one in seen], 0) / total for name in PARTS
    }
    exposure = sum(weight * one.exposure for weight, one in seen) / total
    return HairColours(first.parsed, colours, exposure, first.colourful, first.cast)


def grey_share(age: float) -> float:
    """How much of hair is grey, 0..1."""
    return float(np.interp(age, GREY_YEARS, GREY_SHARES))


def seen_grey(colour: PartColour, exposure: float) -> float:
    """How grey hair looks, 0..1: without colour, and too light for black."""
    chroma = float(np.hypot(*colour.mean[1:]))
    light = float(np.interp(colour.mean[0] / exposure, LIGHT, (0, 1)))
    return float(np.clip(1 - chroma / COLOURLESS, 0, 1)) * light


def plan_greying(
    hair: HairColours, source: float, target: float, strength: float = 1.0
) -> dict[str, GreyMove]:
    """What makes hair as grey as an age has it.

    Args:
        hair: see there.
        source, target: years.
        strength: how much of the change is made; above 1 it is grey at a lower age.
    """
    moves = {}
    for name in PARTS:
        mean = hair.colours[name]
        colour = PartColour(mean[:3], float(mean[3]), float(mean[4]))
        if colour.area < LEAST_AREA[name] or colour.spread <= 0:
            continue
        share = BROWS[target > source] if name == "brows" else 1.0
        move = _plan(colour, hair, source, target, strength * share)
        if move is not None:
            moves[name] = move
    return moves


def _plan(
    colour: PartColour, hair: HairColours, source: float, target: float, strength: float
) -> GreyMove | None:
    looks = seen_grey(colour, hair.exposure)
    if target > source:
        before = min(grey_share(source), looks)
        share = min(1.0, strength * (grey_share(target) - before) / max(1 - before, 0.05))
        goal = np.array(GREY) + max(0.0, share - 0.5) * 2 * (np.array(WHITE) - np.array(GREY))
    else:
        share = min(1.0, strength * looks * (1 - grey_share(target) / max(grey_share(source), 0.05)))
        goal = np.array(DARK)
    if share < LEAST:
        return None
    goal = goal * hair.exposure
    goal[0] = min(goal[0], MOST_TIMES * float(colour.mean[0]) + 5)
    if target > source:
        goal[1:] += np.array(hair.cast)
    goal[1:] *= hair.colourful
    if target > source:
        goal[0] = max(goal[0], float(colour.mean[0]))  # blond hair does not get darker
    mixed = colour.mean + share * (goal - colour.mean)
    return GreyMove(colour.mean, mixed, share, 97 * hair.exposure, max(colour.spread, 5.0))


def apply_greying(
    canvas: Image | FineImage,
    landmarks: FloatArray,
    hair: HairColours,
    moves: Mapping[str, GreyMove],
    most: float,
    strength: float = 1.0,
) -> None:
    """Change the colour of hair and brows in a picture, in place.

    Args:
        canvas: (H, W, 3) RGB in 0..255, uint8 or float32.
        landmarks: (68, 2) pixels of the picture.
        hair: where they are.
        moves: see `plan_greying`.
        most: pixels to a face unit that are computed in, at most.
        strength: how much of the moves is made, 0..1.
    """
    for name, move in moves.items():
        region = cut_hair(name, canvas, landmarks, hair, most)
        if region is not None:
            apply_colour(canvas, region, replace(move, unit=region.grid.unit), strength)


def cut_hair(
    name: str, canvas: Image | FineImage, landmarks: FloatArray, hair: HairColours, most: float
) -> PartRegion | None:
    """Where hair or brows are in a picture; None if they are not; for the arguments see `apply_greying`."""
    return cut_out(canvas, landmarks, hair.parsed[name], SIDE, FITS[name], most)


def _measured(colour: PartColour) -> NDArray[np.float64]:
    return np.array([*colour.mean, colour.spread, colour.area])
