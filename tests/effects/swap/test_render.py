"""Masks and blending of one crop."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from faceswap_cli.compositing import blend, masks
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import render_faces
from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import crop_matrix, invert, mean_face, transform, warp
from tests.pipeline import moving_face as mf


def noise_image(size: int, seed: int, low: float = 0.2, high: float = 0.8) -> np.ndarray:
    picture = np.random.default_rng(seed).uniform(low, high, (size, size, 3)).astype(np.float32)
    return cv2.GaussianBlur(picture, (0, 0), 2)


def disc(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.clip(size * 0.4 - np.hypot(x, y), 0, 1).astype(np.float32)


def hull(size: int, **options: float) -> np.ndarray:
    return masks.face_mask(("hull",), evidence(mean_face(size), np.ones((size, size))), **options)


def evidence(landmarks: np.ndarray, drawn: np.ndarray) -> masks.MaskSources:
    """The renderer and the parser see the same."""
    return masks.MaskSources(landmarks, drawn.astype(np.float32), drawn.astype(np.float32))


@pytest.mark.parametrize("name", list(masks.MASKS))
@pytest.mark.parametrize("size", [64, 200])
@pytest.mark.parametrize("feather", [0.0, 0.1, 0.3])
def test_masks_are_nought_on_the_border(name: str, size: int, feather: float) -> None:
    huge = (mean_face(size) - size / 2) * 3 + size / 2  # reaches far outside the crop
    mask = masks.face_mask((name,), evidence(huge, np.ones((size, size))), -0.05, feather)
    assert mask.shape == (size, size)
    assert 0 <= mask.min() <= mask.max() <= 1
    assert mask[size // 2, size // 2] > 0.95
    for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]):
        assert not edge.any()


def test_hull_covers_the_brows_and_scales_with_the_crop() -> None:
    small, large = hull(64), hull(256)
    assert np.abs(cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA) - small).mean() < 0.01
    brows = mean_face(256)[17:27].round().astype(int)
    assert large[brows[:, 1], brows[:, 0]][2:8].min() > 0.6


def test_hull_moves_smoothly_with_the_landmarks() -> None:
    drawn = np.ones((96, 96), np.float32)
    steps = [masks.face_mask(("hull",), evidence(mean_face(96) + 0.1 * i, drawn)) for i in range(6)]
    changes = [np.abs(b - a).sum() for a, b in itertools.pairwise(steps)]
    assert max(changes) < 1.3 * min(changes)


def test_erode_moves_the_edge_and_feather_softens_it_on_both_sides() -> None:
    plain = hull(128, erode=0, feather=0)
    eroded, grown = hull(128, erode=0.05, feather=0), hull(128, erode=-0.03, feather=0)
    feathered = hull(128, erode=0, feather=0.1)
    assert eroded.sum() < plain.sum() < grown.sum()
    soft = (feathered > 0.01) & (feathered < 0.99)
    assert soft[plain > 0.5].any() and soft[plain < 0.5].any()
    assert abs(feathered.sum() - plain.sum()) < 0.02 * plain.sum()


@pytest.mark.parametrize("name", list(masks.MASKS))
@pytest.mark.parametrize("erode", [-0.013, 0.0, 0.02])
def test_every_mask_has_the_same_shape_in_crops_of_any_size(name: str, erode: float) -> None:
    made = []
    for size in (96, 384):
        face = hull(size, erode=0.05, feather=0.03)
        mask = masks.face_mask((name,), evidence(mean_face(size), face), erode, 0.08)
        made.append(cv2.resize(mask, (96, 96), interpolation=cv2.INTER_AREA))
    assert np.abs(made[0] - made[1]).mean() < 0.01
    assert np.abs(made[0] - made[1]).max() < 0.15


@pytest.mark.parametrize("mask", ["hull", "hull+model"])
def test_a_face_gets_the_same_mask_at_60_and_at_600_pixels(mask: str) -> None:
    """Relative to the face; the picture is the same, ten times as large."""
    drawn = []
    for width in (60, 600):
        frame = np.full((2 * width, 2 * width, 3), 128, np.uint8)
        points = mean_face(2 * width, 2 * 2.0).astype(np.float32)
        options = SwapOptions(mask=mask, colour="none")
        seen = render_faces([(frame, PlannedFace(0, points))], mf.identity(128), options)[0]
        drawn.append(seen.mask.astype(np.float32))
    assert np.abs(drawn[0] - drawn[1]).max() < 0.01


def test_joined_masks_are_the_least_of_them() -> None:
    seen = evidence(mean_face(96), disc(96))
    one, other = (masks.face_mask((name,), seen) for name in ("hull", "model"))
    assert np.array_equal(masks.face_mask(("hull", "model"), seen), np.minimum(one, other))


@pytest.mark.parametrize(
    ("text", "shapes", "occlusion"),
    [
        ("hull", ("hull",), False),
        ("both", ("hull", "model"), False),
        ("hull+model+occlusion", ("hull", "model"), True),
        ("occlusion+parsed", ("parsed",), True),
    ],
)
def test_mask_names_are_read(text: str, shapes: tuple[str, ...], occlusion: bool) -> None:
    read = masks.parse_mask(text)
    assert (read.shapes, read.occlusion) == (shapes, occlusion)
    assert read.parser == (occlusion or "parsed" in shapes)


@pytest.mark.parametrize("text", ["", "oval", "hull+", "hull+hull", "occlusion", "hull model", "HULL"])
def test_wrong_mask_names_are_told_of(text: str) -> None:
    with pytest.raises(UserError, match="--mask") as caught:
        masks.parse_mask(text)
    assert "hull" in caught.value.hint


def test_alpha_is_applied_once() -> None:
    image = np.full((80, 80, 3), 100, np.uint8)
    mask = np.full((40, 40), 0.5, np.float32)
    mask[[0, -1]] = mask[:, [0, -1]] = 0
    blend.paste(image, np.ones((40, 40, 3), np.float32), mask, np.array([[1, 0, -20], [0, 1, -20]]))
    assert abs(int(image[40, 40, 0]) - round(0.5 * 255 + 0.5 * 100)) <= 1


@pytest.mark.parametrize("scale", [0.25, 0.9, 1.0, 3.7])
@pytest.mark.parametrize("angle", [0.0, 35.0])
@pytest.mark.parametrize("centre", [(60, 50), (0, 0), (119, 99), (-30, 50), (60, 130), (-500, 0)])
def test_nothing_changes_outside_the_mask(scale: float, angle: float, centre: tuple[int, int]) -> None:
    """Whatever the face's size, tilt and place: a white crop leaves no square and no stray pixel."""
    frame = np.random.default_rng(0).integers(0, 200, (100, 120, 3), np.uint8)
    size = 64
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), angle, scale)
    turn[:, 2] += np.array([size / 2, size / 2]) - transform([centre], turn)[0]
    mask, result = hull(size), frame.copy()
    blend.paste(result, np.ones((size, size, 3), np.float32), mask, turn)
    y, x = np.mgrid[:100, :120]
    places = transform(np.stack([x.ravel(), y.ravel()], 1), turn).astype(np.float32)
    reach = max(2.0, 2.5 * scale)
    inside = cv2.dilate((mask > 0).astype(np.uint8), np.ones((3, 3)), iterations=int(np.ceil(reach)))
    inside = cv2.copyMakeBorder(inside, 8, 8, 8, 8, cv2.BORDER_CONSTANT)  # type: ignore[call-overload]
    near = cv2.remap(inside, places[:, :1] + 8, places[:, 1:] + 8, cv2.INTER_NEAREST).reshape(100, 120)
    assert np.array_equal(result[near == 0], frame[near == 0])
    if centre == (60, 50):
        assert (result[49:52, 59:62] > 240).all()
    if centre == (-500, 0):
        assert np.array_equal(result, frame)


