"""Pictures of looks that the footage lacks: eyes of one crop over the mouth of another one.

Who laughs in every frame with open eyes and shuts the mouth only when looking down has never shown open eyes
over a shut mouth, and a decoder draws them as a smear. For looks that the person in the video has and no crop
of the person put on, the upper half of one crop and the lower half of another are warped to one face, in one
light, and learnt with the rest. Both halves are the person's own pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.compositing import masks
from faceswap_cli.device import single_threaded
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout, select_points
from faceswap_cli.effects.reenact.light import log_light, relight
from faceswap_cli.effects.reenact.source import transform_points
from faceswap_cli.effects.swap.detail.bands import smooth_field
from faceswap_cli.effects.swap.detail.choice import (
    FaceStates,
    PartCosts,
    compare_faces,
    lower_share,
    measure_faces,
)
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.dense import IBUG
from faceswap_cli.faces.landmarks.dense_states import measure_states
from faceswap_cli.faces.landmarks.head_model import load_head_model
from faceswap_cli.faces.landmarks.repose import fit_spline, frame_points
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet
from faceswap_cli.media.frame import Image
from faceswap_cli.training.data.dataset import (
    DENSE_FEATURES,
    PICTURES,
    Faces,
    faces_from_columns,
    prepare,
    spread_indices,
)

MOST = 48
"""Pictures that are mixed for a person, at most."""

MOST_COMPARED = 600
"""Crops of the person that are looked at for it, at most, and faces of the person in the video."""

LACKING = 0.25
"""By how much two crops, each for its half, have to be more like a face than any single one: radians of turn,
or what is as bad."""

IN_VIEW = 0.9
"""Share of a crop's face that has to be free."""

NEAREST = 6
"""So many of the best crops of either half are taken in turn: one alone would be learnt by heart."""

MISSED = 0.03
"""Face units by which lids and mouth of a mixed picture may miss those of the crops they come from."""


@dataclass(frozen=True)
class Mix:
    """Two crops that make one picture; places in the person's records.

    Attributes:
        upper: has the eyes, and says how the head is turned.
        lower: has the mouth.
    """

    upper: int
    lower: int


@dataclass(frozen=True)
class MoreFaces(Faces):
    """A person's samples, and more of them after these, whose pictures lie elsewhere.

    Attributes:
        first: the person's own.
        more: those that come after them.
    """

    first: Faces
    more: Faces

    def __len__(self) -> int:
        return len(self.first) + len(self.more)

    def pick(self, index: Tensor) -> Faces:
        """The samples of an index (M,) on any device."""
        count, index = len(self.first), index.cpu()
        beyond = index >= count
        own = self.first.pick(torch.where(beyond, 0, index))
        if not beyond.any():
            return own
        added, there = self.more.pick(index[beyond] - count), beyond.to(self.device)
        for f in fields(Faces):
            getattr(own, f.name)[there] = getattr(added, f.name).to(self.device)
        return own

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        raise NotImplementedError("samples are placed before more are added")


def join_faces(first: Faces, more: Faces) -> Faces:
    """A person's samples, and more of them; no picture is copied."""
    more = more.to(first.device)
    both = {
        f.name: getattr(first, f.name)
        if f.name in PICTURES
        else torch.cat([getattr(first, f.name), getattr(more, f.name)])
        for f in fields(Faces)
    }
    return MoreFaces(**both, first=first, more=more)


