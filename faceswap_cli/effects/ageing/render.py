"""Faces made older or younger, in frames that come in order: what the network says, steadied, and carried.

Like a swap (see `swap.render` and `swap.composite`) this is two stages. The first asks the network and the
parser about each face; the second carries the change to the frame, averaged with those of its track around
it. The change is a small picture in the face's own square, so it may be averaged over time while the frame's
pixels, which it is carried to, are this frame's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.compositing import temporal_masks
from faceswap_cli.compositing.apply_change import (
    ChangeRegion,
    apply_change,
    locate_region,
    measure_colourfulness,
    pack_change,
)
from faceswap_cli.compositing.hair_extension import WIDE, extend_change, extend_head_mask
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.quick_arrays import to_float, to_half
from faceswap_cli.effects.ageing.look import AgedLook, LookAger, average_looks
from faceswap_cli.effects.ageing.request import AgeChange, clamp_age
from faceswap_cli.effects.frame_window import drop_image, read_blocks, with_neighbours
from faceswap_cli.effects.in_threads import map_in_order
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.networks.ageing.ageing import Ager
from faceswap_cli.networks.ageing.change import Change

TURNED = (40.0, 55.0)
"""Yaw in degrees from which a face in a video is changed less, and from which not at all: profiles are not
learnt, and a change that goes on and off would be seen."""

FARTHER = 0.4
"""The network is asked for ages that lie so much farther away, in parts of the change: it stops short of
them."""

USUAL_LIGHT, BRIGHTER = 0.5, 4.0
"""Median of a well-lit face, of 1; how many times as bright a dark one is shown to the network at most."""

LOOKED_AT, ALIKE = 20, 0.1
"""Pixels of a crop in which two are compared, and the difference of levels (of 1) up to which they look
alike."""

MOST_IN_VIDEO, MOST_IN_PHOTO = 512, 1280
"""Pixels that the square around a face is computed in, at most."""

HalfArray = NDArray[np.float16]


@dataclass(frozen=True)
class AgedFace:
    """What is to be done to a face.

    Attributes:
        face: what the plan says of it.
        change: (Q, Q, 8) float16, see `apply_change.pack_change` and `hair_extension.extend_change`.
        head: (P, P) float16 in [0, 1], see `hair_extension.extend_head_mask`.
        share: of the change that is made, 0..1.
        look: its skin and hair; None: they get what the change says.
    """

    face: PlannedFace
    change: HalfArray
    head: temporal_masks.HalfMask
    share: float = 1.0
    look: AgedLook | None = None


@dataclass(frozen=True)
class AgedFrame:
    """A frame and its faces, not yet changed: a `frame_window.DrawnFrame`."""

    frame: Frame
    faces: Sequence[AgedFace]

    def without_images(self) -> AgedFrame:
        """Its faces."""
        return AgedFrame(drop_image(self.frame), self.faces)


@dataclass(frozen=True)
class FaceAger:
    """What changes faces.

    Attributes:
        ager: says how.
        parser: says where.
        cache_key: what the ager's answers depend on.
        device: where the ager runs.
        strength: how much of the change is made.
        looks: says what becomes of skin and hair; None: what the ager says of them.
    """

    ager: Ager
    parser: FaceParser
    cache_key: str = ""
    device: str = "cpu"
    strength: float = 1.0
    looks: LookAger | None = None

    def predict(
        self, faces: Sequence[tuple[Image, PlannedFace]], ages: Sequence[AgeChange]
    ) -> list[AgedFace]:
        """Ask the networks how some faces change.

        Args:
            faces: each with the image of its frame.
            ages: of each.
        """
        size, side = self.ager.size, self.ager.side
        crops = np.stack([warp(i, crop_matrix(f.landmarks, size, side), size) for i, f in faces])
        light = crops.astype(np.float32) / np.float32(255)
        x = torch.from_numpy(light).to(self.device).permute(0, 3, 1, 2).contiguous()
        ends = [(clamp_age(age.source), age.target) for age in ages]
        source, target = torch.tensor(ends, dtype=torch.float32, device=self.device).T
        with torch.inference_mode():
            if self.looks is None:
                change = self.ager(x, source, target)
            else:
                asked = [clamp_age(to + FARTHER * (to - is_now)) for is_now, to in ends]
                target = torch.tensor(asked, dtype=torch.float32, device=self.device)
                level = _light_level(x)
                change = self._ask((x * level).clamp(max=1), source, target, faces)
                change = change._replace(residual=change.residual / level)
                change = self.looks.reshape(change, faces, side, ages)
        found = pack_change(change, [measure_colourfulness(crop) for crop in light])
        near = self.parser.probabilities([self.parser.crop(i, f.landmarks) for i, f in faces])
        wide = self.parser.probabilities([_wide_crop(i, f.landmarks) for i, f in faces])
        heads = [extend_head_mask(*views) for views in zip(near, wide, strict=True)]
        found = [extend_change(one, side, *views) for one, *views in zip(found, near, wide, strict=True)]
        looks = [None] * len(faces) if self.looks is None else self.looks.predict(faces, ages, near)
        return [
            AgedFace(face, to_half(one), to_half(head), look=look)
            for (_, face), one, head, look in zip(faces, found, heads, looks, strict=True)
        ]

    def _ask(
        self,
        x: torch.Tensor,
        source: torch.Tensor,
        target: torch.Tensor,
        faces: Sequence[tuple[Image, PlannedFace]],
    ) -> Change:
        """The network's changes of crops (N, 3, S, S): of every second face of a track the mean of its
        neighbours', if it looks like them, since a change is smooth and a network takes its time."""
        between = _between_neighbours(x, [face.track for _, face in faces])
        asked = [k for k in range(len(faces)) if k not in between]
        place = {k: number for number, k in enumerate(asked)}
        said = self.ager(x[asked], source[asked], target[asked])
        first = [place[between.get(k, (k, k))[0]] for k in range(len(faces))]
        second = [place[between.get(k, (k, k))[1]] for k in range(len(faces))]
        return Change(*((part[first] + part[second]) / 2 for part in said))

    def where(self, image: Image, face: AgedFace, head: FloatMask, most: int) -> FloatMask:
        """(H, W) in 0..1: where a picture (H, W, 3) may change, for the other arguments see `apply`."""
        mask, strength = np.zeros(image.shape[:2], np.float32), self.strength * face.share
        points = face.face.landmarks
        if face.look is not None:
            face.look.add_hair(mask, image, points, most, strength)
            image = image.copy()  # what is skin is asked of the picture with its new hair
            face.look.colour_hair(image, points, most, strength)
        if (place := locate_region(image, points, head, most)) is not None:
            x0, y0, x1, y1 = place.grid.box
            np.maximum(mask[y0:y1, x0:x1], _shown(place), out=mask[y0:y1, x0:x1])
        return mask

    def apply(
        self, canvas: NDArray[np.uint8] | FloatArray, face: AgedFace, head: FloatMask, most: int
    ) -> None:
        """Change a face in a picture, in place, where `head` (P, P) is."""
        strength, points = self.strength * face.share, face.face.landmarks
        detail = None if face.look is None else face.look.skin_detail()
        if face.look is not None:
            face.look.colour_hair(canvas, points, most, strength)
        apply_change(canvas, points, to_float(face.change), head, most, strength, detail)


