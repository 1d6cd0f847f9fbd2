"""The road of shape, first half: what a feature is by a face's points, and where the points go.

All in head coordinates (face units, the head looking ahead). Features of expression move along the directions
of the linear head that its coefficients have; features of a face's build move points around them, smoothly,
by so much that the measure comes out as asked for. Builds are counted from the average face: 1 is what one of
twenty people passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.edit.attribute_road import shape_step
from faceswap_cli.effects.reenact.gaps import gaps, measure_gaze, set_gaps, set_gaze
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.shape import LID_EDGE
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES, GROUPS, IBUG
from faceswap_cli.faces.landmarks.pose import rotation_angles, rotation_matrix

RARE = 1.645
"""Standard deviations that one of twenty people passes on a side."""

MOUTH_WIDE = 0.22
"""Mean gap of the lips in face units at 1."""

BROW_LIFT = 0.08
"""Face units that brows are raised by at 1, against the average face."""

GAZE_STEP = (0.2, -0.1)
"""Widths of the eye that an iris is moved along and across for 1."""

TURN_MIDDLE = 0.5
"""Face units behind the eyes around which the face is turned."""

MOST_STEP = {
    "turn": 14.0, "nod": 10.0, "eye-size": 1.2, "nose-width": 1.2, "nose-length": 1.2, "lip-fullness": 1.5,
    "jaw": 1.2, "chin": 1.2,
}  # fmt: skip
"""How far a feature is moved, at most: what the picture does not show can't be drawn, and what is behind a
face would bend."""

AT_OUTLINE = {"jaw", "chin", "mouth", "sex"}
"""Features that move a face's outline; all others leave it alone, so that what is behind it does not bend."""

WITH_JAW = {"jaw", "chin"}
"""Builds that are measured with the expression taken away: an open mouth is no long chin."""

_LIPS = GROUPS["lips_outer"] - IBUG
_INNER = GROUPS["lips_inner"] - IBUG
_NOSE = GROUPS["nose"] - IBUG
_OUTLINE = GROUPS["outline"] - IBUG
_RIDGE, _NOSE_END, _WINGS = int(_NOSE[0]), int(_NOSE[9]), (int(_NOSE[12]), int(_NOSE[16]))
_CHIN = int(_OUTLINE[1])
_JAW = (int(_OUTLINE[7]), int(_OUTLINE[15]))
_TOP, _BOTTOM = (int(_LIPS[5]), int(_INNER[5])), (int(_LIPS[15]), int(_INNER[15]))


@dataclass(frozen=True)
class FaceShape:
    """A face's points and expression.

    Attributes:
        head: (N, 3) head coordinates.
        expression: (E,) coefficients as the landmarker says them.
        rotation: (3, 3) from head to camera.
    """

    head: Points
    expression: NDArray[np.floating]
    rotation: NDArray[np.float64]


@dataclass(frozen=True)
class ShapeChange:
    """One feature of a shape.

    Attributes:
        before: what it is, for the person at rest.
        after: what it becomes.
    """

    before: float
    after: float

    @property
    def step(self) -> float:
        """What is added."""
        return self.after - self.before

    @classmethod
    def limited(cls, name: str, before: float, wanted: float) -> ShapeChange:
        """As far towards what is wanted as it can be drawn."""
        most = MOST_STEP.get(name, np.inf)
        return cls(before, before + float(np.clip(wanted - before, -most, most)))

    def scaled(self, strength: float) -> ShapeChange:
        """The same, so much of it."""
        return ShapeChange(self.before, self.before + strength * self.step)


def _apart(points: Points, pair: tuple[int, int]) -> float:
    return float(np.linalg.norm(points[pair[0]] - points[pair[1]]))


def _eye_width(points: Points, layout: PointLayout) -> float:
    return float(np.mean([_apart(points, eye.corners) for eye in layout.eyes]))


