"""Looking at a conversion before it is made: moments, pictures of them, settings side by side, a trial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from faceswap_cli.cli.convert_preview import run_preview, write_settings_sheet
from faceswap_cli.cli.options import TrialOptions
from faceswap_cli.compositing import contact_sheet
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.swap.composite import steady_alpha
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.render import render_frames
from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.geometry import mean_face
from faceswap_cli.faces.identity.people import Person
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.photo import read_photo, write_photo
from faceswap_cli.media.probe import MediaInfo, probe
from faceswap_cli.media.sample_frames import sample_frames
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.pipeline import preview
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.dry_run import run_trial
from faceswap_cli.pipeline.preview_clips import PreviewClip, preview_clips
from faceswap_cli.pipeline.setting_variants import MOST_SETTINGS, setting_variants
from tests.pipeline import moving_face as mf


def looked(video: Path, count: int = 3, **stage: object) -> list[PreviewClip]:
    # The fake stage knows faces by frame numbers: it is told them from the picture's own time.
    return list(preview_clips(probe(video), mf.fake_stage(**stage), count))  # type: ignore[arg-type]


def plan_of(person: np.ndarray | None = None, guard: SafetyGuard | None = None) -> SwapPlan:
    wanted = None if person is None else Person("somebody", person)
    return SwapPlan((SwapTarget(mf.negative(), wanted),), guard=guard)


def preview_of(
    video: Path, clips: list[PreviewClip], plan: SwapPlan | None = None, **changes: object
) -> preview.Preview:
    effect = SwapEffect([mf.negative()], mf.swap_options(**changes))
    return preview.prepare_preview(preview.choose_faces(probe(video), clips, plan or plan_of()), effect)


def test_a_glimpse_is_of_the_wanted_time(video: Path) -> None:
    all_frames = mf.frames_of(video)
    for seconds in (0.0, 0.5, 1.3):
        seen = sample_frames(probe(video), seconds, 3)
        middle = min(all_frames, key=lambda frame: abs(frame.time - seconds))
        near = [frame for frame in all_frames if abs(frame.index - middle.index) <= 3]
        assert [frame.time for frame in seen] == pytest.approx([frame.time for frame in near], abs=0.05)
        for one in seen:
            same = next(frame for frame in all_frames if frame.pts == one.pts)
            assert np.array_equal(one.image, same.image)


def test_moments_are_spread_and_those_without_a_face_are_told(video: Path) -> None:
    seen = looked(video)
    assert [moment.has_face for moment in seen] == [True] * 3
    times = [moment.time for moment in seen]
    assert times == sorted(times)
    assert times[0] < 0.5
    assert times[-1] > 1.0
    assert all(abs(moment.frames[moment.middle].time - moment.time) < 1e-6 for moment in seen)
    nobody = looked(video, people=0)
    assert len(nobody) > 3
    assert not any(moment.has_face for moment in nobody)


def test_a_moment_is_drawn_inside_its_mask_only(video: Path) -> None:
    ready = preview_of(video, looked(video, 2), mask="hull", sharpen=0.0)
    for clip in ready.clips:
        swapped, mask = ready.render(clip)
        original = clip.frames[clip.middle].image
        assert (mask.max(), mask.min()) == (255, 0)
        assert np.array_equal(swapped[mask == 0], original[mask == 0])
        assert np.abs(swapped.astype(int) - original)[mask == 255].mean() > 20
        x0, y0, x1, y1 = ready.window(clip)
        inside = mask[y0:y1, x0:x1]
        assert (inside > 0).sum() == (mask > 0).sum() and inside.size < mask.size


def test_a_moment_does_not_depend_on_the_others(video: Path) -> None:
    """Drawn alone and drawn second it is the same, but for the grain, which is new in every frame."""
    clips = looked(video, 2)
    together = preview_of(video, clips, smoothing=2.0, colour="rct", grain=0.0)
    alone = preview_of(video, clips[1:], smoothing=2.0, colour="rct", grain=0.0)
    for one, other in zip(together.render(together.clips[1]), alone.render(alone.clips[0]), strict=True):
        assert np.array_equal(one, other)


def test_only_the_wanted_person_is_drawn(video: Path) -> None:
    clips = looked(video, 1)
    nobody_like_that = np.full((4, 128), 3.0, np.float32)
    ready = preview_of(video, clips, plan_of(nobody_like_that))
    swapped, mask = ready.render(ready.clips[0])
    assert not mask.any() and not ready.changes(ready.clips[0])
    assert np.array_equal(swapped, clips[0].frames[clips[0].middle].image)
    assert [person.drawn for person in ready.faces(ready.clips[0])] == [False]
    everybody = preview_of(video, clips)
    assert everybody.render(everybody.clips[0])[1].any()


def test_children_are_refused_as_by_the_real_run(video: Path) -> None:
    guard, clips = mf.SeesChildren(), looked(video, 2)
    with pytest.raises(Refusal, match=r"the face that comes at .* looks like a child's"):
        preview_of(video, clips, plan_of(guard=guard))
    assert guard.looks > 0
    # Nobody is asked about who is left alone.
    guard, other = mf.SeesChildren(), np.full((4, 128), 3.0, np.float32)
    preview_of(video, clips, plan_of(other, guard))
    assert guard.looks == 0
    preview_of(video, clips, plan_of(guard=mf.SeesChildren(adults_confirmed=True)))


@pytest.mark.parametrize("way", ["sheet", "preview", "dry run"])
def test_no_way_of_looking_passes_the_guard_by(video: Path, tmp_path: Path, way: str) -> None:
    guard = mf.SeesChildren()
    plan, options = plan_of(guard=guard), mf.options()
    effect, stage = SwapEffect(plan.renderers, options.swap), mf.fake_stage()
    picture, how = tmp_path / "look.png", options.pipeline
    with pytest.raises(Refusal, match="looks like a child's"):
        if way == "sheet":
            write_settings_sheet(video, picture, ["colour=rct,none"], how, plan, effect, stage)
        else:
            look = picture if way == "preview" else None
            outputs = [tmp_path / "out.mp4"]
            trial = TrialOptions(preview=look, dry_run=way == "dry run")
            run_preview([video], outputs, trial, how, plan, effect, stage)
    assert guard.looks > 0 and list(tmp_path.iterdir()) == []


class SeesNudity(SafetyGuard):
    """To whom everything is that."""

    def check_picture(self, source: Path, image: np.ndarray) -> None:
        raise Refusal(f"{source} shows nudity")

    def check_video(self, info: MediaInfo) -> None:
        self.check_picture(info.path, np.zeros((1, 1, 3), np.uint8))


def test_nudity_is_refused_as_by_the_real_run(video: Path, tmp_path: Path) -> None:
    photo = tmp_path / "in.png"
    write_photo(photo, mf.picture(0))
    for source in (video, photo):
        with pytest.raises(Refusal, match="shows nudity"):
            preview_of(source, looked(source, 1), plan_of(guard=SeesNudity()))


def test_a_photo_is_previewed_as_it_is_converted(tmp_path: Path) -> None:
    source, output = tmp_path / "in.png", tmp_path / "out.png"
    write_photo(source, mf.picture(0, 2))
    mf.convert_photo(source, output, mf.negative(), mf.options(colour="rct"), mf.fake_stage(2))
    ready = preview_of(source, looked(source, people=2), colour="rct")
    assert np.array_equal(ready.render(ready.clips[0])[0], read_photo(output).image)


def test_every_combination_of_settings() -> None:
    rows = list(setting_variants(["colour=rct,none", "feather=0.05,0.1"], mf.swap_options(erode=0.01)))
    assert [name for name, _ in rows][:2] == ["colour rct  feather 0.05", "colour rct  feather 0.1"]
    assert [(o.colour, o.feather, o.erode) for _, o in rows][-1] == ("none", 0.1, 0.01)


@pytest.mark.parametrize(
    "text",
    ["colour", "colour=", "colour=pink", "feather=wide", "feather=9", "batch=1,2", "nothing=1", "mask=oval"],
)
def test_settings_that_cannot_be_varied_are_told_of(text: str) -> None:
    with pytest.raises(UserError):
        list(setting_variants([text], mf.swap_options()))


def test_too_many_settings_are_refused() -> None:
    many = ",".join(f"{0.001 * n:.3f}" for n in range(MOST_SETTINGS + 1))
    with pytest.raises(UserError, match="too many"):
        list(setting_variants([f"feather={many}"], mf.swap_options()))
    with pytest.raises(UserError, match="twice"):
        list(setting_variants(["erode=0,0.1", "erode=0.2"], mf.swap_options()))


def test_a_page_holds_all_pictures() -> None:
    red, green = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 30, 3), np.uint8)
    red[..., 0], green[..., 1] = 255, 255
    page = contact_sheet.draw_contact_sheet(
        [("first", [red, green]), ("second", [green, red])], ["one", "another"]
    )
    assert (page == (255, 0, 0)).all(2).sum() >= 2 * contact_sheet.CELL * contact_sheet.CELL
    assert (page == (0, 255, 0)).all(2).sum() >= 2 * contact_sheet.CELL * contact_sheet.CELL // 2


def test_a_trial_foretells_the_size_and_who_is_replaced(video: Path, tmp_path: Path) -> None:
    options = mf.options()
    tried = run_trial(probe(video), preview_of(video, looked(video)), 1.0, options.pipeline)
    assert (tried.looked, tried.replaced) == (3, 3)
    assert min(tried.find, tried.draw, tried.encode) > 0
    mf.convert(video, tmp_path / "out.mp4", options=options)
    real = (tmp_path / "out.mp4").stat().st_size
    assert 0.4 < tried.video_bytes(mf.FRAMES) / real < 2.5
    assert tried.seconds(100) == pytest.approx(10 * tried.seconds(10))


class MaskByLight:
    """Draws what it gets, with a mask that is full in the dark and half in the light."""

    size, side = 64, 2.0

    def __call__(self, crops: torch.Tensor) -> Rendered:
        light = crops.mean((1, 2, 3), keepdim=True) > 0.5
        return Rendered(crops, torch.where(light, 0.5, 1.0) * torch.ones_like(crops[:, :1]))


def test_nothing_is_averaged_over_a_cut() -> None:
    """A face's track ends at a cut; the next one begins in the same place, with another mask."""
    points = mean_face(100, 2.5).astype(np.float32)
    frames = [Frame(n, n / 25, np.full((100, 100, 3), 40 if n < 5 else 220, np.uint8)) for n in range(10)]
    numbers, options = np.arange(10), mf.swap_options(mask="model", feather=0.0)
    for tracks, crosses in ((np.repeat([0, 1], 5), False), (np.zeros(10, np.int64), True)):
        plan = FacePlan(numbers, tracks, np.repeat(points[None], 10, 0))
        drawn = list(render_frames(frames, plan, [MaskByLight()], options))
        alphas = [steady_alpha(one.faces[0], one.frame, drawn, options)[32, 32] for one in drawn]
        assert (0.55 < alphas[4] < 0.95) == crosses
        assert (0.55 < alphas[5] < 0.95) == crosses