def mix_looks(
    target: Sequence[FaceRecord],
    faces: FaceSet,
    records: Sequence[FaceRecord],
    usable: NDArray[np.bool_],
    resolution: int,
    parser: FaceParser | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Faces | None:
    """Samples of looks that a person's crops lack.

    Args:
        target: faces of the person in the video.
        faces: the set of the person put on.
        records: of it, in the order of the samples.
        usable: (N,) which of them may be looked at: none that is held out, and none before which a hand is.
        resolution: side R of the network's pictures.
        parser: tells what stands before a face; None: nothing does.
        progress: called with pictures done and pictures in all.

    Returns:
        as many as could be made; None: nothing is lacking, or one of the sets has 68 points only.

    Raises:
        UserError: a crop is gone or damaged.
    """
    numbers = np.flatnonzero(usable)
    numbers = numbers[list(spread_indices(len(numbers), MOST_COMPARED))]
    wanted = [target[k] for k in spread_indices(len(target), MOST_COMPARED)]
    given = [records[int(k)] for k in numbers]
    if not wanted or not given or any(one.packed is None for one in (wanted[0], given[0])):
        return None
    costs = compare_faces(look_at(wanted), look_at(given), [one.sharpness for one in given])
    mixes = choose_mixes(costs)
    rows = []
    with single_threaded():
        landmarker = CompactLandmarker()
        for done, mix in enumerate(mixes, 1):
            crops = records[numbers[mix.upper]], records[numbers[mix.lower]]
            row = _sample(faces, crops, resolution, parser, landmarker)
            rows += [] if row is None else [row]
            progress(done, len(mixes))
    if not rows:
        return None
    return faces_from_columns([np.stack(column) for column in zip(*rows, strict=True)])


def choose_mixes(costs: PartCosts, most: int = MOST) -> list[Mix]:
    """Which crops to mix for faces that no single one is like, evenly over these faces, each pair once."""
    upper, lower = costs.parts
    single = (costs.pose + costs.eyes + costs.mouth).min(1)
    # The head's turn counts in both halves: once too often, so that mixing is not cheaper for that.
    lacking = np.flatnonzero(single - (upper.min(1) + lower.min(1)) > LACKING)
    if not len(lacking):
        return []
    orders = [np.argsort(cost, axis=1, kind="stable")[:, :NEAREST] for cost in (upper, lower)]
    spread = lacking[list(spread_indices(len(lacking), most))]
    found: dict[Mix, None] = {}
    for number in range(NEAREST * NEAREST * len(spread)):
        face, rank = spread[number % len(spread)], number // len(spread)
        ranks = (rank + number) % NEAREST, (rank // NEAREST + number // NEAREST) % NEAREST
        pair = [int(order[face, rank % order.shape[1]]) for order, rank in zip(orders, ranks, strict=True)]
        found[Mix(*pair)] = None
        if len(found) >= most:
            break
    return [mix for mix in found if mix.upper != mix.lower]


def mix_crops(
    images: Sequence[Image], points: Sequence[NDArray[np.float64]], side: float
) -> tuple[Image, NDArray[np.float64]]:
    """One picture of the upper half of a face and the lower half of another, aligned as crops are.

    Args:
        images: both crops, (S, S, 3) uint8.
        points: (222, 3) dense points of both, in crop pixels.
        side: of the crops in face units.

    Returns:
        the picture, and where its landmarks (68, 2) should lie.
    """
    layout, size = face_layout(), images[0].shape[0]
    poses = [fit_head(select_points(one), layout) for one in points]
    mean = load_head_model().mean
    share = lower_share(mean)[:, None]
    heads = [pose.lift(one) for pose, one in zip(poses, points, strict=True)]
    mixed = poses[0].project((1 - share) * heads[0] + share * heads[1])[:, :2]
    landmarks = mixed[:IBUG]
    matrix = crop_matrix(landmarks, size, side)
    places, edge = transform(mixed, matrix), frame_points(size)
    seen = [move_points(image, one, places, edge) for image, one in zip(images, points, strict=True)]
    lower = _lower_half(mean, places, edge, size)
    logs = [log_light(one) for one in seen]
    seam = 4 * lower * (1 - lower) + np.float32(0.1)
    inside = masks.hull_depth(transform(landmarks, matrix), size) > 0
    below = relight(seen[1], smooth_field(logs[0] - logs[1], np.asarray(seam * inside, np.float32)))
    both = seen[0] + lower[..., None] * (below - seen[0])
    return np.rint(np.clip(both, 0, 1) * 255).astype(np.uint8), transform(landmarks, matrix)


def move_points(
    image: Image, points: NDArray[np.float64], places: NDArray[np.float64], edge: NDArray[np.float64]
) -> NDArray[np.float32]:
    """A crop (S, S, 3) in [0, 1] whose points lie at other places; its border stays.

    Args:
        image: (S, S, 3) uint8.
        points: (222, 2 or 3) dense points in it.
        places: (222, 2) where they are to lie.
        edge: see `frame_points`.
    """
    where = fit_spline(np.vstack([points[:, :2], edge]), np.vstack([places, edge]), image.shape[0])
    u, v = (where[..., i].astype(np.float32) for i in (0, 1))
    seen = cv2.remap(image.astype(np.float32), u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(seen / np.float32(255), 0, 1), np.float32)


def _lower_half(
    mean: NDArray[np.float64], places: NDArray[np.float64], edge: NDArray[np.float64], size: int
) -> NDArray[np.float32]:
    """(S, S) in [0, 1]: which pixels are of the lower half of a face whose points lie at some places."""
    up = float(edge[:, 1].max()) / 2
    beside = np.where(edge[:, 1] > up, mean[:, 1].max(), np.where(edge[:, 1] < up, mean[:, 1].min(), 0))
    heights = np.concatenate([mean[:, 1], beside])
    there = fit_spline(np.column_stack([heights, heights]), np.vstack([places, edge]), size)[..., 1]
    head = np.zeros((size * size, 3))
    head[:, 1] = there.ravel()
    return lower_share(head).reshape(size, size).astype(np.float32)


def _sample(
    faces: FaceSet,
    records: Sequence[FaceRecord],
    resolution: int,
    parser: FaceParser | None,
    landmarker: CompactLandmarker,
) -> list[NDArray[np.generic]] | None:
    """The columns of one mixed picture; None: it did not become what it was to be."""
    known = [known_points(record) for record in records]
    points = [transform_points(one, record.matrix) for (one, _), record in zip(known, records, strict=True)]
    crop, expected = mix_crops([faces.crop(record) for record in records], points, faces.side)
    [found] = landmarker.follow(crop, [expected.astype(np.float32)])
    if found.dense is None or found.expression is None:
        return None
    states = measure_states(found.dense, found.expression)
    wanted = [measure_states(*one) for one in known]
    if abs(states[0] - wanted[0][0]) > MISSED or abs(states[1] - wanted[1][1]) > MISSED:
        return None
    features = [found.dense[feature, :2].astype(np.float64) for feature in DENSE_FEATURES]
    landmarks = found.landmarks.astype(np.float64)
    return prepare(crop, landmarks, faces.side, resolution, parser, features, states)


def look_at(records: Sequence[FaceRecord]) -> FaceStates:
    """What the faces of records with dense points do."""
    known = [known_points(record) for record in records]
    return measure_faces([dense for dense, _ in known], [expression for _, expression in known])


def known_points(record: FaceRecord) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dense points (222, 3) and expression (26,) of a record that has them."""
    face = record.face
    assert face.dense is not None and face.expression is not None, "asked of sets that have dense points"
    return np.asarray(face.dense, np.float64), np.asarray(face.expression, np.float64)
