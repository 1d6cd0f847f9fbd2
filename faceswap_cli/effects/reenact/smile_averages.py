"""What a smile does to the light on a face, and what is seen between parted lips: averages over people.

A photo of a shut mouth shows no teeth, and skin that is only moved has no folds. Both are brought from
averages (`models/smile`, made by scripts/train/smile_averages.py): the light as a factor on the photo's own
pixels, in the average face's coordinates; the inside of the mouth in coordinates of the lips, in the light of
the face.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli import zoo
from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import PointLayout, Points, face_layout, select_points
from faceswap_cli.effects.reenact.light import LUMA, log_light
from faceswap_cli.effects.reenact.warp import (
    FloatArray,
    fit_spline,
    grid_points,
    outline_polygon,
    polygon_mask,
)
from faceswap_cli.faces.face import FloatArray as DenseArray
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES
from faceswap_cli.media.frame import Image

LIGHT_SIZE, LIGHT_SIDE = 128, 2.2
"""The map of light: its pixels, and its side in face units."""

FINE, BROAD = 0.018, 0.3
"""Face units: finer than the first is a person's own, broader than the second the lamp's."""

INSIDE = (64, 48)
"""The inside of a mouth: pixels along it, and below the upper lip."""

DEPTH = 0.3
"""Face units below the upper lip that it reaches."""

LEAST_GAP = 0.045
"""Face units that lips are parted by, on average, where a mouth's inside is looked at."""

LEAST_SEEN = 8
"""Mouths that have to show a place of the inside for its average to count."""

TEETH = 0.42
"""Share of the depth that teeth reach."""

DARK = np.array([-1.2, -1.6, -1.5], np.float32)
"""What a mouth is deep inside: the logarithm of its light, less that of the skin."""

SMILES = [EXPRESSION_NAMES.index(f"smile_{side}") for side in ("right", "left")]
"""The coefficients of a smile."""


def mean_points(layout: PointLayout) -> Points:
    """(N, 2) the average face in the pixels of the map of light."""
    mean = layout.head.mean[:, :2] * (LIGHT_SIZE / LIGHT_SIDE) + (LIGHT_SIZE - 1) / 2 - _SHIFT
    return np.asarray(mean, np.float64)


_SHIFT = np.array([0.0, 0.13 * LIGHT_SIZE / LIGHT_SIDE])


def measure_light(
    image: Image, dense: DenseArray, expression: NDArray[np.floating]
) -> tuple[FloatArray, float]:
    """(LIGHT_SIZE, LIGHT_SIZE) logarithm of a face's light, in the average face's place, and its smile."""
    layout = face_layout()
    points = select_points(dense)
    spline = fit_spline(mean_points(layout)[layout.skin], points[layout.skin, :2])
    box = (0, 0, LIGHT_SIZE, LIGHT_SIZE)
    at = spline(grid_points(box, LIGHT_SIZE)).reshape(LIGHT_SIZE, LIGHT_SIZE, 2).astype(np.float32)
    unit = fit_head(points, layout).scale
    soft = cv2.GaussianBlur(image, (0, 0), max(FINE * unit, 0.5)).astype(np.float32) / np.float32(255)
    seen = cv2.remap(soft, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light = np.asarray(log_light(np.asarray(seen, np.float32)) @ LUMA, np.float32)
    return light, float(np.mean(np.asarray(expression)[SMILES]))


def tidy_light(changes: FloatArray) -> FloatArray:
    """(S, S) the change of light for a whole smile, of skin alone, from those of many people (K, S, S)."""
    layout, box = face_layout(), (0, 0, LIGHT_SIZE, LIGHT_SIZE)
    points, unit = mean_points(layout), LIGHT_SIZE / LIGHT_SIDE
    change = np.asarray(np.median(changes, axis=0), np.float32)
    change = np.asarray((change + change[:, ::-1]) / 2, np.float32)
    mouth = layout.mouth
    lips = polygon_mask(points[[mouth.corners[0], *mouth.above, mouth.corners[1], *mouth.below[::-1]]], box)
    features = [lips, *(polygon_mask(outline_polygon(points, eye), box) for eye in layout.eyes)]
    skin = 1 - cv2.dilate(np.maximum.reduce(features), np.ones((3, 3), np.uint8))
    near = np.maximum(cv2.GaussianBlur(skin, (0, 0), BROAD * unit), 1e-3)
    broad = cv2.GaussianBlur(change * skin, (0, 0), BROAD * unit) / near
    hull = cv2.convexHull(np.rint(points).astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros_like(change), hull, 1.0)
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5) / unit
    edge = np.clip(depth / 0.15, 0, 1)
    return np.asarray((change - broad) * cv2.GaussianBlur(skin, (0, 0), 1.0) * edge, np.float32)


