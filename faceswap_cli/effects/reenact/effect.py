"""One photo's face onto a target, from the photo's own pixels: no network draws anything."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.base import ConvertProgress, EffectInput, EffectStages
from faceswap_cli.effects.frame_window import COLOUR_REACH, drop_image, map_in_blocks, map_with_neighbours
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.effects.reenact.composite import Neighbour, paste_face
from faceswap_cli.effects.reenact.head import fit_head, lift_points, true_gaps
from faceswap_cli.effects.reenact.layout import LAYOUT_68, Points
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.render import RenderedFace, TargetFace, render_face
from faceswap_cli.effects.reenact.shape import find_neutral
from faceswap_cli.effects.reenact.source import SourcePhoto, nearest_source
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
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
    """A frame and its drawn faces by their tracks, not yet blended."""

    frame: Frame
    faces: Mapping[int, RenderedFace]


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
        asked = map_in_blocks(frames, plan, self.options.batch, self._parsed)
        for frame, targets in asked:
            drawn = {}
            for planned, crop, found in targets:
                face = self._drawn(frame, planned, crop, found)
                if face is not None:
                    drawn[planned.track] = face
            yield RenderedFrame(frame, drawn)

    def composite(self, drawn: Iterable[RenderedFrame]) -> Iterator[Frame]:
        """See EffectStages."""
        return map_with_neighbours(drawn, self._blended, _spent)

    def _parsed(
        self, faces: Sequence[tuple[Image, PlannedFace]]
    ) -> list[tuple[PlannedFace, Image, NDArray[np.float32]]]:
        crops = [self.parser.crop(image, face.landmarks) for image, face in faces]
        found = self.parser.probabilities(crops)
        return [(face, crop, one) for (_, face), crop, one in zip(faces, crops, found, strict=True)]

    def _drawn(
        self, frame: Frame, planned: PlannedFace, crop: Image, found: NDArray[np.float32]
    ) -> RenderedFace | None:
        motion = self.motions[planned.track]
        landmarks = planned.landmarks.astype(np.float64)
        target = TargetFace(landmarks, describe_points(landmarks), motion.neutral, crop, found)
        number = motion.photo(frame.index)
        source = self.sources[planned.drawn_by][number]
        face = render_face(frame.image, target, source, LAYOUT_68, self.options)
        return None if face is None else replace(face, source=(planned.drawn_by, number))

    def _blended(self, item: RenderedFrame, around: Sequence[RenderedFrame]) -> Frame:
        if not item.faces:
            return item.frame
        canvas = item.frame.canvas()
        near = [one for one in around if abs(one.frame.index - item.frame.index) <= COLOUR_REACH]
        for track, face in item.faces.items():
            same = [
                Neighbour(
                    one.frame.time - item.frame.time, one.frame.index - item.frame.index, one.faces[track]
                )
                for one in near
                if track in one.faces
            ]
            role, number = face.source
            own = self.sources[role][number].shading
            paste_face(canvas, face, same, own, self.options, (item.frame.index, track))
        return item.frame.drawn(canvas)


_NONE = np.zeros((0, 0, 3), np.float16)


def _spent(item: RenderedFrame) -> RenderedFrame:
    """What later frames still need of a frame that is out: its faces' light and masks."""
    faces = {
        track: replace(face, image=_NONE, inside=_NONE, cover=_NONE[..., 0])
        for track, face in item.faces.items()
    }
    return RenderedFrame(drop_image(item.frame), faces)


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

    def check(self) -> None:
        """Raise a UserError for options that can't be."""
        self.options.check()

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        photos = [[_digest(photo) for photo in photos] for photos in self.sources]
        return ["reenact", photos, self.parser.mark, asdict(self.options)]

    def stages(
        self, effect_input: EffectInput
    ) -> Generator[ConvertProgress, None, tuple[EffectStages, Mapping[int, int]]]:
        """See FaceEffect."""
        yield from ()
        return self.ready_stages(effect_input.found, effect_input.roles), effect_input.roles

    def ready_stages(self, found: FaceTracks, roles: Mapping[int, int]) -> ReenactStages:
        """The stages for some tracks, by the role that each plays."""
        motions = {
            track: follow_track(
                found.frames[found.of_track(track)],
                found.landmarks[found.of_track(track)].astype(np.float64),
                self.sources[role],
            )
            for track, role in roles.items()
        }
        return ReenactStages(self.sources, motions, self.options, self.parser)

    def notes(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect."""
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
