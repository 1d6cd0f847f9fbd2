"""One photo's face onto a target, from the photo's own pixels: no network draws anything."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.base import ConvertProgress, EffectInput, PreparedEffect
from faceswap_cli.effects.frame_window import Batch, drop_image, read_blocks, with_neighbours
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.effects.reenact.composite import Neighbour, paste_face, paste_mask
from faceswap_cli.effects.reenact.head import fit_head, lift_points, true_gaps
from faceswap_cli.effects.reenact.layout import LAYOUT_68, Points
from faceswap_cli.effects.reenact.light import Shading
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.render import RenderedFace, TargetFace, render_face
from faceswap_cli.effects.reenact.shape import find_neutral
from faceswap_cli.effects.reenact.source import SourcePhoto, nearest_source
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image


@dataclass(frozen=True)
class TrackMotion:
    """What is known of a track before any of its faces is drawn.

    Attributes:
        neutral: (N, 3) head coordinates of its face at rest.
        frames: (K,) its frames.
        nearest: (K,) which photo each is drawn from.
    """

    neutral: Points
    frames: NDArray[np.int64]
    nearest: NDArray[np.int64]

    def photo(self, frame: int) -> int:
        """Which photo a frame is drawn from; of a filled gap, that of the frame before."""
        return int(self.nearest[max(int(np.searchsorted(self.frames, frame, "right")) - 1, 0)])


@dataclass(frozen=True)
class RenderedFrame:
    """A frame and its drawn faces by their tracks, not yet blended: a `frame_window.DrawnFrame`."""

    frame: Frame
    faces: Mapping[int, RenderedFace]

    def without_images(self) -> RenderedFrame:
        """Its faces' light and masks."""
        faces = {
            track: replace(face, image=_NONE, inside=_NONE, cover=_NONE[..., 0])
            for track, face in self.faces.items()
        }
        return RenderedFrame(drop_image(self.frame), faces)


_NONE = np.zeros((0, 0, 3), np.float16)


@dataclass(frozen=True)
class ReenactStages:
    """See `base.EffectStages`.

    Attributes:
        sources: the photos of each person that is drawn, by the place in the plan's targets.
        motions: of each track.
        options: how.
        parser: of faces.
    """

    sources: Sequence[Sequence[SourcePhoto]]
    motions: Mapping[int, TrackMotion]
    options: ReenactOptions
    parser: FaceParser

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[RenderedFrame]:
        """See EffectStages."""
        for block in read_blocks(frames, plan):
            parsed: dict[tuple[int, int], tuple[PlannedFace, Image, NDArray[np.float32]]] = {}
            for batch in block.batches(self.options.batch):
                parsed.update(zip(batch.places, self._parse(batch), strict=True))
            for frame, faces in block.by_frame(parsed):
                drawn = {face.track: self._draw(frame, face, crop, seen) for face, crop, seen in faces}
                yield RenderedFrame(frame, {track: one for track, one in drawn.items() if one is not None})

    def composite(self, drawn: Iterable[RenderedFrame]) -> Iterator[Frame]:
        """See EffectStages."""
        for item, near in with_neighbours(drawn):
            if not item.faces:
                yield item.frame
                continue
            canvas = item.frame.canvas()
            for track, face in item.faces.items():
                around, seed = _same_track(item, near, track), (item.frame.index, track)
                paste_face(canvas, face, around, self._shading(face), self.options, seed)
            yield item.frame.drawn(canvas)

    def mask(self, drawn: Iterable[RenderedFrame]) -> Iterator[Image]:
        """See EffectStages."""
        for item, near in with_neighbours(drawn):
            mask = np.zeros_like(item.frame.image)
            for track, face in item.faces.items():
                around = _same_track(item, near, track)
                paste_mask(mask, item.frame.image, face, around, self._shading(face), self.options)
            yield mask

    def _shading(self, face: RenderedFace) -> Shading:
        """Of the photo that a face was drawn from."""
        person, number = face.source
        return self.sources[person][number].shading

    def _parse(self, batch: Batch) -> list[tuple[PlannedFace, Image, NDArray[np.float32]]]:
        """Each face of a batch with its parser's crop and what the parser finds in it."""
        crops = [self.parser.crop(image, face.landmarks) for image, face in batch.faces]
        found = self.parser.probabilities(crops)
        return [(face, crop, one) for (_, face), crop, one in zip(batch.faces, crops, found, strict=True)]

    def _draw(
        self, frame: Frame, planned: PlannedFace, crop: Image, found: NDArray[np.float32]
    ) -> RenderedFace | None:
        motion = self.motions[planned.track]
        landmarks = planned.landmarks.astype(np.float64)
        target = TargetFace(landmarks, describe_points(landmarks), motion.neutral, crop, found)
        number = motion.photo(frame.index)
        source = self.sources[planned.target][number]
        face = render_face(frame.image, target, source, LAYOUT_68, self.options)
        return None if face is None else replace(face, source=(planned.target, number))