def _brow_height(points: Points, layout: PointLayout) -> float:
    lifts = []
    for brow, eye in zip(layout.brows, layout.eyes, strict=True):
        lifts.append(points[list(eye.corners), 1].mean() - points[list(brow), 1].mean())
    return float(np.mean(lifts))


BUILDS: dict[str, Callable[[Points, PointLayout], float]] = {
    "eye-size": _eye_width,
    "nose-width": lambda p, _: _apart(p, _WINGS),
    "nose-length": lambda p, _: _apart(p, (_RIDGE, _NOSE_END)),
    "lip-fullness": lambda p, _: _apart(p, _TOP) + _apart(p, _BOTTOM),
    "jaw": lambda p, _: _apart(p, _JAW),
    "chin": lambda p, _: _apart(p, (int(_LIPS[15]), _CHIN)),
}
"""What is measured of a face's build, in face units."""


def _near(points: Points, middle: tuple[float, float], width: float, height: float) -> NDArray[np.float64]:
    away = (points[:, :2] - np.array(middle)) / np.array([width, height])
    return np.asarray(np.exp(-0.5 * (away**2).sum(1)), np.float64)


def _rise(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float64)


def _grow_eyes(p: Points, layout: PointLayout) -> Points:
    moved = np.zeros_like(p)
    for eye in layout.eyes:
        middle = p[list(eye.outline)].mean(0)
        weight = _near(p, (float(middle[0]), float(middle[1])), 0.2, 0.14)
        moved[:, :2] += weight[:, None] * (p - middle)[:, :2]
    return moved


def _widen_nose(p: Points, layout: PointLayout) -> Points:
    wings = p[list(_WINGS)].mean(0)
    return _across(p, p[:, 0] * _near(p, (0.0, float(wings[1])), 0.2, 0.13))


def _lengthen_nose(p: Points, layout: PointLayout) -> Points:
    end = p[_NOSE_END]
    return _down(p, _near(p, (0.0, float(end[1])), 0.2, 0.16))


def _fill_lips(p: Points, layout: PointLayout) -> Points:
    middle = p[[_TOP[1], _BOTTOM[1]], 1].mean()
    half = max(abs(float(p[_LIPS[0], 0] - p[_LIPS[10], 0])) / 2, 0.05)
    round_off = np.clip(1 - (p[:, 0] / (1.15 * half)) ** 2, 0, 1)
    moved = np.zeros(len(p))
    for some, sign in ((layout.mouth.above, -1.0), (layout.mouth.below, 1.0)):
        moved[list(some)] = sign * round_off[list(some)]
    beside = _near(p, (0.0, float(middle)), half, 0.16) * np.sign(p[:, 1] - middle) * 0.35
    inner = np.zeros(len(p), bool)
    inner[list(layout.mouth.outline)] = True
    return _down(p, np.where(moved != 0, moved, np.where(inner, 0, beside)))


def _widen_jaw(p: Points, layout: PointLayout) -> Points:
    weight = _rise(p[:, 1], 0.1, 0.6) * (1 - 0.6 * _rise(p[:, 1], 0.75, 1.1))
    return _across(p, np.sign(p[:, 0]) * weight * np.clip(np.abs(p[:, 0]) / 0.6, 0, 1) ** 2)


def _lengthen_chin(p: Points, layout: PointLayout) -> Points:
    lip = float(p[_LIPS[15], 1])
    return _down(
        p, _rise(p[:, 1], lip, float(p[_CHIN, 1])) * (1 - 0.5 * np.clip(np.abs(p[:, 0]) / 0.6, 0, 1))
    )


def _across(p: Points, amount: NDArray[np.float64]) -> Points:
    return np.column_stack([amount, np.zeros(len(p)), np.zeros(len(p))])


def _down(p: Points, amount: NDArray[np.float64]) -> Points:
    return np.column_stack([np.zeros(len(p)), amount, np.zeros(len(p))])


BUILD_MOVES: dict[str, Callable[[Points, PointLayout], Points]] = {
    "eye-size": _grow_eyes,
    "nose-width": _widen_nose,
    "nose-length": _lengthen_nose,
    "lip-fullness": _fill_lips,
    "jaw": _widen_jaw,
    "chin": _lengthen_chin,
}
"""How points (N, 3) move for more of it, in any amount."""


