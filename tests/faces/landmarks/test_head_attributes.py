"""Attributes are read from dense points whichever way the head looks, and points moved by them."""

from __future__ import annotations

import numpy as np
import pytest

from faceswap_cli.faces.landmarks.attributes import MIRRORED, measure_attributes
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES, MIRROR_DENSE, opening_pairs
from faceswap_cli.faces.landmarks.head_attributes import (
    change_head_attributes,
    measure_head_attributes,
    measure_points,
)
from faceswap_cli.faces.landmarks.head_model import load_head_model
from faceswap_cli.faces.landmarks.pose import rotation_matrix
from faceswap_cli.networks.swap.conditions import EXPRESSION, TRAITS


def face(yaw: float = 0, pitch: float = 0, roll: float = 0, **expression: float) -> np.ndarray:
    """Dense points (222, 3), in pixels, of the mean head with an expression."""
    head = load_head_model()
    told = np.zeros(len(EXPRESSION_NAMES))
    for name, value in expression.items():
        told[EXPRESSION_NAMES.index(name)] = value
    shape = head.mean + np.tensordot(told, head.expression, 1)
    points: np.ndarray = 90 * shape @ rotation_matrix(yaw, pitch, roll).T + (200, 150, 7)
    return points


@pytest.mark.parametrize("name", TRAITS)
@pytest.mark.parametrize("turned", [(0, 0, 0), (-25, 12, 20)])
def test_what_is_asked_for_is_measured_afterwards(name: str, turned: tuple[float, float, float]) -> None:
    points, change = face(*turned, jaw_open=0.3), 0.8 * (np.array(TRAITS) == name)
    found = measure_head_attributes(change_head_attributes(points, change)) - measure_head_attributes(points)
    np.testing.assert_allclose(found, change, atol=0.1)


def test_an_expression_is_the_same_whichever_way_the_head_looks() -> None:
    smiling = {"smile_right": 0.7, "smile_left": 0.7, "blink_right": 0.4, "blink_left": 0.4}
    ahead = measure_head_attributes(face(**smiling))
    for turned in ((40, 0, 0), (-35, 0, 10), (0, -25, 0), (20, 20, -30)):
        there = measure_head_attributes(face(*turned, **smiling))
        np.testing.assert_allclose(there[EXPRESSION], ahead[EXPRESSION], atol=1e-4)
        assert there[:3] * (30, 20, 10) == pytest.approx(turned, abs=0.1)
    # What 68 flat points can't tell:
    flat = [measure_attributes(face(yaw, **smiling)[:68, :2])[EXPRESSION] for yaw in (0, 40)]
    assert np.abs(flat[0] - flat[1]).max() > 1


def test_no_change_moves_nothing_and_lids_and_lips_meet_and_do_not_pass() -> None:
    points = face(10, -5, 15, jaw_open=0.2)
    np.testing.assert_allclose(change_head_attributes(points, np.zeros(len(TRAITS))), points, atol=1e-6)
    shut = change_head_attributes(points, [0, 0, 0, -5, 0, 0, -9])
    level = (shut - shut.mean(0)) @ rotation_matrix(10, -5, 15)
    for outline in ("right_lids", "left_lids", "lips_inner"):
        upper, lower = opening_pairs(outline)
        apart = level[lower, 1] - level[upper, 1]
        assert apart.min() > -1e-6 and apart.mean() < 0.02 * 90


def test_a_picture_and_its_mirror_image_are_changed_alike() -> None:
    points, change = face(15, 5, 0), np.array([0.5, 0.3, 0.2, 0.6, 0.4, -0.5, 0.2])
    one = change_head_attributes(points, change)
    other = change_head_attributes((points * (-1, 1, 1))[MIRROR_DENSE], change * MIRRORED)
    np.testing.assert_allclose((other * (-1, 1, 1))[MIRROR_DENSE], one, atol=2.0)  # of 90 to the eye distance


def test_landmarks_without_depth_are_read_as_ever() -> None:
    points = face(20, 3, 2, smile_left=0.5)
    assert np.array_equal(measure_points(points[:68, :2]), measure_attributes(points[:68, :2]))
    assert np.array_equal(measure_points(points), measure_head_attributes(points))
