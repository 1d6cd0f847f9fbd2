from __future__ import annotations

import numpy as np
import pytest

from faceswap_cli.faces.landmarks import dense
from faceswap_cli.faces.landmarks.mean_shape import MIRROR


def test_the_points_are_ibugs_and_the_teachers() -> None:
    assert dense.POINTS == 222 == len(dense.POINT_NAMES) == len(set(dense.POINT_NAMES))
    assert len(set(dense.MESH_VERTICES)) == 154
    assert dense.MESH_VERTICES.min() >= 0 and dense.MESH_VERTICES.max() == 477
    numbers = np.concatenate(list(dense.GROUPS.values()))
    assert (numbers == np.arange(dense.POINTS)).all()


def test_a_mirror_image_of_a_mirror_image_is_the_face() -> None:
    assert (dense.MIRROR_DENSE[dense.MIRROR_DENSE] == np.arange(dense.POINTS)).all()
    assert (dense.MIRROR_DENSE[:68] == MIRROR).all()
    assert (dense.MIRROR_EXPRESSION[dense.MIRROR_EXPRESSION] == np.arange(len(dense.EXPRESSIONS))).all()


@pytest.mark.parametrize("part", ["lids", "iris", "brow"])
def test_the_sides_are_each_others_mirror_image(part: str) -> None:
    right, left = dense.GROUPS[f"right_{part}"], dense.GROUPS[f"left_{part}"]
    assert (dense.MIRROR_DENSE[right] == left).all()


def test_gaze_to_the_right_is_to_the_left_in_a_mirror_and_up_stays_up() -> None:
    told = np.zeros(len(dense.EXPRESSIONS))
    x, y = dense.EXPRESSION_NAMES.index("gaze_x_right"), dense.EXPRESSION_NAMES.index("gaze_y_right")
    told[x], told[y] = 0.5, 0.3
    mirrored = told[dense.MIRROR_EXPRESSION] * dense.MIRROR_SIGN
    assert mirrored[dense.EXPRESSION_NAMES.index("gaze_x_left")] == -0.5
    assert mirrored[dense.EXPRESSION_NAMES.index("gaze_y_left")] == 0.3


def test_the_opening_is_the_gap_between_the_edges() -> None:
    points = np.zeros((dense.POINTS, 2))
    lids = dense.GROUPS["left_lids"]
    angle = np.linspace(0, 2 * np.pi, len(lids), endpoint=False)
    points[lids] = np.column_stack([-np.cos(angle), -0.3 * np.sin(angle)])  # an ellipse, .6 high
    assert 0.5 < dense.measure_opening(points, "left_lids") < 0.6
    upper, lower = dense.opening_pairs("left_lids")
    assert np.allclose(points[upper, 0], points[lower, 0])
    points[lids, 1] = 0
    assert dense.measure_opening(points, "left_lids") < 1e-9


def test_points_of_a_copy_lie_where_its_pixels_do() -> None:
    points = np.random.default_rng(0).normal(100, 20, (dense.POINTS, 3)).astype(np.float32)
    large = dense.scale_dense(points, 4)
    assert large.dtype == np.float32
    assert np.allclose((large[:, :2] + 0.5) / 4 - 0.5, points[:, :2], atol=1e-4)
    assert np.allclose(large[:, 2], 4 * points[:, 2], atol=1e-3)
    moved = dense.scale_dense(points, 0.5, (10, 20))
    assert np.allclose(moved, dense.scale_dense(points - [10, 20, 0], 0.5), atol=1e-4)
