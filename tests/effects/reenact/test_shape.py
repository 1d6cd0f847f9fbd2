"""Where the points of a drawn face go."""

import numpy as np
import pytest

from faceswap_cli.effects.reenact.gaps import gaps, set_gaps
from faceswap_cli.effects.reenact.head import fit_head, lift_points, true_gaps
from faceswap_cli.effects.reenact.layout import LAYOUT_68
from faceswap_cli.effects.reenact.shape import draw_shape, find_neutral, fit_to_target, match_smile
from faceswap_cli.faces.landmarks.pose import estimate_pose, rotation_matrix

MEAN = LAYOUT_68.mean
NOSE = list(range(27, 36))


def seen(head, yaw=0.0, pitch=0.0, roll=0.0, scale=90.0):
    """Pixels of a head that is turned by so many degrees."""
    return scale * head @ rotation_matrix(yaw, pitch, roll)[:2].T + (300, 200)


def with_gap(opening, width):
    head = MEAN.copy()
    set_gaps(head, opening, np.full(len(opening.upper), width))
    return head


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -10, 12), (-30, 15, -40)])
def test_a_turned_head_is_found_and_its_points_come_back(angles):
    points = seen(MEAN, *angles)
    pose = fit_head(points, LAYOUT_68)
    head = lift_points(points, pose, LAYOUT_68)
    assert np.allclose(pose.rotation, rotation_matrix(*angles), atol=1e-6)
    assert pose.scale == pytest.approx(90)
    assert np.allclose(head, MEAN, atol=1e-6)
    assert np.allclose(pose.project(head), points)
    assert np.allclose(estimate_pose(points), angles, atol=1e-4)


def test_points_of_another_shape_come_back_too():
    points = seen(MEAN, 20) + np.random.default_rng(0).normal(0, 3, (68, 2))
    pose = fit_head(points, LAYOUT_68)
    assert np.allclose(pose.project(lift_points(points, pose, LAYOUT_68)), points)


@pytest.mark.parametrize("opening", LAYOUT_68.openings)
def test_a_gap_becomes_as_wide_as_it_is_set_and_corners_stay(opening):
    head = with_gap(opening, 0.15)
    assert np.allclose(gaps(head, opening), 0.15)
    corners = list(opening.corners)
    assert np.array_equal(head[corners], MEAN[corners])


def test_lips_keep_their_thickness():
    head = with_gap(LAYOUT_68.mouth, 0.2)
    for outer, inner in ((51, 62), (57, 66)):
        thick = np.linalg.norm((MEAN[outer] - MEAN[inner])[:2])
        assert np.linalg.norm((head[outer] - head[inner])[:2]) == pytest.approx(thick, abs=0.01)


def test_lips_that_touch_are_shut_and_wide_ones_wider_than_measured():
    mouth = LAYOUT_68.mouth
    for measured, true in ((mouth.slack, 0.0), (mouth.slack + 0.1, 0.1 * mouth.gain)):
        points = true_gaps(seen(with_gap(mouth, measured)), 90.0, LAYOUT_68)
        assert np.allclose(gaps(points, mouth) / 90, true, atol=1e-6)


def test_rest_is_the_median_with_open_eyes():
    eye = LAYOUT_68.eyes[0]
    heads = [with_gap(eye, width) for width in (0.03, 0.03, 0.03, 0.1, 0.1)]
    neutral = find_neutral(heads, LAYOUT_68)
    assert np.allclose(gaps(neutral, eye), 0.1)
    assert np.allclose(neutral[NOSE], MEAN[NOSE])


def test_between_the_two_shapes_lies_the_share_that_is_asked_for():
    source = MEAN.copy()
    source[NOSE, 1] += 0.05
    for share in (0, 0.5, 1):
        drawn = draw_shape(MEAN, MEAN, source, LAYOUT_68, share).drawn
        assert np.allclose(drawn[NOSE, 1] - MEAN[NOSE, 1], 0.05 * share)
        assert np.allclose(drawn[:17], MEAN[:17])  # the outline is the target's


def test_the_drawn_face_moves_as_the_target_does():
    head = MEAN.copy()
    head[17:27, 1] -= 0.06
    drawn = draw_shape(head, MEAN, MEAN, LAYOUT_68, 0.6)
    assert np.allclose((drawn.drawn - MEAN)[17:27, 1], -0.06)
    still = draw_shape(head, MEAN, MEAN, LAYOUT_68, 0.6, expression=0.0)
    assert np.allclose((still.drawn - MEAN)[17:27, 1], 0)


def test_a_mouth_that_is_open_on_the_photo_shuts_with_the_target():
    mouth = LAYOUT_68.mouth
    target, photo = with_gap(mouth, 0.0), with_gap(mouth, 0.2)
    shape = draw_shape(target, target, photo, LAYOUT_68, 0.6)
    assert gaps(shape.drawn, mouth).max() < 0.01
    assert np.allclose(gaps(shape.still, mouth), 0.2)


def test_lids_shut_with_the_target_however_wide_the_photo_looks():
    target = MEAN.copy()
    photo = MEAN.copy()
    for eye in LAYOUT_68.eyes:
        set_gaps(target, eye, gaps(MEAN, eye) * eye.closed)
        set_gaps(photo, eye, gaps(MEAN, eye) * 1.3)
    shape = draw_shape(target, MEAN, photo, LAYOUT_68, 0.6)
    for eye in LAYOUT_68.eyes:
        assert gaps(shape.drawn, eye).max() < 0.01
    awake = draw_shape(MEAN, MEAN, photo, LAYOUT_68, 0.6)
    assert gaps(awake.drawn, LAYOUT_68.eyes[0]).mean() > gaps(MEAN, LAYOUT_68.eyes[0]).mean()


def test_a_smile_on_the_photo_is_no_shape_of_the_mouth():
    smiling = MEAN.copy()
    for corner, side in ((48, -1), (60, -1), (54, 1), (64, 1)):
        smiling[corner, :2] += (0.05 * side, -0.05)
    calm = match_smile(smiling, MEAN, LAYOUT_68)
    assert np.ptp(calm[[60, 64], 0]) < np.ptp(smiling[[60, 64], 0]) - 0.05
    assert np.array_equal(match_smile(MEAN, MEAN, LAYOUT_68), MEAN)


def test_another_size_and_tilt_of_the_photo_does_not_matter():
    turned = MEAN.copy()
    turned[:, :2] = 1.2 * MEAN[:, :2] @ rotation_matrix(0, 0, 8)[:2, :2].T + (0.1, -0.05)
    assert np.allclose(fit_to_target(turned, MEAN, LAYOUT_68)[:, :2], MEAN[:, :2], atol=1e-6)
