"""Smoothing over time, measured against motion whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import MEAN_FACE
from faceswap_cli.faces.landmarks.dense import GROUPS, measure_opening
from faceswap_cli.faces.tracking import smoothing
from faceswap_cli.media.reader import VideoReader
from tests.dense_faces import OPEN_LIDS, dense_of
from tests.faces.face_pictures import shared_file

EYES = 100.0  # inter-ocular distance in pixels


def motion(times: np.ndarray, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A face that is still, shakes its head fast for a third of the time, and is still again.

    Half of the noise's variance is common to all points, as a detector's is.
    """
    rng = np.random.default_rng(seed)
    start, stop = times[-1] / 3, 2 * times[-1] / 3
    envelope = np.clip(np.minimum(times - start, stop - times) / 0.3, 0, 1)
    shift = np.zeros((len(times), 1, 2))
    shift[:, 0, 0] = 0.5 * EYES * envelope * np.sin(2 * np.pi * 1.5 * (times - start))
    truth = MEAN_FACE * EYES + 300 + shift
    own, common = rng.normal(size=truth.shape), rng.normal(size=(len(times), 1, 2))
    return truth, truth + noise * np.sqrt(0.5) * (own + common), envelope > 0


def clock(kind: str) -> np.ndarray:
    if kind == "vfr":
        return np.cumsum(np.random.default_rng(1).choice([1, 1, 2, 3], 240) / 60)
    return np.arange(240) / float(kind)


