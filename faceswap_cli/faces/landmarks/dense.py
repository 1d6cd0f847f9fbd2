"""222 points of a face: the 68 of iBUG 300-W, and 154 more along lips, lids, irises, brows, nose and outline.

The first 68 are those of `mean_shape`. Each of the others is a vertex of the 478-point mesh of Google's Face
Landmarker, so that it can teach ours (Y. Kartynnik et al., Real-time facial surface geometry from
monocular video on mobile GPUs, 2019; the irises: A. Ablavatski et al., Real-time pupil tracking from
monocular video for digital puppetry, 2020).

Sides are the person's own: the right eye is on the picture's left.

Points are (x, y, z): x to the right, y down, z into the picture, all in one unit; z is 0 in the middle
between the outer eye corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.landmarks.mean_shape import MIRROR

FloatArray = NDArray[np.float32]

IBUG = 68
"""The points that come first, see `mean_shape`."""

# Vertices of the mesh, those of the person's right side (the picture's left) first. A closed outline begins
# at the right or outer corner and goes over the upper edge.
_LIPS_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_LIPS_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
_RIGHT_LIDS = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_LEFT_LIDS = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
_RIGHT_IRIS = (468, 469, 470, 471, 472)  # middle, towards the nose, top, towards the temple, bottom
_LEFT_IRIS = (473, 476, 475, 474, 477)
_RIGHT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)  # upper edge from the tail to the nose, lower edge
_LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
_NOSE_RIDGE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2)  # from between the eyes over the tip to the lip
_NOSE_RIGHT, _NOSE_LEFT = (98, 97, 64, 129), (327, 326, 294, 358)
_OUTLINE_MIDDLE = (10, 152)
_OUTLINE_RIGHT = (67, 54, 162, 234, 132, 172, 150, 176)  # from the forehead to the chin
_OUTLINE_LEFT = (297, 284, 389, 454, 361, 397, 379, 400)
_CHEEK_RIGHT, _CHEEK_LEFT = (101, 50, 123, 205, 187), (330, 280, 352, 425, 411)
_CHIN = (18, 199)
_FOREHEAD_MIDDLE, _FOREHEAD_RIGHT, _FOREHEAD_LEFT = (9, 151), (69,), (299,)

_GROUPS: dict[str, tuple[int, ...]] = {
    "lips_outer": _LIPS_OUTER,
    "lips_inner": _LIPS_INNER,
    "right_lids": _RIGHT_LIDS,
    "left_lids": _LEFT_LIDS,
    "right_iris": _RIGHT_IRIS,
    "left_iris": _LEFT_IRIS,
    "right_brow": _RIGHT_BROW,
    "left_brow": _LEFT_BROW,
    "nose": (*_NOSE_RIDGE, *_NOSE_RIGHT, *_NOSE_LEFT),
    "outline": (*_OUTLINE_MIDDLE, *_OUTLINE_RIGHT, *_OUTLINE_LEFT),
    "cheeks": (*_CHEEK_RIGHT, *_CHEEK_LEFT),
    "chin": _CHIN,
    "forehead": (*_FOREHEAD_MIDDLE, *_FOREHEAD_RIGHT, *_FOREHEAD_LEFT),
}

MESH_VERTICES: NDArray[np.int64] = np.array([vertex for group in _GROUPS.values() for vertex in group])
"""Of each point after the 68, its vertex in the teacher's mesh."""

POINTS = IBUG + len(MESH_VERTICES)


def _number_groups() -> dict[str, NDArray[np.int64]]:
    groups, first = {"ibug": np.arange(IBUG)}, IBUG
    for name, group in _GROUPS.items():
        groups[name] = np.arange(first, first + len(group))
        first += len(group)
    return groups


GROUPS: dict[str, NDArray[np.int64]] = _number_groups()
"""Numbers of the points of each part of a face; of lips and lids in the order of their outline."""

POINT_NAMES: tuple[str, ...] = tuple(
    f"{name}_{place}" for name, group in GROUPS.items() for place in range(len(group))
)


