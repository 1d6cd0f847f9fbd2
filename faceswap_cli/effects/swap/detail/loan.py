"""What a whole clip tells before any face is drawn: which crops lend their detail to which frames, and where
the drawn face's points lie.

A network draws another person's features, a little beside those of the face that it draws over. How far, in
head coordinates, hardly changes in a track: it is seen in a few frames, drawn for that, and added to the
points of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.compositing import blend, masks
from faceswap_cli.effects.base import EffectInput
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import Points, face_layout, select_points
from faceswap_cli.effects.reenact.motion import fade_shares, shares_of_frame
from faceswap_cli.effects.reenact.warp import FloatArray
from faceswap_cli.effects.swap.detail.bands import LentCrop, lend_detail
from faceswap_cli.effects.swap.detail.choice import (
    MOST_CROPS,
    FaceStates,
    PartCosts,
    cheapest_way,
    compare_faces,
    cover_frames,
    measure_faces,
)
from faceswap_cli.effects.swap.detail.crops import DetailCrop, read_crop
from faceswap_cli.faces.geometry import crop_matrix, interocular, transform, warp
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.journal import fingerprint
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.renderer import Renderer

MOST_LOOKED_AT = 1200
"""Crops of a set that are compared, at most; of more, so many evenly over the whole."""

LOOKS = 24
"""Frames of a track in which the drawn face's points are looked at, at most."""

ALIKE = (0.04, 0.025, 0.1, 0.25)
"""Differences of mouth, lids (face units), coefficients of lips, and turn (radians) that are plain to see."""

CALM = 2.0
"""Frames: deviation of the Gaussian by which what looks count is steadied."""

REACH = 13
"""Frames that it looks at, an odd number."""

HELD = 1.0
"""Looks that a frame's own are averaged with, as if so many had shown the usual offset."""

TURNED = (0.25, 0.6)
"""Radians between a crop's head and the drawn one from which on it is believed less, and not at all."""

HIDDEN = 0.06
"""Share of a crop's face before which something stands, from which on it lends nothing."""

STEP = 16
"""Sides of crops are multiples of it, so that few sizes occur."""

LARGEST = 1024
"""Pixels of the side of a crop that is drawn, at most."""

CLOSE = 0.95
"""Quantile of a track's face sizes that its crops are as fine as."""


@dataclass(frozen=True)
class TrackLoan:
    """What is lent to a track.

    Attributes:
        frames: (K,) its frames.
        shares: for the upper and the lower half (K, C) how much of each crop's detail is taken in each.
        offsets: (K, N, 3) head coordinates: from the points of the face that is drawn over to the drawn
            one's.
        size: side of the crops in which its faces are finished, pixels.
    """

    frames: NDArray[np.int64]
    shares: tuple[NDArray[np.float64], NDArray[np.float64]]
    offsets: NDArray[np.float32]
    size: int


