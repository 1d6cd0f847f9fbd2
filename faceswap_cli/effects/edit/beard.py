"""A beard: the shadow of stubble, and hairs drawn one by one over it, from stubble to a full beard.

Hairs stand where beards grow on the average face, lie as they lie there, and have the brows' colour, a little
lighter or darker each, in the light that is on the skin below them.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.colour.spaces import from_space, to_space
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.effects.edit.drawn_face import DrawnFace, rise
from faceswap_cli.effects.edit.outlines import outer_lips
from faceswap_cli.effects.edit.strands import draw_strands
from faceswap_cli.effects.reenact.light import LUMA
from faceswap_cli.effects.reenact.warp import FloatArray

TRIED = 60_000
"""Places that hairs are tried in."""

SHORTEST, LONGEST = 0.01, 0.085
"""Of a hair in face units (about 9 cm each), as stubble and in a full beard."""

WIDTH = 0.0042
"""Of a hair at its root, face units."""

SHADOW = 0.5
"""How far skin under the densest beard is towards the hairs' colour."""

UNLIKE = 0.3
"""Spread of the hairs' lightness, as a share."""

CHEEK = ((-0.9, -0.35), (-0.74, -0.2), (-0.64, 0.1), (-0.5, 0.3), (-0.36, 0.37), (-0.3, 0.36))
"""The upper edge of a beard on the average face's left half, from the temple to the corner of the mouth."""


def draw_beard(
    picture: FloatArray, face: DrawnFace, before: float, after: float, colourful: float = 1.0
) -> FloatMask:
    """Draw a beard, in place.

    Args:
        picture: (H, W, 3) of the face's box, in 0..1.
        face: whose.
        before: how much of one there is, 0..1.
        after: how much of one there shall be.
        colourful: how much colour the picture has, 0 for grey ones.

    Returns:
        (H, W) where it was done.
    """
    untouched = picture.copy()
    colour = hair_colour(picture, face)
    where = beard_area(face)
    light = cv2.GaussianBlur(picture @ LUMA, (0, 0), 0.1 * face.unit)
    seen = float((light * where).sum() / max(float(where.sum()), 1e-6))
    relief = (light / max(seen, 0.05)).clip(0.35, 1.6) ** 0.8
    step = float(rise(np.array(after - before), 0.0, 0.3))
    share = SHADOW * where * (0.18 + 0.82 * after) * step
    # Through short stubble skin is seen, a little bluish.
    tone = 0.8 + colourful * (np.array([0.5, 0.8, 1.0], np.float32) - 0.8)
    blue = 0.06 * (1 - after) * relief[..., None] * tone
    under = colour * (0.8 * relief[..., None]) + blue
    picture += share[..., None].astype(np.float32) * (under.astype(np.float32) - picture)
    lines, shade = _hairs(face, after)
    roots = np.rint(lines[:, 0]).astype(int)
    height, width = where.shape
    inside = (roots >= 0).all(1) & (roots[:, 0] < width) & (roots[:, 1] < height)
    lines, shade, roots = lines[inside], shade[inside], roots[inside]
    grown = where[roots[:, 1], roots[:, 0]]
    # Every hair keeps its own lot, so that a beard does not boil in a video.
    lot = np.random.default_rng(5).permutation(len(lines)) / max(len(lines), 1)
    some = lot < grown**2 * step * (0.1 + 0.9 * after) * min(1.0, face.unit / 130 + 0.25)
    lines, shade, roots = lines[some], shade[some], roots[some]
    if len(lines):
        lit = relief[roots[:, 1], roots[:, 0]][:, None]
        shades = (colour * shade[:, None] * lit).clip(0.01, 0.95)
        drawn = picture.copy()
        draw_strands(drawn, lines, shades, max(WIDTH * face.unit, 0.5), 0.3 + 0.55 * after)
        soft = 0.35 if face.unit > 90 else 0.5
        picture += cv2.GaussianBlur(drawn - picture, (0, 0), soft)
    return np.asarray((np.abs(picture - untouched).max(-1) > 1e-4).astype(np.float32))


def read_beard(picture: FloatArray, face: DrawnFace) -> float:
    """About how much of a beard there is, 0..1: how much darker its area is than cheeks and forehead."""
    where = beard_area(face) * face.skin
    clear = face.skin * (
        face.bump((-0.38, 0.0), 0.12, 0.1)
        + face.bump((0.38, 0.0), 0.12, 0.1)
        + face.bump((0, -0.7), 0.3, 0.1)
    )
    light = picture @ LUMA
    means = [float((light * one).sum() / max(float(one.sum()), 1e-6)) for one in (where, clear)]
    return float(rise(np.array(1 - means[0] / max(means[1], 1e-3)), 0.16, 0.6))


