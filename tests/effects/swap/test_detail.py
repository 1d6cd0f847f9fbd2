"""Detail of real pictures on what a network draws."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from faceswap_cli.effects.reenact.layout import face_layout, select_points
from faceswap_cli.effects.reenact.source import transform_points
from faceswap_cli.effects.swap.detail.bands import LentCrop, lend_detail
from faceswap_cli.effects.swap.detail.choice import (
    STAY,
    FaceStates,
    cheapest_way,
    compare_faces,
    cover_frames,
)
from faceswap_cli.effects.swap.detail.crops import DetailCrop, crops_key, read_crop, why_no_detail
from faceswap_cli.effects.swap.detail.loan import spread_offsets
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.evaluation.metrics import sharpness_inside
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Image
from faceswap_cli.pipeline.executors.processes import ProcessExecutor
from faceswap_cli.training.data.mixed_looks import Mix, choose_mixes
from tests.clips import write_clip
from tests.face_sets import make_set
from tests.pipeline import moving_face as mf

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"
FRAMES = 10
PLAIN = {"sharpen": 0.0, "grain": 0.0, "defocus": 0.0, "motion_blur": 0.0, "segment_frames": 4}


def read() -> Image:
    return np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real face that drifts."""
    frames = [np.ascontiguousarray(np.roll(read(), index, axis=1)) for index in range(FRAMES)]
    return write_clip(tmp_path_factory.mktemp("clip") / "face.mp4", frames)


@pytest.fixture(scope="module")
def faces(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> FaceSet:
    folder = tmp_path_factory.mktemp("sets") / "faces"
    for _ in extract_faces([clip], folder, build_analyser()):
        pass
    return FaceSet.open(folder)


@pytest.fixture(scope="module")
def crop(faces: FaceSet) -> DetailCrop:
    return read_crop(faces, faces.records[0], FaceParser())


def softened(crop: DetailCrop, factor: float = 2.5) -> tuple[np.ndarray, np.ndarray]:
    """A crop's face as a network might draw it, and as it is."""
    real = crop.image[..., :3].astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(real, (0, 0), factor), np.float32), real


def lent_to(drawn: np.ndarray, crop: DetailCrop, points: np.ndarray, amount: float = 1.0) -> np.ndarray:
    return lend_detail(drawn, points[:, :2], crop.pose.scale, [LentCrop(crop)], amount)


def inside(crop: DetailCrop) -> np.ndarray:
    return crop.image[..., 3] > 250


def test_a_soft_face_gets_the_detail_of_its_own_picture(crop: DetailCrop) -> None:
    drawn, real = softened(crop)
    done = lent_to(drawn, crop, crop.points)
    half, none = (lent_to(drawn, crop, crop.points, amount) for amount in (0.5, 0.0))
    before, some, after = (np.abs((one - real).mean(-1))[inside(crop)].mean() for one in (drawn, half, done))
    assert after < 0.6 * before and after < some < before
    assert np.allclose(none, drawn, atol=1e-5)


def test_light_and_colour_stay_those_of_what_is_drawn(crop: DetailCrop) -> None:
    drawn, _ = softened(crop)
    dark = drawn * np.float32([0.5, 0.6, 0.8])
    done = lent_to(dark, crop, crop.points)
    assert np.abs(done[inside(crop)].mean(0) - dark[inside(crop)].mean(0)).max() < 0.01


def test_the_picture_goes_to_where_the_drawn_face_is(crop: DetailCrop) -> None:
    drawn, real = softened(crop)
    matrix = cv2.getRotationMatrix2D((128.0, 128.0), 10, 0.85)
    moved, wanted = (cv2.warpAffine(one, matrix, one.shape[1::-1], borderValue=0.5) for one in (drawn, real))
    points = transform_points(crop.points, matrix)
    done = lend_detail(moved, points[:, :2], 0.85 * crop.pose.scale, [LentCrop(crop)], 1.0)
    where = cv2.warpAffine(inside(crop).astype(np.uint8), matrix, real.shape[1::-1]) > 0
    assert np.abs(done - wanted)[where].mean() < 0.7 * np.abs(moved - wanted)[where].mean()


def test_nothing_is_taken_where_both_show_something_else(crop: DetailCrop) -> None:
    drawn, _ = softened(crop)
    noise = np.random.default_rng(0).uniform(0, 255, drawn.shape).astype(np.float32)
    fine_noise = cv2.GaussianBlur(noise, (0, 0), 3) - cv2.GaussianBlur(noise, (0, 0), 7)
    strange = np.clip(127 + 6 * fine_noise, 0, 255)
    other = replace(crop, image=np.dstack([strange, crop.image[..., 3]]).astype(np.uint8))
    foreign = np.abs(lent_to(drawn, other, crop.points) - drawn)[inside(crop)].mean()
    assert foreign < 0.45 * np.abs(strange / 255 - 0.5)[inside(crop)].mean()


