"""What becomes of skin and hair with age: lines, noise, colours, and where nothing may change."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from faceswap_cli.cli.age_load import load_face_ager
from faceswap_cli.compositing.colour.grey_move import GreyMove
from faceswap_cli.compositing.colour.spaces import to_space
from faceswap_cli.compositing.region_grid import RegionGrid
from faceswap_cli.compositing.skin_detail import SkinDetail, find_lines, luma_logs
from faceswap_cli.effects.ageing.beard import find_beard
from faceswap_cli.effects.ageing.greying import grey_share, measure_cast
from faceswap_cli.effects.ageing.look import change_own_lines, wrinkle_share
from faceswap_cli.effects.ageing.neck import add_neck, age_neck, find_neck, neck_share
from faceswap_cli.effects.ageing.render import AgedFace, FaceAger, _between_neighbours
from faceswap_cli.effects.ageing.request import AgeChange, AgeRequest
from faceswap_cli.effects.ageing.spots import draw_spots, spot_share
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.age.estimator import AgeEstimate
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import FACE_CENTRE, MEAN_FACE, interocular
from faceswap_cli.media.frame import Frame

MOST = 512
UNIT = 80
GRID = RegionGrid((0, 0, 240, 240), (240, 240), np.array([[1 / UNIT, 0, -1.5], [0, 1 / UNIT, -1.5]]))
ALL = np.ones((128, 128), np.float32)
NONE = np.zeros((64, 64), np.float32)


def skin(own: float, lines: np.ndarray = NONE) -> SkinDetail:
    return SkinDetail(lines, 2.4, own, ALL, NONE, 5.6)


@pytest.fixture(scope="module")
def ager() -> FaceAger:
    return load_face_ager("network", None, "cpu", 1.0)


@pytest.fixture(scope="module")
def astronaut() -> tuple[np.ndarray, PlannedFace]:
    image = np.ascontiguousarray(data.astronaut())
    faces = build_analyser(device="cpu").find([Frame(0, 0.0, image)])[0]
    return image, PlannedFace(0, max(faces, key=lambda face: interocular(face.landmarks)).landmarks)


def aged(ager: FaceAger, image: np.ndarray, face: PlannedFace, age: float) -> tuple[np.ndarray, AgedFace]:
    [said] = ager.predict([(image, face)], [AgeChange(36.0, age, age)])
    changed = image.copy()
    ager.apply(changed, said, said.head.astype(np.float32), MOST)
    return changed, said


@pytest.mark.parametrize("age", [20.0, 75.0])
def test_outside_the_mask_every_bit_stays(ager, astronaut, age: float) -> None:
    image, face = astronaut
    changed, said = aged(ager, image, face, age)
    where = ager.where(image, said, said.head.astype(np.float32), MOST)
    assert (changed != image).any()
    assert np.array_equal(changed[where == 0], image[where == 0])


def test_the_same_photo_gets_the_same_face(ager, astronaut) -> None:
    image, face = astronaut
    assert np.array_equal(aged(ager, image, face, 70.0)[0], aged(ager, image, face, 70.0)[0])


def test_a_grey_photo_stays_grey(ager, astronaut) -> None:
    image, face = astronaut
    grey = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    for age in (20.0, 75.0):
        changed = aged(ager, grey, face, age)[0].astype(int)
        assert np.abs(changed - changed[..., :1]).max() <= 2


def test_all_of_the_hair_goes_grey(ager, astronaut) -> None:
    image, face = astronaut
    changed, _ = aged(ager, image, face, 80.0)
    [moved] = ager.looks.predict([(image, face)], [AgeChange(36.0, 80.0, 80.0)], np.zeros((1, 9, 128, 128)))
    mask = np.zeros(image.shape[:2], np.float32)
    moved.add_hair(mask, image, face.landmarks, MOST, 1.0)
    before, after = (to_space(one.astype(np.float32) / 255, "lab") for one in (image, changed))
    hair = cv2.erode(mask, np.ones((3, 3))) > 0.9
    for rows in np.array_split(np.flatnonzero(hair.any(1)), 3):  # crown, temples, and below
        part = np.zeros_like(hair)
        part[rows] = hair[rows]
        chroma = [float(np.hypot(*one[part][:, 1:].T).mean()) for one in (before, after)]
        assert chroma[1] < 0.35 * chroma[0]
        assert after[part][:, 0].mean() > before[part][:, 0].mean()


def test_more_strength_goes_further(astronaut) -> None:
    image, face = astronaut
    far = [
        np.abs(
            aged(load_face_ager("network", None, "cpu", strength), image, face, 70.0)[0] - image.astype(float)
        )
        for strength in (0.5, 1.0, 1.5)
    ]
    assert far[0].mean() < far[1].mean() < far[2].mean()


def test_noise_is_not_amplified() -> None:
    random = np.random.default_rng(0)
    flat = np.full((240, 240, 3), 0.3, np.float32)
    noisy = flat + random.normal(0, 0.04, (240, 240, 1)).astype(np.float32)
    drawn = skin(0.9).draw(noisy, GRID, np.ones((240, 240), np.float32), 1.0)
    before = luma_logs(noisy)
    assert (before + drawn)[60:-60, 60:-60].std() < 1.05 * before[60:-60, 60:-60].std()


def fold() -> np.ndarray:
    across = np.arange(240) - 120
    line = np.exp(-0.5 * (across / 3.0) ** 2)
    return np.repeat(np.repeat(0.5 * (1 - 0.15 * line)[None, :, None], 240, 0), 3, 2).astype(np.float32)


def test_own_lines_get_deeper_or_go() -> None:
    picture, mask = fold(), np.ones((240, 240), np.float32)
    depth = {
        own: (luma_logs(picture) + skin(own).draw(picture, GRID, mask, 1.0)) for own in (-0.75, 0.0, 0.9)
    }
    deep = {own: float(one[120, 90] - one[120, 120]) for own, one in depth.items()}
    assert deep[-0.75] < 0.7 * deep[0.0] and deep[0.9] > 1.3 * deep[0.0]


def test_an_edge_is_no_line() -> None:
    picture = np.full((240, 240, 3), 0.15, np.float32)
    picture[:, 120:] = 0.7
    lines = find_lines(luma_logs(picture), np.ones((240, 240), np.float32), UNIT)
    assert np.abs(lines[60:-60, 60:-60]).max() < 0.12


def test_lines_darken_and_keep_the_hue(ager, astronaut) -> None:
    lines = NONE - 0.2
    drawn = skin(0.0, lines).draw(fold(), GRID, np.ones((240, 240), np.float32), 1.0)
    assert np.allclose(drawn[100:140, 100:140], -0.2, atol=0.01)


def test_skin_gets_no_light_that_all_of_it_has_and_no_colour_at_its_edge() -> None:
    picture = np.full((240, 240, 3), 0.5, np.float32)
    mask = np.zeros((240, 240), np.float32)
    cv2.circle(mask, (120, 120), 90, 1.0, -1)
    residual = np.zeros((240, 240, 3), np.float32) + np.array([0.3, 0.1, 0.2], np.float32)
    found = skin(0.0).even_out(residual, picture, mask, GRID)
    assert np.abs(found[120, 120]).max() < 0.06
    colour = np.abs(found[120] - found[120].mean(-1, keepdims=True)).max(-1)
    assert not colour[:30].any() and colour[31:34].max() < 0.35 * colour[120]


def test_lighter_than_grey_stays() -> None:
    move = GreyMove(np.array([20.0, 4, 8]), np.array([55.0, 0, 2]), 1.0, 90.0)
    lab = np.zeros((8, 8, 3), np.float32)
    for light in (0.0, 20.0, 60.0, 95.0):
        lab[..., 0] = light
        moved = move(lab)[..., 0]
        assert (moved >= light - 1e-3).all()


def strands(light: float, depth: float, size: int = 96) -> np.ndarray:
    """CIELAB of hair of a mean lightness whose strands are so deep, without colour."""
    lab = np.zeros((size, size, 3), np.float32)
    lab[..., 0] = light + depth * np.sin(np.arange(size) / 2)[None]
    return lab


def test_black_hair_greys_and_darkness_does_not() -> None:
    move = GreyMove(np.array([8.0, 0, 0]), np.array([50.0, 0, 0]), 1.0, 97.0, unit=80.0)
    grown = move(strands(4.0, 3.0))[24:-24, 24:-24, 0].mean() - 4
    flat = move(strands(4.0, 0.05))[24:-24, 24:-24, 0].mean() - 4
    assert grown > 12
    assert flat < 3


def test_half_grey_hair_has_no_blue_shadows() -> None:
    move = GreyMove(np.array([40.0, 5, 20]), np.array([45.0, 3, 12]), 0.4, 97.0)
    shadow = np.full((32, 32, 3), [6, 0.5, 2], np.float32)
    assert (move(shadow)[..., 2] > -0.5).all()


def test_light_on_brown_skin_is_brown() -> None:
    picture = np.zeros((240, 240, 3), np.float32) + np.array([0.35, 0.18, 0.08], np.float32)
    mask = np.zeros((240, 240), np.float32)
    cv2.circle(mask, (120, 120), 100, 1.0, -1)
    residual = np.zeros((240, 240, 3), np.float32)
    cv2.circle(residual, (100, 120), 25, (0.1, 0.1, 0.1), -1)
    added = skin(0.0).even_out(residual, picture, mask, GRID)[120, 100]
    assert added[0] > 1.4 * added[1] > 1.4 * added[2] > 0


def test_mottled_skin_is_not_deepened_as_folds_are() -> None:
    rng = np.random.default_rng(0)
    mottled = cv2.GaussianBlur(rng.normal(size=(240, 240)).astype(np.float32), (0, 0), 3)
    picture = np.repeat((0.5 + 0.04 * mottled / mottled.std())[..., None], 3, 2).astype(np.float32)
    mask = np.ones((240, 240), np.float32)
    blotches = np.abs(skin(1.0).draw(picture, GRID, mask, 1.0))[60:-60, 60:-60].mean()
    own = np.abs(find_lines(luma_logs(picture), mask, UNIT))[60:-60, 60:-60].mean()
    assert blotches < 0.5 * own
    deepened = skin(1.0).draw(fold(), GRID, mask, 1.0)
    assert deepened[60:-60, 60:-60].min() < -0.02


def test_beards_are_found_by_their_strands_and_shadows_are_not() -> None:
    rng = np.random.default_rng(1)
    square = np.zeros((261, 261, 3), np.float32) + np.array([0.8, 0.6, 0.5], np.float32)
    points = (MEAN_FACE - FACE_CENTRE) * 261 / 5.6 + 130
    chin = slice(int(points[33, 1]) + 6, int(points[8, 1]))
    across = slice(int(points[4, 0]), int(points[12, 0]))
    shadow, beard = square.copy(), square.copy()
    area = np.ones((261, 261), np.float32)
    area[chin, across] = 0.45
    shadow *= cv2.GaussianBlur(area, (0, 0), 6)[..., None]
    hairs = rng.uniform(0.1, 0.8, (square[chin, across].shape[:2]))[..., None]
    beard[chin, across] *= hairs.astype(np.float32)
    whole = np.ones((261, 261), np.float32)
    found = [find_beard(one, points, whole, 5.6) for one in (square, shadow, beard)]
    assert found[0].max() == 0
    assert found[2][chin, across].mean() > 3 * found[1][chin, across].mean() + 0.1
    assert not found[2][: int(points[30, 1]) - 8].any()


def test_spots_and_wrinkles_are_a_persons_own_and_stay() -> None:
    one, again, other = (draw_spots(128, 2.4, variant) for variant in (0.2, 0.2, 0.7))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert one.max() <= 0 and -0.35 < one.min() < -0.05 and (one < -0.02).mean() < 0.1
    assert spot_share(50) == 0 and spot_share(66) > 0 and spot_share(80) == 1
    estimate = AgeEstimate(31.2, 4.1, 0.9, 0.0)
    assert AgeRequest(to=70).ages(estimate) == AgeRequest(to=70).ages(estimate)
    assert wrinkle_share(30) == 0 < wrinkle_share(50) < wrinkle_share(80)


def test_a_neck_gets_lines_below_the_chin_only(astronaut) -> None:
    image, face = astronaut
    side, size = 5.6, 261
    neck = find_neck(np.ones((size, size), np.float32), face.landmarks, side)
    changed = image.copy()
    age_neck(changed, face.landmarks, neck, side, 1.0, 0.3)
    rows = np.flatnonzero((changed != image).any((1, 2)))
    assert len(rows) and rows.min() > face.landmarks[33, 1]
    inside = np.zeros(image.shape[:2], np.float32)
    add_neck(inside, face.landmarks, neck, side)
    assert not (changed != image)[inside == 0].any()
    assert neck_share(70, 30) == 0 < neck_share(30, 60)


def test_every_second_face_of_a_track_lies_between_its_neighbours() -> None:
    crops = torch.full((6, 3, 40, 40), 0.5)
    crops[4] = 0.9
    assert _between_neighbours(crops[:4], [0, 0, 0, 0]) == {1: (0, 2)}
    assert _between_neighbours(crops, [0, 0, 0, 1, 0, 1]) == {1: (0, 2)}
    assert _between_neighbours(crops[:3], [0, 1, 2]) == {}


def test_years_of_grey_and_of_lines() -> None:
    shares = [grey_share(age) for age in range(18, 90)]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert change_own_lines(30, 30) == 0 and change_own_lines(30, 80) > 0 > change_own_lines(70, 20) >= -1


def test_what_the_work_depends_on(ager: FaceAger, tmp_path: Path) -> None:
    assert ager.looks is not None and ager.looks.mark.strip() in ager.cache_key


def test_grey_hair_has_the_colour_of_the_light_where_something_pale_tells_it():
    warm = np.full((64, 64, 3), (0.85, 0.8, 0.68), np.float32)
    nobody = np.zeros((64, 64), np.float32)
    a, b = measure_cast(warm, nobody)
    assert 8 < b < 18 and abs(a) < 5
    grey = np.full((64, 64, 3), 0.7, np.float32)
    assert np.abs(measure_cast(grey, nobody)).max() < 0.1
    red = np.full((64, 64, 3), (0.8, 0.2, 0.2), np.float32)  # a curtain says nothing of the light
    assert measure_cast(red, nobody) == (0.0, 0.0)
    assert measure_cast(warm, nobody + 1) == (0.0, 0.0)
