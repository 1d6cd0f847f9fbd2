"""Folds that come and go with the target's expression, carried onto the drawn face.

A frown line or a smile's fold is a change of light on the skin that moves with nobody's identity: the ratio
of a face to itself at rest, aligned point by point, shows it on any other face (Z. Liu, Y. Shan and Z. Zhang,
Expressive expression mapping with ratio images, SIGGRAPH 2001). Here the ratio is of lightness alone, on bare
skin, and of one band: what is wider is the scene's light, what is finer is noise and no landmarker follows
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.light import LUMA, log_light
from faceswap_cli.effects.reenact.smile_averages import SMILES, load_smile, mean_points
from faceswap_cli.effects.reenact.warp import NODES as FIELD_NODES
from faceswap_cli.effects.reenact.warp import Box, FloatArray, box_pixels, enlarge, fit_spline, grid_points
from faceswap_cli.media.frame import Image

SIZE, SIDE = 112, 2.3
"""Of the picture of a flat, frontal face that folds are compared in: pixels and face units."""

UNIT = SIZE / SIDE
"""Its pixels for a face unit."""

BAND = (0.014, 0.11)
"""Face units: deviations of the Gaussians between which folds lie."""

DARKEST, BRIGHTEST = -0.28, 0.08
"""Limits of the logarithm of a fold's gain: a fold is dark. Skin that is brighter than at rest has lost a
fold, which the photo's never had."""

EYES, LIPS, BROWS, NOSTRILS = 0.1, 0.02, 0.015, 0.03
"""Face units around features in which nothing is compared: hair and edges never fit exactly, and lids that
shut show other skin than before."""

SOFT = 0.05
"""Face units over which the comparison then sets in."""

SMILE_LIGHT, LEAST_STEP = 0.8, 0.05
"""How much of an average smile's light is laid on for a whole smile; steps that are too small to be seen."""

NODES = 57
"""Along a side of a box, at which folds are looked up."""


@dataclass(frozen=True)
class SkinLight:
    """Lightness of a face's skin, laid flat.

    Attributes:
        light: (SIZE, SIZE) its logarithm.
        weight: (SIZE, SIZE) in [0, 1] where it is known.
    """

    light: FloatArray
    weight: FloatArray


def flatten_skin(crop: Image, points: Points, free: FloatArray, layout: PointLayout) -> SkinLight:
    """The lightness of a face, as if it looked ahead with everybody's shape.

    Args:
        crop: (S, S, 3) of the face.
        points: (N, 2) crop pixels.
        free: (S, S) in [0, 1] where nothing stands before the face.
        layout: what the points are.
    """
    at = _flat_places(points[layout.skin], layout)
    light = np.asarray(log_light(crop.astype(np.float32) / np.float32(255)) @ LUMA, np.float32)
    found = cv2.remap(np.dstack([light, free]), at[..., 0], at[..., 1], cv2.INTER_AREA)
    seen = np.clip((found[..., 1] - 0.5) / 0.4, 0, 1) * skin_mask(layout)
    return SkinLight(np.ascontiguousarray(found[..., 0]), np.asarray(seen, np.float32))


def rest_light(skins: Sequence[SkinLight]) -> SkinLight:
    """The skin of one face at rest, out of some frames in which it nearly rests."""
    light = np.median([skin.light for skin in skins], axis=0)
    return SkinLight(np.asarray(light, np.float32), np.min([skin.weight for skin in skins], axis=0))


def find_folds(now: SkinLight, rest: SkinLight) -> FloatArray:
    """(SIZE, SIZE) logarithm of the light that the expression adds."""
    weight = np.minimum(now.weight, rest.weight)
    ratio = now.light - rest.light
    # What all of the skin has in common is the scene's light; near edges the two means would not cancel it.
    ratio = (ratio - (ratio * weight).sum() / max(float(weight.sum()), 1e-6)) * weight

    def mean(deviation: float) -> FloatArray:
        spread = (0, 0), deviation * UNIT
        total, near = (cv2.GaussianBlur(one, *spread) for one in (ratio, weight))
        return np.asarray(total / (near + np.float32(0.05)), np.float32)

    band = (mean(BAND[0]) - mean(BAND[1])) * cv2.GaussianBlur(weight, (0, 0), BAND[0] * UNIT)
    return np.asarray(np.clip(band, DARKEST, BRIGHTEST), np.float32)


def _flat_places(points: Points, layout: PointLayout) -> FloatArray:
    """(SIZE, SIZE, 2) where the flat picture's pixels lie in a face whose points of skin (K, 2) are known.

    The spline's places are always the same, so that what it is at each node is a sum of the points by weights
    that are worked out once.
    """
    bent, plane = _flat_weights(layout)
    box = (0, 0, SIZE, SIZE)
    coarse = np.asarray(bent @ points, np.float32).reshape(FIELD_NODES, FIELD_NODES, 2)
    constant, slope = (plane @ points)[:1], (plane @ points)[1:]
    linear = box_pixels(box) @ slope.astype(np.float32) + constant.astype(np.float32)
    return np.asarray(linear + enlarge(coarse, box), np.float32)


