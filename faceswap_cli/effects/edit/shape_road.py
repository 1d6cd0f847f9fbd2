"""The road of shape, second half: the photo's own pixels moved, in its own resolution.

Two maps in a row, as in `reenact.warp`: the first opens or shuts lids and lips along the line across them,
exactly at each pixel; the second is smooth, a thin-plate spline from the drawn points to the picture's own,
worked out on a coarse grid, which fades to nothing beside the head, so that lines behind it bend little and
what is farther away stays bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.part_matte import smooth_step
from faceswap_cli.effects.edit.shape_moves import AT_OUTLINE, FaceShape, ShapeChange, move_shape, read_shape
from faceswap_cli.effects.reenact import warp
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import Points, face_layout, select_points
from faceswap_cli.effects.reenact.warp import Box, FloatArray
from faceswap_cli.faces.face import FloatArray as DenseArray
from faceswap_cli.media.frame import FineImage, Image

BESIDE, CLOSE = (0.02, 0.22), (-0.04, 0.1)
"""Face units beside the head's outline over which what moves comes to rest, where the outline moves and where
it stays."""

CROWN = (0.82, 1.05)
"""Half the width of a head's upper outline, and its height above the brows, in face units."""

STILL = 0.02
"""Pixels below which nothing is moved."""


@dataclass(frozen=True)
class FaceWarp:
    """Where a face's pixels come from.

    Attributes:
        box: of the picture.
        source: (H, W, 2) picture pixels that are seen at those of the box.
        moved: (H, W) whether they are others.
        drawn, still, own: (N, 3) points, see `move_shape`, in picture pixels.
        unit: pixels to a face unit.
    """

    box: Box
    source: FloatArray
    moved: NDArray[np.bool_]
    drawn: Points
    still: Points
    own: Points
    unit: float


def see_shape(dense: DenseArray, expression: NDArray[np.floating]) -> FaceShape:
    """A face's shape in head coordinates, from its dense points (222, 3) and coefficients (26,)."""
    pose, points = fit_face(dense)
    return FaceShape(pose.lift(points), expression, pose.rotation)


def read_shapes(names: list[str], shape: FaceShape) -> dict[str, float]:
    """What features of shape are, by name."""
    return {name: read_shape(name, shape, face_layout()) for name in names}


def fit_face(dense: DenseArray) -> tuple[HeadPose, Points]:
    """The head's pose, and the layout's points (N, 3) in pixels."""
    points = select_points(dense)
    return fit_head(points, face_layout()), points


def plan_warp(
    shape: tuple[int, ...], dense: DenseArray, changes: Mapping[str, ShapeChange]
) -> FaceWarp | None:
    """Where a face's pixels come from.

    Args:
        shape: of the picture: height, width, ...
        dense: (222, 3) pixels.
        changes: of features, by name.

    Returns:
        None if nothing of it is in the picture.
    """
    layout = face_layout()
    pose, own = fit_face(dense)
    head = pose.lift(own)
    drawn, still = (pose.project(points) for points in move_shape(head, changes, layout))
    crown = _crown(head, pose)
    beside = BESIDE if changes.keys() & AT_OUTLINE else CLOSE
    hull = cv2.convexHull(np.vstack([own[:, :2], crown]).astype(np.float32)).reshape(-1, 2).astype(np.float64)
    box = _box(hull, BESIDE[1] * pose.scale, shape)
    if box is None:
        return None
    at = warp.box_pixels(box)
    opened = at.copy()
    for opening in layout.openings:
        if not np.allclose(drawn[list(opening.outline)], still[list(opening.outline)], atol=1e-6) or (
            opening.iris and not np.allclose(drawn[list(opening.iris)], still[list(opening.iris)], atol=1e-6)
        ):
            opened += warp.opening_shift(at, opening, drawn[:, :2], still[:, :2], pose.scale)
    # Dense points end at the brows: without its crown held a turned head would swell.
    places, values = (np.vstack([points[layout.skin, :2], crown]) for points in (still, own))
    step = warp.enlarge(_steps(box, places, values, _share(box, hull, pose.scale, beside)), box, opened)
    source = opened + step
    apart = np.abs(source - at)
    moved = np.maximum(apart[..., 0], apart[..., 1]) > STILL
    return FaceWarp(box, np.asarray(source, np.float32), moved, drawn, still, own, pose.scale)


