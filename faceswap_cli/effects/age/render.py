"""Faces made older or younger, in frames that come in order: what the network says, steadied, and carried.

Like a swap (see `drawing` and `composite`) this is two stages. The first asks the network and the parser
about each face; the second carries the change to the frame, averaged with those of its track around it. The
change is a small picture in the face's own square, so it may be averaged over time while the frame's pixels,
which it is carried to, are this frame's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing import temporal_masks
from faceswap_cli.compositing.apply_change import apply_change, measure_colourfulness, pack_change
from faceswap_cli.compositing.hair_extension import WIDE, extend_change, extend_head_mask
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.effects.age.age_request import AgeChange, clamp_age
from faceswap_cli.effects.frame_window import drop_image, map_in_blocks, map_with_neighbours
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.networks.ageing.ageing import Ager

TURNED = (40.0, 55.0)
"""Yaw in degrees from which a face in a video is changed less, and from which not at all: profiles are not
learnt, and a change that goes on and off would be seen."""

MOST_IN_VIDEO, MOST_IN_PHOTO = 512, 1280
"""Pixels that the square around a face is computed in, at most."""

HalfArray = NDArray[np.float16]


@dataclass(frozen=True)
class AgedFace:
    """What is to be done to a face.

    Attributes:
        face: what the plan says of it.
        change: (Q, Q, 8) float16, see `carry.packed` and `beyond.wide_change`.
        head: (P, P) float16 in [0, 1], see `beyond.wide_head`.
        share: of the change that is made, 0..1.
    """

    face: PlannedFace
    change: HalfArray
    head: temporal_masks.HalfMask
    share: float = 1.0


@dataclass(frozen=True)
class AgedFrame:
    """A frame and its faces, not yet changed."""

    frame: Frame
    faces: Sequence[AgedFace]


@dataclass(frozen=True)
class FaceAger:
    """What changes faces.

    Attributes:
        ager: says how.
        parser: says where.
        mark: what the ager's answers depend on.
        device: where the ager runs.
        strength: how much of the change is made.
    """

    ager: Ager
    parser: FaceParser
    mark: str = ""
    device: str = "cpu"
    strength: float = 1.0

    def see(
        self, faces: Sequence[tuple[Image, PlannedFace]], ages: Sequence[tuple[float, float]]
    ) -> list[AgedFace]:
        """Ask about some faces.

        Args:
            faces: each with the image of its frame.
            ages: source and target of each, years.
        """
        size, side = self.ager.size, self.ager.side
        crops = np.stack([warp(i, crop_matrix(f.landmarks, size, side), size) for i, f in faces])
        light = crops.astype(np.float32) / np.float32(255)
        x = torch.from_numpy(light).to(self.device).permute(0, 3, 1, 2).contiguous()
        source, target = torch.tensor(ages, dtype=torch.float32, device=self.device).T
        with torch.inference_mode():
            change = self.ager(x, source, target)
        found = pack_change(change, [measure_colourfulness(crop) for crop in light])
        near = self.parser.probabilities([self.parser.crop(i, f.landmarks) for i, f in faces])
        wide = self.parser.probabilities([_wide_crop(i, f.landmarks) for i, f in faces])
        heads = [extend_head_mask(*views) for views in zip(near, wide, strict=True)]
        found = [extend_change(one, side, *views) for one, *views in zip(found, near, wide, strict=True)]
        return [
            AgedFace(face, one.astype(np.float16), head.astype(np.float16))
            for (_, face), one, head in zip(faces, found, heads, strict=True)
        ]

    def change(
        self, canvas: NDArray[np.uint8] | FloatArray, seen: AgedFace, head: FloatMask, most: int
    ) -> None:
        """Change a face in a picture, in place, where `head` (P, P) is."""
        apply_change(
            canvas,
            seen.face.landmarks,
            seen.change.astype(np.float32),
            head,
            most,
            self.strength * seen.share,
        )


def _wide_crop(image: Image, landmarks: ArrayLike) -> Image:
    """As the parser wants it, but of the wider square."""
    return warp(image, crop_matrix(landmarks, face_parser.SIZE, WIDE), face_parser.SIZE)


def source_and_target(ages: AgeChange) -> tuple[float, float]:
    """The ages that a network is told."""
    return clamp_age(ages.source), ages.target


@dataclass(frozen=True)
class AgeStages:
    """See `treatment.Stages`.

    Attributes:
        brush: changes faces.
        ages: source and target of each track, years.
        options: of which the smoothing and the batch count.
    """

    brush: FaceAger
    ages: Mapping[int, tuple[float, float]]
    options: EffectOptions

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[AgedFrame]:
        """See Stages."""
        for frame, faces in map_in_blocks(frames, plan, self.options.batch, self._see):
            yield AgedFrame(frame, faces)

    def composite(self, drawn: Iterable[AgedFrame]) -> Iterator[Frame]:
        """See Stages."""
        return map_with_neighbours(drawn, self._changed, _spent)

    def _see(self, faces: Sequence[tuple[Image, PlannedFace]]) -> list[AgedFace]:
        seen = self.brush.see(faces, [self.ages[face.track] for _, face in faces])
        return [replace(one, share=frontal_share(one.face.landmarks)) for one in seen]

    def _changed(self, item: AgedFrame, around: Iterable[AgedFrame]) -> Frame:
        faces = [face for face in item.faces if face.share > 0]
        if not faces:
            return item.frame
        canvas = item.frame.canvas()
        near = neighbours_in_time(item, around)
        for face in faces:
            self.brush.change(
                canvas, *average_over_time(face, item, near, self.options.smoothing), MOST_IN_VIDEO
            )
        return item.frame.drawn(canvas)


def neighbours_in_time(item: AgedFrame, around: Iterable[AgedFrame]) -> list[AgedFrame]:
    """The frames that a frame's faces are averaged with."""
    return [one for one in around if abs(one.frame.index - item.frame.index) <= temporal_masks.REACH]


def average_over_time(
    face: AgedFace, item: AgedFrame, near: Iterable[AgedFrame], strength: float
) -> tuple[AgedFace, FloatMask]:
    """A face with its change and its head averaged with those of its track in the frames around."""
    same = [
        (one.frame.time - item.frame.time, other)
        for one in near
        for other in one.faces
        if other.face.track == face.face.track
    ]
    head = temporal_masks.steady_mask(face.head, [(t, other.head) for t, other in same], strength)
    return _steadied(face, same, strength), head


def frontal_share(landmarks: ArrayLike) -> float:
    """How much of its change a face gets, 0..1, by how far it is turned."""
    low, high = TURNED
    share = float(np.clip((high - abs(estimate_pose(landmarks)[0])) / (high - low), 0, 1))
    return share * share * (3 - 2 * share)


def _steadied(face: AgedFace, around: Sequence[tuple[float, AgedFace]], strength: float) -> AgedFace:
    """A face whose change is averaged with its track's, by their delay in seconds."""
    total, weights = face.change.astype(np.float32), 1.0
    for delay, other in around:
        weight = temporal_masks.time_weight(delay, strength) if delay else 0.0
        if weight >= temporal_masks.LEAST_WEIGHT:
            total += np.float32(weight) * other.change
            weights += weight
    return replace(face, change=(total / np.float32(weights)).astype(np.float16))


def _spent(item: AgedFrame) -> AgedFrame:
    return AgedFrame(drop_image(item.frame), item.faces)
