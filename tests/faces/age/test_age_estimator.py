from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces.age.estimator import BATCH, WEIGHTS, AgeEstimator, frame_for_estimator
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import crop_matrix, mean_face, warp
from faceswap_cli.media.frame import Image
from tests.faces.face_pictures import load, moved, one, shared_file

SIZE, SIDE = 128, 2.4


@pytest.fixture(scope="module")
def estimator() -> AgeEstimator:
    return AgeEstimator()


@pytest.fixture(scope="module")
def landmarks(stage: FaceAnalyser, face_picture: Image) -> np.ndarray:
    return stage.find(one(face_picture))[0][0].landmarks


def test_the_same_face_moved_and_turned_looks_as_old(
    estimator: AgeEstimator, stage: FaceAnalyser, face_picture: Image, landmarks: np.ndarray
) -> None:
    turned = moved(face_picture, 10, 5, 0.9, 20)
    [[again]] = stage.find(one(turned))
    [first, twice] = estimator.estimate(face_picture, [landmarks, landmarks])
    [second] = estimator.estimate(turned, [again.landmarks])
    assert twice.age == pytest.approx(first.age, abs=1e-3) and 16 < first.age < 70 and 0 < first.spread < 25
    assert second.age == pytest.approx(first.age, abs=8)
    assert 0 <= first.minor <= 1 and 0 <= first.female <= 1 and abs(second.female - first.female) < 0.35
    assert estimator.estimate(face_picture, []) == []


def test_batches_are_as_single_ones(
    estimator: AgeEstimator, face_picture: Image, landmarks: np.ndarray
) -> None:
    picture = estimator.crop(face_picture, landmarks)
    shifted = [np.roll(picture, k, axis=1) for k in range(BATCH + 2)]
    together = estimator.estimate_crops(iter(shifted), estimator.side)
    alone = [estimator.estimate_crops([shifted[k]], estimator.side)[0] for k in (0, BATCH - 1, BATCH + 1)]
    assert len(together) == BATCH + 2
    for one_by_one, k in zip(alone, (0, BATCH - 1, BATCH + 1), strict=True):
        assert one_by_one.age == pytest.approx(together[k].age, abs=0.02)


@pytest.mark.parametrize(("size", "side"), [(256, 2.75), (512, 2.75), (128, 2.0), (160, 3.2)])
def test_other_crops_are_framed_as_the_network_wants_them(
    size: int, side: float, face_picture: Image, landmarks: np.ndarray
) -> None:
    other = warp(face_picture, crop_matrix(landmarks, size, side), size)
    tensor = torch.from_numpy(other).permute(2, 0, 1)[None].float() / 255
    found = frame_for_estimator(tensor, side, SIZE, SIDE)[0].permute(1, 2, 0).numpy() * 255
    inside = mean_face(SIZE, SIDE)[17:].astype(int)  # brows to mouth are in all of them
    (x0, y0), (x1, y1) = inside.min(0), inside.max(0)
    wanted = warp(face_picture, crop_matrix(landmarks, SIZE, SIDE), SIZE)
    apart = np.abs(found - wanted)[y0:y1, x0:x1].mean()
    wrong = np.abs(np.roll(found, 2, axis=1) - wanted)[y0:y1, x0:x1].mean()
    assert apart < 4 and apart < 0.6 * wrong, (apart, wrong)


def test_gradients_reach_the_pixels_of_any_crop_and_can_be_followed(
    estimator: AgeEstimator, face_picture: Image, landmarks: np.ndarray
) -> None:
    big = warp(face_picture, crop_matrix(landmarks, 256, 2.75), 256)
    pixels = (torch.from_numpy(big).permute(2, 0, 1)[None].float() / 255).requires_grad_(True)
    before = estimator.look(pixels, 2.75)
    before.age.sum().backward()
    slope = pixels.grad
    assert slope is not None and slope.isfinite().all()
    seen = slope[0].abs().sum(0) > 0
    assert seen[64:192, 64:192].float().mean() > 0.95
    with torch.no_grad():
        older = estimator.look((pixels + 0.002 * slope.sign()).clamp(0, 1), 2.75)
    assert older.age.item() > before.age.item()
    assert not any(p.requires_grad for p in estimator.network.parameters())


def test_people_are_put_in_the_order_of_their_ages(estimator: AgeEstimator, stage: FaceAnalyser) -> None:
    files = sorted(shared_file("samples", "stills").glob("congress_age*"))
    truth, found = [], []
    for file in files:
        picture = load(file)
        [face, *_] = stage.find(one(picture))[0]
        truth.append(float("".join(filter(str.isdigit, file.stem.split("_")[1]))))
        found.append(estimator.estimate(picture, [face.landmarks])[0].age)
    assert len(files) > 3 and np.corrcoef(truth, found)[0, 1] > 0.6, list(zip(truth, found, strict=True))


def test_the_card_says_what_a_user_must_know() -> None:
    facts = zoo.card(WEIGHTS).facts
    assert "Non-commercial" in facts["licence"] and "no document" in facts["limits"]
    kept = facts["figures"]["kept"]
    assert kept["all"]["faces"] > 1000 and kept["all"]["MAE"] < 8
    assert set(kept["by age"]) >= {"20-29", "60-69"} and set(kept["by sex"]) == {"men", "women"}
    places, values = facts["config"]["calibration"]
    assert len(places) == len(values) > 3 and (np.diff(places) > 0).all() and (np.diff(values) > 0).all()


def test_damaged_weights_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(zoo.card(WEIGHTS).folder, tmp_path / WEIGHTS)
    file = tmp_path / WEIGHTS / zoo.WEIGHTS
    file.write_bytes(file.read_bytes()[:-8] + b"00000000")
    monkeypatch.setattr(zoo, "models_folder", lambda: tmp_path)
    zoo.shared_network.cache_clear()
    with pytest.raises(UserError, match="damaged"):
        _ = AgeEstimator().network
    zoo.shared_network.cache_clear()
