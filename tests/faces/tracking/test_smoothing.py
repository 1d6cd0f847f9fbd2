"""Smoothing over time, measured against motion whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from faceswap_cli.faces.geometry import MEAN_FACE
from faceswap_cli.faces.tracking import smoothing

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
    filled, points = smoothing.fill_gaps(frames, landmarks, times, most=5)
    assert filled.tolist() == [0, 1, 2, 3, 4, 11, 12]  # six frames are too many
    assert np.allclose(points[:, 0, 0], times[filled], atol=1e-5)
    kept, _ = smoothing.fill_gaps(frames, landmarks, times, most=5, removed=[3, 13])
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
