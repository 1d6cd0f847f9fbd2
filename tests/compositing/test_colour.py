"""Colour matching: what is measured, what is matched, and how steady it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from faceswap_cli.compositing import colour
from faceswap_cli.compositing.colour.stats import SAMPLED
from faceswap_cli.compositing.colour.transforms import Lookup

METHODS = [name for name in colour.COLOUR if colour.COLOUR[name].space != "none"]
ROTATING = ["lct"]
"""Methods that turn colours into each other where their covariances ask for it."""


def noise_image(size: int, seed: int, low: float = 0.2, high: float = 0.8) -> np.ndarray:
    picture = np.random.default_rng(seed).uniform(low, high, (size, size, 3)).astype(np.float32)
    return cv2.GaussianBlur(picture, (0, 0), 2)


def face_like(size: int, seed: int = 0, noise: float = 0.0) -> np.ndarray:
    """Skin with light from one side and a few dark spots."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    light = (0.6 + 0.5 * x + 0.1 * np.sin(9 * y))[..., None]
    picture = light * np.array([0.75, 0.55, 0.45], np.float32)
    random = np.random.default_rng(seed)
    for _ in range(12):
        centre = (random.uniform(0.2, 0.8, 2) * size).astype(int).tolist()
        cv2.circle(picture, centre, max(1, size // 20), (0.3, 0.15, 0.15), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), size / 60)
    return np.clip(picture + noise * random.standard_normal(picture.shape), 0, 1).astype(np.float32)


def disc(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.clip(size * 0.4 - np.hypot(x, y), 0, 1).astype(np.float32)


def measured(method: str, *images: np.ndarray) -> list[colour.ColourStats]:
    return [colour.measure(method, image.astype(np.float32), disc(image.shape[0])) for image in images]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [64, 200])
def test_a_grading_is_undone_inside_the_mask_only(method: str, size: int) -> None:
    target, mask = face_like(size), disc(size)
    source = np.clip(target * (0.9, 0.7, 0.8) + (0.05, 0.1, 0.0), 0, 1).astype(np.float32)
    source[mask == 0] = (1, 0, 0)  # what is outside the mask must not count
    stats = [colour.measure(method, image, mask) for image in (source, target)]
    matched = colour.fit(method, *stats)(source)
    before, after = (np.abs(image - target)[mask > 0].mean() for image in (source, matched))
    assert after < before / (3 if method in ROTATING else 6)
    again = colour.measure(method, matched, mask)
    assert np.allclose(again.mean, stats[1].mean, atol=0.02 * np.abs(stats[1].mean).max())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("flat", ["source", "target"])
def test_contrast_gain_is_limited(method: str, flat: str) -> None:
    images = {"source": noise_image(64, 1, 0, 1), "target": noise_image(64, 2, 0, 1)}
    images[flat] = 0.5 + (images[flat] - 0.5) * 0.02
    matched = colour.fit(method, *measured(method, *images.values()))(images["source"].astype(np.float32))
    inside = disc(64) > 0.5
    gain = matched[inside].std(0).mean() / images["source"][inside].std(0).mean()
    low, high = colour.GAIN_LIMITS
    assert 0.8 * low < gain < 1.2 * high


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pixels", [0, 1, 9])
def test_tiny_masks_leave_the_colours_alone(method: str, pixels: int) -> None:
    mask = np.zeros((32, 32), np.float32)
    mask.flat[:pixels] = 1
    source, target = noise_image(32, 1), noise_image(32, 2, 0, 0.3)
    fitted = colour.fit(method, *(colour.measure(method, image, mask) for image in (source, target)))
    assert np.array_equal(fitted(source), source)


@pytest.mark.parametrize("method", METHODS)
def test_averaged_statistics_are_those_of_a_steady_picture(method: str) -> None:
    shifted = [noise_image(64, 1) + np.float32(shift) for shift in (-0.1, 0, 0.1)]
    stats = measured(method, *shifted)
    mean = colour.average(stats, [1, 2, 1])
    assert np.allclose(mean.mean, stats[1].mean, atol=1)
    assert np.all(np.diag(mean.cov) < 1.3 * np.diag(stats[1].cov))  # the flicker is not taken for contrast
    assert colour.average([colour.NOTHING], [1.0]) is colour.NOTHING
    if colour.COLOUR[method].sampled:
        assert len(mean.sample) == SAMPLED
        assert mean.shares.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_fitting_to_averages_is_steadier_than_to_every_frame(method: str) -> None:
    """Drawn faces whose contrast flickers: what differs from frame to frame is the fit alone."""
    mask, random = disc(96), np.random.default_rng(3)
    target = measured(method, face_like(96, 1))[0]
    picture = face_like(96)
    frames = []
    for _ in range(15):
        gain, spot = random.uniform(0.85, 1.15, 3), random.uniform(0.3, 0.7, 2) * 96
        frame = 0.5 + (picture - 0.5) * gain
        cv2.circle(frame, spot.astype(int).tolist(), 9, (0.9, 0.9, 0.9), -1)  # a glint that jumps
        frames.append(np.clip(frame, 0, 1).astype(np.float32))
    stats = [colour.measure(method, frame, mask) for frame in frames]
    alone, together = [], []
    for here in range(6, 9):
        mean = colour.average(stats[here - 6 : here + 7], [1] * 13)
        alone.append(colour.fit(method, stats[here], target)(picture))
        together.append(colour.fit(method, mean, target)(picture))
    flicker = [np.abs(np.diff(np.stack(shown), axis=0))[:, mask > 0].mean() for shown in (alone, together)]
    assert flicker[1] < 0.4 * flicker[0]


@pytest.mark.parametrize("method", METHODS)
def test_noise_and_softness_are_not_taken_for_contrast(method: str) -> None:
    """A noisy frame and a soft drawing of the same face: what is matched is its light."""
    soft = cv2.GaussianBlur(face_like(192), (0, 0), 1.5)
    stats = measured(method, soft, face_like(192, noise=0.06))
    matched = colour.fit(method, *stats)(soft)
    inside = disc(192) > 0.5
    assert matched[inside].std() / soft[inside].std() == pytest.approx(1, abs=0.06)


def test_a_lookup_moves_colours_by_what_stands_at_their_place() -> None:
    table = np.zeros((5, 5, 5, 3), np.float32)
    table[..., 0] = np.linspace(0, 0.2, 5)[None, None, :]  # the bluer, the more red
    image = np.random.default_rng(0).uniform(0, 0.7, (7, 9, 3)).astype(np.float32)
    expected = image + np.stack([0.2 * image[..., 2], 0 * image[..., 0], 0 * image[..., 0]], -1)
    assert np.allclose(Lookup(table)(image), expected, atol=1e-5)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ROTATING])
def test_a_grey_frame_gives_no_face_another_hue(method: str) -> None:
    """On footage with hardly any colour a coloured face turns grey, not blue or green."""
    grey = face_like(96, 1).mean(2, keepdims=True) * np.ones(3)
    source = face_like(96)
    matched = colour.fit(method, *measured(method, source, grey))(source)
    inside = disc(96) > 0.5
    spread = [np.ptp(image[inside], axis=1).mean() for image in (source, matched)]
    assert spread[1] < 0.45 * spread[0]
    assert (matched[inside][:, 2] - matched[inside][:, 0]).mean() < 0.02