@dataclass(frozen=True)
class DetailLoan:
    """What is lent to a clip's faces.

    Attributes:
        crops: all that lend anything.
        tracks: to whom, by track.
    """

    crops: Sequence[DetailCrop] = ()
    tracks: Mapping[int, TrackLoan] = field(default_factory=dict)

    def of_face(self, face: PlannedFace) -> TrackLoan | None:
        """What is lent to a face; None: nothing, or its points are not known."""
        return self.tracks.get(face.track) if face.dense is not None else None

    def lend(
        self, drawn: FloatArray, face: PlannedFace, frame: int, matrix: NDArray[np.floating], amount: float
    ) -> FloatArray:
        """A drawn face with the detail that is lent to it.

        Args:
            drawn: (S, S, 3) in [0, 1].
            face: the one that it is drawn over.
            frame: its number.
            matrix: (2, 3) from frame to crop pixels.
            amount: how much, 0..1.
        """
        assert face.dense is not None, "see of_face"
        loan, layout = self.tracks[face.track], face_layout()
        points = select_points(face.dense)
        pose = fit_head(points, layout)
        row = max(int(np.searchsorted(loan.frames, frame, "right")) - 1, 0)  # of a gap: the frame before
        there = transform(pose.project(pose.lift(points) + loan.offsets[row])[:, :2], matrix)
        halves = [dict(shares_of_frame(loan.frames, shares, frame)) for shares in loan.shares]
        lent = []
        for number in sorted({*halves[0], *halves[1]}):
            crop = self.crops[number]
            turn = crop.pose.rotation.T @ pose.rotation
            angle = float(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
            trust = float(np.clip((TURNED[1] - angle) / (TURNED[1] - TURNED[0]), 0, 1))
            upper, lower = (half.get(number, 0.0) for half in halves)
            lent.append(LentCrop(crop, upper, lower, trust))
        unit = pose.scale * float(np.hypot(matrix[0, 0], matrix[0, 1]))
        return lend_detail(drawn, there, unit, lent, amount)


NO_LOAN = DetailLoan()


@dataclass(frozen=True)
class Lender:
    """Who lends detail to the faces that one renderer draws.

    Attributes:
        renderer: draws.
        faces: the set of the person whom it draws.
    """

    renderer: Renderer
    faces: FaceSet


def arrange_loan(
    clip: EffectInput, lenders: Mapping[int, Lender], parser: FaceParser, key: str
) -> DetailLoan:
    """Find out what is lent to the faces of a clip.

    Args:
        clip: whose faces have dense points.
        lenders: by the place in the plan's targets.
        parser: of faces.
        key: what the drawn pictures depend on.

    Raises:
        UserError: a crop is gone or damaged.
    """
    crops: list[DetailCrop] = []
    tracks: dict[int, TrackLoan] = {}
    for target, lender in lenders.items():
        mine = [track for track, of in clip.targets.items() if of == target]
        if not mine:
            continue
        costs, numbers = _compare(clip, mine, lender.faces)
        lent = _take_crops(lender.faces, [cost.parts for cost in costs], numbers, parser)
        if not lent:
            continue
        first = len(crops)
        crops += lent.values()
        looks = _find_offsets(clip, mine, lender.renderer, fingerprint(key, target))
        for track, cost in zip(mine, costs, strict=True):
            places = clip.tracks.of_track(track)
            frames = np.asarray(clip.tracks.frames[places], np.int64)
            ways = [cheapest_way(part[:, list(lent)]) for part in cost.parts]
            upper, lower = (fade_shares(frames, np.eye(len(crops))[first + way]) for way in ways)
            size = _finished_size(clip.tracks.landmarks[places], lender.renderer, crops[first:])
            offsets = spread_offsets(_states(clip, places), *looks[track])
            tracks[track] = TrackLoan(frames, (upper, lower), offsets, size)
    return DetailLoan(crops, tracks)


def _compare(clip: EffectInput, tracks: Sequence[int], faces: FaceSet) -> tuple[list[PartCosts], list[int]]:
    """How unlike each track's frames and a set's crops are, and the M crops' places in its records."""
    count = len(faces.records)
    numbers = np.unique(np.linspace(0, count - 1, min(count, MOST_LOOKED_AT)).round().astype(int)).tolist()
    records = [faces.records[number] for number in numbers]
    known = [record.face for record in records]
    there = measure_faces([face.dense for face in known], [face.expression for face in known])
    sharpness = [record.sharpness for record in records]
    mine = [clip.tracks.of_track(track) for track in tracks]
    here = [_states(clip, one) for one in mine]
    return [compare_faces(one, there, sharpness) for one in here], numbers


def _states(clip: EffectInput, places: NDArray[np.int64]) -> FaceStates:
    """What the faces at some places of a clip's tracks do."""
    assert clip.tracks.dense is not None and clip.tracks.expression is not None, "see SwapEffect.prepare"
    return measure_faces(clip.tracks.dense[places], clip.tracks.expression[places])


def _take_crops(
    faces: FaceSet,
    costs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    numbers: Sequence[int],
    parser: FaceParser,
) -> dict[int, DetailCrop]:
    """The crops that lend detail to upper or lower halves, by their column of the costs (K, M) of both, of
    each track: none before which a hand is."""
    read: dict[int, DetailCrop] = {}

    def usable(column: int) -> bool:
        if column in read:
            return True
        crop = read_crop(faces, faces.records[numbers[column]], parser)
        if crop.hidden <= HIDDEN:
            read[column] = crop
        return crop.hidden <= HIDDEN

    halves = [np.concatenate([cost[half] for cost in costs]) for half in (0, 1)]
    taken = [column for cost in halves for column in cover_frames(cost, usable, MOST_CROPS // 2)]
    return {column: read[column] for column in sorted(set(taken))}


def _finished_size(landmarks: FloatArray, renderer: Renderer, crops: Sequence[DetailCrop]) -> int:
    """Side of the crops in which a track's faces are finished: as fine as the frame shows them and the set
    has them, but no coarser than they are drawn."""
    seen = float(np.quantile([interocular(one) for one in landmarks], CLOSE))
    known = max(crop.resolution for crop in crops)
    wanted = min(seen, known, LARGEST / renderer.side) * renderer.side
    return max(renderer.size, STEP * int(np.ceil(wanted / STEP)))


Looks = tuple[list[int], Points]
"""Rows (L,) of a track's faces that were looked at, and what was found: (L, N, 3)."""


def spread_offsets(states: FaceStates, rows: Sequence[int], offsets: Points) -> NDArray[np.float32]:
    """(K, N, 3) what is added to the points of each of a track's faces, from those that were looked at.

    A network draws its person's mouth beside the target's otherwise when it laughs than when it is shut: a
    frame's offset is that of looks like it, held to the median of all.

    Args:
        states: of the K faces.
        rows: (L,) which were looked at.
        offsets: (L, N, 3) found in these.
    """
    some = list(rows)
    apart = np.square((states.mouth[:, None] - states.mouth[some]) / ALIKE[0])
    apart += np.square((states.lids[:, None] - states.lids[some]) / ALIKE[1])
    apart += np.square(states.lips[:, None] - states.lips[some]).mean(-1) / ALIKE[2] ** 2
    traces = np.einsum("kij,mij->km", states.rotations, states.rotations[some])
    apart += np.square(np.arccos(np.clip((traces - 1) / 2, -1, 1)) / ALIKE[3])
    weight = np.exp(-apart / 2)
    weight /= weight.sum(1, keepdims=True) + HELD
    weight = cv2.GaussianBlur(weight, (1, REACH), 1.0, sigmaY=CALM, borderType=cv2.BORDER_REPLICATE)
    usual = np.median(offsets, axis=0)
    mine = np.einsum("kl,lij->kij", weight, offsets - usual)
    return np.asarray(usual + mine, np.float32)


def _find_offsets(clip: EffectInput, tracks: Sequence[int], renderer: Renderer, key: str) -> dict[int, Looks]:
    """By track in which of its faces the drawn one was looked at, and by what its points differ."""
    named = fingerprint(clip.cache_key, key, list(tracks), LOOKS)
    known = clip.recall("detail", named)
    if known is None:
        found = _look_at_drawn(clip, tracks, renderer)
        known = {
            str(track): [rows, np.round(offsets, 5).tolist()] for track, (rows, offsets) in found.items()
        }
        clip.keep("detail", named, known)
    # What has just been found, too, is taken as it was kept: whoever goes on later must draw the same.
    return {t: (list(known[str(t)][0]), np.array(known[str(t)][1], np.float64)) for t in tracks}


def _look_at_drawn(clip: EffectInput, tracks: Sequence[int], renderer: Renderer) -> dict[int, Looks]:
    wanted: dict[int, list[int]] = {}
    rows: dict[int, int] = {}
    for track in tracks:
        places = clip.tracks.of_track(track)
        for row in np.unique(np.linspace(0, len(places) - 1, LOOKS).round().astype(int)):
            place = int(places[row])
            rows[place] = int(row)
            wanted.setdefault(int(clip.tracks.frames[place]), []).append(place)
    landmarker, seen = CompactLandmarker(), dict[int, list[tuple[int, Points]]]()
    for frame, places_there in clip.read_faces(wanted):
        for place in places_there:
            offset = _offset_in(frame.image, clip, place, renderer, landmarker)
            seen.setdefault(int(clip.tracks.tracks[place]), []).append((rows[place], offset))
    return {t: ([row for row, _ in some], np.array([one for _, one in some])) for t, some in seen.items()}


def _offset_in(
    image: Image, clip: EffectInput, place: int, renderer: Renderer, landmarker: CompactLandmarker
) -> Points:
    """The offset of one face."""
    assert clip.tracks.dense is not None
    layout, landmarks = face_layout(), clip.tracks.landmarks[place]
    matrix = crop_matrix(landmarks, renderer.size, renderer.side)
    crop = torch.from_numpy(warp(image, matrix, renderer.size))
    drawn = renderer(crop.permute(2, 0, 1)[None].float().div(255).contiguous())
    picture = np.clip(drawn.image[0].permute(1, 2, 0).float().numpy(), 0, 1)
    sources = masks.MaskSources(transform(landmarks, matrix), drawn.mask[0, 0].float().numpy())
    swapped = image.copy()
    blend.paste(swapped, picture, masks.face_mask(("hull", "model"), sources, side=renderer.side), matrix)
    [found] = landmarker.follow(swapped, [landmarks])
    before = select_points(clip.tracks.dense[place])
    pose = fit_head(before, layout)
    if found.dense is None:
        return np.zeros_like(before)
    return pose.lift(select_points(found.dense)) - pose.lift(before)
