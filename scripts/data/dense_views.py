"""Turned and blinking views of a face with dense points, from one picture of it.

As `landmark_views`, but the mesh is the face's own: its dense points with the depths that the teacher gives
them. Lids are closed by drawing the skin above the eye down over it: blinks are rare in pictures of faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES, GROUPS, IBUG, POINTS, opening_pairs
from scripts.data.landmark_views import BORDER, bend, draw_map, rotate_head, surround, triangulate

_IRISES = np.concatenate([GROUPS["right_iris"], GROUPS["left_iris"]])
_MESH = np.setdiff1d(np.arange(IBUG, POINTS), _IRISES)
"""What the skin is drawn by."""

_IBUG_LIDS = {"right_lids": ((37, 41), (38, 40)), "left_lids": ((43, 47), (44, 46))}
"""Upper and lower points of iBUG's eyes, by the lids that they are on."""

UPPER = 0.9
"""Share of a blink that the upper lid does."""

SEEN = 6.0
"""A point is seen where its own pixels are drawn, to so many pixels."""


@dataclass(frozen=True)
class View:
    """A view of a labelled face.

    Attributes:
        image: (S, S, 3) uint8.
        points: (222, 3) its pixels, z 0 between the outer eye corners.
        visible: (222,) bool.
        expression: (26,).
    """

    image: np.ndarray
    points: np.ndarray
    visible: np.ndarray
    expression: np.ndarray


def turn_dense(
    crop: np.ndarray, points: np.ndarray, expression: np.ndarray, yaw: float, pitch: float, closing: float
) -> View:
    """A face turned further and with its lids further closed.

    Args:
        crop: (S, S, 3) uint8, upright, with room around the face.
        points: (222, 3) its pixels.
        expression: (26,).
        yaw: degrees; above 0 the face turns to the picture's right.
        pitch: degrees; above 0 it looks further up.
        closing: 0 leaves the lids, 1 shuts them.
    """
    size = crop.shape[0]
    unit = float(np.linalg.norm(points[45] - points[36]))  # in three dimensions, so of turned heads too
    around, depth = surround(points[:IBUG, :2], size)
    flat = np.vstack([points[_MESH, :2].clip(0, size - 1), around])
    surface, expression = close_lids(points, expression, closing)
    solid = np.vstack([surface, np.column_stack([around, -depth * unit])])
    centre = np.append((points[36:48, :2].mean(0) + points[30, :2]) / 2, 0.25 * unit)
    moved = (solid - centre) @ rotate_head(yaw, pitch).T + centre
    moved[len(moved) - BORDER :, :2] = flat[len(flat) - BORDER :]  # what lies between is pulled along
    skin = np.r_[_MESH, POINTS : len(moved)]
    from_x, from_y = draw_map(flat, moved[skin], triangulate(flat, size), size)
    found = moved[:POINTS].copy()
    places = np.rint(found[:, :2]).astype(int)
    inside = ((places >= 0) & (places < size)).all(1)
    x, y = places.clip(0, size - 1).T
    # Lids that closed come from elsewhere than they are now: what is asked is whether they are drawn there.
    apart = np.hypot(from_x[y, x] - points[:, 0], from_y[y, x] - points[:, 1])
    visible = inside & (apart < SEEN)
    _put_jaw_on_edge(found, visible, yaw, unit)
    found[:, 2] -= (found[36, 2] + found[45, 2]) / 2
    return View(bend(crop, from_x, from_y), found, visible, expression)


def close_lids(points: np.ndarray, expression: np.ndarray, closing: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and coefficients of a face whose lids have come together by so much of their opening."""
    points, expression = points.copy(), expression.copy()
    for lids, ibug in _IBUG_LIDS.items():
        upper, lower = opening_pairs(lids)
        pairs = [*zip(upper, lower, strict=True), *ibug]
        above, below = np.array(pairs).T
        gap = points[below] - points[above]
        points[above] += closing * UPPER * gap
        points[below] -= closing * (1 - UPPER) * gap
        blink = EXPRESSION_NAMES.index(f"blink_{lids.removesuffix('_lids')}")
        expression[blink] += closing * (1 - expression[blink])
    return points, expression


def _put_jaw_on_edge(points: np.ndarray, visible: np.ndarray, yaw: float, unit: float) -> None:
    """Far jaw points of iBUG that the cheek hides move to its edge, as people mark them."""
    away = -1.0 if yaw > 0 else 1.0
    face = points[_MESH, :2]
    for jaw in range(9, 17) if yaw > 0 else range(8):
        near = face[np.abs(face[:, 1] - points[jaw, 1]) < 0.1 * unit]
        if len(near) == 0:
            continue
        edge = near[np.argmin(away * near[:, 0]), 0]
        if away * edge < away * points[jaw, 0] - 0.5:
            points[jaw, 0] = edge
            visible[jaw] = False
