"""Make-up: shadow and liner on the lids, lashes, colour on cheeks and lips, and evener skin.

All of it multiplies the photo's own light, so that pores, gloss and shadows stay. Lids and lips are found by
the dense points.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.colour.spaces import from_space, to_space
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.effects.edit.drawn_face import DrawnFace, rise
from faceswap_cli.effects.edit.outlines import outer_lips
from faceswap_cli.effects.edit.strands import draw_strands
from faceswap_cli.effects.reenact.layout import Opening
from faceswap_cli.effects.reenact.warp import FloatArray, box_pixels, outline_polygon

SHADOW = np.array([0.34, 0.5, 0.52], np.float32)
"""What shadow takes of red, green and blue, as a logarithm."""

LINER = np.array([1.25, 1.3, 1.2], np.float32)
BLUSH = np.array([0.0, 0.11, 0.085], np.float32)

LIPS = np.array([-7.0, 19.0, 5.0], np.float32)
"""What lips gain of CIELAB."""

EVEN = 0.35
"""How much of the unevenness between the two widths, in face units, is taken."""

WIDTHS = (0.012, 0.07)

LASHES, LENGTH = 26, 0.085
"""Of an eye's upper lid, and how long the longest are, in face units."""


def draw_makeup(picture: FloatArray, face: DrawnFace, amount: float, colourful: float = 1.0) -> FloatMask:
    """Draw it, in place.

    Args:
        picture: (H, W, 3) of the face's box, in 0..1.
        face: whose.
        amount: how much, 0..1.
        colourful: how much colour the picture has, 0 for grey ones.

    Returns:
        (H, W) where it was done.
    """
    before = picture.copy()
    _even(picture, face, amount)
    blush = face.skin * sum(_cheek(face, side) for side in (-1, 1))
    dark = np.asarray(amount * colourful * blush[..., None] * BLUSH, np.float32)
    for eye in face.layout.eyes:
        shadow, liner = _lids(face, eye)
        hue = SHADOW.mean() + colourful * (SHADOW - SHADOW.mean())
        dark += amount * (shadow[..., None] * hue + liner[..., None] * LINER)
    picture *= np.exp(-dark)
    _colour_lips(picture, face, amount, colourful)
    for eye in face.layout.eyes:
        _draw_lashes(picture, face, eye, amount)
    return np.asarray((np.abs(picture - before).max(-1) > 1e-4).astype(np.float32))


def _even(picture: FloatArray, face: DrawnFace, amount: float) -> None:
    """Take some of the blotches off the skin, in place."""
    weight = face.skin[..., None] + np.float32(1e-3)
    fine, wide = (
        cv2.GaussianBlur(picture * weight, (0, 0), width * face.unit)
        / np.maximum(cv2.GaussianBlur(weight, (0, 0), width * face.unit), 1e-3)[..., None]
        for width in WIDTHS
    )
    apart = np.clip(fine - wide, -0.05, 0.05)
    away = np.ones_like(face.skin)
    for opening in face.layout.openings:
        away *= 1 - _around(face, opening)
    picture -= np.float32(EVEN * amount) * (face.skin * away)[..., None] * apart


def _around(face: DrawnFace, opening: Opening) -> FloatMask:
    ring = face.points[list(opening.outline), :2]
    middle = ring.mean(0)
    return face.polygon(
        cv2.convexHull((middle + (ring - middle) * [1.2, 1.9]).astype(np.float32))[:, 0], 0.03
    )


def _cheek(face: DrawnFace, side: int) -> FloatMask:
    """(H, W) a cheekbone, higher outwards."""
    away = face.places - np.array([0.52 * side, 0.03], np.float32)
    along = away[..., 0] * side * np.float32(0.86) - away[..., 1] * np.float32(0.5)
    across = away[..., 0] * side * np.float32(0.5) + away[..., 1] * np.float32(0.86)
    return np.asarray(np.exp(-0.5 * ((along / 0.2) ** 2 + (across / 0.1) ** 2)), np.float32)


def _lids(face: DrawnFace, eye: Opening) -> tuple[FloatMask, FloatMask]:
    """(H, W) and (H, W): shadow above an eye, and the line along its lashes."""
    at = box_pixels(face.box)
    along, height, below = eye_frame(face, eye, at)
    # The line goes a little beyond the outer corner, and thins out inwards.
    inside = rise(along, -0.04, 0.12) * rise(along, 1.16, 0.98)
    shade = rise(height, 0.0, 0.025) * rise(height, 0.2, 0.045)
    shadow = inside * shade * (0.55 + 0.45 * rise(along, 0.35, 0.95))
    thick = (0.011 + 0.014 * rise(along, 0.2, 0.95)) * rise(along, 0.0, 0.2) * rise(along, 1.14, 1.0)
    sharp = max(0.008, 0.7 / face.unit)
    line = rise(np.abs(height - thick / 2) - thick / 2, sharp, -sharp / 2) * (thick > 1e-4)
    under = rise(np.abs(below), 0.008 + sharp, 0.0) * rise(along, 0.45, 0.8) * rise(along, 1.02, 0.95)
    opened = face.polygon(outline_polygon(face.points[:, :2], eye), 0.004)
    shadow = shadow * (1 - opened) * np.sqrt(np.maximum(face.skin, 0))
    return np.asarray(shadow, np.float32), np.asarray(0.85 * line + 0.3 * under, np.float32)


