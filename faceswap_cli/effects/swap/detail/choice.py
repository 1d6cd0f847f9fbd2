"""Which crops of a face set lend their detail to which frames of a track.

For the whole track at once: the way through its frames that costs least, where a crop that is unlike a frame
costs as much as it is unlike, and every change of crops costs STAY (A. Viterbi, 1967). So a crop stays until
another one is clearly nearer, whatever began the track.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.effects.reenact.gaps import gaps, measure_gaze
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout, select_points
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES
from faceswap_cli.faces.landmarks.fine import MOUTH_EXPRESSIONS

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

STAY = 0.3
"""What a change of crops costs, in radians of turn or what is as bad."""

MOST_CROPS, LEAST_GAIN = 32, 0.002
"""Crops that lend detail to a clip, at most, and by how much one has to lower the mean cost to be taken."""

MOST_FRAMES = 1500
"""Frames that say which crops are wanted, at most: of more, so many evenly over the whole."""

SHAPE, SHUT, LIDS, MOUTH, GAZE = 4.0, 12.0, 10.0, 6.0, 0.5
"""What a face unit costs: of mean distance of the points; of lids that are less open than the target's (what
they cover can't be drawn), or more; of lips; and what an eye's width costs by which irises lie apart."""

EYES, LIPS = 0.6, 1.5
"""What a difference of 1 in the coefficients of blinking and looking costs, in the mean, and in those of
mouth and jaw: by lids alone eyes with long lashes that look down pass for open ones, and by the gap alone a
laugh for a word."""

OPEN = 0.8
"""Lids are open at this quantile of a set: a person may look down in most of it."""

_EYES = [name.startswith(("blink", "gaze")) for name in EXPRESSION_NAMES]
_LIPS = [name.startswith(MOUTH_EXPRESSIONS) for name in EXPRESSION_NAMES]

SEAM = (0.32, 0.05)
"""Face units above the nose's end between which a face's upper half passes into the lower one: the folds
beside the nose belong to the mouth."""

SOFT = 0.1
"""What a crop costs that is softer than the set's usual one by a factor of e."""


@dataclass(frozen=True)
class FaceStates:
    """What some faces of one person do.

    Attributes:
        rotations: (K, 3, 3) from head to camera.
        shapes: (K, 2 N) face units, how points differ from the person's usual ones.
        lids: (K,) face units, more open than the person's open ones.
        mouth: (K,) face units of opening.
        gaze: (K, 4) places of both irises, in widths of the eyes, against the usual ones.
        eyes: (K, E) coefficients of blinking and looking.
        lips: (K, L) those of mouth and jaw.
    """

    rotations: Array
    shapes: Array
    lids: Array
    mouth: Array
    gaze: Array
    eyes: Array
    lips: Array


def measure_faces(dense: ArrayLike, expression: ArrayLike) -> FaceStates:
    """What a person's faces do, by dense points (K, 222, 3) of any picture and by expressions (K, 26)."""
    layout = face_layout()
    points = select_points(dense)
    poses = [fit_head(one, layout) for one in points]
    heads = np.array([pose.lift(one) for one, pose in zip(points, poses, strict=True)])
    lids = np.array([np.mean([gaps(head, eye).mean() for eye in layout.eyes]) for head in heads])
    gaze = np.array([np.concatenate([measure_gaze(head, eye) for eye in layout.eyes]) for head in heads])
    shapes = (heads - np.median(heads, axis=0))[:, :, :2].reshape(len(heads), -1)
    return FaceStates(
        np.array([pose.rotation for pose in poses]),
        shapes,
        lids - np.quantile(lids, OPEN),
        np.array([max(float(gaps(head, layout.mouth).mean()), 0.0) for head in heads]),
        gaze - np.median(gaze, axis=0),
        *(np.asarray(expression, np.float64)[:, some] for some in (_EYES, _LIPS)),
    )


@dataclass(frozen=True)
class PartCosts:
    """How unlike K faces and M crops of another person are, (K, M) each; lower is better.

    Attributes:
        pose: their heads, and how soft the crops are.
        eyes: the upper half, without that.
        mouth: the lower half, likewise.
    """

    pose: Array
    eyes: Array
    mouth: Array

    @property
    def parts(self) -> tuple[Array, Array]:
        """Of a crop's upper half alone, and of its lower half."""
        return self.pose + self.eyes, self.pose + self.mouth