def hair_colour(picture: FloatArray, face: DrawnFace) -> NDArray[np.float32]:
    """(3,) RGB in 0..1 that a beard has: the brows' without skin between them, or the hair's if darker."""
    found, hair = [], None
    for name, least, share in (("brows", 0.5, 0.2), ("hair", 0.8, 0.4)):
        sure = face.mattes[name] > least
        if sure.sum() > 20:
            lab = to_space(picture[sure][None], "lab")[0]
            found.append(lab[lab[:, 0] <= np.quantile(lab[:, 0], share)].mean(0))
            hair = np.median(lab, 0)
    if hair is None:
        return np.array([0.16, 0.12, 0.1], np.float32)
    lab = min(found, key=lambda one: float(one[0]))
    # Grey hair goes with a grey beard, however dark the brows still are.
    grey = float(rise(np.array(hair[0]), 38, 55)) * float(rise(np.array(np.hypot(*hair[1:])), 20, 9))
    lab = lab + 0.8 * grey * (hair - lab)
    lab[0] = np.clip(lab[0], 7, 72)
    return np.asarray(from_space(lab[None, None].astype(np.float32), "lab")[0, 0], np.float32)


def beard_area(face: DrawnFace) -> FloatMask:
    """(H, W) in 0..1: where a beard grows, and how densely."""
    x, y = np.abs(face.places[..., 0]), face.places[..., 1]
    edge = np.array(CHEEK)
    upper = np.interp(-x, edge[:, 0], edge[:, 1]).astype(np.float32)
    cheeks = rise(y - upper, -0.03, 0.2) * rise(x, 0.18, 0.34)
    chin = rise(y, 0.6, 0.7) * rise(x, 0.38, 0.18)
    # Under the nose it begins a little above the lip, lower the farther out it is.
    above = y - 0.3 * x
    moustache = (
        rise(above, 0.2, 0.28) * rise(y, 0.5, 0.46) * rise(x, 0.4, 0.26) * (0.7 + 0.3 * rise(x, 0, 0.07))
    )
    beside = rise(x, 0.24, 0.31) * rise(x, 0.48, 0.36) * rise(y, 0.36, 0.46)
    soul = 0.7 * rise(x, 0.1, 0.05) * rise(y, 0.56, 0.62)
    grown = np.maximum.reduce([cheeks, chin, 0.85 * moustache, 0.85 * beside, soul])
    # Not on ears, and hardly on the neck.
    outline = cv2.convexHull(face.points[:, :2].astype(np.float32))[:, 0]
    middle = outline.mean(0)
    inside = face.polygon(middle + (outline - middle) * [1.0, 1.035], 0.025)
    grown = grown * rise(inside, 0.1, 0.8) * rise(y, 1.05, 0.9)
    lips = face.polygon(outer_lips(face.points[:, :2], face.layout.mouth), 0.012)
    return np.asarray(grown * (1 - lips).clip(0, 1) ** 2 * face.skin, np.float32)


@cache
def _roots() -> NDArray[np.float64]:
    """(N, 7) x and y of hairs on the average face, their shares of length, lean, bend, shade, and depth."""
    random = np.random.default_rng(11)
    at = random.uniform([-0.85, -0.3], [0.85, 1.1], (TRIED, 2))
    order = np.argsort(at[:, 1] + 0.1 * random.standard_normal(TRIED))
    rest = [
        random.uniform(0.55, 1.1, TRIED), 0.3 * random.standard_normal(TRIED),
        0.35 * random.standard_normal(TRIED), np.exp(UNLIKE * random.standard_normal(TRIED)),
    ]  # fmt: skip
    # Hairs lie in locks, and some catch the light.
    locks = np.sin(31 * at[:, 0] + 4 * np.sin(9 * at[:, 1])) * np.sin(
        13 * at[:, 1] + 3 * np.sin(17 * at[:, 0])
    )
    rest[3] = rest[3] * np.exp(0.22 * locks)
    rest[1] = rest[1] + 0.25 * np.sin(23 * at[:, 0] + 11 * at[:, 1])
    rest[3] = np.where(random.uniform(size=TRIED) < 0.1, 1.3 * rest[3], rest[3])
    return np.column_stack([at, *rest])[order[::-1]]


def _hairs(face: DrawnFace, amount: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """(N, K, 2) in the box's pixels, and (N,) how light each is."""
    root = _roots()
    x, y = root[:, 0], root[:, 1]
    length = SHORTEST + (LONGEST - SHORTEST) * max(0.0, amount - 0.15) ** 1.4 / 0.85**1.4
    # The moustache grows outwards and down, cheeks down and back a little, the chin down.
    above = np.exp(-0.5 * (((y - 0.34) / 0.07) ** 2)) * (np.abs(x) < 0.4)
    out = np.sign(x) * (above * 1.2 + 0.25 * (np.abs(x) > 0.3) - 0.35 * (np.abs(x) > 0.5))
    way = np.column_stack([out + root[:, 3], np.full(len(root), 1.0)])
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    shorter = np.where(above > 0.3, 0.55, 1.0) * (1 - 0.55 * (y < 0.2))
    t = np.linspace(0, 1, 5)[None, :, None]
    across = np.column_stack([-way[:, 1], way[:, 0]])
    reach = (length * shorter * root[:, 2])[:, None, None]
    lines = root[:, None, :2] + reach * (way[:, None] * t + across[:, None] * root[:, 4, None, None] * t**2)
    flat = face.pixels(lines.reshape(-1, 2)).reshape(*lines.shape)
    return flat, np.asarray(root[:, 5], np.float32)