@pytest.mark.parametrize("width", [40, 90, 220])
def test_an_unchanged_crop_is_invisible(width: int) -> None:
    """Cut, and put back where it was: within a grey level of a smooth frame, at any size."""
    frame = (noise_image(300, 3)[..., ::-1] * 255).astype(np.uint8)
    frame = cv2.GaussianBlur(frame, (0, 0), 3)
    landmarks = mean_face(300, 2.0 * 180 / width) + 3.3
    size = 160
    matrix = crop_matrix(landmarks, size)
    crop = warp(frame, matrix, size).astype(np.float32) / 255
    result = frame.copy()
    blend.paste(result, crop, hull(size), matrix)
    assert np.abs(result.astype(int) - frame).max() <= 3
    # What is enlarged is made crisper, which on a face is right and on this blur is not.
    assert np.abs(result.astype(int) - frame).mean() < (0.2 if width < 160 else 0.3)
    assert np.allclose(transform(transform([[5, 5]], matrix), invert(matrix)), 5, atol=1e-3)


def test_sharpen_sharpens_and_nought_does_nothing() -> None:
    picture = noise_image(64, 4)
    assert blend.sharpen(picture, 0) is picture
    detail = [cv2.Laplacian(p, cv2.CV_32F).var() for p in (picture, blend.sharpen(picture, 1))]
    assert detail[1] > 1.2 * detail[0]
