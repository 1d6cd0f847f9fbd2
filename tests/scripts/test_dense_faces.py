"""Labels, views and one step of the dense landmark training, on an invented face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from faceswap_cli.faces import geometry
from faceswap_cli.faces.landmarks.dense import (
    EXPRESSION_NAMES,
    GROUPS,
    MESH_VERTICES,
    MIRROR_DENSE,
    POINTS,
    measure_opening,
)
from faceswap_cli.faces.landmarks.fine import PARTS, part_size
from faceswap_cli.networks.perception.dense_landmarks import DenseLandmarkConfig, DenseLandmarkNetwork
from faceswap_cli.networks.perception.fine_landmarks import FineLandmarkConfig, FineLandmarkNetwork
from scripts.bench.dense_landmarks import find_blinks
from scripts.data import fine_faces
from scripts.data.dense_faces import UNIT, Faces, Source, adapt_ibug
from scripts.data.dense_views import turn_dense
from scripts.data.landmark_data import SIDE, SIZE
from scripts.data.landmark_teacher import expression_matrix
from scripts.train import fine_landmarks
from scripts.train.dense_landmarks import Ahead, losses


def invented_points() -> np.ndarray:
    """(222, 3): outlines as ellipses in their places, in pixels of a crop."""
    points = np.zeros((POINTS, 3))
    points[:68, :2] = geometry.mean_face(SIZE, SIDE)
    random = np.random.default_rng(0)
    points[68:, :2] = SIZE / 2 + random.uniform(-0.6, 0.6, (POINTS - 68, 2)) * UNIT
    places = {"right_lids": (36, 39, 0.05), "left_lids": (45, 42, 0.05), "lips_inner": (60, 64, 0.08)}
    for name, (a, b, height) in (places | {"lips_outer": (48, 54, 0.2)}).items():
        group, middle = GROUPS[name], (points[a, :2] + points[b, :2]) / 2
        angle = np.linspace(0, 2 * np.pi, len(group), endpoint=False)
        points[group, 0] = middle[0] - np.cos(angle) * (middle[0] - points[a, 0])
        points[group, 1] = middle[1] - np.sin(angle) * height * UNIT
    for side, (a, b) in {"right": (36, 39), "left": (42, 45)}.items():
        points[GROUPS[f"{side}_iris"], :2] = (points[a, :2] + points[b, :2]) / 2
    points[:, 2] = ((points[:, 0] - SIZE / 2) / UNIT) ** 2 * 0.5 * UNIT
    return points


@pytest.fixture(name="labels")
def made_labels(tmp_path: Path) -> Path:
    """Labels of six pictures of noise with the same invented points."""
    points, count = invented_points(), 6
    random = np.random.default_rng(0)
    np.savez(
        tmp_path / "own-london.npz",
        crops=random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8),
        ibug=np.repeat(points[None, :68, :2], count, 0),
        dense=np.repeat(points[None, 68:], count, 0),
        ibug_spread=np.full((count, 68), 0.01),
        dense_spread=np.full((count, 154), 0.01),
        visible=np.ones((count, 68)),
        expression=np.zeros((count, len(EXPRESSION_NAMES))),
        names=np.array([f"{i}.png" for i in range(count)]),
    )
    return tmp_path / "own-london.npz"


def test_a_blink_closes_the_lids_and_says_so() -> None:
    points, crop = invented_points(), np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    still = np.zeros(len(EXPRESSION_NAMES))
    before = turn_dense(crop, points, still, 0, 0, 0.0)
    after = turn_dense(crop, points, still, 0, 0, 1.0)
    for lids, (upper, lower) in {"right_lids": (37, 41), "left_lids": (44, 46)}.items():
        assert np.isclose(measure_opening(before.points, lids), measure_opening(points, lids))
        assert measure_opening(after.points, lids) < 1e-6
        assert np.linalg.norm(after.points[upper] - after.points[lower]) < 1e-6
    assert after.expression[EXPRESSION_NAMES.index("blink_left")] == 1
    assert np.allclose(
        np.delete(after.points, np.r_[36:48, 68:150], 0)[:, :2],
        np.delete(before.points, np.r_[36:48, 68:150], 0)[:, :2],
    )
    assert (before.image != after.image).any() and before.expression.sum() == 0


def test_a_turned_head_shows_one_side_more() -> None:
    points, crop = invented_points(), np.zeros((SIZE, SIZE, 3), np.uint8)
    made = turn_dense(crop, points, np.zeros(len(EXPRESSION_NAMES)), 40, 0, 0.0)
    right, left = (np.ptp(made.points[GROUPS[f"{s}_lids"], 0]) for s in ("right", "left"))
    assert right != left
    assert made.points[30, 0] > points[30, 0]  # the nose goes to where the face looks
    assert np.isclose(made.points[36, 2], -made.points[45, 2])


def test_lids_and_lips_of_the_68_follow_the_teacher() -> None:
    """Where the teacher's lids are shut, the 68's are, though the first network saw them open."""
    points = invented_points()
    dense = np.repeat(points[None, 68:], 3, 0)
    first = np.repeat(points[None, :68, :2], 3, 0)
    for lids in ("right_lids", "left_lids"):
        dense[2, GROUPS[lids] - 68, 1] = dense[2, GROUPS[lids] - 68, 1].mean()
    joined = adapt_ibug(first, dense)
    gaps = np.linalg.norm(joined[:, [37, 38, 43, 44], :2] - joined[:, [41, 40, 47, 46], :2], axis=2).mean(1)
    assert gaps[2] < 0.3 * gaps[0]
    assert np.allclose(joined[:, :36, :2], first[:, :36])


def test_one_step_lowers_the_loss_and_a_seed_draws_the_same(labels: Path, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    faces = Faces([labels])
    source = Source(faces, 112, 2.6, 4, tmp_path / "views.npz")
    again = Source(faces, 112, 2.6, 4, tmp_path / "views.npz")
    assert (source.views["crops"] == again.views["crops"]).all()
    assert len(Source(faces, 112, 2.6, 3, tmp_path / "views.npz").views["of"]) == 3
    a, b = (s.draw(np.random.default_rng(3)) for s in (source, again))
    assert (a.image == b.image).all() and (a.points == b.points).all()
    torch.manual_seed(0)
    network = DenseLandmarkNetwork(DenseLandmarkConfig())
    network.mean_shape.copy_(torch.from_numpy(faces.mean_shape()))
    with ThreadPoolExecutor(1) as pool:
        [batch] = Ahead(pool, source, 4, torch.device("cpu"))(torch.Generator().manual_seed(1), 0.0)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    totals = []
    for _ in range(5):
        optimiser.zero_grad()
        total = torch.stack(list(losses(network, batch).values())).sum()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < totals[0]


def test_the_mean_shape_is_symmetric(labels: Path) -> None:
    shape = Faces([labels]).mean_shape()
    assert np.allclose(shape[MIRROR_DENSE] * [-1, 1, 1], shape)


def test_every_coefficient_is_read_from_the_teachers() -> None:
    matrix = expression_matrix()
    assert (np.abs(matrix).sum(1) > 0).all() and np.abs(matrix).max() == 1
    assert len(MESH_VERTICES) == POINTS - 68


def test_blinks_are_runs_of_shut_lids() -> None:
    opening = np.array([0.1, 0.1, 0.02, 0.01, 0.1, 0.1, 0.1, 0.0, 0.1])
    assert find_blinks(opening) == [(2, 3), (7, 7)]


def test_views_for_the_closer_look_and_one_step_of_it(labels: Path, tmp_path: Path) -> None:
    drawer = fine_faces.Drawer(Faces([labels]))
    a, b = (drawer(np.random.default_rng(5)) for _ in range(2))
    assert (a[0] == b[0]).all() and (a[1] == b[1]).all()
    image, points, weight, expression, sure = a
    assert image.shape == (288, 288, 3) and points.shape == (POINTS, 2) and weight.shape == (POINTS,)
    assert expression.shape == (len(EXPRESSION_NAMES),)
    config = FineLandmarkConfig()
    first, told = points + 2.0, expression * 0
    rows = {}
    for part in (PARTS[1], PARTS[2]):
        size, side = part_size(config, part)
        row = fine_faces.cut(image, first, told, points, weight, expression, part, size, side)
        assert row[""].shape == (size, size, 3)
        # The label lies off the first look by as much as in the picture, and is mirrored with it.
        apart = row["_points"] - row["_first"]
        assert np.allclose(apart, apart[0], atol=1e-3)
        assert np.sign(apart[0]).tolist() == ([1, -1] if part.mirrored else [-1, -1])
        row["_sure"] = np.float32(sure)
        rows |= {part.kind + name: np.stack([value] * 3) for name, value in row.items()}
    (tmp_path / "pool").mkdir()
    np.savez(tmp_path / "pool" / "1.npz", **rows)
    pool = fine_landmarks.Pool(tmp_path / "pool", 4, torch.device("cpu"))
    generator = torch.Generator().manual_seed(1)
    [batch], [again] = pool(generator, 0.0), pool(generator, 0.0)
    assert batch.eye.shape == (4, 3, 64, 64) and torch.equal(batch.eye, again.eye)
    torch.manual_seed(0)
    network = FineLandmarkNetwork(config)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    totals = []
    for _ in range(5):
        optimiser.zero_grad()
        total = torch.stack(list(fine_landmarks.losses(network, batch).values())).sum()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < totals[0]