def test_hidden_skin_lends_nothing(crop: DetailCrop) -> None:
    drawn, _ = softened(crop)
    covered = crop.image.copy()
    covered[..., 3] = 0
    assert np.allclose(lent_to(drawn, replace(crop, image=covered), crop.points), drawn, atol=1e-5)


def test_a_mouth_that_is_otherwise_open_lends_nothing(crop: DetailCrop) -> None:
    drawn, _ = softened(crop)
    mouth = face_layout().mouth
    wide = crop.points.copy()
    wide[[*mouth.lower, *mouth.below], 1] += 0.12 * crop.pose.scale
    done = lend_detail(drawn, wide[:, :2], crop.pose.scale, [LentCrop(crop)], 1.0)
    x, y = wide[list(mouth.outline), :2].mean(0).round().astype(int)
    there = np.abs(done - drawn)[y - 3 : y + 4, x - 6 : x + 7]
    eyes = crop.points[list(face_layout().eyes[0].outline), :2].mean(0).round().astype(int)
    elsewhere = np.abs(done - drawn)[eyes[1] - 3 : eyes[1] + 4, eyes[0] - 6 : eyes[0] + 7]
    assert there.mean() < 0.2 * elsewhere.mean()


def test_halves_are_lent_by_crops_of_their_own(crop: DetailCrop) -> None:
    drawn, _ = softened(crop)
    upper = lend_detail(drawn, crop.points[:, :2], crop.pose.scale, [LentCrop(crop, lower=0.0)], 1.0)
    both = [LentCrop(crop, lower=0.0), LentCrop(crop, upper=0.0)]
    change = np.abs(upper - drawn).mean(-1)
    layout = face_layout()
    eye, mouth = (
        np.ceil(
            np.concatenate(
                [crop.points[list(one.outline), :2].min(0), crop.points[list(one.outline), :2].max(0)]
            )
        )
        for one in (layout.eyes[0], layout.mouth)
    )
    there, below = (change[int(b[1]) : int(b[3]), int(b[0]) : int(b[2])].mean() for b in (eye, mouth))
    assert below < 0.05 * there
    whole = lend_detail(drawn, crop.points[:, :2], crop.pose.scale, both, 1.0)
    assert np.allclose(whole, lent_to(drawn, crop, crop.points), atol=1e-4)


def states_of(mouths: list[float]) -> FaceStates:
    """Faces that look ahead and do nothing but open the mouth."""
    count = len(mouths)
    zeros = np.zeros((count, 2))
    turns = np.tile(np.eye(3), (count, 1, 1))
    shapes = np.zeros((count, 2 * len(face_layout().head.mean)))
    return FaceStates(turns, shapes, np.zeros(count), np.array(mouths), zeros, zeros, zeros)


def test_eyes_and_mouth_are_compared_apart() -> None:
    open_eyes = states_of([0.0])
    laugh = replace(states_of([0.15]))
    asleep = replace(states_of([0.0]), lids=np.array([-0.08]))
    crops = FaceStates(
        *(np.concatenate([getattr(laugh, f.name), getattr(asleep, f.name)]) for f in fields(FaceStates))
    )
    costs = compare_faces(open_eyes, crops, [1.0, 1.0])
    upper, lower = costs.parts
    assert upper[0].argmin() == 0 and lower[0].argmin() == 1
    assert choose_mixes(costs) == [Mix(0, 1)]


def test_no_looks_are_mixed_where_single_crops_serve() -> None:
    some = states_of([0.0, 0.05, 0.1, 0.15])
    assert choose_mixes(compare_faces(some, some, np.ones(4))) == []


def test_a_look_takes_the_offset_that_looks_like_it_have() -> None:
    mouths = [0.0] * 10 + [0.2] * 10
    rows = [1, 4, 7, 12, 18]
    offsets = np.zeros((5, 3, 3))
    offsets[3:] = 1.0
    spread = spread_offsets(states_of(mouths), rows, offsets)
    assert spread.shape == (20, 3, 3)
    assert np.abs(spread[:6]).max() < 0.05 and spread[14:].min() > 0.5
    assert np.abs(np.diff(spread[:, 0, 0])).max() < 0.3  # no jump where the mouth opens at once


def test_the_way_through_the_crops_is_the_cheapest_there_is() -> None:
    cost = np.random.default_rng(1).uniform(0, 1, (6, 3))

    def price(way: tuple[int, ...]) -> float:
        changes = sum(a != b for a, b in itertools.pairwise(way))
        return float(cost[range(6), list(way)].sum() + STAY * changes)

    best = min(itertools.product(range(3), repeat=6), key=price)
    assert tuple(cheapest_way(cost)) == best


