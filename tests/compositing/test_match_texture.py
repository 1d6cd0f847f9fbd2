"""Grain, softness and motion blur of the covered face, for the drawn one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.compositing import blur_matching, grain
from faceswap_cli.effects.planned_faces import FacePlan, plan_faces
from faceswap_cli.effects.swap import upscale_warning
from faceswap_cli.effects.swap.composite import composite_frames
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.render import render_frames
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Frame
from tests.pipeline import moving_face as mf

PLAIN = {"grain": 0.0, "defocus": 0.0, "motion_blur": 0.0}


def noise(shape: tuple[int, int], deviation: float, soft: float, seed: int) -> np.ndarray:
    """(H, W, 1) Gaussian noise, correlated over `soft` pixels."""
    field = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    field = cv2.GaussianBlur(field, (0, 0), soft) if soft else field
    return (field / field.std() * deviation)[..., None]


def texture(size: int, seed: int = 0) -> np.ndarray:
    """(size, size, 3) in [0, 1]: spots with sharp edges, of every direction."""
    picture = np.full((size, size, 3), 0.6, np.float32)
    random = np.random.default_rng(seed)
    for _ in range(25):
        centre = (random.uniform(0.1, 0.9, 2) * size).astype(int).tolist()
        cv2.circle(picture, centre, int(size * random.uniform(0.03, 0.08)), (0.3, 0.25, 0.2), -1, cv2.LINE_AA)
    return cv2.GaussianBlur(picture, (0, 0), 0.7)


def plan_of(count: int) -> FacePlan:
    points = np.stack([mf.face_points(index) for index in range(count)])
    found = FaceTracks(
        np.arange(count), np.zeros(count, np.int64), points, np.ones(count, np.float32),
        np.arange(count) / 25, np.zeros((0, 2), np.int64),
    )  # fmt: skip
    return plan_faces(found, {0: 0}, 0.0)


def frames(count: int, deviation: float = 0.0, soft: float = 0.0) -> Iterator[Frame]:
    for index in range(count):
        image = mf.picture(index) + noise((mf.HEIGHT, mf.WIDTH), deviation, soft, index)
        yield Frame(index, index / 25, np.asarray(image.clip(0, 255), np.uint8), index)


def cleaned(crops: torch.Tensor) -> torch.Tensor:
    """What a network draws: no grain."""
    return torch.nn.functional.avg_pool2d(crops, 7, 1, 3, count_include_pad=False)


def inside(image: np.ndarray, index: int) -> np.ndarray:
    """A patch of cheeks and nose, where the drawn face has no features."""
    x, y = mf.face_points(index).mean(0).astype(int)
    return image[y - 2 : y + 14, x - 10 : x + 10]


def converted(count: int, deviation: float, soft: float, **changes: object) -> list[Frame]:
    options = mf.swap_options(mask="hull", smoothing=1.0, sharpen=0.0, **changes)
    drawn = render_frames(frames(count, deviation, soft), plan_of(count), [mf.Paint(cleaned)], options)
    return list(composite_frames(drawn, options))


@pytest.mark.parametrize("soft", [0.0, 0.8])
@pytest.mark.parametrize("deviation", [4.0, 9.0])
def test_a_drawn_face_gets_the_grain_of_its_frame(deviation: float, soft: float) -> None:
    with_grain, without = (converted(8, deviation, soft, **{**PLAIN, "grain": g}) for g in (1.0, 0.0))
    added = [
        inside(a.image, a.index).astype(float) - inside(b.image, b.index)
        for a, b in zip(with_grain, without, strict=True)
    ]
    assert np.std(added) == pytest.approx(deviation, rel=0.35)
    luma = [field.mean(2) for field in added]
    fine = np.std([field - cv2.GaussianBlur(field, (3, 3), 0) for field in luma]) / np.std(luma)
    truth = noise((99, 99), 1, soft, 5)[..., 0]
    assert fine == pytest.approx((truth - cv2.GaussianBlur(truth, (3, 3), 0)).std(), rel=0.25)
    assert np.corrcoef(luma[3].ravel(), luma[4].ravel())[0, 1] < 0.3  # new in every frame


def test_a_clean_frame_gives_no_grain_and_the_background_is_left() -> None:
    for image in (converted(4, 0, 0)[2].image, converted(4, 0, 0, grain=0.0)[2].image):
        assert np.array_equal(image[:15], mf.picture(2)[:15])
    difference = converted(4, 0, 0)[2].image.astype(int) - converted(4, 0, 0, grain=0.0)[2].image
    assert difference.std() < 0.4


def test_grain_depends_on_frame_and_track_alone() -> None:
    patch, where = np.full((60, 80, 3), 0.5, np.float32), np.ones((60, 80), np.float32)
    wanted = grain.Grain(np.array([9.0, 4.0, 1.0, 1.0]), 1.0, 1.0)
    again = [grain.add_grain(patch, where, wanted, seed, 1.0) for seed in ((3, 1), (3, 1), (4, 1), (3, 2))]
    assert np.array_equal(again[0], again[1])
    for other in again[2:]:
        assert abs(np.corrcoef(again[0].ravel(), other.ravel())[0, 1]) < 0.1
    assert grain.add_grain(patch, where, wanted, (3, 1), 0.0) is patch


def test_texture_that_moves_with_the_skin_is_no_grain() -> None:
    still = np.clip(0.5 + noise((96, 96), 0.03, 0, 1) * np.ones(3, np.float32), 0, 1).astype(np.float32)
    other = np.clip(0.5 + noise((96, 96), 0.03, 0, 2) * np.ones(3, np.float32), 0, 1).astype(np.float32)
    where = np.ones((96, 96), np.float32)
    assert grain.fresh_share(still, still, where) < 0.05
    assert grain.fresh_share(still, other, where) > 0.8


def test_a_run_that_begins_anywhere_gives_the_same_pictures() -> None:
    options = mf.swap_options(mask="hull", smoothing=1.0, colour="idt", blend="poisson")
    plan, whole = plan_of(30), list(frames(30, 5.0))
    at_once = list(composite_frames(render_frames(whole, plan, [mf.Paint(cleaned)], options), options))
    later = list(composite_frames(render_frames(whole[8:], plan, [mf.Paint(cleaned)], options), options))
    for one, other in zip(at_once[14:], later[6:], strict=True):
        assert np.array_equal(one.image, other.image)


@pytest.mark.parametrize("deviation", [1.5, 3.0])
@pytest.mark.parametrize("size", [128, 256])
def test_missing_softness_is_found(deviation: float, size: int) -> None:
    sharp, where = texture(size), np.ones((size, size), np.float32)
    deviation *= size / 128
    soft = cv2.GaussianBlur(sharp, (0, 0), deviation)
    own, other = (blur_matching.measure_edges(picture, where) for picture in (sharp, soft))
    assert blur_matching.missing_focus(own, other, size) == pytest.approx(deviation, rel=0.35)
    assert blur_matching.missing_focus(other, own, size) == 0  # nothing is made sharper
    assert blur_matching.missing_focus(own, own, size) == 0
    assert blur_matching.missing_focus(blur_matching.NO_EDGES, own, size) == 0


@pytest.mark.parametrize("angle", [0.0, 40.0, 90.0])
def test_a_smear_is_found_along_the_motion_and_not_beyond_it(angle: float) -> None:
    turn = np.deg2rad(angle)
    line = 6 * np.array([np.cos(turn), np.sin(turn)])
    sharp, where = texture(128), np.ones((128, 128), np.float32)
    smeared = blur_matching.apply_motion_blur(sharp, line)
    own, other = (blur_matching.measure_edges(picture, where) for picture in (sharp, smeared))
    assert np.sqrt(blur_matching.measure_smear(own, other, 2 * line, 128)) == pytest.approx(6, rel=0.45)
    assert np.sqrt(blur_matching.measure_smear(own, other, 0.3 * line, 128)) <= 0.3 * 6 + 1e-6
    across = 12 * np.array([-line[1], line[0]]) / 6
    assert blur_matching.measure_smear(own, other, across, 128) == 0
    assert blur_matching.missing_focus(own, other, 128) < 1  # motion is not taken for softness


def test_a_smear_grows_without_steps() -> None:
    sharp = texture(96)
    shown = [
        blur_matching.apply_motion_blur(sharp, np.array([length, 0.3 * length]))
        for length in np.arange(0.6, 5, 0.2)
    ]
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(shown)]
    assert max(steps) < 3 * np.median(steps)


def test_close_ups_beyond_the_model_are_told_of() -> None:
    near = np.repeat(mf.face_points(0)[None] * 6, 10, axis=0)
    said = upscale_warning.warn_of_upscaling(near, mf.identity(64))
    assert said is not None
    assert "--resolution" in said
    assert upscale_warning.warn_of_upscaling(near, mf.identity(640)) is None
    assert upscale_warning.warn_of_upscaling(near[:0], mf.identity(64)) is None


def test_each_dial_changes_settings() -> None:
    """Unfinished work with other dials must not be mixed in."""
    for change in (*({name: 0.5} for name in PLAIN), {"blend": "pyramid"}):
        changed = SwapEffect([mf.negative()], mf.swap_options(**change))
        assert changed.cache_key != SwapEffect([mf.negative()], mf.swap_options()).cache_key
    assert replace(mf.swap_options(), colour="seamless").seamless
    assert replace(mf.swap_options(), blend="poisson").seamless
