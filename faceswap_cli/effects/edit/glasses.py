"""Glasses put on: frames built in the head's own coordinates, so that they turn with it.

A frame is a closed curve around each eye, as thick as its style's rim; it hangs before the face, bends around
it, throws a soft shadow, and its arms go back to the ears and under the hair. Glasses that are worn already
can't be taken off: what is behind their frames is not in the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.effects.edit.drawn_face import DrawnFace, rise
from faceswap_cli.effects.edit.glasses_styles import CLEAR, STYLES, Style
from faceswap_cli.effects.reenact import warp
from faceswap_cli.effects.reenact.layout import Points
from faceswap_cli.effects.reenact.light import LUMA
from faceswap_cli.effects.reenact.warp import FloatArray
from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG

APART = 0.385
"""How far lenses' middles are from the face's, times half the distance of the irises over the average's."""

BEFORE = 0.07
"""How far frames hang before the ridge of the nose between the eyes."""

BEND = 0.2
"""How much farther back frames are at the sides, for the square of the way."""

ARM = 0.013
"""Half of an arm's height at least, in face units."""

_TEMPLES = tuple(int(number) - IBUG for number in GROUPS["outline"][[5, 13]])

SHADOW, FALL = 0.3, 0.05
"""How much light a frame takes from the skin below it, and how far below its shadow falls."""

WORN = 0.012
"""Share of the parser's square that is frames or dark lenses, from which on glasses are worn."""

FINER = 3
"""Times as fine as the picture frames are drawn."""


def draw_glasses(picture: FloatArray, face: DrawnFace, name: str) -> FloatMask:
    """Put glasses on, in place.

    Args:
        picture: (H, W, 3) of the face's box, in 0..1.
        face: whose.
        name: of the style, a key of STYLES.

    Returns:
        (H, W) where it was done.
    """
    style = STYLES[name]
    frame = _Frame(face, style)
    light = cv2.GaussianBlur(picture @ LUMA, (0, 0), 0.25 * face.unit)
    # Frames are as light as the light that falls on the face.
    level = float(np.quantile(light[face.skin > 0.5], 0.6)) if (face.skin > 0.5).any() else 0.5
    rims, lenses = frame.rims(), frame.lenses()
    arms = frame.arms() * (1 - face.mattes["hair"])
    solid = np.maximum(rims, arms * (1 - np.maximum(rims, lenses)))
    shadow = _shadow(solid if style.lens == CLEAR else np.maximum(solid, lenses), face)
    free = np.maximum(face.skin, face.mattes["brows"])
    picture *= 1 - np.float32(SHADOW) * (shadow * free * (1 - solid))[..., None]
    below = rise(frame.heights(), -style.half[1], style.half[1])
    tint = np.array(style.lens[0], np.float32) + below[..., None] * (
        np.array(style.lens[1], np.float32) - np.array(style.lens[0], np.float32)
    )
    glint = frame.glint() * (0.07 if style.lens == CLEAR else 0.14) * level
    seen = picture * tint + glint[..., None] * np.array([0.93, 1.0, 1.03], np.float32)
    picture += lenses[..., None] * (seen - picture)
    picture += solid[..., None] * (_shade(solid, face, style, level) - picture)
    return np.asarray(np.maximum.reduce([solid, lenses, shadow * free]), np.float32)


