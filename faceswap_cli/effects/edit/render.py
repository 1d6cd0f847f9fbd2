"""Faces with features changed, in frames that come in order.

Two stages, as of every effect: the first asks the parser where the parts of each face are, the second
steadies that over time and changes the frame's own pixels, colours first, then shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import temporal_masks
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.part_matte import PartRegion
from faceswap_cli.compositing.quick_arrays import to_float, to_half
from faceswap_cli.effects.edit.attribute_road import apply_attribute, ask_network
from faceswap_cli.effects.edit.colour_road import PART_OF, apply_colour, cut_part
from faceswap_cli.effects.edit.drawn_road import apply_drawings
from faceswap_cli.effects.edit.parts import parse_track_parts
from faceswap_cli.effects.edit.plan import FaceEdit, FaceReading, asked_parts
from faceswap_cli.effects.edit.shape_road import FaceWarp, apply_warp, plan_warp
from faceswap_cli.effects.edit.smile_detail import add_detail
from faceswap_cli.effects.frame_window import drop_image, read_blocks, with_neighbours
from faceswap_cli.effects.in_threads import map_in_order
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import FineImage, Frame, Image

MOST_IN_VIDEO, MOST_IN_PHOTO = 240.0, 480.0
"""Pixels to a face unit that colours are computed in, at most."""


@dataclass(frozen=True)
class ParsedFace:
    """A face and where its parts are.

    Attributes:
        face: what the plan says of it.
        parts: by name, (SIZE, SIZE) float16, see `parts.parse_parts`.
        change: (S, S, 9) float16, see `attribute_road.ask_network`; None: no attribute changes.
    """

    face: PlannedFace
    parts: Mapping[str, temporal_masks.HalfMask]
    change: NDArray[np.float16] | None = None


@dataclass(frozen=True)
class ParsedFrame:
    """A frame and its faces, not yet changed: a `frame_window.DrawnFrame`."""

    frame: Frame
    faces: Sequence[ParsedFace]

    def without_images(self) -> ParsedFrame:
        """Its faces."""
        return ParsedFrame(drop_image(self.frame), self.faces)


@dataclass(frozen=True)
class EditStages:
    """See `base.EffectStages`.

    Attributes:
        parser: of faces.
        edits: what is done to each track.
        options: of which the smoothing and the batch count.
        strength: how much of a change of colour is made; shapes have theirs in their edits.
        is_photo: colours are computed in finer pixels.
        readings: what the features of each track are.
    """

    parser: FaceParser
    edits: Mapping[int, FaceEdit]
    options: EffectOptions
    strength: float = 1.0
    is_photo: bool = False
    readings: Mapping[int, FaceReading] = field(default_factory=dict)

    @property
    def most(self) -> float:
        """Pixels to a face unit that colours are computed in, at most."""
        return MOST_IN_PHOTO if self.is_photo else MOST_IN_VIDEO

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[ParsedFrame]:
        """See EffectStages."""
        for block in read_blocks(frames, plan):
            drawn: dict[tuple[int, int], ParsedFace] = {}
            for batch in block.batches(self.options.batch):
                names = {name for _, face in batch.faces for name in self._parsed(face.track)}
                for at, (_, face), parts in zip(
                    batch.places,
                    batch.faces,
                    parse_track_parts(self.parser, batch.faces, asked_parts(names)),
                    strict=True,
                ):
                    drawn[at] = ParsedFace(face, {name: to_half(one) for name, one in parts.items()})
                drawn |= self._ask(batch.places, batch.faces, drawn)
            for frame, faces in block.by_frame(drawn):
                yield ParsedFrame(frame, faces)

    def composite(self, drawn: Iterable[ParsedFrame]) -> Iterator[Frame]:
        """See EffectStages."""
        yield from map_in_order(lambda one: self.finish(*one), with_neighbours(drawn))

    def finish(self, item: ParsedFrame, near: Sequence[ParsedFrame]) -> Frame:
        """See `streaming.FinishingStages`."""
        if not any(self.edits[face.face.track] for face in item.faces):
            return item.frame
        canvas = item.frame.canvas()
        for face in item.faces:
            self._change(canvas, face.face, self._steady(face, item, near), self._average(face, item, near))
        return item.frame.drawn(canvas)

    def mask(self, drawn: Iterable[ParsedFrame]) -> Iterator[Image]:
        """See EffectStages."""
        for item, near in with_neighbours(drawn):
            mask = np.zeros(item.frame.image.shape, np.uint8)
            for face in item.faces:
                parts = self._steady(face, item, near)
                for name in self.edits[face.face.track].colours:
                    region = self._cut(item.frame.image, face.face, parts, name)
                    if region is not None:
                        _show(mask, region)
                plan = self._warp(item.frame.image, face.face)
                if plan is not None:
                    x0, y0, x1, y1 = plan.box
                    mask[y0:y1, x0:x1][plan.moved] = 255
                for made in self._draw_on(
                    item.frame.image.copy(), face.face, parts, self._average(face, item, near)
                ):
                    mask[made] = 255
            yield mask

    def _parsed(self, track: int) -> list[str]:
        """Features of a track that the parser is asked for."""
        return [*self.edits[track].colours, *self.edits[track].drawn]

    def _ask(
        self,
        places: Sequence[tuple[int, int]],
        faces: Sequence[tuple[Image, PlannedFace]],
        drawn: Mapping[tuple[int, int], ParsedFace],
    ) -> dict[tuple[int, int], ParsedFace]:
        """Those faces of a batch whose attributes change, with what the network says."""
        asked = []
        for at, (image, face) in zip(places, faces, strict=True):
            shapes = self.edits[face.track].shapes
            if "sex" in shapes and face.dense is not None:
                plan = plan_warp(image.shape, face.dense, shapes)
                if plan is not None:
                    points = plan.own[:, :2], plan.drawn[:, :2]
                    asked.append((at, (image, face.landmarks, *points, shapes["sex"].step)))
        if not asked:
            return {}
        found = ask_network(self.parser, [one for _, one in asked])
        return {
            at: replace(drawn[at], change=to_half(one)) for (at, _), one in zip(asked, found, strict=True)
        }

    def _average(self, face: ParsedFace, item: ParsedFrame, near: Iterable[ParsedFrame]) -> FloatArray | None:
        """What the network says of a face, averaged with what it says of it in the frames around."""
        if face.change is None:
            return None
        total, weights = to_float(face.change), 1.0
        for one in near:
            delay = one.frame.time - item.frame.time
            weight = temporal_masks.time_weight(delay, self.options.smoothing) if delay else 0.0
            for other in one.faces:
                same = other.face.track == face.face.track and weight >= temporal_masks.LEAST_WEIGHT
                if same and other.change is not None:
                    total, weights = total + np.float32(weight) * to_float(other.change), weights + weight
        return np.asarray(total / np.float32(weights), np.float32)

    def _draw_on(
        self,
        canvas: Image | FineImage,
        face: PlannedFace,
        parts: Mapping[str, FloatMask],
        change: FloatArray | None,
    ) -> Iterator[NDArray[np.bool_]]:
        """Draw on a face, move it, and carry the network's change, in place; where, of what is no move."""
        drawings = self.edits[face.track].drawn
        if drawings:
            made = apply_drawings(canvas, face, parts, drawings)
            if made is not None:
                yield made
        plan = self._warp(canvas, face)
        if plan is not None:
            apply_warp(canvas, plan)
            add_detail(canvas, plan, self.edits[face.track].shapes)
        if change is not None:
            made = apply_attribute(canvas, face.landmarks, change)
            if made is not None:
                yield made

    def _change(
        self,
        canvas: Image | FineImage,
        face: PlannedFace,
        parts: Mapping[str, FloatMask],
        change: FloatArray | None,
    ) -> None:
        """Change a face in a picture, in place."""
        for name, move in self.edits[face.track].colours.items():
            region = self._cut(canvas, face, parts, name)
            if region is not None:
                apply_colour(canvas, region, move, self.strength)
        for _ in self._draw_on(canvas, face, parts, change):
            pass

    def _cut(
        self, canvas: Image | FineImage, face: PlannedFace, parts: Mapping[str, FloatMask], name: str
    ) -> PartRegion | None:
        return cut_part(PART_OF[name], canvas, face.landmarks, face.dense, parts, self.most)

    def _warp(self, canvas: Image | FineImage, face: PlannedFace) -> FaceWarp | None:
        shapes = self.edits[face.track].shapes
        if not shapes or face.dense is None:
            return None
        return plan_warp(canvas.shape, face.dense, shapes)

    def _steady(
        self, face: ParsedFace, item: ParsedFrame, near: Iterable[ParsedFrame]
    ) -> dict[str, FloatMask]:
        """A face's parts, averaged with those of its track in the frames around, where they agree."""
        same = [
            (one.frame.time - item.frame.time, other)
            for one in near
            if abs(one.frame.index - item.frame.index) <= temporal_masks.REACH
            for other in one.faces
            if other.face.track == face.face.track
        ]
        return {
            name: temporal_masks.steady_mask(
                own, [(delay, other.parts[name]) for delay, other in same], self.options.smoothing
            )
            for name, own in face.parts.items()
        }


def _show(mask: Image, region: PartRegion) -> None:
    """Write a part's matte into a frame's mask (H, W, 3), in place."""
    x0, y0, x1, y1 = region.grid.box
    shown = cv2.resize(region.matte, region.grid.box_size, interpolation=cv2.INTER_LINEAR)
    grey = np.rint(255 * shown).astype(np.uint8)[..., None]
    np.maximum(mask[y0:y1, x0:x1], grey, out=mask[y0:y1, x0:x1])
