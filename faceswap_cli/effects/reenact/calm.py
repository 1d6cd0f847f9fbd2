"""A photo's own folds of a smile, taken away where the drawn face smiles less.

Everybody's folds lie about where an average smile's do (`smile_averages`), but nobody's are as deep: what is
left of them when the average's light is taken out is evened too, in all colours. Pores are finer than the
band that is evened, and the lamp's light is broader.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from faceswap_cli.effects.reenact.folds import (
    LEAST_STEP,
    SIZE,
    SMILE_LIGHT,
    SOFT,
    UNIT,
    flat_points,
    skin_mask,
)
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.light import log_light
from faceswap_cli.effects.reenact.smile_averages import load_smile, mean_points
from faceswap_cli.effects.reenact.warp import FloatArray, fit_spline
from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG

FINEST = 160.0
"""Pixels for a face unit in which folds are looked for, at most."""

BAND = (0.009, 0.11)
"""Face units: deviations of the Gaussians between which a fold lies."""

SEEN = (0.015, 0.06)
"""Logarithm of an average smile's light, without its sign, from which on a place is in its folds, and where
it is wholly."""

NOSE = 0.04
"""Face units around the nose that keep their shading."""

MOST = 0.5
"""Logarithm of the gain, at most."""

SHARE = 0.9
"""How much of a fold goes with a smile that is gone."""


def find_calm_gain(
    picture: FloatArray, bare: FloatArray, points: Points, unit: float, smile: float, layout: PointLayout
) -> FloatArray | None:
    """(h, w, 3) logarithm of the gain, beside `folds.lay_smile`, that makes a smiling photo's skin calm.

    It covers the photo, in FINEST at most.

    Args:
        picture: (H, W, 3) RGB in [0, 1].
        bare: (H, W) in [0, 1] where the face's own skin is seen.
        points: (N, 3) pixels.
        unit: pixels for a face unit.
        smile: how much it smiles, 0..1.
        layout: what the points are.

    Returns:
        None if it does not smile.
    """
    if smile < LEAST_STEP:
        return None
    scale = min(1.0, FINEST / unit)
    size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
    both = cv2.resize(np.dstack([picture, bare]).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    spline = fit_spline(points[layout.skin, :2] * scale, flat_points(layout)[layout.skin], 1e-3)
    at = spline.field((0, 0, *size))
    found = cv2.remap(
        np.dstack([*_smile_places(layout), skin_mask(layout)]), at[..., 0], at[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )  # fmt: skip
    average, place, skin = (found[..., k] for k in range(3))
    weight = (skin * both[..., 3])[..., None]
    light = (
        log_light(np.asarray(both[..., :3], np.float32))
        - np.float32(SMILE_LIGHT * smile) * average[..., None]
    )

    def mean(deviation: float) -> FloatArray:
        spread = (0, 0), deviation * unit * scale
        total = cv2.GaussianBlur(light * weight, *spread)
        near = cv2.GaussianBlur(weight, *spread)[..., None]
        return np.asarray(total / np.maximum(near, 1e-3), np.float32)

    left = np.clip(mean(BAND[0]) - mean(BAND[1]), -MOST, MOST)
    return np.asarray(-left * weight * place[..., None], np.float32)


def calm_share(smile: float, step: float) -> float:
    """How much of a photo's gain is laid on.

    Args:
        smile: of the photo, 0..1.
        step: how much more is smiled than there, -1..1.
    """
    return 0.0 if -step < LEAST_STEP else SHARE * min(-step / max(smile, LEAST_STEP), 1.0)


@cache
def _smile_places(layout: PointLayout) -> tuple[FloatArray, FloatArray]:
    """(SIZE, SIZE) an average smile's light in the flat picture, and in [0, 1] where its folds are."""
    flat, mean = flat_points(layout), mean_points(layout)
    at = fit_spline(flat[layout.skin], mean[layout.skin], 1e-3).field((0, 0, SIZE, SIZE))
    light = cv2.remap(
        load_smile()[0], at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    near = cv2.GaussianBlur(np.abs(light), (0, 0), SOFT * UNIT)
    nose = np.ones((SIZE, SIZE), np.uint8)
    hull = cv2.convexHull(np.rint(flat[GROUPS["nose"] - IBUG]).astype(np.int32))
    cv2.fillConvexPoly(nose, hull, 0)
    beside = cv2.distanceTransform(nose, cv2.DIST_L2, 5) / UNIT
    place = np.clip((near - SEEN[0]) / (SEEN[1] - SEEN[0]), 0, 1) * np.clip((beside - NOSE) / SOFT, 0, 1)
    return np.asarray(light, np.float32), np.asarray(place, np.float32)
