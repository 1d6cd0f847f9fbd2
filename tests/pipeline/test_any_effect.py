"""A third effect, written here: the pipeline runs it over video, photo and preview by its protocol alone."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceswap_cli.effects.base import ConvertProgress, EffectInput, PreparedEffect
from faceswap_cli.effects.frame_window import drop_image, read_blocks, with_neighbours
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.errors import UserError
from faceswap_cli.media.encoders import EncodeOptions
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo, write_photo
from faceswap_cli.media.probe import probe
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.convert_video import convert_video
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.pipeline.photo import convert_photo
from faceswap_cli.pipeline.preview import choose_faces, prepare_preview
from faceswap_cli.pipeline.preview_clips import preview_clips
from faceswap_cli.provenance.marks import NO_MARKS
from tests.pipeline import moving_face as mf

EVERYBODY = SwapPlan([SwapTarget(None)])


@dataclass(frozen=True)
class Noted:
    """A frame, its faces and how bright it is: what a neighbour needs of it."""

    frame: Frame
    faces: list[PlannedFace]
    light: float

    def without_images(self) -> Noted:
        return replace(self, frame=drop_image(self.frame))


@dataclass(frozen=True)
class PaintStages:
    """Paints each face's middle in its track's colour, darker by how many neighbours there are."""

    colours: dict[int, tuple[int, int, int]]

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[Noted]:
        for block in read_blocks(frames, plan):
            lights = {
                place: float(image.mean())
                for batch in block.batches(2)
                for place, (image, _) in zip(batch.places, batch.faces, strict=True)
            }
            for (frame, seen), faces in zip(block.by_frame(lights), block.faces, strict=True):
                yield Noted(frame, list(faces), sum(seen))

    def composite(self, drawn: Iterable[Noted]) -> Iterator[Frame]:
        for item, near in with_neighbours(drawn):
            canvas = item.frame.canvas()
            for face in item.faces:
                colour = np.array(self.colours[face.track]) - sum(one.light > 0 for one in near)
                self._middle(canvas, face)[:] = colour
            yield item.frame.drawn(canvas)

    def mask(self, drawn: Iterable[Noted]) -> Iterator[Image]:
        for item in drawn:
            mask = np.zeros_like(item.frame.image)
            for face in item.faces:
                self._middle(mask, face)[:] = 255
            yield mask

    @staticmethod
    def _middle(image: np.ndarray, face: PlannedFace) -> np.ndarray:
        x, y = face.landmarks.mean(0).astype(int)
        return image[y - 8 : y + 8, x - 8 : x + 8]


@dataclass(frozen=True)
class Paint:
    """A `FaceEffect`: its colour is the mean of all frames in which a track is seen."""

    options: EffectOptions = field(default_factory=EffectOptions)
    outcome: str = "painted"

    def check(self) -> None:
        self.options.check()

    @property
    def cache_key(self) -> list[Any]:
        return ["paint"]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[PaintStages]]:
        levels = clip.recall("paint", clip.cache_key)
        if levels is None:
            faces, seen = clip.tracks, dict[int, list[float]]()
            places = {int(frame): faces.of_frame(frame).tolist() for frame in np.unique(faces.frames)}
            for frame, here in clip.read_faces(places):
                for place in here:
                    seen.setdefault(int(faces.tracks[place]), []).append(float(frame.image.mean()))
                yield ConvertProgress("faces", frame.index + 1, len(faces.times))
            levels = {str(track): np.mean(light) for track, light in seen.items()}
            clip.keep("paint", clip.cache_key, levels)
        colours = {track: (200 + 20 * track, int(levels[str(track)]), 20) for track in clip.targets}
        notes = [f"{clip.describe([track])} is painted" for track in colours]
        return PreparedEffect(PaintStages(colours), clip.targets, notes=notes, facts={"people": len(colours)})

    def warn(self, plan: FacePlan) -> Iterator[str]:
        yield f"{len(plan.frames)} faces"


def middle(image: np.ndarray, index: int, person: int = 0) -> list[int]:
    x, y = mf.face_points(index, person).mean(0).astype(int)
    return image[y, x].astype(int).tolist()


def options() -> PipelineOptions:
    return PipelineOptions(segment_frames=10, encode=EncodeOptions("ffv1"), marks=NO_MARKS)


def test_a_video_resumed_is_the_same(couple: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.mkv", tmp_path / "parts.mkv"
    steps = list(convert_video(couple, whole, EVERYBODY, Paint(), options(), mf.fake_stage(2)))
    notes = [step.note for step in steps if step.note]
    assert "the face that comes at 0.0 s is painted" in notes and "88 faces" in notes
    begun = convert_video(couple, parts, EVERYBODY, Paint(), options(), mf.fake_stage(2))
    next(step for step in begun if step.phase == "render" and step.done > 23)
    begun.close()
    list(convert_video(couple, parts, EVERYBODY, Paint(), options(), mf.fake_stage(2)))
    assert mf.same(whole, parts)
    for frame in mf.frames_of(whole)[::7]:
        assert abs(middle(frame.image, frame.index, 0)[0] - 200) < 20
        assert abs(middle(frame.image, frame.index, 1)[0] - 220) < 20


def test_a_photo(tmp_path: Path) -> None:
    source, output = tmp_path / "in.png", tmp_path / "out.png"
    write_photo(source, mf.picture(0, 2))
    report = convert_photo(source, output, EVERYBODY, Paint(), options(), mf.fake_stage(2))
    assert report.people == ["face 1 of 2 is painted", "face 2 of 2 is painted"]
    assert (report.changed, report.note, report.facts) == (2, "2 faces", {"people": 2})
    light = int(mf.picture(0, 2).mean())
    after = read_photo(output).image
    assert [middle(after, 0, person) for person in (0, 1)] == [[199, light - 1, 19], [219, light - 1, 19]]
    with pytest.raises(UserError, match="no face"):
        convert_photo(source, output, EVERYBODY, Paint(), options(), mf.fake_stage(0))


def test_a_preview(couple: Path) -> None:
    info = probe(couple)
    chosen = choose_faces(info, list(preview_clips(info, mf.fake_stage(2), 2)), EVERYBODY)
    preview = prepare_preview(chosen, Paint())
    assert len(preview.notes) == 4  # two moments, in each two tracks
    for clip in preview.clips:
        image, mask = preview.render(clip)
        changed = (image != clip.frames[clip.middle].image).any(2)
        assert 2 * 200 < changed.sum() <= (mask[..., 0] > 0).sum() == 2 * 16 * 16
        assert [face.drawn for face in preview.faces(clip)] == [True, True]
