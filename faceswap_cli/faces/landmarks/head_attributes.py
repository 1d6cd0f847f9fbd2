"""Pose and expression of a face from its dense points, by the 3-D head; the second version of `attributes`.

The points are turned back into the head's own frame first, by their own depths. So a smile is one on a turned
head, too, and a nod is as large as it is. The order and the meaning of the numbers are those of
`attributes.measure_attributes`, their units are this version's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.landmarks.attributes import DEGREES, change_attributes, measure_attributes
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES, GROUPS, IBUG, measure_opening, opening_pairs
from faceswap_cli.faces.landmarks.head_model import fit_similarity_3d, load_head_model
from faceswap_cli.faces.landmarks.pose import rotation_angles, rotation_matrix

Array = NDArray[np.float64]

REST, UNIT = np.array([0.049, 0.383, 0.190, 0.077]), np.array([0.058, 0.084, 0.029, 0.019])
"""Mean and spread of the mouth's opening, the smile, the brows' height and the eyes' opening, as `_looks`
measures them, over the 2,338 portraits and speakers that the head was learnt from."""

LEAST_GAP = 0.004
"""Between lids and between lips that are shut, in face units."""

_MOVES = (
    ("jaw_open",),
    ("smile_right", "smile_left"),
    ("brow_inner_up", "brow_outer_up_right", "brow_outer_up_left"),
    ("blink_right", "blink_left"),
)
"""Coefficients of the head by which mouth, smile, brows and eyes are moved."""


@dataclass(frozen=True)
class _Posed:
    """Points in the head's own frame: points = scale * (local @ rotation.T) + shift."""

    local: Array
    scale: float
    rotation: Array
    shift: Array


def measure_head_attributes(dense: ArrayLike) -> NDArray[np.float32]:
    """(len(TRAITS),) of a face.

    Args:
        dense: (222, 3), in any unit; see `landmarks.dense`.
    """
    posed = _unturned(np.asarray(dense, np.float64))
    turn = np.array(rotation_angles(posed.rotation)) / DEGREES
    looks = (_looks(posed.local) - REST) / UNIT
    return np.asarray(np.clip(np.concatenate([turn, looks]), -5, 5), np.float32)


def change_head_attributes(dense: ArrayLike, change: ArrayLike) -> Array:
    """Where dense points would be, were a face's attributes others; see `attributes.change_attributes`.

    Mouth, smile, brows and eyes move along the head's directions of expression, lids and lips until they
    meet, and the head turns by the points' own depths around their middle.

    Args:
        dense: (222, 3), in any unit.
        change: (len(TRAITS),) what is added to the attributes; about that is found afterwards.

    Returns:
        (222, 3).
    """
    points, change = np.asarray(dense, np.float64), np.asarray(change, np.float64)
    posed = _unturned(points)
    local = _kept_apart(posed.local, posed.local + np.tensordot(change[3:], _moves(), 1))
    turned = rotation_matrix(*(np.array(rotation_angles(posed.rotation)) + change[:3] * DEGREES))
    found: Array = posed.scale * local @ turned.T + posed.shift
    still = posed.scale * posed.local @ turned.T + posed.shift
    return np.asarray(found + (points[:IBUG].mean(0) - still[:IBUG].mean(0)), np.float64)


def measure_points(points: ArrayLike) -> NDArray[np.float32]:
    """(len(TRAITS),) of a face: of landmarks (68, 2) by `attributes`, of dense points by the head."""
    return measure_head_attributes(points) if _has_depth(points) else measure_attributes(points)


def change_points(points: ArrayLike, change: ArrayLike) -> Array:
    """Where points would be, were a face's attributes others: landmarks (68, 2) of an upright face, by
    `attributes`; dense points (222, 3) of any, by the head."""
    return (change_head_attributes if _has_depth(points) else change_attributes)(points, change)


def _has_depth(points: ArrayLike) -> bool:
    return bool(np.shape(points)[-1] == 3)


def _unturned(points: Array) -> _Posed:
    head = load_head_model()
    scale, rotation, shift = fit_similarity_3d(head.mean[head.rigid], points[head.rigid])
    scale = max(scale, 1e-6)
    return _Posed((points - shift) @ rotation / scale, scale, rotation, shift)


def _looks(local: Array) -> Array:
    """(4,) opening of the mouth, smile, height of the brows and opening of the eyes, in face units, of points
    in the head's own frame."""
    lips, lids = local[GROUPS["lips_outer"]], [GROUPS["right_lids"], GROUPS["left_lids"]]
    corners, middle = lips[[0, 10]], lips[[5, 15]]
    width = np.linalg.norm(corners[1] - corners[0])
    lift = middle[:, 1].mean() - corners[:, 1].mean()
    brows = [
        local[lid[[0, 8]], 1].mean() - local[GROUPS[brow], 1].mean()
        for lid, brow in zip(lids, ("right_brow", "left_brow"), strict=True)
    ]
    eyes = [measure_opening(local, f"{side}_lids") for side in ("right", "left")]
    return np.array(
        [measure_opening(local, "lips_inner"), width / 2 + lift, np.mean(brows), np.mean(eyes)], np.float64
    )


@cache
def _moves() -> Array:
    """(4, 222, 3) how the points move for each attribute of expression, none of the others changing."""
    head = load_head_model()
    ways = np.stack([head.expression[[EXPRESSION_NAMES.index(n) for n in names]].sum(0) for names in _MOVES])
    # Openings bend at nought only, where lids would pass each other: small steps tell the slopes.
    step = 0.2
    slopes = np.stack([(_looks(head.mean + step * way) - _looks(head.mean)) / step for way in ways], 1)
    found: Array = np.tensordot(np.linalg.inv(slopes / UNIT[:, None]).T, ways, 1)
    return found


def _kept_apart(before: Array, after: Array) -> Array:
    """Points in which lids and lips that would pass each other meet; those that were nearer stay so."""
    found = after.copy()
    for outline in ("right_lids", "left_lids", "lips_inner"):
        upper, lower = opening_pairs(outline)
        _meet(before, found, upper, lower)
    for above, below in (([37, 38, 43, 44], [41, 40, 47, 46]), ([61, 62, 63], [67, 66, 65])):
        _meet(before, found, np.array(above), np.array(below))
    return found


def _meet(before: Array, found: Array, upper: NDArray[np.int64], lower: NDArray[np.int64]) -> None:
    least = np.minimum(before[lower, 1] - before[upper, 1], LEAST_GAP)
    missing = np.maximum(least - (found[lower, 1] - found[upper, 1]), 0)
    found[upper, 1] -= missing / 2
    found[lower, 1] += missing / 2
