"""Ageing: how a change reaches a picture, whose faces are aged, photos and videos as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.compositing.apply_change import apply_change, measure_colourfulness
from faceswap_cli.compositing.hair_extension import FADE, WIDE, extend_change, extend_head_mask
from faceswap_cli.compositing.region_grid import grid_around
from faceswap_cli.effects.ageing import effect
from faceswap_cli.effects.ageing.render import AgeStages, FaceAger, frontal_share
from faceswap_cli.effects.ageing.request import AgeChange, AgeRequest, read_ages
from faceswap_cli.effects.ageing.sheet import draw_age_sheet
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.sheet_window import CELL
from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.age.estimator import AgeEstimate, AgeEstimator
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import mean_face, transform
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.media.photo import read_photo, write_photo
from faceswap_cli.networks.ageing.change import Change
from faceswap_cli.networks.perception.parsing import CLASSES
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.pipeline.photo import (
    FaceSelection,
    OpenedPhoto,
    convert_photo,
    open_photo,
    prepare_photo,
    write_photo_result,
)
from faceswap_cli.provenance.marks import NO_MARKS
from tests.pipeline import moving_face as mf
from tests.pipeline.ager import AGER, GROWN_UP, Guess, Lighter, NoParser

THIRTY_TO_SIXTY = AgeChange(30.0, 60.0, 60.0)

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"


def landmarks(size: float, centre: tuple[float, float], turn: float = 0.0) -> np.ndarray:
    """(68, 2): the mean face with so many pixels to a face unit."""
    angle = np.radians(turn)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (mean_face(2) - 0.5) @ turned.T * size + centre


def noise(height: int, width: int) -> np.ndarray:
    picture = np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def flat_change(residual: float = 0.1, flow: float = 0.0, gain: float = 0.0) -> np.ndarray:
    change = np.zeros((80, 80, 8), np.float32)
    change[..., :3], change[..., 3:6], change[..., 6] = residual, gain, flow
    return change


@pytest.mark.parametrize("most", [10_000, 150])
def test_nothing_changes_outside_the_mask(most: int) -> None:
    """Bit for bit, also where the difference is computed in coarser pixels."""
    image = noise(300, 340)
    canvas = image.copy()
    head = np.zeros((128, 128), np.float32)
    head[:, :64] = 1
    points = landmarks(60, (170, 150))
    apply_change(canvas, points, flat_change(), head, most)
    assert (canvas[150, 120:150].astype(int) - image[150, 120:150]).mean() > 15
    assert np.array_equal(canvas[:, 185:], image[:, 185:])  # the other half of the face
    reach = int(FADE[1] * 60) + 3
    assert np.array_equal(canvas[:, : 170 - reach], image[:, : 170 - reach])
    assert np.array_equal(canvas[: 150 - reach], image[: 150 - reach])


def test_no_change_is_no_change_at_all() -> None:
    image = noise(200, 200)
    canvas = image.copy()
    apply_change(
        canvas, landmarks(40, (100, 100), 30), flat_change(0.0), np.ones((128, 128), np.float32), 2048
    )
    assert np.array_equal(canvas, image)


def test_a_face_that_leaves_the_picture() -> None:
    image = noise(120, 120)
    for centre in ((0, 60), (118, 2), (-500, 60)):
        canvas = image.copy()
        apply_change(canvas, landmarks(40, centre), flat_change(), np.ones((128, 128), np.float32), 2048)
        assert canvas.shape == image.shape
        assert (centre[0] < -100) == np.array_equal(canvas, image)


@pytest.mark.parametrize("turn", [0, 90, 200])
def test_what_moves_moves_along_the_face(turn: float) -> None:
    """A flow of +x in the face's own square samples from its right, however the head is turned."""
    points = landmarks(60, (150, 150), turn)
    axis = transform(np.array([[1.0, 0.0]]), np.hstack([np.eye(2), np.zeros((2, 1))]))[0]
    angle = np.radians(turn)
    right = np.array([np.cos(angle) * axis[0], np.sin(angle) * axis[0]])
    spot = np.array([150, 150]) + 0.05 * 60 * right
    y, x = np.mgrid[:300, :300]
    image = np.repeat(
        (255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 18))[..., None], 3, 2
    ).astype(np.uint8)
    apply_change(image, points, flat_change(0.0, flow=0.05), np.ones((128, 128), np.float32), 2048)
    peak = np.unravel_index(cv2.GaussianBlur(image[..., 0], (0, 0), 2).argmax(), (300, 300))
    assert np.hypot(peak[1] - 150, peak[0] - 150) < 1.5