def apply_warp(canvas: Image | FineImage, plan: FaceWarp) -> None:
    """Move a face's pixels, in place."""
    x0, y0, x1, y1 = plan.box
    # What is sampled lies near the box: a large picture need not be looked at as a whole.
    ways = plan.source[..., 0], plan.source[..., 1]
    low = np.floor([way.min() for way in ways]).astype(int) - 4
    high = np.ceil([way.max() for way in ways]).astype(int) + 5
    low, high = low.clip(0, [canvas.shape[1] - 1, canvas.shape[0] - 1]), high.clip(1, canvas.shape[1::-1])
    part = canvas[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    at = plan.source - low.astype(np.float32)
    seen = cv2.remap(part, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    region = canvas[y0:y1, x0:x1]
    seen = np.clip(seen, 0, 255)
    if canvas.dtype == np.uint8:
        seen = np.rint(seen).astype(np.uint8)
    region[plan.moved] = seen[plan.moved]


def _steps(box: Box, places: Points, values: Points, share: FloatArray) -> FloatArray:
    """(G, G, 2) what to add to the `grid_points` of a box to come from drawn places to the picture's own."""
    nodes = warp.grid_points(box)
    step = (warp.fit_spline(places, values)(nodes) - nodes).reshape(warp.NODES, warp.NODES, 2)
    return np.asarray(step * share, np.float32)


def _share(box: Box, hull: Points, unit: float, beside: tuple[float, float]) -> FloatArray:
    """(G, G, 1) how much of a step is made: all of it in the head, none away from it."""
    depth = depth_in_hull(warp.grid_points(box), hull)
    share = smooth_step((depth / unit + beside[1]) / (beside[1] - beside[0]))
    return share.reshape(warp.NODES, warp.NODES, 1)


def depth_in_hull(points: Points, hull: Points) -> NDArray[np.float64]:
    """(M,) how deep points (M, 2) lie in a convex polygon (K, 2); below 0 how far outside."""
    edge = np.roll(hull, -1, axis=0) - hull
    x, y = (points[:, axis][:, None] - hull[:, axis][None] for axis in (0, 1))
    along = np.clip((x * edge[:, 0] + y * edge[:, 1]) / np.maximum((edge**2).sum(1), 1e-12), 0, 1)
    apart = np.sqrt(((x - along * edge[:, 0]) ** 2 + (y - along * edge[:, 1]) ** 2).min(1))
    side = edge[:, 0] * y - edge[:, 1] * x
    inside = (side >= 0).all(1) | (side <= 0).all(1)
    return np.asarray(np.where(inside, apart, -apart), np.float64)


def _crown(head: Points, pose: HeadPose) -> Points:
    """(K, 2) pixels along a head's upper outline, from temple to temple over the crown."""
    middle, width = head[:, 0].mean(), CROWN[0]
    turn = np.linspace(0, np.pi, 9)
    brow = head[head[:, 1] < -0.3, 1].mean()
    arc = np.column_stack(
        [middle + width * np.cos(turn), brow + 0.05 - CROWN[1] * np.sin(turn), np.full(len(turn), 0.5)]
    )
    return pose.project(arc)[:, :2]


def _box(points: Points, margin: float, shape: tuple[int, ...]) -> Box | None:
    """The whole pixels of a picture around some points; None if there are none."""
    x0, y0 = np.floor(points.min(0) - margin).astype(int).clip(0)
    x1, y1 = np.minimum(np.ceil(points.max(0) + margin).astype(int) + 1, (shape[1], shape[0]))
    return (int(x0), int(y0), int(x1), int(y1)) if x1 - x0 >= 4 and y1 - y0 >= 4 else None
