"""Blinks, open mouths and glances are drawn more often where a face set's dense points tell of them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.faces.geometry import STORED_SIDE, mean_face, transform
from faceswap_cli.faces.landmarks.dense_states import measure_states
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.training.data.cache import load_cached_faces
from faceswap_cli.training.data.dataset import Faces, load_faces
from faceswap_cli.training.data.state_balance import MOST, UNKNOWN, state_weights
from faceswap_cli.training.objectives.swap import swap_batches
from faceswap_cli.training.runs.settings import SwapSettings
from tests.dense_faces import dense_of, expression_of
from tests.face_sets import make_set, packed, record
from tests.training.conftest import made_up_faces

RARE = {"lids": (0.01, 0.05, 0.0), "mouth": (0.09, 0.2, 0.0), "gaze": (0.09, 0.01, 0.8)}
"""States that differ from the common one in one thing."""


def states_of(*rare: tuple[float, float, float], common: int = 95) -> np.ndarray:
    rng = np.random.default_rng(0)
    usual = np.array([0.09, 0.01, 0.0]) + rng.normal(0, 1, (common, 3)) * [0.003, 0.002, 0.03]
    return np.concatenate([usual, rare]).astype(np.float32)


@pytest.mark.parametrize("state", [*RARE.values(), (0.13, 0.01, 0.0)], ids=[*RARE, "wide"])
def test_a_rare_state_is_drawn_up_to_three_times_as_often(state: tuple[float, float, float]) -> None:
    weights = state_weights(states_of(*[state] * 5))
    assert weights[:95].max() < 1.6 and weights[95:].min() > 2.5
    assert weights.min() >= 1 and weights.max() <= MOST
    assert np.array_equal(state_weights(states_of(*[state] * 5), power=0), np.ones(100))


def test_looking_to_either_side_is_one() -> None:
    weights = state_weights(states_of((0.09, 0.01, 0.6), (0.09, 0.01, -0.6)))
    assert weights[-1] == pytest.approx(weights[-2], rel=1e-6)


def test_what_is_not_known_is_common() -> None:
    states = states_of(RARE["lids"])
    assert np.array_equal(state_weights(np.tile(UNKNOWN, (9, 1))), np.ones(9))
    states[:10] = UNKNOWN
    weights = state_weights(states)
    assert np.array_equal(weights[:10], np.ones(10)) and weights[-1] > 2


def drawn_shut(faces: Faces) -> float:
    """The share of the one face whose mask is all of the picture among those that a training draws."""
    settings = SwapSettings(network={"resolution": 32}, batch=512, recolour=0.0)
    people = {"a": faces, "b": faces}
    batches = swap_batches(people, settings)
    drawn = [batches(torch.Generator().manual_seed(seed), 0.0)[0].mask for seed in (0, 0, 1, 2, 3, 4, 5, 6)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[1], drawn[2])
    return float((torch.cat(drawn[1:]).flatten(1).mean(1) > 0.99).float().mean())


def test_a_training_draws_them_so_and_as_its_seed_says() -> None:
    faces = made_up_faces((200, 150, 120), count=20)
    faces = replace(faces, traits=torch.zeros_like(faces.traits))
    faces.mask[19] = 255
    plain = drawn_shut(faces)
    known = replace(faces, states=torch.from_numpy(states_of(RARE["lids"], common=19)))
    assert plain == pytest.approx(1 / 20, abs=0.012)
    assert 2.2 / 22 < drawn_shut(known) < 3.4 / 22


@pytest.fixture
def face_set(tmp_path):
    """Twelve faces of which the last one's eyes are shut and look aside."""
    rare = {"packed": packed(lids=0.02, gaze=0.7)}
    return FaceSet.open(
        make_set(tmp_path / "faces", 12, change=lambda k: rare if k == 11 else {"packed": packed()})
    )


def test_samples_carry_states_and_outlines_of_eyes_and_mouth(face_set) -> None:
    faces = load_faces(face_set, 64)
    assert faces.states.shape == (12, 3) and faces.states[:, 0].min() > 0
    assert faces.states[11, 0] < 0.2 * faces.states[0, 0] and faces.states[11, 2] > 0.65
    # The weight lies on the lids where they are: lower over shut ones.
    open_, shut = (faces.weight[k, 0].float().numpy() for k in (0, 11))
    points = transform(record("x.jpg", 0).landmarks, record("x.jpg", 0).matrix)
    zoom = 64 / 2.0 * STORED_SIDE / face_set.crop_size
    x, y = (points[36:42].mean(0) - (face_set.crop_size - 1) / 2) * zoom + 31.5
    eye = np.s_[round(y) - 8 : round(y) + 9, round(x) - 8 : round(x) + 9]
    assert shut[eye].sum() < 0.9 * open_[eye].sum()
    assert shut[round(y), round(x)] > 200
    mouth = np.s_[40:60, 20:44]
    assert np.array_equal(open_[mouth], shut[mouth])


def test_the_cache_keeps_states_and_a_set_of_68_has_none(face_set, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("faceswap_cli.training.data.cache.SPARE", 0)
    for _ in range(2):  # made, and read
        cached = load_cached_faces(face_set, 64)
        assert torch.equal(cached.states, load_faces(face_set, 64).states)
    plain = load_faces(FaceSet.open(make_set(tmp_path / "plain")), 64)
    assert torch.equal(plain.states, torch.from_numpy(UNKNOWN).expand(12, -1))


def test_states_are_the_same_however_large_and_turned_the_face_is() -> None:
    landmarks = mean_face(256, 2.0)
    dense = dense_of(landmarks, mouth=0.5)
    dense[:, 2] = 0
    found = measure_states(dense, expression_of(gaze_x_left=0.5, gaze_x_right=0.3))
    assert found[2] == pytest.approx(0.4)
    turn = np.eye(3)
    turn[:2, :2] = cv2.getRotationMatrix2D((0, 0), 30, 2.5)[:, :2]
    turn[2, 2] = 2.5
    assert np.allclose(measure_states(dense @ turn.T, np.zeros(26))[:2], found[:2], rtol=1e-4)
    angle = np.radians(35)  # about the vertical: the lids and the mouth's middle get no higher in face units
    side = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    assert np.allclose(measure_states(dense @ side.T, np.zeros(26))[:2], found[:2], rtol=0.02)
