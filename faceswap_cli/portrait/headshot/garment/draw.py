"""A suit or a jacket, drawn below a head: shirt, tie or plain top, lapels, all lit as the face is.

It covers the person's own clothes. Hair falls behind the shoulders; a neck that was covered is given the
skin's colour. It is a drawing: see docs/headshot.md for what it looks like.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from faceswap_cli.compositing.guided_filter import guided_filter, weighted_mean
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.portrait.headshot.framing import Framing
from faceswap_cli.portrait.headshot.garment import shape as cut
from faceswap_cli.portrait.headshot.garment.shade import (
    folds,
    light_from,
    lit,
    rounded,
    shadow,
    weave,
)
from faceswap_cli.portrait.headshot.garment.shape import Layout, flipped, mirrored, smooth
from faceswap_cli.portrait.headshot.matte import largest_part
from faceswap_cli.portrait.headshot.options import Colour, GarmentColours
from faceswap_cli.portrait.headshot.retouch import LUMA, light_slope
from faceswap_cli.portrait.headshot.subject import Subject

HEAD = ("skin", "brows", "eyes", "nose", "mouth", "hair", "glasses", "occluder")

NECK = 0.64
"""Half the width of the usual neck, in units."""

SOFT = 0.009
"""Standard deviation, in units, of the blur that a lens gives shoulders behind a face in focus."""


@dataclass
class _Painting:
    """Colours and cover of what was drawn so far."""

    colour: FloatArray
    cover: FloatArray

    def lay(self, colour: FloatArray, mask: FloatArray) -> None:
        """Put a layer on."""
        self.colour += mask[..., None] * (colour - self.colour)
        self.cover = np.maximum(self.cover, mask)

    def darken(self, by: ArrayLike) -> None:
        """Take a share of the light away."""
        self.colour *= (1 - np.asarray(by, np.float32))[..., None]


def draw_garment(
    front: FloatArray,
    alpha: FloatArray,
    subject: Subject,
    framing: Framing,
    skin: FloatArray,
    dress: str,
    colours: GarmentColours,
) -> tuple[FloatArray, FloatArray]:
    """Dress the person.

    Args:
        front: (H, W, 3) in [0, 1], the person's colours.
        alpha: (H, W) theirs.
        subject: whom.
        framing: where the picture lies in the photo.
        skin: (H, W) in [0, 1], bare skin of the face.
        dress: "suit" or "jacket".
        colours: of the garment.

    Returns:
        Colours and alpha of the dressed person.
    """
    face = framing.points(subject.face.landmarks)
    unit = framing.unit
    layout = _lay_out(front, alpha, skin, face, unit)
    slope = light_slope(front, skin, face, unit)
    light = light_from(slope)
    level = _light_level(front, skin)
    head = _head(front, alpha, subject, framing, layout)
    neck, neck_area = _neck(front, alpha, skin, head, layout, light)
    painting = _Painting(neck, neck_area)
    inner = _draw_inside(painting, layout, light, level, dress, colours)
    _draw_jacket(painting, layout, light, level, colours.cloth, inner)
    soft = cv2.GaussianBlur(painting.colour, (0, 0), max(SOFT * unit, 0.5))
    grain = np.random.default_rng(5).normal(0, 0.006, alpha.shape).astype(np.float32)
    drawn = np.clip(soft + grain[..., None] * painting.cover[..., None], 0, 1)
    cover = cv2.GaussianBlur(painting.cover, (0, 0), max(0.5 * SOFT * unit, 0.5))
    shade = _head_shadow(head, light, unit, layout)
    drawn = drawn * (1 - shade[..., None])
    colour = head[..., None] * front + (1 - head[..., None]) * drawn
    return colour.astype(np.float32), np.maximum(head, cover).astype(np.float32)


def _lay_out(front: FloatArray, alpha: FloatArray, skin: FloatArray, face: np.ndarray, unit: float) -> Layout:
    """Where the neck is: below the chin, between the jaw's corners or where the photo shows a neck."""
    chin = float(face[8, 1])
    middle = float(0.5 * face[8, 0] + 0.25 * (face[4, 0] + face[12, 0]))
    slim = 1.0
    rows = slice(max(0, round(chin + 0.16 * unit)), max(1, round(chin + 0.42 * unit)))
    like = _skin_likeness(front, skin)[rows] * alpha[rows]
    if like.size and like.mean(0).max() > 0.5:
        sure = np.flatnonzero(like.mean(0) > 0.5)
        near = sure[np.abs(sure - middle) < 0.95 * unit]
        if len(near) > 0.7 * unit:
            left, right = np.percentile(near, [3, 97])
            slim = float(np.clip((right - left) / 2 / unit / NECK, 0.86, 1.08))
            middle = 0.5 * middle + 0.25 * float(left + right)
    height, width = alpha.shape
    return Layout(height, width, middle, chin, unit, slim)