def test_crops_that_cover_all_frames_are_taken_and_unusable_ones_are_not() -> None:
    cost = np.ones((30, 8))
    cost[:10, 2] = cost[10:20, 5] = cost[20:, 7] = cost[20:, 0] = 0.1
    assert sorted(cover_frames(cost, lambda number: number != 0)) == [2, 5, 7]
    assert cover_frames(cost, lambda number: False) == []


def blurred(crops: torch.Tensor) -> torch.Tensor:
    """What a network that draws softly gives."""
    return F.interpolate(F.avg_pool2d(crops, 4), scale_factor=4, mode="bilinear")


def convert(clip: Path, out: Path, faces: FaceSet | None, detail: float = 1.0, **more: object) -> SwapEffect:
    sets = {} if faces is None else {0: faces}
    renderer = mf.Paint(blurred, 128)
    options = mf.options(detail=detail, **PLAIN)
    effect = SwapEffect([renderer], options.swap, None, "soft", sets)
    steps = mf.convert(
        clip, out, renderer, options=options, effect=effect, faces=more.pop("known", faces), **more
    )
    effect_notes.clear()
    effect_notes.extend(step.note for step in steps if step.note)
    return effect


effect_notes: list[str | None] = []


def sharpness(path: Path, faces: FaceSet) -> float:
    return float(
        np.mean(
            [sharpness_inside(f.image, faces.records[f.index].landmarks) for f in mf.frames_of(path)][2:-2]
        )
    )


def test_a_video_gets_it_and_workers_give_the_same_bytes(clip: Path, faces: FaceSet, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.mp4" for name in ("with", "without", "two")]
    convert(clip, paths[0], faces)
    convert(clip, paths[1], faces, detail=0.0)
    with ProcessExecutor(2) as two:
        convert(clip, paths[2], faces, executor=two)
    assert paths[0].read_bytes() == paths[2].read_bytes()
    soft, fine, real = (sharpness(path, faces) for path in (paths[1], paths[0], clip))
    assert 4 * soft < fine < 1.3 * real


def test_none_wanted_is_as_without_a_face_set(clip: Path, faces: FaceSet, tmp_path: Path) -> None:
    convert(clip, tmp_path / "none.mp4", faces, detail=0.0)
    convert(clip, tmp_path / "without.mp4", None, detail=0.0, known=faces)
    convert(clip, tmp_path / "no-set.mp4", None, detail=1.0, known=faces)
    pictures = {(tmp_path / f"{name}.mp4").read_bytes() for name in ("none", "without", "no-set")}
    assert len(pictures) == 1


def test_what_lends_is_in_the_fingerprint(faces: FaceSet, tmp_path: Path) -> None:
    renderer, options = mf.negative(), mf.swap_options()
    other = FaceSet.open(make_set(tmp_path / "other"))
    keys = {
        repr(SwapEffect([renderer], one, None, "", sets).cache_key)
        for one, sets in (
            (options, {}),
            (options, {0: faces}),
            (options, {0: other}),
            (replace(options, detail=0.5), {0: faces}),
        )
    }
    assert len(keys) == 4
    before = crops_key(other)
    other.crop_path(other.records[0]).unlink()
    assert crops_key(FaceSet.open(other.path)) != before


def test_faces_of_68_points_and_steered_ones_are_told_of(
    clip: Path, faces: FaceSet, tmp_path: Path, make_clip: object
) -> None:
    source = mf.write_video(tmp_path / "in.mp4", 6)
    options = mf.options(**PLAIN)
    effect = SwapEffect([mf.negative()], options.swap, None, "", {0: faces})
    steps = mf.convert(source, tmp_path / "out.mp4", mf.negative(), options=options, effect=effect)
    assert any(step.note and "68 points" in step.note for step in steps)
    turned = mf.options(yaw=10.0, **PLAIN)
    effect = SwapEffect([mf.negative()], turned.swap, None, "", {0: faces})
    steps = mf.convert(clip, tmp_path / "turned.mp4", options=turned, effect=effect, faces=faces)
    assert any(step.note and "without detail" in step.note for step in steps)


def test_why_a_set_lends_nothing(faces: FaceSet, tmp_path: Path) -> None:
    assert why_no_detail(faces) is None
    assert "68 landmarks" in str(why_no_detail(FaceSet.open(make_set(tmp_path / "old"))))
    empty = FaceSet.open(make_set(tmp_path / "empty"))
    for record in empty.records:
        empty.crop_path(record).unlink()
    assert "no crops" in str(why_no_detail(FaceSet.open(empty.path)))


def test_points_are_those_of_the_crop(crop: DetailCrop, faces: FaceSet) -> None:
    record = faces.records[0]
    dense = record.face.dense
    assert dense is not None
    x, y = crop.points[:, 0], crop.points[:, 1]
    assert x.min() > 0 and x.max() < faces.crop_size and y.min() > 0 and y.max() < faces.crop_size
    assert len(crop.points) == len(select_points(dense)) and crop.hidden < 0.2