def _shown(place: ChangeRegion) -> FloatMask:
    """A place's mask in the picture's own pixels."""
    return np.asarray(cv2.resize(place.mask, place.grid.box_size, interpolation=cv2.INTER_LINEAR), np.float32)


def _between_neighbours(crops: torch.Tensor, tracks: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Crops (N, 3, S, S) that need not be asked about, and which two of the same track they lie between."""
    small = F.adaptive_avg_pool2d(crops, LOOKED_AT)
    found = {}
    for track in dict.fromkeys(tracks):
        mine = [k for k, one in enumerate(tracks) if one == track]
        for before, now, after in zip(mine[0::2], mine[1::2], mine[2::2], strict=False):
            apart = (small[[before, after]] - small[now]).abs().max()
            if float(apart) <= ALIKE:
                found[now] = (before, after)
    return found


def _light_level(crops: torch.Tensor) -> torch.Tensor:
    """(B, 1, 1, 1) by what crops (B, 3, S, S) have to be multiplied to be as light as most photos: what age
    changes does not depend on the lamp."""
    quarter = crops.shape[-1] // 4
    inner = crops[:, :, quarter:-quarter, quarter:-quarter].mean(1).flatten(1)
    middle = inner.median(1).values.clamp_min(1e-3)
    return (USUAL_LIGHT / middle).clamp(1, BRIGHTER).view(-1, 1, 1, 1)


def _wide_crop(image: Image, landmarks: ArrayLike) -> Image:
    """As the parser wants it, but of the wider square."""
    return warp(image, crop_matrix(landmarks, face_parser.SIZE, WIDE), face_parser.SIZE)


@dataclass(frozen=True)
class AgeStages:
    """See `base.EffectStages`.

    Attributes:
        ager: changes faces.
        ages: of each track.
        options: of which the smoothing and the batch count.
        is_photo: faces are changed in finer pixels, and wholly however they are turned: whoever is turned too
            far is left out before.
    """

    ager: FaceAger
    ages: Mapping[int, AgeChange]
    options: EffectOptions
    is_photo: bool = False

    @property
    def most(self) -> int:
        """Pixels that the square around a face is computed in, at most."""
        return MOST_IN_PHOTO if self.is_photo else MOST_IN_VIDEO

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[AgedFrame]:
        """See EffectStages."""
        for block in read_blocks(frames, plan):
            drawn: dict[tuple[int, int], AgedFace] = {}
            for batch in block.batches(self.options.batch):
                changes = self.ager.predict(batch.faces, [self.ages[face.track] for _, face in batch.faces])
                shared = [replace(one, share=self.share(one)) for one in changes]
                drawn.update(zip(batch.places, shared, strict=True))
            for frame, faces in block.by_frame(drawn):
                yield AgedFrame(frame, faces)

    def composite(self, drawn: Iterable[AgedFrame]) -> Iterator[Frame]:
        """See EffectStages."""
        yield from map_in_order(lambda one: self.finish(*one), with_neighbours(drawn))

    def finish(self, item: AgedFrame, near: Sequence[AgedFrame]) -> Frame:
        """See `streaming.FinishingStages`."""
        faces = [face for face in item.faces if face.share > 0]
        if not faces:
            return item.frame
        canvas = item.frame.canvas()
        for face in faces:
            steady, head = average_over_time(face, item, near, self.options.smoothing)
            self.ager.apply(canvas, steady, head, self.most)
        return item.frame.drawn(canvas)

    def mask(self, drawn: Iterable[AgedFrame]) -> Iterator[Image]:
        """See EffectStages."""
        for item, near in with_neighbours(drawn):
            image = item.frame.image
            mask = np.zeros(image.shape[:2], np.float32)
            for face in item.faces:
                steady, head = average_over_time(face, item, near, self.options.smoothing)
                if face.share > 0:
                    where = self.ager.where(image, steady, head, self.most)
                    np.maximum(mask, face.share * where, out=mask)
            yield np.repeat(np.rint(255 * mask).astype(np.uint8)[..., None], 3, axis=2)

    def share(self, face: AgedFace) -> float:
        """How much of its change a face gets, 0..1."""
        if self.ager.strength == 0:
            return 0.0
        return 1.0 if self.is_photo else frontal_share(face.face.landmarks)


def average_over_time(
    face: AgedFace, item: AgedFrame, around: Iterable[AgedFrame], strength: float
) -> tuple[AgedFace, FloatMask]:
    """A face with its change and its head averaged with those of its track in the frames around."""
    same = [
        (one.frame.time - item.frame.time, other)
        for one in around
        if abs(one.frame.index - item.frame.index) <= temporal_masks.REACH
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
    total, weights = to_float(face.change), 1.0
    for delay, other in around:
        weight = temporal_masks.time_weight(delay, strength) if delay else 0.0
        if weight >= temporal_masks.LEAST_WEIGHT:
            total += np.float32(weight) * to_float(other.change)
            weights += weight
    steady = replace(face, change=to_half(total / np.float32(weights)))
    if face.look is None:
        return steady
    looks = [(1.0, face.look)]
    for delay, other in around:
        weight = temporal_masks.time_weight(delay, strength) if delay else 0.0
        if weight >= temporal_masks.LEAST_WEIGHT and other.look is not None:
            looks.append((weight, other.look))
    return replace(steady, look=average_looks(looks))