def _skin_likeness(front: FloatArray, skin: FloatArray) -> FloatArray:
    """(H, W) in [0, 1] how much a colour is like the face's skin, in light or in shadow."""
    lab = np.asarray(cv2.cvtColor(front, cv2.COLOR_RGB2Lab), np.float32)
    sure = lab[skin > 0.6]
    if len(sure) < 30:
        return np.zeros(skin.shape, np.float32)
    middle = np.median(sure, 0)
    spread = np.maximum(1.4 * np.median(np.abs(sure - middle), 0), (9.0, 4.0, 4.0))
    # A shadow is darker, and its colour fainter with it.
    dark = np.clip(lab[..., 0] / middle[0], 0.25, 1.1)
    off = ((lab[..., 1:] - middle[1:] * dark[..., None]) / (2.2 * spread[1:])) ** 2
    lightness = np.maximum(np.abs(lab[..., 0] - 0.85 * middle[0]) - 0.35 * middle[0], 0) / (2 * spread[0])
    return np.asarray(np.exp(-0.5 * (off.sum(-1) + lightness**2)), np.float32)


def _light_level(front: FloatArray, skin: FloatArray) -> float:
    """How bright the light is, by the brightest of the face's skin; 1 is well exposed."""
    values = (front @ LUMA)[skin > 0.5]
    return float(np.clip(np.percentile(values, 95) / 0.78, 0.72, 1.04)) if values.size > 30 else 1.0


def _head(
    front: FloatArray, alpha: FloatArray, subject: Subject, framing: Framing, layout: Layout
) -> FloatArray:
    """(H, W) alpha of the head alone: face, hair and hat without neck, shoulders and clothes."""
    _, y = layout.grid()
    parts = subject.classes_in(framing, HEAD)
    parts = np.clip(guided_filter(front, parts, 0.05 * layout.unit, 1e-3), 0, 1)
    parts = np.clip((parts - 0.25) / 0.5, 0, 1)
    # To the parser ears and hats are no part of a face: above the eyes all is head, beside them ears are.
    face = framing.points(subject.face.landmarks)
    aside = np.abs(np.arange(layout.width, dtype=np.float32) - 0.5 * (face[1, 0] + face[15, 0]))[None]
    aside = aside / layout.unit
    ears = np.clip((1.15 - aside) / 0.08, 0, 1) * np.clip((-0.62 - y) / 0.15, 0, 1)
    upper = np.clip((-1.25 - y) / 0.2, 0, 1)
    head = np.maximum(np.maximum(parts, upper), ears)
    # The parser looks no lower than half a unit below the chin.
    head = head * np.clip((0.45 - y) / 0.12, 0, 1)
    return largest_part(np.asarray(alpha * head, np.float32))


