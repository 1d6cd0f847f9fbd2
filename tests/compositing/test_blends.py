"""Ways of putting a face in: nothing outside the mask changes, and no step is left at its edge."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from faceswap_cli.compositing import blend, poisson
from faceswap_cli.compositing.colour.spaces import FloatImage

SIZE = 96


def disc(size: int = SIZE, soft: float = 12.0) -> FloatImage:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.clip((size * 0.42 - np.hypot(x, y)) / soft, 0, 1).astype(np.float32)


def backdrop(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(60, 200, (height, width, 3)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)


@pytest.mark.parametrize("name", list(blend.BLENDS))
@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_nothing_changes_where_alpha_is_nought(name: str, scale: float) -> None:
    frame = backdrop(300, 320)
    matrix = np.array([[scale, 0, -140 * scale + SIZE / 2], [0, scale, -150 * scale + SIZE / 2]])
    result, mask = frame.copy(), disc()
    blend.paste(result, np.ones((SIZE, SIZE, 3), np.float32), mask, matrix, name)
    alpha = blend.alpha_in(mask, matrix, (0, 0, 320, 300))
    assert np.array_equal(result[alpha == 0], frame[alpha == 0])
    assert (result[150, 140] > 250).all()


@pytest.mark.parametrize("name", list(blend.BLENDS))
def test_an_even_veil_counts_once(name: str) -> None:
    """Where something half transparent stands before the face, half of the face is seen."""
    frame = np.full((120, 120, 3), 100, np.uint8)
    mask = disc() * np.float32(0.5)
    blend.paste(frame, np.ones((SIZE, SIZE, 3), np.float32), mask, np.array([[1, 0, -10], [0, 1, -10]]), name)
    assert frame[58, 58, 0] == pytest.approx(0.5 * 255 + 50, abs=2)


@pytest.mark.parametrize("name", list(blend.BLENDS))
@pytest.mark.parametrize("shape", [(3, 4), (9, 200), (64, 64)])
def test_any_patch_can_be_blended(name: str, shape: tuple[int, int]) -> None:
    new, old = np.full((*shape, 3), 200, np.float32), np.full((*shape, 3), 50, np.float32)
    for alpha, expected in ((0.0, 50), (1.0, 200)):
        mixed = blend.BLENDS[name](new, old, np.full((*shape, 1), alpha, np.float32))
        assert mixed == pytest.approx(expected, abs=0.01)


def test_a_pyramid_mixes_detail_over_a_narrower_edge_than_colour() -> None:
    """Stripes of the one and of the other fade within fewer pixels than their grey levels do."""
    stripes = np.tile(np.array([[0.0], [60.0]], np.float32), (64, 128))[..., None] * np.ones(3, np.float32)
    new, old = 100 + stripes, np.full((128, 128, 3), 50, np.float32)
    alpha = np.zeros((128, 128, 1), np.float32)
    alpha[:, 64:] = 1
    mixed = blend.BLENDS["pyramid"](new, old, np.clip(alpha * 0.7 + 0.3, 0, 1))
    detail = np.abs(np.diff(mixed[..., 0], axis=0)).mean(0)
    level = mixed[..., 0].mean(0)
    shares = [(v - v[4]) / (v[-4] - v[4]) for v in (detail, level)]
    narrow, wide = (np.count_nonzero((share > 0.1) & (share < 0.9)) for share in shares)
    assert narrow < 0.5 * wide


def test_seamless_leads_the_frame_s_light_in() -> None:
    """A flat face in light that falls from one side gets that light, to the middle."""
    side = poisson.SIDE
    light = np.linspace(0.3, 0.65, side, dtype=np.float32)[None, :, None] * np.ones((side, 1, 3), np.float32)
    drawn = np.full_like(light, 0.45)
    led = drawn + poisson.solve_membrane(drawn, light, disc(side, 10), np.ones((side, side), np.float32))
    assert np.abs(led - light)[disc(side, 10) > 0.2].max() < 0.05


def test_seamless_keeps_detail_and_lets_nothing_dark_bleed_in() -> None:
    side = poisson.SIDE
    drawn = np.full((side, side, 3), 0.5, np.float32)
    frame, free = np.full_like(drawn, 0.6), np.ones((side, side), np.float32)
    frame[:, :14] = 0.02  # dark hair behind one side of the edge
    frame[40:, 28:36], free[40:, 28:36] = 0.0, 0.0  # a microphone before the chin
    led = poisson.solve_membrane(drawn, frame, disc(side, 10), free)
    middle = led[20:44, 20:44]
    assert np.abs(middle - 0.1).max() < 0.06
    assert np.abs(np.diff(middle, axis=0)).max() < 0.01


def test_no_edge_no_membrane() -> None:
    empty = np.zeros((poisson.SIDE, poisson.SIDE), np.float32)
    picture = np.ones((poisson.SIDE, poisson.SIDE, 3), np.float32)
    assert not poisson.solve_membrane(picture, 0 * picture, empty, empty).any()


def test_an_enlarged_face_is_crisper_than_by_a_cubic_filter_and_no_further_off() -> None:
    truth = np.full((240, 240, 3), 0.7, np.float32)
    random = np.random.default_rng(1)
    for _ in range(40):
        centre = random.uniform(20, 220, 2).astype(int).tolist()
        cv2.circle(
            truth, centre, int(random.uniform(3, 12)), random.uniform(0.2, 0.9, 3).tolist(), -1, cv2.LINE_AA
        )
    truth = cv2.GaussianBlur(truth, (0, 0), 1)
    small = cv2.resize(truth, (96, 96), interpolation=cv2.INTER_AREA)
    matrix = np.array([[0.4, 0, -0.3], [0, 0.4, -0.3]])
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    cubic = cv2.warpAffine(small, matrix, (240, 240), flags=how, borderMode=cv2.BORDER_REPLICATE)
    ours = blend.place_in_crop(small, matrix, (240, 240))
    errors = [float(((picture - truth) ** 2).mean()) for picture in (ours, cubic)]
    detail = [float(cv2.Laplacian(picture, cv2.CV_32F).var()) for picture in (ours, cubic, truth)]
    assert errors[0] <= errors[1]
    assert 1.25 * detail[1] < detail[0] < 1.1 * detail[2]
    assert ours.max() < small.max() + 0.1