def measure_inside(image: Image, dense: DenseArray) -> FloatArray | None:
    """(h, w, 3) logarithm of the light inside a mouth, less that of the face's skin; NaN where lips are.

    None if the mouth is shut.
    """
    layout = face_layout()
    points = select_points(dense)
    unit = fit_head(points, layout).scale
    if float(np.mean(gaps(points, layout.mouth))) < LEAST_GAP * unit or unit < 40:
        return None
    at, within = inside_grid(points, layout, unit)
    seen = cv2.remap(image, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    found = log_light(seen.astype(np.float32) / np.float32(255)) - skin_light(image, points, unit)
    found[~within] = np.nan
    return np.asarray(found, np.float32)


def inside_grid(points: Points, layout: PointLayout, unit: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(h, w, 2) pixels at the places of a mouth's inside, and (h, w) which of them lie between the lips."""
    width, height = INSIDE
    polygon = outline_polygon(points[:, :2], layout.mouth, width)
    upper, lower = polygon[:width], polygon[width:][::-1]
    left, right = points[list(layout.mouth.corners), :2]
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    across = np.array([-along[1], along[0]])
    below = (np.arange(height) + 0.5) / height * DEPTH * unit
    at = upper[None] + below[:, None, None] * across
    gap = (lower - upper) @ across
    return at.astype(np.float32), below[:, None] < gap[None] - 0.012 * unit


def skin_light(image: Image, points: Points, unit: float) -> FloatArray:
    """(3,) logarithm of the light of a face's skin, beside the nose."""
    places = points[_CHEEKS, :2]
    radius = max(1, round(0.08 * unit))
    height, width = image.shape[:2]
    colours = []
    for x, y in np.rint(places).astype(int).clip([radius, radius], [width - radius - 1, height - radius - 1]):
        part = image[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
        colours.append(np.median(part.reshape(-1, 3), axis=0))
    mean = np.mean(colours, axis=0).astype(np.float32)[None, None] / np.float32(255)
    return np.asarray(log_light(mean)[0, 0], np.float32)


def _cheeks() -> list[int]:
    from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG

    return [int(place) - IBUG for place in GROUPS["cheeks"][[0, 1, 5, 6]]]


_CHEEKS = _cheeks()


def tidy_inside(mouths: FloatArray) -> FloatArray:
    """(h, w, 3) the usual inside from those of many people (K, h, w, 3), symmetric; dark deeper down."""
    both = np.concatenate([mouths, mouths[:, :, ::-1]])
    seen = np.isfinite(both[..., 0]).sum(0) / 2
    filled = np.nan_to_num(np.nanmedian(np.where(seen[..., None] >= LEAST_SEEN, both, 0), axis=0))
    known = (seen >= LEAST_SEEN).astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), 3)[..., None]
    known = known[..., None]
    near = cv2.GaussianBlur(filled.astype(np.float32) * known, (0, 0), 3) / np.maximum(weight, 1e-3)
    share = np.clip(weight / 0.3, 0, 1) * (1 - known)
    return darken_rim(np.asarray(known * filled + share * near + (1 - known - share) * DARK, np.float32))


def darken_rim(inside: FloatArray) -> FloatArray:
    """A mouth's inside (h, w, 3) whose lower rim is dark: lips are seen there where points lie off."""
    width, height = INSIDE
    across = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    down = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height / TEETH
    away = np.clip((np.sqrt(across**2 + down**2) - 0.72) / 0.28, 0, 1)[..., None]
    return np.asarray(inside + away * away * (3 - 2 * away) * (DARK - inside), np.float32)


@cache
def load_smile() -> tuple[FloatArray, FloatArray]:
    """The map of light and the inside of a mouth.

    Raises:
        UserError: they are missing or damaged.
    """
    found = zoo.tensors("smile")
    light, inside = (np.asarray(found[name].float().numpy(), np.float32) for name in ("light", "inside"))
    return light, inside