def _neck(
    front: FloatArray,
    alpha: FloatArray,
    skin: FloatArray,
    head: FloatArray,
    layout: Layout,
    light: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """The neck's colours everywhere, and the area (H, W) that it covers: the photo's where it shows skin."""
    x, y = layout.grid()
    # Up behind the jaw it grows narrower, so that it is seen below it only.
    half = NECK * layout.slim * (1 + 0.10 * np.clip(y - 0.35, 0, 1) - 0.55 * np.clip(0.12 - y, 0, 0.6))
    area = np.clip((half - np.abs(x)) * layout.unit / 2 + 0.5, 0, 1) * np.clip((y + 0.45) / 0.1, 0, 1)
    area = (area * np.clip((1.7 - y) / 0.1, 0, 1)).astype(np.float32)
    like = _skin_likeness(front, skin) * alpha * (y > -0.45) * (np.abs(x) < 1.2 * half + 0.06)
    like = np.clip((like - 0.3) / 0.4, 0, 1).astype(np.float32)
    like = cv2.erode(like, np.ones((3, 3)))
    area = np.maximum(area, cv2.morphologyEx(like, cv2.MORPH_OPEN, np.ones((7, 7))))
    lower = skin * (y > -0.75) * (y < 0.1)
    known = like + 1e-3 * lower if like.sum() > 200 else lower + 1e-6 * skin
    filled = weighted_mean(front, known.astype(np.float32), 0.10 * layout.unit)
    round_ = np.sqrt(np.clip(1 - (x / (1.12 * half)) ** 2, 0.1, 1))
    under = 1 - 0.30 * np.exp(-np.clip(y, 0, None) / 0.22)
    drawn = filled * (0.5 + 0.5 * round_ * (1 + 0.25 * light[0] * x))[..., None]
    if like.sum() <= 200:
        drawn = drawn * (0.86 * under)[..., None]
    soft = cv2.GaussianBlur(like, (0, 0), max(0.02 * layout.unit, 0.5))[..., None]
    colour = soft * front + (1 - soft) * drawn
    return colour.astype(np.float32), area.astype(np.float32)


def _draw_inside(
    painting: _Painting,
    layout: Layout,
    light: FloatArray,
    level: float,
    dress: str,
    colours: GarmentColours,
) -> FloatArray:
    """Shirt, collar and tie, or a plain top. Returns the area (H, W) that they cover."""
    unit, size = layout.unit, (layout.height, layout.width)
    x, y = layout.grid()
    if dress == "jacket":
        opening = smooth(layout.slimmed(cut.NECKLINE))
    else:
        opening = smooth(layout.slimmed(cut.CLOSED if colours.tie else cut.OPENING))
    below = mirrored(np.vstack([opening, smooth(layout.slimmed(cut.INSIDE))]))
    shirt = layout.area(below)
    height = rounded(shirt, 0.10 * unit) * np.float32(0.6)
    height += 0.020 * unit * folds(size, 0.30 * unit, 78, 3.5, 11)
    height += 0.005 * unit * folds(size, 0.12 * unit, 65, 4, 12)
    height -= np.float32(0.16 * unit) * (x / 1.2) ** 2
    fine = 1 + 0.18 * (weave(size, unit, 31)[::-1] - 1)
    colour = _cloth(colours.shirt, lit(height.astype(np.float32), light), fine, level)
    painting.darken(0.5 * shadow(shirt, -light, 0.05 * unit) * (1 - shirt))
    painting.lay(colour, shirt)
    if dress == "jacket":
        _rib(painting, layout, opening, colours.shirt, light, level)
        return shirt
    leaf = cut.joined(cut.COLLAR if colours.tie else cut.OPEN_COLLAR, layout)
    if colours.tie:
        painting.darken(0.12 * np.clip(1 - (y - 0.6) / 0.5, 0, 1) * shirt)
        _tie(painting, layout, colours.tie, light, level)
    for path in (leaf, flipped(leaf)):
        mask = layout.area(path)
        painting.darken(0.34 * shadow(mask, light, 0.045 * unit) * (1 - mask) * painting.cover)
        rise = rounded(mask, 0.05 * unit) + 0.006 * unit * folds(size, 0.16 * unit, 30, 3, 17)
        rise -= np.float32(0.20 * unit) * (x / 1.0) ** 2
        painting.lay(_cloth(colours.shirt, 1.02 * lit(rise.astype(np.float32), light), fine, level), mask)
        _stitch(painting, mask, 0.035 * unit, unit)
    return np.maximum(shirt, layout.area(leaf))


def _rib(
    painting: _Painting, layout: Layout, opening: np.ndarray, shirt: Colour, light: FloatArray, level: float
) -> None:
    """The ribbed band around a top's neckline."""
    unit, size = layout.unit, (layout.height, layout.width)
    x, y = layout.grid()
    outer = opening * (1.10, 1.0) + (0.0, 0.13)
    outer[:, 1] -= 0.06 * np.clip(np.abs(outer[:, 0]) / 0.7, 0, 1)
    band = layout.area(np.vstack([mirrored(opening), mirrored(outer)[::-1]]))
    turn = np.arctan2(x, y + 0.35 + 0 * x)
    ribs = 0.004 * unit * np.sin(turn * 150)
    rise = (rounded(band, 0.06 * unit) + ribs).astype(np.float32)
    painting.darken(0.22 * shadow(band, light, 0.03 * unit) * (1 - band) * painting.cover)
    fine = 1 + 0.25 * (weave(size, unit, 31)[::-1] - 1)
    painting.lay(_cloth(shirt, lit(rise, light), fine, level), band)


def _tie(painting: _Painting, layout: Layout, tie: Colour, light: FloatArray, level: float) -> None:
    unit, size = layout.unit, (layout.height, layout.width)
    x, y = layout.grid()
    stripes = 1 + 0.10 * np.tanh(3 * np.sin((x * 0.8 + y * 0.62) * (2 * np.pi / 0.17)))
    silk = 1 + 0.03 * np.sin((x * 0.62 - y * 0.8) * unit * 1.9)
    for points, radius, dent in ((cut.BLADE, 0.13, 1.0), (cut.KNOT, 0.11, 0.25)):
        outline = smooth(np.asarray(points), steps=8)
        mask = layout.area(mirrored(outline))
        rise = rounded(mask, radius * unit)
        dimple = np.exp(-((x / (0.018 + 0.05 * np.clip(y - 0.9, 0, 1))) ** 2)) * np.exp(
            -np.clip(y - 0.93, 0, None) / 0.30
        )
        rise = rise - dent * 0.03 * unit * dimple + 0.006 * unit * folds(size, 0.12 * unit, 80, 4, 23)
        bright = lit(rise.astype(np.float32), light)
        gloss = 0.10 * np.clip(bright - 1.0, 0, 1) ** 1.0 + 0.02
        painting.darken(0.42 * shadow(mask, light, 0.04 * unit) * (1 - mask) * painting.cover)
        colour = _cloth(tie, bright, (stripes * silk).astype(np.float32), level) + gloss[..., None]
        painting.lay(colour.astype(np.float32), mask)


def _draw_jacket(
    painting: _Painting, layout: Layout, light: FloatArray, level: float, cloth: Colour, inner: FloatArray
) -> None:
    unit, size = layout.unit, (layout.height, layout.width)
    x, y = layout.grid()
    side = smooth(layout.slimmed(cut.SHOULDERS))
    roll = smooth(layout.slimmed(cut.ROLL))
    whole = layout.area(np.vstack([mirrored(side)]))
    opening = layout.area(np.vstack([flipped(roll), roll[::-1]]))
    # Nothing behind the nape is drawn: there the opening reaches up to the neck.
    nape = np.clip((0.70 * layout.slim - np.abs(x)) * unit, 0, 1) * (y < 0.7)
    body = np.asarray(whole * (1 - opening) * (1 - nape), np.float32)
    texture = weave(size, unit, 31)
    # Folds run from the shoulder towards the button, on either side.
    drape = np.where(x < 0, folds(size, 0.55 * unit, 118, 2.6, 37), folds(size, 0.55 * unit, 62, 2.6, 38))
    drape = 0.10 * unit * drape + 0.013 * unit * folds(size, 0.2 * unit, 80, 4, 41)
    rise = rounded(whole, 0.62 * unit) + drape - np.float32(0.10 * unit) * np.clip(np.abs(x) - 1.2, 0, 2) ** 2
    colour = _cloth(cloth, lit(rise.astype(np.float32), light), texture, level)
    # Sleeves: a seam where they are set in.
    seam = np.exp(-(((np.abs(x) - 2.02 - 0.05 * np.sin(3 * y)) * unit / (0.022 * unit)) ** 2)) * (y > 0.82)
    painting.darken(0.55 * shadow(body, light, 0.07 * unit) * (1 - body) * painting.cover * inner)
    painting.lay(np.asarray(colour * (1 - 0.14 * seam[..., None]), np.float32), body)
    lapel = np.vstack([cut.joined(cut.LAPEL, layout), roll[::-1]])
    for path, mirror in ((lapel, 1.0), (flipped(lapel), -1.0)):
        mask = layout.area(path)
        painting.darken(0.36 * shadow(mask, light, 0.08 * unit) * (1 - mask) * body)
        over = rounded(mask, 0.035 * unit)
        fold = cv2.distanceTransform((opening < 0.5).astype(np.uint8), cv2.DIST_L2, 5) / unit
        over = over + 0.12 * unit * (1 - np.exp(-fold / 0.10)) * 0.5
        over = over + 0.045 * unit * folds(size, 0.5 * unit, 90 + 28 * mirror, 3, 47)
        over = over - np.float32(0.05 * unit) * np.clip(np.abs(x), 0, 2) ** 2
        bright = 1.06 * lit(over.astype(np.float32), light)
        painting.lay(_cloth(cloth, bright, texture[::-1] if mirror < 0 else texture, level), mask)
        _stitch(painting, mask, 0.03 * unit, unit, 0.10)
        _gorge(painting, layout, mirror, mask)


def _gorge(painting: _Painting, layout: Layout, mirror: float, mask: FloatArray) -> None:
    """The seam between the jacket's collar and its lapel, which ends in the notch."""
    unit = layout.unit
    seam = layout.slimmed(((0.66, 0.80), (0.88, 0.94), (1.10, 1.06)))
    line = np.zeros(mask.shape, np.uint8)
    at = smooth(seam) * (mirror, 1) * unit + (layout.x, layout.y)
    thick = max(1, round(0.014 * unit))
    cv2.polylines(line, [np.round(at * 16).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 4)
    dark = np.asarray(line.astype(np.float32) * (0.22 / 255), np.float32)
    painting.darken(cv2.GaussianBlur(dark, (0, 0), max(0.006 * unit, 0.5)) * mask)


def _stitch(painting: _Painting, mask: FloatArray, inset: float, unit: float, strength: float = 0.07) -> None:
    """A line of stitches along an edge."""
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    line = np.exp(-(((inside - inset) / max(0.006 * unit, 0.6)) ** 2)) * mask
    painting.darken((strength * line).astype(np.float32))


def _cloth(colour: Colour, bright: FloatArray, texture: FloatArray, level: float) -> FloatArray:
    """A cloth's colours in a light: shading works on linear light, colours are encoded."""
    linear = np.array(colour, np.float32) ** 2.2
    shade = (np.clip(bright, 0.25, 1.9) * texture * level)[..., None]
    return np.asarray(np.clip(linear * shade + 0.0015, 0, 1) ** (1 / 2.2), np.float32)


def _head_shadow(head: FloatArray, light: FloatArray, unit: float, layout: Layout) -> FloatArray:
    """(H, W) the head's soft shadow on collar and shoulders."""
    _, y = layout.grid()
    under = shadow(head, np.array([light[0], -0.9, 0], np.float32), 0.16 * unit)
    return np.asarray(0.42 * under * np.clip(1.1 - y, 0, 1) * np.clip((y - 0.15) / 0.35, 0, 1), np.float32)
