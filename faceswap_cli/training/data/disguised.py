"""Pictures of the person put on in the disguise of the target: the target's pixels, moved to their points.

A decoder learns from its own person's pictures and is then given another person's: what it draws of these is
softer, as their codes lie beside those that it knows. Here a crop of the person put on is the label, and what
the encoder is shown is the target's likest crop, warped until its points lie where the label's do, in the
label's colours: nearly the picture that convert will show it, and one whose answer is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.device import single_threaded
from faceswap_cli.effects.reenact.source import transform_points
from faceswap_cli.effects.swap.detail.choice import compare_faces
from faceswap_cli.faces.geometry import transform, warp
from faceswap_cli.faces.landmarks.repose import frame_points
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet
from faceswap_cli.media.frame import Image
from faceswap_cli.training.data.augment import apply_colour, colour_transform
from faceswap_cli.training.data.dataset import Faces, faces_from_columns, prepare, spread_indices
from faceswap_cli.training.data.mixed_looks import MOST_COMPARED, known_points, look_at, move_points

MOST = 96
"""Pictures that are disguised for a person, at most."""

UNLIKE = 0.7
"""A crop is taken for no disguise that is less like the label: radians of turn, or what is as bad."""


def disguise(
    target: tuple[FaceSet, Sequence[FaceRecord]],
    source: tuple[FaceSet, Sequence[FaceRecord]],
    source_faces: Faces,
    usable: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    resolution: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Faces | None:
    """Samples whose inputs are the target's and whose labels are those of the person put on.

    Args:
        target: the set of the person in the video, and its records in the order of the samples.
        source: the same of the person put on.
        source_faces: these samples.
        usable: which of both are trained on and free.
        resolution: side R of the network's pictures.
        progress: called with pictures done and pictures in all.

    Returns:
        as many as could be made; None: no faces are alike, or one of the sets has 68 points only.

    Raises:
        UserError: a crop is gone or damaged.
    """
    mine, theirs = (np.flatnonzero(one) for one in usable)
    (faces_a, records_a), (faces_b, records_b) = target, source
    theirs = theirs[list(spread_indices(len(theirs), MOST_COMPARED))]
    mine = mine[list(spread_indices(len(mine), MOST_COMPARED))]
    given, wanted = [records_a[int(k)] for k in mine], [records_b[int(k)] for k in theirs]
    if not given or not wanted or not all(one[0].packed for one in (given, wanted)):
        return None
    costs = compare_faces(look_at(wanted), look_at(given), [one.sharpness for one in given])
    whole = costs.pose + costs.eyes + costs.mouth
    near = np.flatnonzero(whole.min(1) < UNLIKE)
    if not len(near):
        return None
    rows, kept = [], near[list(spread_indices(len(near), MOST))]
    with single_threaded():
        for done, label in enumerate(kept, 1):
            likest = int(mine[whole[label].argmin()])
            crop, marks = _in_place_of((faces_a, records_a[likest]), (faces_b, wanted[label]))
            rows.append(prepare(crop, marks, faces_b.side, resolution))
            progress(done, len(kept))
    drawn = faces_from_columns([np.stack(column) for column in zip(*rows, strict=True)])
    labels = source_faces.pick(torch.from_numpy(theirs[kept])).to(torch.device("cpu"))
    matrix, offset = colour_transform(drawn, (labels.mean, labels.std))
    wide = apply_colour(drawn.wide.float() / 255, matrix, offset).clamp_(0, 1)
    return replace(labels, wide=(wide * 255).round_().to(torch.uint8))


def _in_place_of(
    target: tuple[FaceSet, FaceRecord], label: tuple[FaceSet, FaceRecord]
) -> tuple[Image, NDArray[np.float64]]:
    """A crop of the target's whose points lie where a label's do in its crop, and that label's landmarks."""
    (faces_a, a), (faces_b, b) = target, label
    zoom = (faces_b.crop_size / faces_b.side) / (faces_a.crop_size / faces_a.side)
    shift = (faces_b.crop_size - 1) / 2 - zoom * (faces_a.crop_size - 1) / 2
    into = np.array([[zoom, 0, shift], [0, zoom, shift]])
    points_a, points_b = (transform_points(known_points(one)[0], one.matrix) for one in (a, b))
    image = warp(faces_a.crop(a), into, faces_b.crop_size)
    edge = frame_points(faces_b.crop_size)
    moved = move_points(image, transform_points(points_a, into), points_b[:, :2], edge)
    marks = transform(b.landmarks, b.matrix).astype(np.float64)
    return np.rint(moved * 255).astype(np.uint8), marks