class _Frame:
    """A style's curves on a face.

    Args:
        face: whose.
        style: which.
    """

    def __init__(self, face: DrawnFace, style: Style) -> None:
        self.face, self.style = face, style
        layout = face.layout
        self.head = face.pose.lift(face.points)
        irises = [self.head[eye.iris[0]] for eye in layout.eyes]
        mean = [layout.head.mean[eye.iris[0]] for eye in layout.eyes]
        self.size = abs(irises[1][0] - irises[0][0]) / abs(mean[1][0] - mean[0][0])
        nose = self.head[
            (np.abs(layout.head.mean[:, 0]) < 0.02) & (np.abs(layout.head.mean[:, 1] + 0.31) < 0.08)
        ]
        self.depth = float(nose[:, 2].min()) - BEFORE
        self.middle = (
            float(np.mean([one[0] for one in irises])),
            float(np.mean([one[1] for one in irises])) + 0.035,
        )

    def outline(self, side: int, more: float) -> NDArray[np.float64]:
        """(K, 3) head coordinates of a lens's outline, so much larger."""
        a, b = np.array(self.style.half) * self.size + more
        turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        power = 2 / self.style.corner
        x = a * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        y = b * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
        x = x * (1 - self.style.drop * y / b) + 0.03 * side * (-y / b) * self.style.drop / 0.1
        return self.at(self.middle[0] + side * APART * self.size + x, self.middle[1] + y)

    def at(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
        """(K, 3) places on the frames' bent plane, which leans forward above."""
        away = np.asarray(x) - self.middle[0]
        return np.column_stack([x, y, self.depth + BEND * away**2 + 0.1 * (np.asarray(y) - self.middle[1])])

    def fill(self, *shapes: tuple[NDArray[np.float64], int]) -> FloatMask:
        """(H, W) how much of each pixel lies in some outlines of head coordinates, drawn in order."""
        x0, y0, x1, y1 = self.face.box
        drawn = np.zeros(((y1 - y0) * FINER, (x1 - x0) * FINER), np.uint8)
        for outline, level in shapes:
            flat = (self.face.pose.project(outline)[:, :2] - [x0, y0] + 0.5) * FINER - 0.5
            cv2.fillPoly(drawn, [np.rint(flat * 16).astype(np.int32)], level, shift=4)
        small = cv2.resize(drawn, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        # No lens draws a sharper edge than this.
        soft = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 0.45)
        return np.asarray(soft / np.float32(255), np.float32)

    def lenses(self) -> FloatMask:
        """(H, W) both lenses, a little way under their rims."""
        return self.fill(*((self.outline(side, self.style.rim / 2), 255) for side in (-1, 1)))

    def rims(self) -> FloatMask:
        """(H, W) rims, bridge and the corners that the arms are hinged at."""
        rim = max(self.style.rim, 1.1 / self.face.unit)
        outer = [(self.outline(side, rim), 255) for side in (-1, 1)]
        holes = [(self.outline(side, 0), 0) for side in (-1, 1)]
        inner = APART * self.size - self.style.half[0] * self.size
        t = np.linspace(-1, 1, 24)
        x, arch = self.middle[0] + (inner + rim) * t, -0.055 * (1 - t**2)
        top = self.middle[1] - 0.3 * self.style.half[1] + arch
        bridge = np.vstack([self.at(x, top - 0.7 * rim), self.at(x, top + 0.7 * rim)[::-1]])
        hinges = []
        for side in (-1, 1):
            end = self.middle[0] + side * (APART + self.style.half[0]) * self.size
            x = end + side * np.linspace(-0.5 * rim, 0.055, 8)
            y = np.full(8, self.hinge_height)
            hinges.append((np.vstack([self.at(x, y - 0.8 * rim), self.at(x, y + 0.8 * rim)[::-1]]), 255))
        return self.fill(*outer, (bridge, 255), *hinges, *holes)

    @property
    def hinge_height(self) -> float:
        """Head coordinate of the arms."""
        return self.middle[1] - 0.5 * self.style.half[1]

    def arms(self) -> FloatMask:
        """(H, W) the arms, as far as they are on the side that is seen."""
        shapes = []
        for side in (-1, 1):
            outward = self.face.pose.rotation @ np.array([side, 0.0, 0.0])
            if outward[2] > 0.02:  # it points away from the camera: the head is before it
                continue
            x0 = self.middle[0] + side * ((APART + self.style.half[0]) * self.size + 0.045)
            start = self.at(np.array([x0]), np.array([self.hinge_height]))[0]
            # It ends at the person's own temple, above the ear.
            ear = self.head[_TEMPLES[0 if side < 0 else 1]]
            t = np.linspace(0, 1, 20)
            x = start[0] + (ear[0] - start[0]) * t**0.7
            z = start[2] + (ear[2] - start[2]) * t
            y = start[1] + 0.02 * t
            half = max(0.6 * self.style.rim, ARM)
            upper, lower = np.column_stack([x, y - half, z]), np.column_stack([x, y + half, z])
            shapes.append((np.vstack([upper, lower[::-1]]), 255))
        return self.fill(*shapes) if shapes else np.zeros(self.face.skin.shape, np.float32)

    def heights(self) -> FloatMask:
        """(H, W) how far below the lenses' middles pixels are, in face units."""
        return self._plane(1) - np.float32(self.middle[1])

    def glint(self) -> FloatMask:
        """(H, W) what the lenses mirror: two slanting bands of light."""
        x, y = self._plane(0), self._plane(1)
        slant = np.abs(x) * np.sign(x) - 0.6 * y
        bands = np.exp(-(((slant - np.where(x < 0, -0.43, 0.32)) / 0.07) ** 2))
        thin = 0.6 * np.exp(-(((slant - np.where(x < 0, -0.29, 0.46)) / 0.025) ** 2))
        sky = 0.5 * rise(y - np.float32(self.middle[1]), 0.05, -0.2)
        return np.asarray(bands + thin + sky, np.float32)

    def _plane(self, axis: int) -> FloatMask:
        """(H, W) a head coordinate of the frames' plane at each pixel."""
        grid = np.stack(np.meshgrid(np.linspace(-0.8, 0.8, 9), np.linspace(-0.4, 0.4, 5)), -1).reshape(-1, 2)
        places = self.at(grid[:, 0] + self.middle[0], grid[:, 1] + self.middle[1])
        spline = warp.fit_spline(self.face.pose.project(places)[:, :2], places)
        return np.asarray(spline.field(self.face.box)[..., axis], np.float32)


def _shadow(solid: FloatMask, face: DrawnFace) -> FloatMask:
    """(H, W) the soft shadow below frames."""
    down: Points = face.pose.rotation @ np.array([0.0, FALL, 0.0]) * face.unit
    shift = np.array([[1, 0, down[0]], [0, 1, down[1]]], np.float64)
    moved = cv2.warpAffine(solid, shift, solid.shape[::-1])
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), 0.022 * face.unit), np.float32)


def _shade(solid: FloatMask, face: DrawnFace, style: Style, level: float) -> FloatArray:
    """(H, W, 3) frames in the light: rounded, lighter above."""
    width = max(0.3 * style.rim * face.unit, 0.5)
    relief = cv2.GaussianBlur(solid, (0, 0), width)
    down = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3) - 0.4 * cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3)
    lit = np.clip(down * width * 0.9, -1, 1)
    base = np.array(style.colour, np.float32) * np.float32(0.5 + level)
    if style.colour[0] > 2 * style.colour[2]:  # mottled
        x, y = face.places[..., 0], face.places[..., 1]
        spots = np.sin(37 * x + 5 * np.sin(23 * y)) * np.sin(41 * y + 6 * np.sin(19 * x))
        base = base * (1 + 0.55 * spots[..., None])
    light = (
        np.maximum(lit, 0)[..., None] * np.float32(style.shine * level)
        + np.minimum(lit, 0)[..., None] * base * 0.5
    )
    return np.asarray((base + light).clip(0, 1), np.float32)
