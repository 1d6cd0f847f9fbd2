"""Attributes are read from landmarks, and landmarks moved by them."""

import numpy as np
import pytest

from faceswap_cli.faces.geometry import MEAN_FACE
from faceswap_cli.faces.landmarks.attributes import MIRRORED, change_attributes, measure_attributes
from faceswap_cli.faces.landmarks.mean_shape import MIRROR
from faceswap_cli.faces.landmarks.pose import estimate_pose, rotation_matrix
from faceswap_cli.networks.swap.conditions import TRAITS


@pytest.mark.parametrize("name", TRAITS)
def test_what_is_asked_for_is_measured_afterwards(name):
    change = np.zeros(len(TRAITS))
    change[TRAITS.index(name)] = 0.8
    found = measure_attributes(change_attributes(MEAN_FACE, change)) - measure_attributes(MEAN_FACE)
    assert found[TRAITS.index(name)] == pytest.approx(0.8, abs=0.05)


def test_no_change_moves_nothing_and_lids_and_lips_do_not_pass_each_other():
    np.testing.assert_allclose(change_attributes(MEAN_FACE, np.zeros(len(TRAITS))), MEAN_FACE, atol=1e-6)
    shut = change_attributes(MEAN_FACE, [0, 0, 0, -5, 0, 0, -9])
    for upper, lower in ((37, 41), (44, 46), (62, 66)):
        assert shut[lower, 1] > shut[upper, 1]


def test_a_picture_and_its_mirror_image_are_changed_alike():
    change = np.array([0.5, 0.3, 0.2, 0.6, 0.4, -0.5, 0.2])
    one = change_attributes(MEAN_FACE, change)
    other = change_attributes((MEAN_FACE * (-1, 1))[MIRROR], change * MIRRORED)
    np.testing.assert_allclose((other * (-1, 1))[MIRROR], one, atol=0.02)


def test_a_rotation_has_the_angles_that_were_asked_for():
    from faceswap_cli.faces.landmarks.mean_shape import DEPTH

    turned = (np.column_stack([MEAN_FACE, -DEPTH]) @ rotation_matrix(20, -10, 5).T)[:, :2]
    assert estimate_pose(turned) == pytest.approx((20, -10, 5), abs=1e-6)
