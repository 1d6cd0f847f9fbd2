"""Lips, teeth and irises, cut out along a face's dense points: they are smaller than the parser's pixels."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.colour.spaces import to_space
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.part_matte import PartRegion, smooth_step, to_unit_range
from faceswap_cli.compositing.region_grid import RegionGrid
from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.layout import Opening, PointLayout, Points
from faceswap_cli.effects.reenact.warp import FloatArray, outline_polygon, polygon_mask
from faceswap_cli.media.frame import FineImage, Image

SOFT = {"lips": 0.014, "teeth": 0.012, "iris": 0.008}
"""Standard deviation in face units of the Gaussian that makes an outline soft."""

ROOM = 0.08
"""Around an outline, in face units."""

PARTED = 0.03
"""Face units between lips from which on teeth may be seen."""

SHUT = 0.02
"""Face units between lids under which an eye is shut."""

LIGHT, COLOURED = (0.45, 0.65), (26.0, 16.0)
"""Teeth are lighter than the first shares of the lightest in the mouth, and less red than these (CIELAB)."""


def cut_outline(
    name: str, canvas: Image | FineImage, points: Points, unit: float, layout: PointLayout, most: float
) -> PartRegion | None:
    """Lips, teeth or irises in a picture.

    Args:
        name: of the part, a key of SOFT.
        canvas: (H, W, 3) RGB in 0..255.
        points: (N, 3) pixels.
        unit: pixels to a face unit.
        layout: what the points are.
        most: pixels to a face unit of the answer, at most.

    Returns:
        None if it is not seen.
    """
    polygons = _outlines(name, points[:, :2], unit, layout)
    if not polygons:
        return None
    around = np.vstack([polygon for polygon, _ in polygons])
    low = np.floor(around.min(0) - ROOM * unit).astype(int).clip(0)
    high = np.minimum(np.ceil(around.max(0) + ROOM * unit).astype(int) + 1, canvas.shape[1::-1])
    if (high - low).min() < 4:
        return None
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    matrix = np.array([[1 / unit, 0, 0], [0, 1 / unit, 0]])
    grid = RegionGrid((x0, y0, x1, y1), (x1 - x0, y1 - y0), matrix)
    matte = np.zeros((y1 - y0, x1 - x0), np.float32)
    for polygon, sign in polygons:
        mask = polygon_mask(polygon, grid.box)
        matte = np.maximum(matte, mask) if sign > 0 else np.minimum(matte, 1 - mask)
    matte = np.asarray(cv2.GaussianBlur(matte, (0, 0), max(SOFT[name] * unit, 0.4)), np.float32)
    grid = grid.at_most(most)
    picture = to_unit_range(grid.cut(canvas))
    matte = np.asarray(cv2.resize(matte, grid.size, interpolation=cv2.INTER_AREA), np.float32)
    matte = np.where(matte < 1 / 255, 0, matte)
    if name == "teeth":
        matte = matte * find_teeth(picture, matte)
    return PartRegion(grid, picture, matte) if matte.max() > 0.3 else None


def without_openings(region: PartRegion, points: Points, layout: PointLayout) -> PartRegion:
    """A region of skin without what is seen between lids and between lips.

    Args:
        region: of a picture.
        points: (N, 3) pixels of the picture.
        layout: what the points are.
    """
    x0, y0, x1, y1 = region.grid.box
    scale = np.array(region.grid.size) / np.array([x1 - x0, y1 - y0])
    inside = (points[:, :2] - [x0, y0] + 0.5) * scale - 0.5
    matte, whole = region.matte, (0, 0, *region.grid.size)
    for opening in layout.openings:
        hole = polygon_mask(outline_polygon(inside, opening), whole)
        matte = matte * (1 - cv2.GaussianBlur(hole, (0, 0), max(SOFT["iris"] * region.grid.unit, 0.4)))
    return replace(region, matte=np.asarray(matte, np.float32))


def find_teeth(picture: FloatArray, inside: FloatMask) -> FloatMask:
    """(h, w) in 0..1: what of a mouth's inside is light and pale."""
    lab = to_space(picture, "lab")
    mouth = inside > 0.6
    if mouth.sum() < 12:
        return np.zeros_like(inside)
    top = float(np.quantile(lab[..., 0][mouth], 0.95))
    light = (lab[..., 0] / max(top, 1.0) - LIGHT[0]) / (LIGHT[1] - LIGHT[0])
    pale = (COLOURED[0] - lab[..., 1]) / (COLOURED[0] - COLOURED[1])
    return smooth_step(light) * smooth_step(pale)


def _outlines(name: str, points: Points, unit: float, layout: PointLayout) -> list[tuple[Points, int]]:
    """Polygons in pixels, which are added (1) or cut away (-1), in this order."""
    mouth = layout.mouth
    open_wide = float(np.max(gaps(points, mouth))) / unit > PARTED
    if name == "lips":
        inner = [(outline_polygon(points, mouth), -1)] if open_wide else []
        return [(outer_lips(points, mouth), 1), *inner]
    if name == "teeth":
        return [(outline_polygon(points, mouth), 1)] if open_wide else []
    open_eyes = [eye for eye in layout.eyes if float(np.mean(gaps(points, eye))) / unit > SHUT]
    return [(disc, 1) for disc in (_visible_iris(points, eye) for eye in open_eyes) if len(disc) > 2]


def outer_lips(points: Points, mouth: Opening) -> Points:
    """(K, 2) once around both lips, smooth."""
    left, right = (points[list(mouth.corners)]).astype(np.float64)
    # The inner corners lie a little inside the outer ones.
    out = 0.06 * (right - left)
    ring = np.vstack([left - out, points[list(mouth.above)], right + out, points[list(mouth.below)][::-1]])
    return _smooth_ring(ring)


def _smooth_ring(ring: NDArray[np.float64], rounds: int = 2) -> Points:
    """A closed line with its corners cut (G. Chaikin, 1974)."""
    for _ in range(rounds):
        following = np.roll(ring, -1, axis=0)
        ring = np.stack([0.75 * ring + 0.25 * following, 0.25 * ring + 0.75 * following], 1).reshape(-1, 2)
    return ring


def _visible_iris(points: Points, eye: Opening) -> Points:
    """(K, 2) the iris' disc as far as it is between the lids."""
    middle, rim = points[eye.iris[0]], points[list(eye.iris[1:])]
    radius = float(np.linalg.norm(rim - middle, axis=1).mean())
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    disc = (middle + radius * np.column_stack([np.cos(turn), np.sin(turn)])).astype(np.float32)
    lids = outline_polygon(points, eye).astype(np.float32)
    area, common = cv2.intersectConvexConvex(disc, cv2.convexHull(lids).reshape(-1, 2))
    return common.reshape(-1, 2).astype(np.float64) if area > 0 else np.zeros((0, 2))