def _same_track(item: RenderedFrame, near: Sequence[RenderedFrame], track: int) -> list[Neighbour]:
    """A track's faces in the frames around one, its own among them."""
    return [
        Neighbour(one.frame.time - item.frame.time, one.frame.index - item.frame.index, one.faces[track])
        for one in near
        if track in one.faces
    ]


@dataclass(frozen=True)
class ReenactEffect:
    """See `base.FaceEffect`.

    Attributes:
        sources: the photos of each person that is drawn, by the place in the plan's targets.
        options: how.
        parser: of faces.
    """

    sources: Sequence[Sequence[SourcePhoto]]
    options: ReenactOptions = field(default_factory=ReenactOptions)
    parser: FaceParser = field(default_factory=FaceParser)

    @property
    def outcome(self) -> str:
        """See FaceEffect."""
        return "replaced"

    def check(self) -> None:
        """See FaceEffect."""
        self.options.check()

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        photos = [[_digest(photo) for photo in photos] for photos in self.sources]
        return ["reenact", photos, self.parser.mark, asdict(self.options)]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[ReenactStages]]:
        """See FaceEffect: how each face is at rest, and which photo is nearest, come from its landmarks."""
        yield from ()
        motions = {}
        for track, target in clip.targets.items():
            places = clip.tracks.of_track(track)
            landmarks = clip.tracks.landmarks[places].astype(np.float64)
            motions[track] = follow_track(clip.tracks.frames[places], landmarks, self.sources[target])
        return PreparedEffect(ReenactStages(self.sources, motions, self.options, self.parser), clip.targets)

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect: photos that can't be drawn well are told of when they are read."""
        yield from ()


def follow_track(frames: NDArray[np.int64], points: Points, sources: Sequence[SourcePhoto]) -> TrackMotion:
    """A track's face at rest, and which photo each frame is drawn from.

    Args:
        frames: (K,) their numbers, in order.
        points: (K, N, 2) frame pixels.
        sources: one person's photos.
    """
    points = np.array([describe_points(one) for one in points])
    poses = [fit_head(one, LAYOUT_68) for one in points]
    heads = [lift_points(one, pose, LAYOUT_68) for one, pose in zip(points, poses, strict=True)]
    nearest: list[int] = []
    for pose, head in zip(poses, heads, strict=True):
        nearest.append(nearest_source(sources, pose, head, nearest[-1] if nearest else None))
    return TrackMotion(
        find_neutral(heads, LAYOUT_68), np.asarray(frames, np.int64), np.array(nearest, np.int64)
    )


def describe_points(landmarks: Points) -> Points:
    """(N, 2) frame pixels of the layout's points, from 68 landmarks."""
    return true_gaps(landmarks, fit_head(landmarks, LAYOUT_68).scale, LAYOUT_68)


def _digest(photo: SourcePhoto) -> str:
    whole = hashlib.sha256(np.ascontiguousarray(photo.levels[0]).tobytes())
    whole.update(np.ascontiguousarray(photo.points).tobytes())
    return whole.hexdigest()
