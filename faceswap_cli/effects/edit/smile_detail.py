"""What moving pixels alone does not give: the folds of a smile, and the inside of a mouth that was shut.

Both are averages over people (`smile_averages`), laid onto a face that is moved already.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.part_matte import smooth_step
from faceswap_cli.effects.edit.shape_moves import ShapeChange
from faceswap_cli.effects.edit.shape_road import FaceWarp
from faceswap_cli.effects.reenact import warp
from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.light import relight
from faceswap_cli.effects.reenact.smile_averages import (
    DEPTH,
    INSIDE,
    LIGHT_SIZE,
    load_smile,
    mean_points,
    skin_light,
)
from faceswap_cli.effects.reenact.warp import FloatArray
from faceswap_cli.media.frame import FineImage, Image

FOLDS = 0.8
"""How much of the average's light is laid on, for a whole smile."""

OWN_INSIDE = (0.01, 0.045)
"""Face units that lips are parted by in the picture, on average, up to which its own inside shows lips, and
from which on it is kept."""

EDGE = 0.014
"""Face units over which the inside ends softly under the lips."""


def add_detail(canvas: Image | FineImage, plan: FaceWarp, changes: Mapping[str, ShapeChange]) -> None:
    """Lay folds and the inside of the mouth onto a moved face, in place.

    Args:
        canvas: (H, W, 3) RGB in 0..255.
        plan: how the face was moved.
        changes: of its features.
    """
    if "smile" in changes:
        step = max(changes["smile"].after, 0) - max(changes["smile"].before, 0)
        if step:
            _add_folds(canvas, plan, FOLDS * step)
    if "mouth" in changes and changes["mouth"].step > 0:
        _add_inside(canvas, plan)


def _add_folds(canvas: Image | FineImage, plan: FaceWarp, amount: float) -> None:
    """Multiply skin by what a smile does to its light."""
    layout = face_layout()
    light, _ = load_smile()
    spline = warp.fit_spline(plan.drawn[layout.skin, :2], mean_points(layout)[layout.skin])
    at = warp.enlarge(
        np.asarray(spline(warp.grid_points(plan.box)), np.float32).reshape(warp.NODES, warp.NODES, 2),
        plan.box,
    )
    gain = cv2.remap(light, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    inside = (at.min(-1) >= 0) & (at.max(-1) <= LIGHT_SIZE - 1) & (np.abs(gain) > 1e-3)
    _blend(canvas, plan, np.asarray(amount * gain, np.float32)[..., None], inside)


def _blend(canvas: Image | FineImage, plan: FaceWarp, gain: FloatArray, where: NDArray[np.bool_]) -> None:
    x0, y0, x1, y1 = plan.box
    region = canvas[y0:y1, x0:x1]
    seen = region.astype(np.float32) / np.float32(255)
    lit = relight(seen, gain) * np.float32(255)
    if canvas.dtype == np.uint8:
        lit = np.rint(lit).astype(np.uint8)  # type: ignore[assignment]
    region[where] = lit[where]


def _add_inside(canvas: Image | FineImage, plan: FaceWarp) -> None:
    """Teeth and the dark behind them between lips that were shut."""
    layout = face_layout()
    low, high = OWN_INSIDE
    own = float(np.mean(gaps(plan.own, layout.mouth))) / plan.unit
    share = 1 - float(smooth_step((own - low) / (high - low)))
    if share <= 0:
        return
    _, inside = load_smile()
    x0, y0, x1, y1 = plan.box
    polygon = warp.outline_polygon(plan.drawn[:, :2], layout.mouth, INSIDE[0])
    hole = warp.polygon_mask(polygon, plan.box)
    soft = np.minimum(cv2.GaussianBlur(hole, (0, 0), max(EDGE * plan.unit, 0.5)) * 1.6 - 0.3, 1).clip(0)
    at = _inside_places(plan, polygon)
    texture = cv2.remap(inside, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    base = skin_light(np.clip(canvas, 0, 255).astype(np.uint8), plan.drawn, plan.unit)
    drawn = relight(np.zeros_like(texture), texture + base - np.float32(np.log(4 / 255))) * np.float32(255)
    region = canvas[y0:y1, x0:x1]
    amount = np.asarray(soft * share, np.float32)[..., None]
    mixed = region + amount * (drawn - region)
    where = amount[..., 0] > 0
    region[where] = (np.rint(mixed) if canvas.dtype == np.uint8 else mixed)[where].astype(canvas.dtype)


def _inside_places(plan: FaceWarp, polygon: NDArray[np.float64]) -> FloatArray:
    """(H, W, 2) where in the average inside the pixels of a warp's box lie."""
    layout = face_layout()
    left, right = plan.drawn[list(layout.mouth.corners), :2]
    length = max(float(np.linalg.norm(right - left)), 1e-6)
    along = ((right - left) / length).astype(np.float32)
    across = np.array([-along[1], along[0]], np.float32)
    relative = warp.box_pixels(plan.box) - left.astype(np.float32)
    u = relative @ along / np.float32(length)
    upper = (polygon[: INSIDE[0]] - left) @ across
    edge = np.interp(u, np.linspace(0, 1, INSIDE[0]), upper)
    below = (relative @ across - edge) / (DEPTH * plan.unit)
    places = np.dstack([u * (INSIDE[0] - 1), below * INSIDE[1] - 0.5])
    return np.asarray(places, np.float32)