def _mirror_mesh() -> dict[int, int]:
    """Of each vertex the one that is in its place in a mirror image."""
    sides = (
        (_RIGHT_LIDS, _LEFT_LIDS),
        (_RIGHT_IRIS, _LEFT_IRIS),
        (_RIGHT_BROW, _LEFT_BROW),
        (_NOSE_RIGHT, _NOSE_LEFT),
        (_OUTLINE_RIGHT, _OUTLINE_LEFT),
        (_CHEEK_RIGHT, _CHEEK_LEFT),
        (_FOREHEAD_RIGHT, _FOREHEAD_LEFT),
    )
    pairs = {a: b for right, left in sides for a, b in zip(right, left, strict=True)}
    for outline in (_LIPS_OUTER, _LIPS_INNER):
        pairs |= {outline[i]: outline[(10 - i) % 20] for i in range(20)}
    middle = {v: v for v in (*_NOSE_RIDGE, *_OUTLINE_MIDDLE, *_CHIN, *_FOREHEAD_MIDDLE)}
    return pairs | {b: a for a, b in pairs.items()} | middle


def _mirror_points() -> NDArray[np.int64]:
    place = {int(vertex): IBUG + k for k, vertex in enumerate(MESH_VERTICES)}
    other = _mirror_mesh()
    return np.array([*MIRROR, *(place[other[int(vertex)]] for vertex in MESH_VERTICES)])


MIRROR_DENSE: NDArray[np.int64] = _mirror_points()
"""Point i of a face is point MIRROR_DENSE[i] of its mirror image."""


def opening_pairs(outline: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Points of the upper edge and those opposite on the lower edge, corners left out.

    Args:
        outline: lips_outer, lips_inner, right_lids or left_lids.
    """
    group = GROUPS[outline]
    half = len(group) // 2
    return group[1:half], group[:half:-1]


def measure_opening(points: NDArray[np.floating], outline: str) -> NDArray[np.float64]:
    """Mean distance between upper and lower edge over the middle half, in the unit of the points.

    Args:
        points: (..., POINTS, 2 or 3).
        outline: see `opening_pairs`.
    """
    upper, lower = opening_pairs(outline)
    quarter = len(upper) // 4
    inner = slice(quarter, len(upper) - quarter)
    apart = points[..., upper[inner], :2] - points[..., lower[inner], :2]
    found: NDArray[np.float64] = np.linalg.norm(apart, axis=-1).mean(-1).astype(np.float64)
    return found


def scale_dense(points: FloatArray, factor: float, shift: ArrayLike = (0.0, 0.0)) -> FloatArray:
    """Points (..., POINTS, 3) of a picture in the pixels of its enlarged copy; pixel centres lie at integers.

    Args:
        points: x, y, z.
        factor: pixels of the copy over those of the picture.
        shift: (x, y) of the pixel that becomes the copy's first.
    """
    place = (points[..., :2] - np.asarray(shift) + 0.5) * factor - 0.5
    return np.concatenate([place, points[..., 2:] * factor], axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Expression:
    """One coefficient of a face's expression.

    Attributes:
        name: its name.
        mirror: the coefficient that a mirror image has in its place.
        signed: -1..1, and a mirror image changes the sign where `mirror` says; else 0..1.
        flips: whether a mirror image changes its sign.
    """

    name: str
    mirror: str
    signed: bool = False
    flips: bool = False


def _sided(name: str, *, signed: bool = False, flips: bool = False) -> list[Expression]:
    right, left = f"{name}_right", f"{name}_left"
    return [Expression(right, left, signed, flips), Expression(left, right, signed, flips)]


EXPRESSIONS: tuple[Expression, ...] = (
    *_sided("blink"),
    *_sided("squint"),
    *_sided("wide"),
    *_sided("gaze_x", signed=True, flips=True),  # > 0: to the picture's right, against the head
    *_sided("gaze_y", signed=True),  # > 0: up
    Expression("brow_inner_up", "brow_inner_up"),
    *_sided("brow_outer_up"),
    *_sided("brow_down"),
    Expression("jaw_open", "jaw_open"),
    *_sided("smile"),
    *_sided("frown"),
    Expression("pucker", "pucker"),
    Expression("funnel", "funnel"),
    Expression("press", "press"),
    Expression("stretch", "stretch"),
    Expression("upper_lip_up", "upper_lip_up"),
    Expression("lower_lip_down", "lower_lip_down"),
)
"""What a face does, as the teacher's coefficients say (`scripts/data/landmark_teacher.py`)."""

EXPRESSION_NAMES: tuple[str, ...] = tuple(e.name for e in EXPRESSIONS)

MIRROR_EXPRESSION: NDArray[np.int64] = np.array([EXPRESSION_NAMES.index(e.mirror) for e in EXPRESSIONS])
"""Coefficient i of a face is MIRROR_SIGN[i] times coefficient MIRROR_EXPRESSION[i] of its mirror image."""

MIRROR_SIGN: NDArray[np.float64] = np.array([-1.0 if e.flips else 1.0 for e in EXPRESSIONS])