@cache
def _usual(name: str) -> tuple[float, float]:
    """A measure of the average face, and what one of twenty people has more."""
    from faceswap_cli.effects.reenact.layout import face_layout

    layout = face_layout()
    head, measure = layout.head, BUILDS[name]
    mean = measure(head.mean, layout)
    spread = np.sqrt(sum((measure(head.mean + one, layout) - mean) ** 2 for one in head.identity))
    return mean, RARE * float(spread)


def read_shape(name: str, face: FaceShape, layout: PointLayout) -> float:
    """What a feature of shape is."""
    if name in BUILDS:
        points = face.head
        if name in WITH_JAW:
            fit = layout.head.fit(points)
            points = points - np.tensordot(fit.expression, layout.head.expression, 1)
        mean, spread = _usual(name)
        return (BUILDS[name](points, layout) - mean) / spread
    return READERS[name](face, layout)


def _said(face: FaceShape, *names: str) -> float:
    """The mean of some coefficients."""
    return float(np.mean([face.expression[EXPRESSION_NAMES.index(name)] for name in names]))


def _both(face: FaceShape, name: str) -> float:
    return _said(face, f"{name}_right", f"{name}_left")


def _read_lids(face: FaceShape, layout: PointLayout) -> float:
    own, usual = (
        float(np.mean([gaps(points, eye) for eye in layout.eyes])) for points in (face.head, layout.head.mean)
    )
    return own / usual


READERS: dict[str, Callable[[FaceShape, PointLayout], float]] = {
    "smile": lambda face, _: _both(face, "smile") - _both(face, "frown"),
    "mouth": lambda face, layout: max(float(np.mean(gaps(face.head, layout.mouth))), 0) / MOUTH_WIDE,
    "lids": _read_lids,
    "brow-height": lambda face, layout: (
        (_brow_height(face.head, layout) - _brow_height(layout.head.mean, layout)) / BROW_LIFT
    ),
    "gaze-x": lambda face, _: _both(face, "gaze_x"),
    "gaze-y": lambda face, _: _both(face, "gaze_y"),
    "turn": lambda face, _: rotation_angles(face.rotation)[0],
    "nod": lambda face, _: rotation_angles(face.rotation)[1],
}
"""How features are read that are no single measure and no coefficient."""


def move_shape(
    head: Points, changes: Mapping[str, ShapeChange], layout: PointLayout
) -> tuple[Points, Points]:
    """Where a face's points go.

    Args:
        head: (N, 3) as they are in this frame.
        changes: of features, by name.
        layout: what the points are.

    Returns:
        (N, 3) as they are drawn, and the same with eyes and mouth open, and irises, as they are in the frame:
        a smooth map leads from these to `head`.
    """
    moved = head.copy()
    for name, change in changes.items():
        step = _step(name, change, head, layout)
        if name not in AT_OUTLINE:
            step[_OUTLINE] = 0
        moved += step
    drawn = _turn(moved, changes, layout)
    still = drawn.copy()
    grown = _eye_width(drawn, layout) / max(_eye_width(head, layout), 1e-6)
    for opening in layout.openings:
        own = gaps(head, opening)
        if opening is layout.mouth:
            if "mouth" in changes:
                set_gaps(drawn, opening, _open_mouth(own, changes["mouth"].step))
                set_gaps(still, opening, own)
            continue
        set_gaps(drawn, opening, own * grown)
        set_gaps(still, opening, own * grown)
        if "lids" in changes:
            ratio = max(changes["lids"].after, 0) / max(changes["lids"].before, 0.05)
            set_gaps(drawn, opening, own * grown * ratio)
            shut = float(np.clip(1 - ratio, 0, 1)) ** 2
            set_gaps(still, opening, own * grown + 2 * LID_EDGE * shut)
        gaze = measure_gaze(head, opening)
        set_gaze(drawn, opening, gaze + _look(changes))
        set_gaze(still, opening, gaze)
    return drawn, still