def error(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.sqrt(((points - truth) ** 2).mean((1, 2)))


@pytest.mark.parametrize("kind", ["12", "25", "60", "vfr"])
@pytest.mark.parametrize("noise", [0.3, 0.8, 1.5])
def test_still_is_steadied_and_fast_is_followed(kind: str, noise: float) -> None:
    times = clock(kind)
    truth, seen, fast = motion(times, noise)
    smooth = smoothing.smooth_landmarks(times, seen)
    still = ~np.convolve(fast, np.ones(9), "same").astype(bool)
    before, after = error(seen, truth), error(smooth, truth)
    assert after[still].mean() < before[still].mean() / 2
    shake = [error(np.diff(p, axis=0), np.diff(truth, axis=0))[still[1:]].mean() for p in (seen, smooth)]
    assert shake[1] < shake[0] / 4
    # Fast motion: no worse than what was seen, on the whole and at the worst instant.
    assert after[fast].mean() < before[fast].mean() * 1.05
    assert after[fast].max() < before.max() * 1.1


def test_no_lag() -> None:
    """A steady walk comes out where it is, not behind: the mean error along the motion is nothing."""
    times = np.arange(100) / 25
    truth = MEAN_FACE * EYES + np.stack([200 * times, 0 * times], 1)[:, None]
    noisy = truth + np.random.default_rng(0).normal(size=truth.shape)
    assert abs((smoothing.smooth_landmarks(times, noisy) - truth).mean()) < 0.05
    assert np.abs(smoothing.smooth_landmarks(times, truth) - truth).max() < 0.01


def test_strength_nought_changes_nothing_and_more_smooths_more() -> None:
    times = np.arange(100) / 25
    truth, seen, _ = motion(times * 0, 1.0)
    assert np.array_equal(smoothing.smooth_landmarks(times, seen, 0), seen.astype(np.float32))
    errors = [error(smoothing.smooth_landmarks(times, seen, s), truth).mean() for s in (0.3, 1.0, 2.0)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_short_tracks(count: int) -> None:
    _, seen, _ = motion(np.arange(count) / 25, 0.5)
    smooth = smoothing.smooth_landmarks(np.arange(count) / 25, seen)
    assert smooth.shape == (count, 68, 2)
    assert np.abs(smooth - seen).max() < 3


def test_a_blink_is_not_smoothed_away() -> None:
    times = np.arange(100) / 25
    truth, _, _ = motion(times * 0, 0)
    truth[49:52, 36:48, 1] += 8.0  # the eyes' points, for three frames
    seen = truth + 0.4 * np.random.default_rng(2).normal(size=truth.shape)
    smooth = smoothing.smooth_landmarks(times, seen)
    assert np.abs((smooth - truth)[50, 36:48, 1].mean()) < 1.5


def test_gaps_are_filled_in_real_time_up_to_five_frames() -> None:
    times = np.cumsum([0, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) / 25.0
    frames = np.array([0, 1, 4, 11, 12])
    landmarks = np.zeros((5, 68, 2), np.float32) + times[frames][:, None, None].astype(np.float32)
    filled, [points] = smoothing.fill_gaps(frames, [landmarks], times, most=5)
    assert filled.tolist() == [0, 1, 2, 3, 4, 11, 12]  # six frames are too many
    assert np.allclose(points[:, 0, 0], times[filled], atol=1e-5)
    kept, _ = smoothing.fill_gaps(frames, [landmarks], times, most=5, removed=[3, 13])
    assert kept.tolist() == frames.tolist()


def test_colours_are_weighed_by_time() -> None:
    weights = smoothing.time_weights([0.0, 0.1, 0.2, 5.0], 0.1)
    assert weights[1] == 1
    assert weights[0] == pytest.approx(weights[2])
    assert weights[3] < 1e-6


@pytest.mark.parametrize("rate", [25, 50])
def test_a_head_that_never_stops_shaking_is_followed(rate: int) -> None:
    """Nothing in the path is still: its motion must not pass for noise."""
    times = np.arange(3 * rate) / rate
    rng = np.random.default_rng(2)
    shift = np.zeros((len(times), 1, 2))
    shift[:, 0, 0] = 0.35 * EYES * np.sin(12 * times)
    truth = MEAN_FACE * EYES + 300 + shift
    seen = truth + rng.normal(0, 0.4, truth.shape)
    smooth = smoothing.smooth_landmarks(times, seen)
    assert error(smooth, truth).mean() < 1.1 * error(seen, truth).mean()


BLINK = (0.55, 0.08, 0.1, 0.55)
"""Lids' opening in four frames at 25 a second, as GRID's speakers blink."""


def opening_68(points: np.ndarray, first: int) -> np.ndarray:
    """(N,) between the middles of upper and lower lid."""
    upper, lower = points[:, [first + 1, first + 2], :2], points[:, [first + 4, first + 5], :2]
    return np.linalg.norm(upper.mean(1) - lower.mean(1), axis=1)


def blinking(noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A still face of 222 points that blinks with its left eye: the truth, and what is seen."""
    truth = []
    for k in range(100):
        share = dict(enumerate(BLINK, 48)).get(k, 1.0)
        landmarks = MEAN_FACE * EYES + 300
        for upper, lower in ((43, 47), (44, 46)):
            landmarks[upper] += (1 - share) * (landmarks[lower] - landmarks[upper])
        truth.append(dense_of(landmarks, (OPEN_LIDS, OPEN_LIDS * share)))
    points = np.array(truth, np.float64)
    rng = np.random.default_rng(seed)
    own, common = rng.normal(size=points.shape), rng.normal(size=(len(points), 1, 3))
    return points, points + noise * np.sqrt(0.5) * (own + common)


@pytest.mark.parametrize("seed", range(4))
def test_a_blink_of_four_frames_keeps_its_depth(seed: int) -> None:
    truth, seen = blinking(0.4, seed)
    times = np.arange(100) / 25
    smooth = smoothing.smooth_landmarks(times, seen)
    few = smoothing.smooth_landmarks(times, seen[:, :68, :2])
    openings = (lambda p: measure_opening(p, "left_lids"), lambda p: opening_68(p, 42))
    for points, opening in ((smooth, openings[0]), (smooth, openings[1]), (few, openings[1])):
        wide = opening(truth)[0]
        assert abs(opening(points)[47:53].min() - opening(seen)[47:53].min()) < 0.05 * wide
        assert abs(opening(points)[47:53].min() - opening(truth).min()) < 0.08 * wide
    # The eye that stays open is steadied at that moment too.
    other = slice(46, 55), GROUPS["right_lids"]
    assert np.abs(smooth - truth)[other].mean() < 0.6 * np.abs(seen - truth)[other].mean()


def test_a_glance_is_a_jump_and_stays_one() -> None:
    """The eyes jump within one frame; lids hardly move with them."""
    landmarks = MEAN_FACE * EYES + 300
    truth = np.array([dense_of(landmarks, gaze=0.5 * (k >= 50)) for k in range(100)], np.float64)
    seen = truth + 0.4 * np.random.default_rng(3).normal(size=truth.shape)
    smooth = smoothing.smooth_landmarks(np.arange(100) / 25, seen)
    iris = smooth[:, GROUPS["left_iris"], 0].mean(1)
    whole = truth[99, GROUPS["left_iris"][0], 0] - truth[0, GROUPS["left_iris"][0], 0]
    assert whole > 2
    assert iris[50] - iris[49] > 0.8 * whole


def test_depths_are_steadied_with_their_points() -> None:
    truth, seen = blinking(0.8, 5)
    smooth = smoothing.smooth_landmarks(np.arange(100) / 25, seen)
    apart = [np.abs(points - truth)[:40, :, 2].mean() for points in (smooth, seen)]
    assert apart[0] < 0.5 * apart[1]


def test_a_blink_is_kept_in_the_expression_and_noise_is_not() -> None:
    truth = np.zeros((100, 26))
    truth[48:52, 1] = 1 - np.array(BLINK)
    seen = truth + 0.03 * np.random.default_rng(4).normal(size=truth.shape)
    smooth = smoothing.smooth_expression(np.arange(100) / 25, seen)
    assert smooth.dtype == np.float32
    assert abs(smooth[48:52, 1].max() - seen[48:52, 1].max()) < 0.05
    assert smooth[:, 2:].std() < 0.5 * seen[:, 2:].std()
    assert np.array_equal(smoothing.smooth_expression([0, 1, 2], seen[:3], 0), seen[:3].astype(np.float32))


@pytest.mark.parametrize(
    ("name", "frames"), [("grid_bbaf2n", (36, 64)), ("grid_lbax4n", (16, 42)), ("grid_brbk7n", (10, 36))]
)
def test_blinks_of_real_people_keep_their_depth(name: str, frames: tuple[int, int]) -> None:
    """Through the tool's own landmarks, however little of a blink the 68 show."""
    [path] = shared_file("samples", "clips").glob(f"{name}.*")
    with VideoReader(path) as reader:
        shown = [frame for frame in reader if frames[0] <= frame.index < frames[1]]
    faces = [found[0] for found in build_analyser().find(shown)]
    times = [frame.time for frame in shown]
    seen = np.array([face.landmarks if face.dense is None else face.dense for face in faces])
    smooth = smoothing.smooth_landmarks(times, seen)
    for first in (36, 42):
        before, after = opening_68(seen, first), opening_68(smooth, first)
        wide = np.quantile(before, 0.8)
        assert before.min() < 0.9 * wide, "the clip blinks there"
        assert after.min() - before.min() < 0.05 * wide
