"""The two stages of drawing a photo's face: what is drawn in each frame by itself, and how it is finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.frame_window import Batch, drop_image, read_blocks, with_neighbours
from faceswap_cli.effects.in_threads import map_in_order
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.effects.reenact.composite import Neighbour, paste_face, paste_mask, refine_face
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.motion import DrawnPerson, TrackMotion, face_points, require_dense
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.refine import Refiner
from faceswap_cli.effects.reenact.render import RenderedFace, TargetFace, WeightedSource, render_face
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image


@dataclass(frozen=True)
class RenderedFrame:
    """A frame and its drawn faces by their tracks, each from one photo or from several, not yet blended: a
    `frame_window.DrawnFrame`."""

    frame: Frame
    faces: Mapping[int, Sequence[RenderedFace]]

    def without_images(self) -> RenderedFrame:
        """Its faces' light and masks."""
        faces = {
            track: [replace(one, image=_NONE, inside=_NONE, cover=_NONE[..., 0]) for one in parts]
            for track, parts in self.faces.items()
        }
        return RenderedFrame(drop_image(self.frame), faces)


_NONE = np.zeros((0, 0, 3), np.float16)


@dataclass(frozen=True)
class ReenactStages:
    """See `base.EffectStages`.

    Attributes:
        people: who is drawn, by the place in the plan's targets.
        motions: of each track.
        options: how.
        parser: of faces.
        refiner: mends what is drawn; None: nothing does.
    """

    people: Sequence[DrawnPerson]
    motions: Mapping[int, TrackMotion]
    options: ReenactOptions
    parser: FaceParser
    refiner: Refiner | None = None

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[RenderedFrame]:
        """See EffectStages."""
        for block in read_blocks(frames, plan):
            parsed: dict[tuple[int, int], tuple[PlannedFace, Image, NDArray[np.float32]]] = {}
            for batch in block.batches(self.options.batch):
                parsed.update(zip(batch.places, self._parse(batch), strict=True))
            for frame, faces in block.by_frame(parsed):
                drawn = {face.track: self._draw(frame, face, crop, seen) for face, crop, seen in faces}
                yield RenderedFrame(frame, {track: parts for track, parts in drawn.items() if parts})

    def composite(self, drawn: Iterable[RenderedFrame]) -> Iterator[Frame]:
        """See EffectStages."""
        yield from map_in_order(lambda one: self.finish(*one), with_neighbours(drawn))

    def finish(self, item: RenderedFrame, near: Sequence[RenderedFrame]) -> Frame:
        """See `streaming.FinishingStages`."""
        if not item.faces:
            return item.frame
        canvas = item.frame.canvas()
        for track, faces in item.faces.items():
            around, seed = _same_track(item, near, track), (item.frame.index, track)
            paste_face(canvas, faces, around, self.options, seed)
        return item.frame.drawn(canvas)

    def mask(self, drawn: Iterable[RenderedFrame]) -> Iterator[Image]:
        """See EffectStages."""
        for item, near in with_neighbours(drawn):
            mask = np.zeros_like(item.frame.image)
            for track, faces in item.faces.items():
                around = _same_track(item, near, track)
                paste_mask(mask, item.frame.image, faces, around, self.options)
            yield mask

    def _parse(self, batch: Batch) -> list[tuple[PlannedFace, Image, NDArray[np.float32]]]:
        """Each face of a batch with its parser's crop and what the parser finds in it."""
        crops = [self.parser.crop(image, face.landmarks) for image, face in batch.faces]
        found = self.parser.probabilities(crops)
        return [(face, crop, one) for (_, face), crop, one in zip(batch.faces, crops, found, strict=True)]

    def _draw(
        self, frame: Frame, planned: PlannedFace, crop: Image, found: NDArray[np.float32]
    ) -> list[RenderedFace]:
        """A face, drawn from each photo that is seen in this frame."""
        motion, photos = self.motions[planned.track], self.people[planned.target].photos
        at = face_points(planned.landmarks, require_dense(planned.dense, "a face"))
        target = TargetFace(at, motion.rest, crop, found, motion.skin)
        sources = [
            WeightedSource(photos[number], motion.photos[number], share)
            for number, share in motion.shares_at(frame.index)
        ]
        faces = render_face(frame.image, target, sources, motion.person, face_layout(), self.options)
        if self.refiner is None:
            return faces
        return [refine_face(frame.image, face, self.options, self.refiner) for face in faces]


def _same_track(item: RenderedFrame, near: Sequence[RenderedFrame], track: int) -> list[Neighbour]:
    """A track's faces in the frames around one, its own among them."""
    return [
        Neighbour(one.frame.time - item.frame.time, one.frame.index - item.frame.index, one.faces[track])
        for one in near
        if track in one.faces
    ]
