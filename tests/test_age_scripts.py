"""The parts of the age estimator's training that would spoil its figures without a word."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from faceswap_cli.networks.age_estimator import AgeConfig, AgeNetwork

SCRIPTS = str(Path(__file__).parents[1] / "scripts")


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, SCRIPTS)
    import age_augment
    import age_card
    import age_faces

    yield {"card": age_card, "faces": age_faces, "augment": age_augment}
    sys.path.remove(SCRIPTS)


def test_calibration_undoes_the_pull_towards_the_middle(scripts: dict[str, ModuleType]) -> None:
    random = np.random.default_rng(0)
    age = random.uniform(16, 90, 4000)
    raw = 42 + 0.7 * (age - 42) + random.normal(0, 4, 4000)
    places, values = scripts["card"].calibration(raw, age)
    line = AgeNetwork(AgeConfig(calibration=(places, values)))._calibration
    import torch

    said = line(torch.from_numpy(raw).float())[0].numpy()
    decade = np.digitize(age, scripts["card"].EDGES)
    before = [abs((raw - age)[decade == d].mean()) for d in np.unique(decade)]
    after = [abs((said - age)[decade == d].mean()) for d in np.unique(decade)]
    assert max(before) > 10 and max(after) < 1.2, after
    assert (np.diff(values) > 0).all()


def test_calibration_of_answers_that_mean_nothing_is_still_a_rising_line(
    scripts: dict[str, ModuleType],
) -> None:
    random = np.random.default_rng(1)
    places, values = scripts["card"].calibration(random.normal(40, 8, 500), random.uniform(16, 90, 500))
    assert len(places) == len(values) and (np.diff(places) > 0).all() and (np.diff(values) > 0).all()


def test_people_stay_on_one_side_of_the_split(scripts: dict[str, ModuleType]) -> None:
    random = np.random.default_rng(2)
    centres = random.normal(0, 1, (60, 128)).astype(np.float32)
    of = np.repeat(np.arange(60), 4)
    identity = centres[of] + random.normal(0, 0.01, (240, 128)).astype(np.float32)
    female = (of % 2).astype(float)
    known = [f"person {p}" if p < 10 else None for p in of]
    identity[3] += 5  # who is known by name is known, whatever the descriptor says
    person = scripts["faces"].people(identity, female, known)
    assert len(set(person)) == 60 and all(len(set(person[of == p])) == 1 for p in range(60))
    facts = [{"set": "a", "name": f"{i}.jpg"} for i in range(240)]
    fold = scripts["faces"].folds(person, facts)
    assert {"train", "kept"} <= set(fold) and all(len(set(fold[of == p])) == 1 for p in range(60))


def test_faces_of_different_sexes_are_never_one_person(scripts: dict[str, ModuleType]) -> None:
    identity = np.zeros((2, 128), np.float32)
    assert scripts["faces"].near(identity, np.array([0.0, 1.0])) == []
    assert scripts["faces"].near(identity, np.array([1.0, 1.0])) == [(0, 1)]


def test_views_are_the_same_by_the_same_seed_and_keep_the_face(scripts: dict[str, ModuleType]) -> None:
    y, x = np.mgrid[0:192, 0:192]
    crop = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    corners = np.array([[30, 30], [160, 30], [160, 160], [30, 160]], np.float32)
    sample = scripts["augment"].sample
    for seed in range(40):
        views = [
            sample(np.random.default_rng(seed), crop, corners, crop[::-1], 0.86, size) for size in (96, 96)
        ]
        assert views[0].shape == (96, 96, 3) and views[0].dtype == np.uint8
        assert np.array_equal(views[0], views[1])
    plain = scripts["augment"].plain(crop, 0.86, 96)
    assert plain[48, 48].astype(int) == pytest.approx(crop[96, 96].astype(int), abs=2)
    beyond = scripts["augment"].surrounded(np.random.default_rng(3), crop, corners, crop[::-1])
    assert np.array_equal(beyond[80:110, 80:110], crop[80:110, 80:110])
