"""An effect is given dense points and expression: in a video, in a resumed one, in a photo, in a preview."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.effects.base import ConvertProgress, EffectInput, PreparedEffect
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.photo import write_photo
from faceswap_cli.media.probe import probe
from faceswap_cli.pipeline.convert_video import convert_video
from faceswap_cli.pipeline.photo import convert_photo
from faceswap_cli.pipeline.preview import choose_faces, prepare_preview
from faceswap_cli.pipeline.preview_clips import preview_clips
from tests.dense_faces import dense_of, with_dense
from tests.pipeline import moving_face as mf
from tests.pipeline.test_any_effect import EVERYBODY, Noted, Paint, PaintStages, options


@dataclass(frozen=True)
class LookingStages(PaintStages):
    """Writes down the faces that it is given."""

    seen: dict[tuple[int, int], PlannedFace]

    def draw(self, frames: Iterable[Frame], plan: FacePlan) -> Iterator[Noted]:
        for noted in super().draw(frames, plan):
            self.seen.update({(noted.frame.index, face.track): face for face in noted.faces})
            yield noted


class Looking(Paint):
    seen: dict[tuple[int, int], PlannedFace]

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "seen", {})

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[PaintStages]]:
        prepared = yield from super().prepare(clip)
        return replace(prepared, stages=LookingStages(prepared.stages.colours, self.seen))


def check(seen: dict[tuple[int, int], PlannedFace], count: int) -> None:
    assert len(seen) == count
    for face in seen.values():
        assert face.dense is not None and face.expression is not None
        assert np.array_equal(face.dense[:, :2][:68], face.landmarks)
        assert np.abs(face.dense - dense_of(face.landmarks)).max() < 0.05
        assert face.expression.max() == pytest.approx(face.landmarks[0, 0] / 1000, abs=0.006)


def test_in_a_video_that_was_stopped_and_has_gaps(couple: Path, tmp_path: Path) -> None:
    stage, first, second = with_dense(mf.fake_stage(2, missing=[7, 8])), Looking(), Looking()
    begun = convert_video(couple, tmp_path / "out.mkv", EVERYBODY, first, options(), stage)
    next(step for step in begun if step.phase == "render" and step.done > 23)
    begun.close()
    list(convert_video(couple, tmp_path / "out.mkv", EVERYBODY, second, options(), stage))
    check(first.seen | second.seen, 2 * mf.FRAMES)


def test_in_a_photo(tmp_path: Path) -> None:
    write_photo(tmp_path / "in.png", mf.picture(0, 2))
    effect = Looking()
    stage = with_dense(mf.fake_stage(2))
    convert_photo(tmp_path / "in.png", tmp_path / "out.png", EVERYBODY, effect, options(), stage)
    check(effect.seen, 2)


def test_in_a_preview(couple: Path) -> None:
    info, effect = probe(couple), Looking()
    clips = list(preview_clips(info, with_dense(mf.fake_stage(2)), 2))
    preview = prepare_preview(choose_faces(info, clips, EVERYBODY), effect)
    for clip in preview.clips:
        preview.render(clip)
    check(effect.seen, sum(2 * len(clip.frames) for clip in preview.clips))
