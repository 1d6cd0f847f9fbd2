"""The parts of the age estimator's training that would spoil its figures without a word."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.networks.perception.age_estimator import AgeConfig, AgeNetwork
from scripts.cards import age_estimator as age_card
from scripts.data import age_augment, age_faces, age_invented
from scripts.train import age_estimator as train_age_estimator


def test_calibration_undoes_the_pull_towards_the_middle() -> None:
    random = np.random.default_rng(0)
    age = random.uniform(16, 90, 4000)
    raw = 42 + 0.7 * (age - 42) + random.normal(0, 4, 4000)
    places, values = age_card.calibration(raw, age)
    line = AgeNetwork(AgeConfig(calibration=(places, values)))._calibration
    said = line(torch.from_numpy(raw).float())[0].numpy()
    decade = np.digitize(age, age_card.EDGES)
    before = [abs((raw - age)[decade == d].mean()) for d in np.unique(decade)]
    after = [abs((said - age)[decade == d].mean()) for d in np.unique(decade)]
    assert max(before) > 10 and max(after) < 1.2, after
    assert (np.diff(values) > 0).all()


def test_calibration_of_answers_that_mean_nothing_is_still_a_rising_line() -> None:
    random = np.random.default_rng(1)
    places, values = age_card.calibration(random.normal(40, 8, 500), random.uniform(16, 90, 500))
    assert len(places) == len(values) and (np.diff(places) > 0).all() and (np.diff(values) > 0).all()


def test_people_stay_on_one_side_of_the_split() -> None:
    random = np.random.default_rng(2)
    centres = random.normal(0, 1, (60, 128)).astype(np.float32)
    of = np.repeat(np.arange(60), 4)
    identity = centres[of] + random.normal(0, 0.01, (240, 128)).astype(np.float32)
    female = (of % 2).astype(float)
    known = [f"person {p}" if p < 10 else None for p in of]
    identity[3] += 5  # who is known by name is known, whatever the descriptor says
    person = age_faces.people(identity, female, known)
    assert len(set(person)) == 60 and all(len(set(person[of == p])) == 1 for p in range(60))
    facts = [{"set": "a", "name": f"{i}.jpg"} for i in range(240)]
    fold = age_faces.folds(person, facts)
    assert {"train", "kept"} <= set(fold) and all(len(set(fold[of == p])) == 1 for p in range(60))


def test_faces_of_different_sexes_are_never_one_person() -> None:
    identity = np.zeros((2, 128), np.float32)
    assert age_faces.near(identity, np.array([0.0, 1.0])) == []
    assert age_faces.near(identity, np.array([1.0, 1.0])) == [(0, 1)]
    assert age_faces.near(identity, np.array([np.nan, np.nan])) == [(0, 1)]
    assert age_faces.near(identity, np.array([np.nan, 1.0])) == []


def test_views_are_the_same_by_the_same_seed_and_keep_the_face() -> None:
    y, x = np.mgrid[0:192, 0:192]
    crop = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    corners = np.array([[30, 30], [160, 30], [160, 160], [30, 160]], np.float32)
    sample = age_augment.sample
    for seed in range(40):
        views = [
            sample(np.random.default_rng(seed), crop, corners, crop[::-1], 0.86, size) for size in (96, 96)
        ]
        assert views[0].shape == (96, 96, 3) and views[0].dtype == np.uint8
        assert np.array_equal(views[0], views[1])
    plain = age_augment.plain(crop, 0.86, 96)
    assert plain[48, 48].astype(int) == pytest.approx(crop[96, 96].astype(int), abs=2)
    beyond = age_augment.surrounded(np.random.default_rng(3), crop, corners, crop[::-1])
    assert np.array_equal(beyond[80:110, 80:110], crop[80:110, 80:110])


def test_a_range_asks_for_nothing_but_that_the_age_is_within() -> None:
    outside = train_age_estimator.outside
    between = torch.tensor([[18.0, 100.0]])

    def at(year: int) -> float:
        return float(outside(torch.full((1, 101), -80.0).index_fill(1, torch.tensor([year]), 0.0), between))

    assert at(18) == at(50) == at(100) == pytest.approx(0, abs=1e-6)
    assert at(17) == pytest.approx(np.log(2), abs=1e-5)  # it ends softly
    logits = torch.full((1, 101), -80.0).index_fill(1, torch.tensor([6]), 0.0).requires_grad_(True)
    outside(logits.log_softmax(1), between).sum().backward()  # sure of a child, and wrong
    slope = logits.grad
    assert slope is not None and slope.isfinite().all() and slope[0, 6] > 0.9
    assert slope[0, 18:].sum() < -0.9 and slope[0, :16].sum() > 0.9


def test_ranges_and_ages_share_a_batch() -> None:
    train, nan = train_age_estimator, float("nan")
    torch.manual_seed(0)
    network = AgeNetwork(AgeConfig(size=32, folded=False))
    pictures = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    none = [nan, nan]
    batch = train.Batch(
        pictures,
        torch.tensor([30.0, 60.0, nan]),
        torch.tensor([2.0, 4.0, 4.0]),
        torch.tensor([none, none, [70.0, 100.0]]),
        torch.tensor([1.0, 0.0, nan]),
    )
    terms = train.losses(network, batch)
    assert set(terms) == {"divergence", "years", "sex", "range"}
    assert all(term.isfinite() and term > 0 for term in terms.values())
    without = train.losses(network, train.Batch(*(getattr(batch, name)[:2] for name in vars(batch))))
    assert set(without) == {"divergence", "years", "sex"}


def test_faces_of_known_range_have_no_age(tmp_path: Path) -> None:
    folder = tmp_path / "invented"
    folder.mkdir()
    row = {"least": "18", "most": "100"}
    common = {"exact": True, "female": None, "person": None, "corners": [[0, 0]] * 4}
    facts = [
        {"name": f"{i}.png", "age": 40.0 if i % 2 else None, "row": {} if i % 2 else row} | common
        for i in range(60)
    ]
    identity = np.random.default_rng(4).normal(0, 1, (60, 128)).astype(np.float32)
    np.save(folder / "000.crops.npy", np.zeros((60, 8, 8, 3), np.uint8))
    np.save(folder / "000.identity.npy", identity)
    (folder / "000.json").write_text(json.dumps(facts), encoding="utf-8")
    faces = age_faces.read_faces(tmp_path)
    exact, ranged = faces.where("train"), faces.ranged("train")
    assert len(exact) and (exact % 2 == 1).all() and not np.isnan(faces.age[exact]).any()
    assert len(ranged) and (ranged % 2 == 0).all() and (faces.between[ranged] == (18, 100)).all()


def test_a_picture_is_known_again_in_another_size_and_quality(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    one, other = (
        cv2.resize(random.integers(0, 256, (9, 9, 3), np.uint8), (240, 240), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    )
    cv2.imwrite(str(tmp_path / "test.jpg"), cv2.resize(one, (160, 160))[..., ::-1])
    known = age_invented.Known(tmp_path)
    assert known.before(one)
    assert not known.before(other) and known.before(other)


def test_a_set_holds_the_named_pictures_as_they_were(tmp_path: Path) -> None:
    source, output = tmp_path / "all.tar", tmp_path / "adults.tar"
    picture = cv2.imencode(".png", np.full((16, 16, 3), 90, np.uint8))[1].tobytes()
    for name, content in (
        ("a.png", picture),
        ("b.png", picture),
        ("labels.csv", b"file,age_group\na.png,70+\nb.png,\n"),
    ):
        (tmp_path / name).write_bytes(content)
    with tarfile.open(source, "w") as tar:
        for name in ("a.png", "b.png", "labels.csv"):
            tar.add(tmp_path / name, f"set/{name}")
    invented = age_invented
    rows = [invented.adult(one) for one in invented.pictures(source) if one.name == "a.png"]
    invented.write_set(output, source, rows)
    [kept] = list(invented.pictures(output))
    assert kept.name == "a.png" and kept.row["least"] == "70" and kept.row["most"] == "100"
    assert (kept.image == 90).all() and kept.row["age"] == ""


def test_children_are_not_drowned() -> None:
    module = age_faces
    names = ["utk"] * 90 + ["sfhq_children"] * 10
    nan = np.full(100, np.nan)
    age = np.where(np.arange(100) < 90, 30.0, 6.0)
    faces = module.Faces(
        [], [{"set": name} for name in names], nan, age, nan, nan, nan, np.array(["train"] * 100), nan
    )
    share = module.balance(faces, np.arange(100))
    assert share.sum() == pytest.approx(1)
    assert share[-1] / share[0] == pytest.approx(module.OFTENER * 3)  # the root of 90 / 10, and more often