def test_a_grid_finds_the_face_units() -> None:
    points = landmarks(37.5, (210.25, 160.5), 25)
    grid = grid_around(points, (400, 500, 3))
    assert grid is not None and abs(grid.unit - 37.5) < 0.1
    inside = points - np.array(grid.box[:2])
    assert np.abs(transform(inside, grid.matrix) - (mean_face(2) - 0.5)).max() < 0.01
    coarse = grid.at_most(10)
    assert abs(coarse.unit - 10) < 0.2
    scaled = (inside + 0.5) * (np.array(coarse.size) / np.array(grid.size)) - 0.5
    assert np.abs(transform(scaled, coarse.matrix) - (mean_face(2) - 0.5)).max() < 0.01


def test_masks_follow_the_edges_of_the_picture() -> None:
    """The parser's stairs of 128 pixels are not to be seen on a large face."""
    y, x = np.mgrid[:900, :900]
    inside = (x - 450) ** 2 + (y - 450) ** 2 < 260**2
    image = np.where(inside[..., None], 200, 60).astype(np.uint8).repeat(3, 2)
    place = (np.arange(128) + 0.5) / 128 * WIDE - WIDE / 2
    blocky = (place[None] ** 2 + place[:, None] ** 2 < (260 / 250) ** 2).astype(np.float32)
    canvas = image.copy()
    apply_change(canvas, landmarks(250, (450, 450)), flat_change(0.1), blocky, 2048)
    changed = canvas[..., 0].astype(int) - image[..., 0] > 12
    wrong = changed != inside
    assert wrong[np.abs(np.hypot(x - 450, y - 450) - 260) > 6].mean() < 0.001


