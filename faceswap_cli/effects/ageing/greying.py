"""Hair, brows and beards that go grey with age, or get their colour back: through the whole matte, to its
edge.

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
from faceswap_cli.compositing.colour.grey_move import MOST_TIMES, GreyMove
from faceswap_cli.compositing.colour.recolour import PartColour, measure_part
from faceswap_cli.compositing.colour.spaces import FloatImage, to_space
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.part_matte import MatteFit, PartRegion, cut_out, place_square
from faceswap_cli.effects.ageing.beard import find_beard
from faceswap_cli.effects.ageing.neck import find_neck
from faceswap_cli.effects.edit.colour_road import LEAST_AREA, apply_colour
from faceswap_cli.effects.edit.parts import SIDE, SIZE, parse_track_parts
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import FineImage, Image

PARTS = ("hair", "brows", "beard")

FITS = {
    "hair": MatteFit(0.06, 1e-4, (0.35, 0.75)),
    "brows": MatteFit(0.03, 1e-4, (0.15, 0.6)),
    "beard": MatteFit(0.03, 1e-4, (0.2, 0.6)),
}
"""How each part is fitted to the picture: grey shows where it does not belong more than other colours do."""

CROWN, SURER = (-1.1, 0.2), 2.0
"""Height in face units above which a crown begins, and how much higher it is one for sure; hair there counts
for so much more."""

GREY_YEARS = (30.0, 40.0, 50.0, 60.0, 70.0, 80.0)
GREY_SHARES = (0.0, 0.15, 0.5, 0.8, 0.95, 1.0)
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

OF_HAIR = {"hair": (1.0, 1.0), "brows": (0.55, 0.25), "beard": (1.1, 0.8)}
"""How far parts go of what hair does, when it greys and when it gets its colour back: brows grey later."""

THICK = 0.55
"""A beard is so much darker than skin, in parts of the skin's lightness; stubble less."""

LEAST_BEARD = 0.02
"""Square face units of a beard, at least."""

GLANCE, USUAL_FACE, MOST_STEPS, LIFT = 24, 127.0, 4, 0.7
"""Of a face that is looked at to see how light it is: its pixels, their usual level, and half doublings by
which a dark one is lightened for the parser at most, beside a power of its levels: dark hair on dark ground
is seen then."""

HIGHLIGHT = 86.0
"""Lightness of the skin's lightest tenth in even light: by that exposure is told."""

SKIN_SHARE, SKIN_SOFT, SKIN_NEAR = (0.3, 0.75), 0.02, 0.1
"""Beside skin: shares of the way from hair's lightness to skin's where a place begins to be skin, and is;
over how much of a face unit it is averaged; and standard deviation in face units of how near that is."""

SKIN_APART = (1.0, 8.0)
"""Spreads of hair's lightness, and steps of CIELAB, that skin has to be lighter by for that."""

LEAST = 0.02
"""Less of a change is none."""


@dataclass(frozen=True)
class HairColours:
    """What hair and brows of a face look like.

    Attributes:
        parsed: of each part, skin and neck (SIZE, SIZE) in 0..1, see `parse_parts`.
        colours: of each part: three of CIELAB, spread of the lightness, and area in square face units.
        exposure: how light the picture is, 1 where the lightest in the face's square is nearly white.
        colourful: see `measure_colourfulness`.
        skin_light: CIELAB's L of the face's skin, its median.
        cast: CIELAB's a and b of what is pale around the face: grey hair has the colour of the light.
    """

    parsed: Mapping[str, FloatMask]
    colours: Mapping[str, NDArray[np.float64]]
    exposure: float
    colourful: float
    skin_light: float
    cast: tuple[float, float] = (0.0, 0.0)