def _open_mouth(own: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Gaps of the lips when the mouth is opened further, or shut."""
    place = (np.arange(len(own)) + 1) / (len(own) + 1)
    profile = np.sin(np.pi * place) ** 0.8
    profile /= profile.mean()
    more = step * MOUTH_WIDE
    if more >= 0:
        return np.asarray(own + more * profile, np.float64)
    mean = max(float(own.mean()), 1e-3)
    return np.asarray(own * max(1 + more / mean, 0.0), np.float64)


def _look(changes: Mapping[str, ShapeChange]) -> NDArray[np.float64]:
    """How far irises go along and across the eye, in its widths."""
    steps = [changes[name].step if name in changes else 0.0 for name in ("gaze-x", "gaze-y")]
    return np.array(GAZE_STEP) * steps


def _step(name: str, change: ShapeChange, head: Points, layout: PointLayout) -> Points:
    """What is added to points (N, 3) for a feature."""
    directions = layout.head.expression
    if name == "sex":
        return shape_step(name, change.step)
    if name in BUILDS:
        direction = BUILD_MOVES[name](head, layout)
        small = 1e-3 / max(float(np.abs(direction).max()), 1e-9)
        measure = BUILDS[name]
        slope = (measure(head + small * direction, layout) - measure(head, layout)) / small
        return np.asarray(direction * (change.step * _usual(name)[1] / max(slope, 1e-6)), np.float64)
    if name == "smile":
        up = max(change.after, 0) - max(change.before, 0)
        down = max(-change.after, 0) - max(-change.before, 0)
        return _along(up, _SMILE, directions) + _along(down, _FROWN, directions)
    if name == "brow-height":
        return _lift_brows(head, change.step, layout)
    if name == "mouth":
        jaw = directions[EXPRESSION_NAMES.index("jaw_open")]
        opening = float(jaw[_INNER[15], 1] - jaw[_INNER[5], 1])
        return np.asarray(jaw * (change.step * MOUTH_WIDE * 1.2 / opening), np.float64)
    return np.zeros_like(head)  # lids, gaze and turns come afterwards


_SMILE = {"smile_right": 1.0, "smile_left": 1.0}
_FROWN = {"frown_right": 0.5, "frown_left": 0.5}


def _along(amount: float, shares: Mapping[str, float], directions: NDArray[np.float64]) -> Points:
    total = sum(share * directions[EXPRESSION_NAMES.index(name)] for name, share in shares.items())
    return np.asarray(amount * total, np.float64)


def _lift_brows(head: Points, step: float, layout: PointLayout) -> Points:
    """Brows up, or down and together; the forehead goes along a little, lids hardly."""
    moved = np.zeros(len(head))
    inwards = np.zeros(len(head))
    for brow in layout.brows:
        moved[list(brow)] = 1.0
        inner = np.abs(head[list(brow), 0]) < 0.3
        if step < 0:
            inwards[list(brow)] = np.where(inner, -0.35 * np.sign(head[list(brow), 0]), 0)
            moved[list(brow)] = np.where(inner, 1.25, 0.8)
    return np.column_stack([inwards * BROW_LIFT * -step, -moved * BROW_LIFT * step, np.zeros(len(head))])


def _turn(points: Points, changes: Mapping[str, ShapeChange], layout: PointLayout) -> Points:
    """Points (N, 3) turned; the outline, which is a head's silhouette from every side, stays."""
    steps = [changes[name].step if name in changes else 0.0 for name in ("turn", "nod")]
    if not any(steps):
        return points
    middle = np.array([0.0, 0.1, TURN_MIDDLE])
    turned = (points - middle) @ rotation_matrix(steps[0], steps[1], 0.0).T + middle
    share = np.where(layout.shape < 1, np.where(layout.shape > 0, 0.8, 0.0), 1.0)
    return np.asarray(points + share[:, None] * (turned - points), np.float64)
