"""Lids that shut on a photo whose eyes are open.

Moving the photo's own pixels down would shear the lashes at the corners, and show the eyeball between lids
that nearly meet. So a shut eye is painted once, from the skin around; a frame shows it as far down as the lid
has come, with a row of lashes along the lid's edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.layout import Opening, PointLayout, Points
from faceswap_cli.effects.reenact.warp import Box, box_pixels, edge_curve
from faceswap_cli.media.frame import Image
from faceswap_cli.portrait.animate.background import fill_hole

FloatArray = NDArray[np.float32]

WARPED = 0.85
"""Share of the eye's gap down to which lids are moved as pixels; below it they are painted."""

MEET = 0.88
"""Where lids meet, of the way from the upper to the lower one."""

LASHES = (0.06, 0.03)
"""Face units above the upper lid, and below the lower one, in which there are lashes."""

BESIDE = 0.03
"""Face units beyond the corners that are painted, too."""

SOFT = 0.018
"""Face units over which the painted eye meets the skin around."""

STROKE = 0.016
"""Face units: half the breadth of the row of lashes."""

DARKEST = 0.08
"""Quantile of the lid's edge that says how dark lashes are."""

AROUND, BRIGHT = 0.08, 0.25
"""Face units around the eye from which skin is taken, and the quantile of its lightness above which it is:
what is darker there is lash, crease or brow."""


@dataclass(frozen=True)
class PaintedLid:
    """One eye.

    Attributes:
        box: of the person's picture, in its pixels.
        shut: (h, w, 3) float32 the eye when it is shut, without lashes.
        below: (h, w) pixels from the upper lid down to each pixel.
        way: (h, w) pixels from the upper lid to where lids meet.
        region: (h, w) in [0, 1] what may change.
        lashes: (3,) their colour.
        along: (h, w) in [0, 1] how thick the row of lashes is.
        stroke: pixels, half its breadth.
    """

    box: Box
    shut: FloatArray
    below: FloatArray
    way: FloatArray
    region: FloatArray
    lashes: FloatArray
    along: FloatArray
    stroke: float

    def draw(self, person: Image, opened: float) -> None:
        """Shut it in a person's picture (H, W, 4), in place, as far as `opened` of its gap is left."""
        closing = float(np.clip(1 - opened / WARPED, 0, 1))
        if closing <= 0:
            return
        x0, y0, x1, y1 = self.box
        part = person[y0:y1, x0:x1, :3]
        from_edge = self.below - closing * self.way
        cover = np.clip(0.5 - from_edge / max(0.5 * self.stroke, 1.0), 0, 1) * self.region
        mixed = part + cover[..., None] * (self.shut - part)
        row = np.exp(-((from_edge / self.stroke) ** 2)) * self.along * min(4 * closing, 1.0)
        mixed += row[..., None] * (self.lashes - mixed)
        # The first bit of the way blends in: until then the photo's own lashes are there.
        share = np.float32(min(5 * closing, 1.0))
        part[:] = np.rint(part + share * (mixed - part)).clip(0, 255).astype(np.uint8)


def paint_lids(image: Image, points: Points, unit: float, layout: PointLayout) -> tuple[PaintedLid, ...]:
    """Both eyes' lids.

    Args:
        image: (H, W, 3) uint8.
        points: (N, 2) pixels of it.
        unit: pixels for a face unit.
        layout: what points are.
    """
    return tuple(_paint_lid(image, points, eye, unit) for eye in layout.eyes)


def _paint_lid(image: Image, points: Points, eye: Opening, unit: float) -> PaintedLid:
    some = points[list(eye.outline)]
    margin = 0.3 * unit
    x0, y0 = np.maximum(np.floor(some.min(0) - margin), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(some.max(0) + margin).astype(int) + 1, image.shape[1::-1])
    box = int(x0), int(y0), int(x1), int(y1)
    left, right = points[list(eye.corners)]
    length = max(float(np.linalg.norm(right - left)), 1e-6)
    along = (right - left) / length
    across = np.array([-along[1], along[0]])
    relative = box_pixels(box) - left.astype(np.float32)
    u = np.asarray(relative @ (along / length).astype(np.float32), np.float32)
    v = np.asarray(relative @ across.astype(np.float32), np.float32)
    inside = np.clip(u, 0, 1)
    upper, lower = (edge_curve(points, eye, edge, inside) for edge in (eye.upper, eye.lower))
    lower = np.maximum(lower, upper + 1e-3)
    beside = np.maximum(np.maximum(-u, u - 1) * length, 0) / unit
    above, under = (upper - v) / unit, (v - lower) / unit
    hole = (beside < BESIDE) & (above < LASHES[0]) & (under < LASHES[1])
    region = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), max(SOFT * unit, 1.0))
    crop = image[box[1] : box[3], box[0] : box[2]].astype(np.float32)
    edge = (np.abs(above) < 0.015) & (u > 0.15) & (u < 0.85)
    lashes = np.quantile(crop[edge], DARKEST, axis=0) if edge.any() else np.full(3, 40.0)
    thick = np.clip(np.minimum(u, 1 - u) / 0.12, 0, 1) * np.clip(1 - beside / BESIDE, 0, 1)
    return PaintedLid(
        box,
        _shut_eye(crop, hole, unit),
        np.asarray(v - upper, np.float32),
        np.asarray(MEET * (lower - upper), np.float32),
        np.asarray(region, np.float32),
        np.asarray(lashes, np.float32),
        np.asarray(0.85 * thick, np.float32),
        max(STROKE * unit, 0.9),
    )


def _shut_eye(crop: FloatArray, hole: NDArray[np.bool_], unit: float) -> FloatArray:
    """(h, w, 3) an eye's surroundings with skin over the eye."""
    near = cv2.dilate(hole.astype(np.uint8), np.ones((2 * max(1, round(AROUND * unit)) + 1,) * 2, np.uint8))
    light = crop.mean(-1)
    ring = (near > 0) & ~hole
    known = ring & (light > np.quantile(light[ring], BRIGHT)) if ring.any() else ~hole
    smooth = fill_hole(crop, ~known)
    soft = cv2.GaussianBlur(smooth, (0, 0), max(0.03 * unit, 0.7))
    fine = crop - cv2.GaussianBlur(crop, (0, 0), max(0.02 * unit, 0.7))
    # The skin's grain, from above the lid.
    grain = np.roll(fine, int(0.16 * unit), axis=0) * 0.6
    grain = np.clip(grain, -10, 10)
    return np.asarray(np.where(hole[..., None], soft + grain, crop), np.float32)


def shut_lids(person: Image, lids: Sequence[PaintedLid], opened: Sequence[float]) -> Image:
    """A person's picture with its lids as far open as is said, each as a share of the photo's gap."""
    if min(opened) >= WARPED:
        return person
    found = person.copy()
    for lid, share in zip(lids, opened, strict=True):
        lid.draw(found, share)
    return found