def eye_frame(
    face: DrawnFace, eye: Opening, at: NDArray[np.floating]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of pixels (..., 2): how far from the inner (0) to the outer corner (1), and how far above the upper and
    below the lower lid, in face units."""
    points = face.points[:, :2]
    ends = points[list(eye.corners)]
    nose = face.layout.head.mean[list(eye.corners), 0]
    inner, outer = (ends[0], ends[1]) if abs(nose[0]) < abs(nose[1]) else (ends[1], ends[0])
    length = max(float(np.linalg.norm(outer - inner)), 1e-6)
    x = (outer - inner) / length
    y = np.array([x[1], -x[0]])
    if y[1] > 0:
        y = -y
    away = np.asarray(at, np.float64) - inner
    along, up = away @ x / length, away @ y
    edges = []
    for some in (eye.upper, eye.lower):
        p = points[list(some)] - inner
        u, h = np.r_[0, p @ x / length, 1], np.r_[0, p @ y, 0]
        order = np.argsort(u)
        # Beyond the outer corner the line goes on upwards a little.
        edges.append(np.interp(along, np.r_[u[order], 1.2], np.r_[h[order], 0.05 * face.unit]))
    unit = face.unit
    return (
        np.asarray(along, np.float32),
        np.asarray((up - edges[0]) / unit, np.float32),
        np.asarray((edges[1] - up) / unit, np.float32),
    )


def _colour_lips(picture: FloatArray, face: DrawnFace, amount: float, colourful: float) -> None:
    """Redden lips and give them a little gloss, in place."""
    mouth = face.layout.mouth
    lips = face.polygon(outer_lips(face.points[:, :2], mouth), 0.012)
    lips *= 1 - face.polygon(outline_polygon(face.points[:, :2], mouth), 0.008)
    y, x = np.nonzero(lips > 1 / 255)
    if not len(y):
        return
    part = (slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1))
    lab = to_space(picture[part], "lab")
    share = amount * lips[part][..., None]
    light = lab[..., :1]
    gloss = np.maximum(light - cv2.GaussianBlur(light, (0, 0), 0.04 * face.unit)[..., None], 0)
    moved = lab + share * (
        LIPS * np.array([1, colourful, colourful], np.float32) * np.clip(light / 55, 0.3, 1)
        + np.array([1, 0, 0], np.float32) * 0.5 * gloss
    )
    picture[part] = np.where(share > 0, from_space(moved, "lab"), picture[part])


def _draw_lashes(picture: FloatArray, face: DrawnFace, eye: Opening, amount: float) -> None:
    """Lashes along the upper lid, in place."""
    if face.unit < 45:
        return
    points = face.points[:, :2] - np.array(face.box[:2])
    ends = points[list(eye.corners)]
    nose = face.layout.head.mean[list(eye.corners), 0]
    inner, outer = (ends[0], ends[1]) if abs(nose[0]) < abs(nose[1]) else (ends[1], ends[0])
    lid = np.vstack([inner, points[list(eye.upper)], outer])
    away = np.linalg.norm(lid - inner, axis=1)
    lid = lid[np.argsort(away)]
    random = np.random.default_rng(3)
    place = np.linspace(0.16, 1.0, LASHES) + random.uniform(-0.012, 0.012, LASHES)
    steps = np.r_[0, np.cumsum(np.linalg.norm(np.diff(lid, axis=0), axis=1))]
    roots = np.column_stack([np.interp(place * steps[-1], steps, lid[:, k]) for k in (0, 1)])
    x = (outer - inner) / max(float(np.linalg.norm(outer - inner)), 1e-6)
    up = np.array([x[1], -x[0]])
    up = up if up[1] < 0 else -up
    lean = (place - 0.42)[:, None] * 1.5
    length = LENGTH * face.unit * (0.45 + 0.55 * place)[:, None] * random.uniform(0.75, 1.05, (LASHES, 1))
    ways = lean * x + up
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    bend = np.sign(lean) * x * 0.25
    # They stand out from the lid towards the camera first, so that half of their length is seen.
    t = np.linspace(0, 1, 6)[None, :, None]
    lines = roots[:, None] + length[:, None] * 0.75 * (ways[:, None] * t + (bend[:, None] + 0.25 * up) * t**2)
    colours = np.full((LASHES, 3), 0.06)
    draw_strands(picture, lines, colours, 0.0085 * face.unit, 0.8 * amount)