@cache
def _flat_weights(layout: PointLayout) -> tuple[FloatArray, Points]:
    """Of each point of skin, how it moves the nodes (FIELD_NODES^2, K), and the plane (3, K) in pixels."""
    places = flat_points(layout)[layout.skin]
    unit = fit_spline(places, np.eye(len(places)), 1e-3)
    slope = unit.weights[len(places) + 1 :] / unit.side
    plane = np.vstack([unit.weights[len(places)] - unit.origin @ slope, slope])
    return np.asarray(unit.bend(grid_points((0, 0, SIZE, SIZE))), np.float32), plane


@dataclass(frozen=True)
class FlatMaps:
    """Where the nodes over a box of a frame lie in flat pictures.

    Attributes:
        folds: (NODES, NODES, 2) in that of folds.
        smile: (NODES, NODES, 2) in that of average smiles.
    """

    folds: FloatArray
    smile: FloatArray


def map_to_flat(drawn: Points, layout: PointLayout, box: Box) -> FlatMaps:
    """The nodes over a box of a frame in which a face's points (N, 2) lie so, by one spline for both."""
    goals = np.hstack([flat_points(layout)[layout.skin], mean_points(layout)[layout.skin]])
    spline = fit_spline(drawn[layout.skin], goals, 1e-3)
    at = np.asarray(spline(grid_points(box, NODES)), np.float32).reshape(NODES, NODES, 4)
    return FlatMaps(np.ascontiguousarray(at[..., :2]), np.ascontiguousarray(at[..., 2:]))


def lay_folds(folds: FloatArray, maps: FlatMaps) -> FloatArray:
    """(NODES, NODES) folds over a box of a frame."""
    at = maps.folds
    found = cv2.remap(folds, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(found, np.float32)


def smile_of(expression: NDArray[np.floating]) -> float:
    """How much a face smiles, 0..1, by its coefficients (E,)."""
    return float(np.clip(np.mean(np.asarray(expression)[SMILES]), 0, 1))


def lay_smile(step: float, maps: FlatMaps) -> FloatArray | None:
    """(NODES, NODES) logarithm of light that a smile adds over a box, or takes away where the photo smiles.

    Args:
        step: how much more is smiled than on the photo, -1..1.
        maps: of the drawn face.

    Returns:
        None where it is as on the photo.
    """
    if abs(step) < LEAST_STEP:
        return None
    light, _ = load_smile()
    at = maps.smile
    found = cv2.remap(light, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(SMILE_LIGHT * step * found, np.float32)


@cache
def flat_points(layout: PointLayout) -> Points:
    """(N, 2) where the mean face's points lie in the flat picture."""
    return layout.head.mean[:, :2] * UNIT + (SIZE - 1) / 2 + np.array([0, 0.06]) * UNIT


@cache
def skin_mask(layout: PointLayout) -> FloatArray:
    """(SIZE, SIZE) 1 on the mean face's skin, 0 on its features and outside."""
    points = flat_points(layout)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(points).astype(np.int32)), 1)
    soft = np.ones((SIZE, SIZE))
    for some, margin in (
        *((eye.outline, EYES) for eye in layout.eyes),
        ((*layout.mouth.above, *layout.mouth.below), LIPS),
        *((brow, BROWS) for brow in layout.brows),
        (layout.nostrils, NOSTRILS),
    ):
        feature = np.ones((SIZE, SIZE), np.uint8)
        cv2.fillConvexPoly(feature, cv2.convexHull(np.rint(points[list(some)]).astype(np.int32)), 0)
        apart = cv2.distanceTransform(feature, cv2.DIST_L2, 5) / UNIT
        soft = np.minimum(soft, np.clip((apart - margin) / SOFT, 0, 1))
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5) / UNIT
    return np.asarray(soft * np.clip((inside - 0.05) / 0.1, 0, 1), np.float32)


def pack_skin(skin: SkinLight) -> list[list[int]]:
    """What a journal keeps of it: whole numbers, thousandths."""
    both = np.stack([skin.light, skin.weight]).reshape(2, -1)
    return [[int(value) for value in row] for row in np.rint(both * 1000)]


def unpack_skin(rows: Sequence[Sequence[int]]) -> SkinLight:
    """What `pack_skin` wrote."""
    light, weight = np.array(rows, np.float32).reshape(2, SIZE, SIZE) / np.float32(1000)
    return SkinLight(light, weight)


def nearest_rest(heads: NDArray[np.float64], rest: Points, layout: PointLayout, count: int) -> list[int]:
    """Places of the frames (T, N, 3) in which a face is nearest to its rest, in order."""
    apart = np.linalg.norm((heads - rest)[:, layout.skin], axis=2).mean(1)
    return sorted(int(place) for place in np.argsort(apart, kind="stable")[:count])