def compare_faces(target: FaceStates, crops: FaceStates, sharpness: ArrayLike) -> PartCosts:
    """How unlike faces and crops of another person are, eyes and mouth each by themselves.

    Args:
        target: the faces to be drawn on.
        crops: of the person put on.
        sharpness: (M,) of the crops, see `FaceRecord`.
    """
    traces = np.einsum("kij,mij->km", target.rotations, crops.rotations)
    pose = np.arccos(np.clip((traces - 1) / 2, -1, 1))
    sharp = np.maximum(np.asarray(sharpness, np.float64), 1e-3)
    pose += SOFT * np.log(np.median(sharp) / sharp)
    open_wider = target.lids[:, None] - crops.lids[None]
    eyes = SHUT * np.maximum(open_wider, 0) + LIDS * np.maximum(-open_wider, 0)
    eyes += EYES * np.abs(target.eyes[:, None] - crops.eyes[None]).mean(-1)
    eyes += GAZE * _distances(target.gaze, crops.gaze)
    mouth = MOUTH * np.abs(target.mouth[:, None] - crops.mouth[None])
    mouth += LIPS * np.abs(target.lips[:, None] - crops.lips[None]).mean(-1)
    below = np.repeat(lower_share(face_layout().head.mean) > 0.5, 2)
    eyes += _shape_cost(target.shapes, crops.shapes, ~below)
    mouth += _shape_cost(target.shapes, crops.shapes, below)
    return PartCosts(*(np.asarray(cost, np.float64) for cost in (pose, eyes, mouth)))


def _shape_cost(target: Array, crops: Array, some: NDArray[np.bool_]) -> Array:
    """(K, M) for the mean distance of some of the points."""
    apart = _distances(target[:, some], crops[:, some])
    return np.asarray(SHAPE * apart / np.sqrt(max(some.sum() / 2, 1)) / 2, np.float64)


def lower_share(head: Array) -> Array:
    """(N,) in [0, 1]: how far points of a head, (N, 3) as in the layout's mean one, belong to its lower half:
    see SEAM."""
    layout = face_layout()
    end = float(layout.head.mean[list(layout.nostrils), 1].mean())
    t = np.clip((head[:, 1] - end + SEAM[0]) / (SEAM[0] - SEAM[1]), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float64)


def _distances(a: Array, b: Array) -> Array:
    """(K, M) distances of rows."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float64)


def cover_frames(cost: Array, usable: Callable[[int], bool], most: int = MOST_CROPS) -> list[int]:
    """A few of many crops, so that every frame has one that is near: always the one that helps most.

    Args:
        cost: (K, M) of the crops in each frame.
        usable: asked of a crop that would be taken.
        most: crops that are taken.

    Returns:
        their numbers, in the order in which they were taken; none if none is usable.
    """
    some = cost[np.unique(np.linspace(0, len(cost) - 1, min(len(cost), MOST_FRAMES)).round().astype(int))]
    left, taken = np.ones(cost.shape[1], np.bool_), list[int]()
    best = np.full(len(some), some.max() + 1)
    while left.any() and len(taken) < most:
        gain = np.where(left, np.maximum(best[:, None] - some, 0).mean(0), -1)
        number = int(gain.argmax())
        if taken and gain[number] < LEAST_GAIN:
            break
        left[number] = False
        if usable(number):
            taken.append(number)
            best = np.minimum(best, some[:, number])
    return taken


def cheapest_way(cost: Array) -> Numbers:
    """(K,) one of M choices for each of K frames, by their cost (K, M) and STAY for each change."""
    before = np.zeros(cost.shape, np.int64)
    total = cost[0].copy()
    own = np.arange(cost.shape[1])
    for k in range(1, len(cost)):
        best = int(total.argmin())
        changes = total[best] + STAY < total
        before[k] = np.where(changes, best, own)
        total = np.minimum(total, total[best] + STAY) + cost[k]
    way = np.zeros(len(cost), np.int64)
    way[-1] = int(total.argmin())
    for k in range(len(cost) - 1, 0, -1):
        way[k - 1] = before[k, way[k]]
    return way