def parsed(hair: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(C, 128, 128) what a parser would say."""
    found = np.zeros((len(CLASSES), 128, 128), np.float32)
    found[CLASSES.index("hair")], found[CLASSES.index("skin")] = hair, skin
    return found


def rows(first: int, last: int) -> np.ndarray:
    return ((np.arange(128) >= first) & (np.arange(128) < last)).astype(np.float32)[:, None].repeat(128, 1)


def test_hair_changes_beyond_the_square_too() -> None:
    change = flat_change(0.0)
    change[:25, :, :3] = 0.3  # the hair at the top turns lighter
    near = parsed(rows(0, 40), rows(40, 110))
    wide = parsed(np.maximum(rows(0, 44), rows(115, 128)), rows(44, 100))
    found = extend_change(change, 2.75, near, wide)
    head = extend_head_mask(near, wide)
    middle = found.shape[0] // 2
    assert abs(found[3, middle, 0] - 0.3) < 0.05 and abs(found[middle, middle, 0]) < 0.02
    assert head[:20, head.shape[0] // 2].min() > 0.9
    assert head[-3, head.shape[0] // 2] < 0.05  # "hair" that has to do with none that is known


def test_a_crown_changes_of_which_hardly_any_is_in_the_square() -> None:
    """A high forehead: the square ends where its hair begins."""
    change = flat_change(0.0)
    change[:, :16, :3] = change[:, -16:, :3] = 0.3  # hair on both sides
    beside = np.zeros((128, 128), np.float32)
    beside[:, :24] = beside[:, -24:] = 1
    near = parsed(np.maximum(beside, rows(0, 6)), (1 - beside) * (1 - rows(0, 6)))
    wide = parsed(rows(0, 21), rows(21, 100))
    head, found = extend_head_mask(near, wide), extend_change(change, 2.75, near, wide)
    middle = head.shape[0] // 2
    assert head[:middle, middle].min() > 0.9
    assert found[4, found.shape[0] // 2, 0] > 0.15


def test_a_bald_head_changes_to_its_top() -> None:
    near, wide = parsed(0 * rows(0, 1), rows(0, 110)), parsed(0 * rows(0, 1), rows(8, 128))
    head = extend_head_mask(near, wide)
    middle = head.shape[0] // 2
    assert head[14:middle, middle].min() > 0.9  # the scalp
    assert head[-4, middle] < 0.05  # the neck
    found = extend_change(flat_change(0.2), 2.75, near, wide)
    assert abs(found[14, found.shape[0] // 2, 0] - 0.2) < 0.01


def test_darkness_is_not_lit() -> None:
    """Hair that turns white lightens in the light that there is: no haze on black ground taken for hair."""
    image = np.full((300, 300, 3), 2, np.uint8)
    image[:, 150:] = 60
    apply_change(image, landmarks(60, (150, 150)), flat_change(0.3), np.ones((128, 128), np.float32), 2048)
    assert image[150, 100:140].max() < 10
    assert image[150, 160:200].min() > 120


def test_nothing_beside_the_head_is_drawn_into_it() -> None:
    """However skin moves, the head's outline stays, and there is none beside it."""
    y, x = np.mgrid[:300, :300]
    inside = (x - 150) ** 2 + (y - 150) ** 2 < 80**2
    image = np.where(inside[..., None], 90, 220).astype(np.uint8).repeat(3, 2)
    place = (np.arange(128) + 0.5) / 128 * WIDE - WIDE / 2
    head = (place[None] ** 2 + place[:, None] ** 2 < (80 / 60) ** 2).astype(np.float32)
    canvas = image.copy()
    apply_change(canvas, landmarks(60, (150, 150)), flat_change(0.0, flow=0.08), head, 2048)
    deep = (x - 150) ** 2 + (y - 150) ** 2 < 76**2
    assert canvas[deep].max() < 100


def test_grey_stays_grey(tmp_path: Path) -> None:
    grey = cv2.cvtColor(cv2.imread(str(PICTURE)), cv2.COLOR_BGR2GRAY)
    image = grey[..., None].repeat(3, 2)
    points = landmarks(60, (grey.shape[1] / 2, grey.shape[0] / 2))
    [face] = AGER.predict([(image, PlannedFace(0, points))], [THIRTY_TO_SIXTY])
    canvas = image.copy()
    AGER.apply(canvas, face, face.head.astype(np.float32), 512)
    assert np.ptp(canvas, axis=2).max() == 0 and (canvas.astype(int) - image).mean() > 3
    assert measure_colourfulness(image.astype(np.float32) / 255) == 0


def opened(
    guard: SafetyGuard | None = None, number: int | None = None, source: Path = PICTURE
) -> OpenedPhoto:
    plan = SwapPlan([SwapTarget(None)], guard=guard)
    return open_photo(source, plan, build_analyser(), PipelineOptions(), FaceSelection(number, quick=True))


def test_a_photo(tmp_path: Path) -> None:
    photo = opened()
    before = photo.photo.image.copy()
    ageing = effect.AgeEffect(AGER, AgeRequest(to=60.0, known=30.0), AgeEstimator())
    prepared = prepare_photo(photo, ageing)
    report = write_photo_result(prepared, tmp_path / "out.png", NO_MARKS)
    assert report.people == ["face 1 of 1: is 30, becomes 60"] and report.facts == {"ages": [60.0]}
    assert (report.changed, report.left_alone) == (1, 0)
    after = read_photo(tmp_path / "out.png").image
    x, y = photo.clip.tracks.landmarks[0].mean(0).astype(int)
    assert after[y - 5 : y + 5, x - 5 : x + 5].mean() > before[y - 5 : y + 5, x - 5 : x + 5].mean() + 5
    assert np.array_equal(after[:3], before[:3]) and np.array_equal(photo.photo.image, before)
    page = draw_age_sheet(photo.frame.image, prepared.plan, prepared.effect.stages, [40.0, 50.0, 60.0])
    assert page.shape[0] > CELL and page.shape[1] > 2 * CELL


def test_a_photo_by_the_driver_of_all_effects(tmp_path: Path) -> None:
    """The same as step by step; of a face that is turned too far it says why nothing is done."""
    plan, stage = SwapPlan([SwapTarget(None)]), build_analyser()
    ageing = effect.AgeEffect(AGER, AgeRequest(to=60.0, known=30.0), AgeEstimator())
    options = PipelineOptions(marks=NO_MARKS)
    report = convert_photo(
        PICTURE, tmp_path / "out.png", plan, ageing, options, stage, FaceSelection(quick=True)
    )
    assert (report.changed, report.left_alone, report.note) == (1, 0, None)
    assert np.array_equal(read_photo(tmp_path / "out.png").image, prepare_photo(opened(), ageing).render())
    photo = opened()
    profile = photo.clip.tracks.landmarks.copy()
    profile[:, 27:36, 0] += 0.4 * np.ptp(profile[0, :, 0])
    turned = replace(photo, clip=replace(photo.clip, tracks=replace(photo.clip.tracks, landmarks=profile)))
    with pytest.raises(UserError, match="face 1: it is turned by"):
        prepare_photo(turned, ageing)


def test_which_face(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"shows 1 face\. They are counted"):
        opened(number=2)
    empty = tmp_path / "empty.png"
    write_photo(empty, np.full((64, 64, 3), 128, np.uint8))
    with pytest.raises(UserError, match="no face was found"):
        opened(source=empty)


def test_wishes() -> None:
    for senseless in (
        AgeRequest(by=float("nan")),
        AgeRequest(by=float("inf")),
        AgeRequest(60, known=float("nan")),
    ):
        with pytest.raises(UserError, match=r"no number of years|is no age"):
            senseless.check()
    assert AgeRequest(by=20.0).ages(GROWN_UP).target == 50
    assert AgeRequest(by=70.0).ages(GROWN_UP).target == 80
    assert "100 can't be drawn" in AgeRequest(by=70.0).ages(GROWN_UP).describe()
    assert "hardly anything changes" in AgeRequest(to=30.5).ages(GROWN_UP).describe()
    assert AgeRequest(to=60.0, known=40.0).ages(GROWN_UP).describe() == "is 40, becomes 60"
    assert read_ages(["20..80:20", "35"]) == [20, 40, 60, 80, 35]
    for bad in (["90"], ["x"], ["10..90:10"], ["40..20"], ["nan"]):
        with pytest.raises(UserError):
            read_ages(bad)
    for wish in (
        AgeRequest(),
        AgeRequest(60.0, 5.0),
        AgeRequest(15.0),
        AgeRequest(60.0, strength=2.0),
        AgeRequest(60.0, known=200),
    ):
        with pytest.raises(UserError):
            wish.check()


def test_children_are_refused() -> None:
    with pytest.raises(Refusal, match=r"face 1 of 1 looks like a child's") as refusal:
        opened(mf.SeesChildren())
    assert refusal.value.exit_code == 3
    assert opened(mf.SeesChildren(adults_confirmed=True)).clip.targets == {0: 0}
    with pytest.raises(Refusal):
        AgeRequest(60.0, known=12).check()


def test_profiles_get_no_change() -> None:
    assert frontal_share(mean_face(100)) == 1
    profile = mean_face(100).copy()
    profile[:, 0] *= 0.2
    profile[27:36, 0] += 60
    assert frontal_share(profile) == 0


def test_tracks_of_one_person_have_one_age() -> None:
    rng = np.random.default_rng(1)
    anna, berta = rng.normal(size=(2, 128)) / 11
    frames = {0: {0, 1}, 1: {0, 1}, 2: {5, 6}}

    def looks(track: int, who: np.ndarray, age: float) -> effect.TrackAge:
        return effect.TrackAge(track, who.tolist(), 0.9, AgeEstimate(age, 5.0, 0.5, 0.0))

    people = effect.group_tracks([looks(0, anna, 30), looks(1, anna, 60), looks(2, anna + 0.001, 40)], frames)
    assert sorted(person.tracks for person in people) in ([(0, 2), (1,)], [(0,), (1, 2)])
    people = effect.group_tracks(
        [looks(0, anna, 30), looks(1, berta, 60), looks(2, anna + 0.001, 40)], frames
    )
    ages = {person.tracks: person.estimate.age for person in people}
    assert ages == {(0, 2): pytest.approx(35), (1,): 60}


def age(source: Path, output: Path, guard: SafetyGuard | None = None, **changes: object):
    options = mf.options(**changes)
    ageing = effect.AgeEffect(AGER, AgeRequest(to=70.0), Guess(GROWN_UP), options.swap)
    return mf.convert_video(
        source,
        output,
        SwapPlan([SwapTarget(None)], guard=guard),
        options,
        mf.fake_stage(),
        effect=ageing,
    )


def test_a_video_resumed_is_the_same(video: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.mp4", tmp_path / "parts.mp4"
    steps = list(age(video, whole))
    assert any(step.note and "looks 30, becomes 70" in step.note for step in steps)
    assert mf.changed_inside(video, whole).min() > 25
    for done in (1, 23):
        begun = age(video, parts)
        next(step for step in begun if step.phase == "render" and step.done > done and not step.note)
        begun.close()
    list(age(video, parts))
    assert whole.read_bytes() == parts.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.mp4", "whole.mp4"]


def test_a_child_in_a_video_is_refused(video: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"the face that comes at 0\.0 s"):
        list(age(video, tmp_path / "out.mp4", mf.SeesChildren()))
    assert list(tmp_path.iterdir()) == []


class Restless(Lighter):
    """One whose answer flickers from frame to frame."""

    def __call__(self, crops: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> Change:
        change = super().__call__(crops, source, target)
        sign = torch.tensor([1.0, -1.0]).repeat(len(crops))[: len(crops), None, None, None]
        return change._replace(residual=0.1 * sign.expand_as(change.residual))


@pytest.mark.parametrize(("strength", "most"), [(0.0, 60.0), (1.0, 8.0)])
def test_a_flickering_change_is_steadied(video: Path, strength: float, most: float) -> None:
    frames = mf.frames_of(video)[:16]
    stages = AgeStages(
        FaceAger(Restless(), NoParser()), {0: AgeChange(30.0, 70.0, 70.0)}, EffectOptions(smoothing=strength)
    )
    points = [PlannedFace(0, mf.face_points(frame.index)) for frame in frames]

    class Plain:
        def faces(self, frame: int) -> list[PlannedFace]:
            return [points[frame]]

    aged = list(stages.composite(stages.draw(frames, Plain())))  # type: ignore[arg-type]
    x, y = mf.face_points(8).mean(0).astype(int)
    change = [
        float((b.image[y, x].astype(int) - a.image[y, x]).mean()) for a, b in zip(frames, aged, strict=True)
    ]
    jumps = np.abs(np.diff(change))[3:-3].max()
    assert jumps < most and (strength > 0 or jumps > 40)