def look_at_hair(parser: FaceParser, faces: Sequence[tuple[Image, PlannedFace]]) -> list[HairColours]:
    """What hair and brows of some faces look like.

    Args:
        parser: says where they are.
        faces: each with its frame's image (H, W, 3); those of a track in order.
    """
    found = []
    seen = [(_lighten(image, face.landmarks), face) for image, face in faces]
    answers = parse_track_parts(parser, seen, ("hair", "brows", "skin"))
    for (image, face), answer in zip(faces, answers, strict=True):
        points = face.landmarks
        parsed = {**answer, "hair": trust_crown(answer["hair"])}
        square = warp(image, crop_matrix(points, SIZE, SIDE), SIZE).astype(np.float32) / np.float32(255)
        unit = SIZE / SIDE
        parsed["beard"] = find_beard(square, points, parsed["skin"] * (1 - parsed["hair"]), SIDE)
        parsed["neck"] = find_neck(parsed["skin"] * (1 - parsed["hair"]), points, SIDE)
        colours = {name: _measured(measure_part(square, parsed[name], unit)) for name in PARTS}
        middle = slice(SIZE // 4, -SIZE // 4)
        inner = square[middle, middle]
        cast = measure_cast(square, np.maximum(parsed["hair"], parsed["skin"]))
        bare = parsed["skin"][middle, middle] > 0.8
        light = to_space(inner, "lab")[..., 0][bare]
        exposure = float(np.quantile(light, 0.9)) / HIGHLIGHT if light.size else 1.0
        exposure = float(np.clip(exposure, 0.2, 1.1))
        usual = float(np.median(light)) if light.size else 0.0
        found.append(HairColours(parsed, colours, exposure, measure_colourfulness(inner), usual, cast))
    return found


def _lighten(image: Image, landmarks: FloatArray) -> Image:
    """A picture as the parser is shown it: of a face in little light as light as others, in whole steps."""
    crop = warp(image, crop_matrix(landmarks, GLANCE, 1.4), GLANCE)
    steps = round(2 * float(np.log2(USUAL_FACE / max(float(np.median(crop)), 1.0))))
    times = 2 ** (min(max(steps, 0), MOST_STEPS) / 2)
    table = 255 * np.clip(np.arange(256) * times / 255, 0, 1) ** LIFT
    return np.asarray(cv2.LUT(image, np.rint(table).astype(np.uint8)), np.uint8)


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
    """The first one's places with the colours of all, and the beards, by their weights."""
    first = seen[0][1]
    total = sum(weight for weight, _ in seen)
    colours = {
        name: np.sum([weight * one.colours[name] for weight, one in seen], 0) / total for name in PARTS
    }
    exposure = sum(weight * one.exposure for weight, one in seen) / total
    skin = sum(weight * one.skin_light for weight, one in seen) / total
    # Hair flies, and each frame shows where; a beard is where it was, in the face's own square.
    beard = np.sum([np.float32(weight / total) * one.parsed["beard"] for weight, one in seen], 0)
    parsed = {**first.parsed, "beard": np.asarray(beard, np.float32)}
    return replace(first, parsed=parsed, colours=colours, exposure=exposure, skin_light=skin)


def without_beard(hair: HairColours) -> HairColours:
    """The same of somebody who has none: a woman's shadows beside the mouth are no beard."""
    return replace(hair, parsed={**hair.parsed, "beard": np.zeros_like(hair.parsed["beard"])})


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
        if colour.area < LEAST_AREA.get(name, LEAST_BEARD) or colour.spread <= 0:
            continue
        share = OF_HAIR[name][target <= source]
        if name == "beard":  # of stubble half is skin
            share *= float(np.clip((1 - mean[0] / max(hair.skin_light, 1.0)) / THICK, 0, 1))
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
    region = cut_out(canvas, landmarks, hair.parsed[name], SIDE, FITS[name], most)
    if region is None or name != "hair":
        return region
    return replace(region, matte=_without_skin(region, hair))


def _without_skin(region: PartRegion, hair: HairColours) -> FloatMask:
    """A matte of hair without what is skin by its lightness: a forehead in the shadow of dark hair, which a
    parser takes for hair, would become a pale band."""
    gap = hair.skin_light - float(hair.colours["hair"][0])
    trust = float(np.clip(gap / max(float(hair.colours["hair"][3]), 1.0) - SKIN_APART[0], 0, 1))
    trust = trust if gap > SKIN_APART[1] else 0.0
    if trust <= 0:
        return region.matte
    grid = region.grid.at_most(60)
    skin = cv2.GaussianBlur(place_square(hair.parsed["skin"], SIDE, grid), (0, 0), SKIN_NEAR * grid.unit)
    near = cv2.resize(np.clip(3 * skin, 0, 1), region.grid.size, interpolation=cv2.INTER_LINEAR)
    light = to_space(region.picture, "lab")[..., 0]
    soft = cv2.GaussianBlur(light, (0, 0), max(SKIN_SOFT * region.grid.unit, 0.5))
    share = (soft - hair.colours["hair"][0]) / gap
    bare = np.clip((share - SKIN_SHARE[0]) / (SKIN_SHARE[1] - SKIN_SHARE[0]), 0, 1)
    return np.asarray(region.matte * (1 - trust * near * bare), np.float32)


def _measured(colour: PartColour) -> NDArray[np.float64]:
    return np.array([*colour.mean, colour.spread, colour.area])
