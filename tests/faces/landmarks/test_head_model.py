from __future__ import annotations

import numpy as np
import pytest

from faceswap_cli.faces.landmarks.dense import POINTS
from faceswap_cli.faces.landmarks.head_model import (
    estimate_head_pose,
    fit_similarity_3d,
    learn_head,
    load_head_model,
)
from faceswap_cli.faces.landmarks.pose import rotation_matrix


def test_a_similarity_is_found_again() -> None:
    random = np.random.default_rng(0)
    points, turn = random.normal(size=(30, 3)), rotation_matrix(40, -20, 170)
    scale, rotation, shift = fit_similarity_3d(points, 2.5 * points @ turn.T + [3, -1, 7])
    assert np.isclose(scale, 2.5) and np.allclose(rotation, turn) and np.allclose(shift, [3, -1, 7])


def test_a_learnt_head_tells_pose_person_and_expression_apart() -> None:
    """Faces made of known directions: a stranger among them is found again, turned and in other units."""
    random = np.random.default_rng(1)
    shape = random.normal(size=(POINTS, 3))
    shape[[36, 45]] = [-0.5, 0, 0], [0.5, 0, 0]
    identity, moves = 0.05 * random.normal(size=(3, POINTS, 3)), 0.1 * random.normal(size=(2, POINTS, 3))
    moves[:, :17] = 0
    whose, told = np.repeat(np.arange(60), 4), random.uniform(0, 1, (240, 2))
    who = random.normal(size=(60, 3))[whose]

    def turned(points: np.ndarray) -> np.ndarray:
        return random.uniform(50, 90) * points @ rotation_matrix(*random.normal(0, 20, 3)).T + 100

    def face(person: np.ndarray, expression: np.ndarray) -> np.ndarray:
        return shape + np.tensordot(person, identity, 1) + np.tensordot(expression, moves, 1)

    faces = np.array([turned(face(p, e)) for p, e in zip(who, told, strict=True)])
    model = learn_head(faces, told, whose, identities=3)
    stranger = turned(face(random.normal(size=3), np.array([0.9, 0.1])))
    fit = model.fit(stranger, rounds=6)
    drawn = fit.scale * model.head(fit.identity, fit.expression) @ fit.rotation.T + fit.shift
    eyes = np.linalg.norm(stranger[45] - stranger[36])
    assert np.linalg.norm(drawn - stranger, axis=1).mean() / eyes < 0.06
    assert np.abs(fit.expression - [0.9, 0.1]).max() < 0.2
    at_rest = fit.scale * model.mean @ fit.rotation.T + fit.shift
    assert np.linalg.norm(at_rest - stranger, axis=1).mean() / eyes > 0.12


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, -12, 5), (-20, 18, -30)])
def test_the_pose_of_dense_points_is_that_of_the_head(angles: tuple[float, float, float]) -> None:
    head = load_head_model().mean
    points = 80 * head @ rotation_matrix(*angles).T + (200, 150, 3)
    assert np.allclose(estimate_head_pose(points), angles, atol=1e-4)
