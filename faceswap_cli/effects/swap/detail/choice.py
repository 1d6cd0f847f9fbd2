"""Which crops of a face set lend their detail to which frames of a track.

For the whole track at once: the way through its frames that costs least, where a crop that is unlike a frame
costs as much as it is unlike, and every change of crops costs STAY (A. Viterbi, 1967). So a crop stays until
another one is clearly nearer, whatever began the track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.effects.reenact.gaps import gaps, measure_gaze
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout, select_points

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

STAY = 0.5
"""What a change of crops costs, in radians of turn or what is as bad."""

MOST_CROPS = 40
"""Crops that lend detail to a clip, at most: those that are nearest most often."""

SHAPE, LIDS, MOUTH, GAZE = 4.0, 3.0, 2.0, 0.5
"""What a face unit costs: of mean distance of the points, of a difference of lids, of lips; and what an eye's
width costs by which irises lie apart."""

SOFT = 0.1
"""What a crop costs that is softer than the set's usual one by a factor of e."""


@dataclass(frozen=True)
class FaceStates:
    """What some faces of one person do.

    Attributes:
        rotations: (K, 3, 3) from head to camera.
        shapes: (K, 2 N) face units, how points differ from the person's usual ones.
        lids: (K,) face units, more open than usual.
        mouth: (K,) face units of opening.
        gaze: (K, 4) places of both irises, in widths of the eyes, against the usual ones.
    """

    rotations: Array
    shapes: Array
    lids: Array
    mouth: Array
    gaze: Array


def measure_faces(dense: ArrayLike) -> FaceStates:
    """What a person's faces do, by dense points (K, 222, 3) of any picture."""
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
        lids - np.median(lids),
        np.array([max(float(gaps(head, layout.mouth).mean()), 0.0) for head in heads]),
        gaze - np.median(gaze, axis=0),
    )


def compare_faces(target: FaceStates, crops: FaceStates, sharpness: ArrayLike) -> Array:
    """(K, M) how unlike K faces and M crops of another person are; lower is better.

    Args:
        target: the faces to be drawn on.
        crops: of the person put on.
        sharpness: (M,) of the crops, see `FaceRecord`.
    """
    traces = np.einsum("kij,mij->km", target.rotations, crops.rotations)
    cost = np.arccos(np.clip((traces - 1) / 2, -1, 1))
    count = target.shapes.shape[1] / 2
    cost += SHAPE * _distances(target.shapes, crops.shapes) / np.sqrt(count)
    cost += LIDS * np.abs(target.lids[:, None] - crops.lids[None])
    cost += MOUTH * np.abs(target.mouth[:, None] - crops.mouth[None])
    cost += GAZE * _distances(target.gaze, crops.gaze)
    sharp = np.maximum(np.asarray(sharpness, np.float64), 1e-3)
    return np.asarray(cost + SOFT * np.log(np.median(sharp) / sharp), np.float64)


def _distances(a: Array, b: Array) -> Array:
    """(K, M) distances of rows."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float64)


def choose_crops(costs: Sequence[Array], most: int = MOST_CROPS) -> tuple[Numbers, list[Numbers]]:
    """The crops that some tracks need, and of each frame the one that it is given.

    Args:
        costs: (K, M) of each track, over the same crops.
        most: crops that are taken.

    Returns:
        (C,) numbers of the crops, rising, and of each track (K,) places in these.
    """
    nearest = np.concatenate([cost.argmin(1) for cost in costs])
    often = np.bincount(nearest, minlength=costs[0].shape[1])
    kept = np.sort(np.argsort(-often, kind="stable")[: min(most, int((often > 0).sum()))])
    ways: list[Numbers] = [cheapest_way(cost[:, kept]) for cost in costs]
    used = np.unique(np.concatenate(ways))
    return kept[used], [np.searchsorted(used, way).astype(np.int64) for way in ways]


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
