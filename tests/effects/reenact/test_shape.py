"""Where the points of a drawn face go."""

import numpy as np
import pytest

from faceswap_cli.effects.reenact.gaps import gaps, measure_gaze, set_gaps, set_gaze
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.shape import (
    draw_shape,
    find_rest,
    fit_photo,
    fit_to_target,
    mix_photos,
    open_as_photo,
    turn_inner,
)
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES
from faceswap_cli.faces.landmarks.pose import rotation_matrix

LAYOUT = face_layout()
MEAN = LAYOUT.head.mean
NOSE = list(range(104, 118))
OPENINGS = range(3)
OWN = fit_photo(MEAN, MEAN, LAYOUT)


def seen(head, yaw=0.0, pitch=0.0, roll=0.0, scale=90.0):
    """Pixels of a head that is turned by so many degrees."""
    return scale * head @ rotation_matrix(yaw, pitch, roll).T + (300, 200, 10)


def with_gap(opening, width):
    head = MEAN.copy()
    set_gaps(head, opening, np.full(len(opening.upper), width))
    return head


def expressed(**coefficients):
    """The mean head with an expression."""
    told = np.array([coefficients.get(name, 0.0) for name in EXPRESSION_NAMES])
    return LAYOUT.head.head(np.zeros(len(LAYOUT.head.identity)), told)


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -10, 12), (-30, 15, -40)])
def test_a_turned_head_is_found_and_its_points_come_back(angles):
    points = seen(MEAN, *angles)
    pose = fit_head(points, LAYOUT)
    assert np.allclose(pose.rotation, rotation_matrix(*angles), atol=1e-6)
    assert pose.scale == pytest.approx(90)
    assert np.allclose(pose.lift(points), MEAN, atol=1e-6)
    assert np.allclose(pose.project(pose.lift(points)), points)


def test_points_of_another_shape_come_back_too():
    points = seen(MEAN, 20) + np.random.default_rng(0).normal(0, 3, MEAN.shape)
    pose = fit_head(points, LAYOUT)
    assert np.allclose(pose.project(pose.lift(points)), points)


@pytest.mark.parametrize("which", OPENINGS)
def test_openings_lie_from_left_to_right_and_from_top_to_bottom(which):
    opening = LAYOUT.openings[which]
    assert MEAN[opening.corners[0], 0] < MEAN[opening.corners[1], 0]
    for some in (opening.upper, opening.lower, opening.above, opening.below):
        assert (np.diff(MEAN[list(some), 0]) > 0).all()
    assert (MEAN[list(opening.upper), 1] <= MEAN[list(opening.lower), 1] + 0.01).all()


@pytest.mark.parametrize("which", OPENINGS)
def test_a_gap_becomes_as_wide_as_it_is_set_and_corners_stay(which):
    opening = LAYOUT.openings[which]
    head = with_gap(opening, 0.15)
    assert np.allclose(gaps(head, opening), 0.15)
    corners = list(opening.corners)
    assert np.array_equal(head[corners], MEAN[corners])


def test_lips_keep_their_thickness():
    mouth = LAYOUT.mouth
    head = with_gap(mouth, 0.2)
    for outer, inner in ((mouth.above[4], mouth.upper[4]), (mouth.below[4], mouth.lower[4])):
        thick = np.linalg.norm((MEAN[outer] - MEAN[inner])[:2])
        assert np.linalg.norm((head[outer] - head[inner])[:2]) == pytest.approx(thick, abs=0.01)


def test_an_iris_goes_where_it_is_told():
    for eye in LAYOUT.eyes:
        head = MEAN.copy()
        set_gaze(head, eye, np.array([0.35, 0.02]))
        assert np.allclose(measure_gaze(head, eye), (0.35, 0.02))
        others = np.setdiff1d(np.arange(len(MEAN)), eye.iris)
        assert np.array_equal(head[others], MEAN[others])


def test_rest_is_the_median_with_open_eyes():
    eye = LAYOUT.eyes[0]
    rest = find_rest([with_gap(eye, width) for width in (0.03, 0.03, 0.03, 0.1, 0.1)], LAYOUT)
    assert np.allclose(gaps(rest, eye), 0.1)
    assert np.allclose(rest[NOSE], MEAN[NOSE])


def test_between_the_two_shapes_lies_the_share_that_is_asked_for():
    source = LAYOUT.head.head(np.eye(len(LAYOUT.head.identity))[0] * 2, np.zeros(len(EXPRESSION_NAMES)))
    photo = fit_photo(source, MEAN, LAYOUT)
    wanted = photo.calm - MEAN
    outline = LAYOUT.shape == 0
    for share in (0, 0.5, 1):
        drawn = draw_shape(MEAN, MEAN, photo, LAYOUT, share).drawn
        assert np.allclose((drawn - MEAN)[NOSE], share * wanted[NOSE])
        assert np.allclose(drawn[outline], MEAN[outline])  # the outline is the target's


def test_the_drawn_face_moves_as_the_target_does():
    head = MEAN.copy()
    brows = [place for brow in LAYOUT.brows for place in brow]
    head[brows, 1] -= 0.06
    drawn = draw_shape(head, MEAN, OWN, LAYOUT, 0.6)
    assert np.allclose((drawn.drawn - MEAN)[brows, 1], -0.06)
    still = draw_shape(head, MEAN, OWN, LAYOUT, 0.6, expression=0.0)
    assert np.allclose((still.drawn - MEAN)[brows, 1], 0)


def test_a_mouth_that_is_open_on_the_photo_shuts_with_the_target():
    mouth = LAYOUT.mouth
    target, photo = with_gap(mouth, 0.0), with_gap(mouth, 0.2)
    fitted = fit_photo(photo, target, LAYOUT)
    shape = draw_shape(target, target, fitted, LAYOUT, 0.6)
    assert gaps(shape.drawn, mouth).max() < 0.01
    assert np.allclose(gaps(open_as_photo(shape, fitted, LAYOUT), mouth), 0.2, atol=0.01)


def test_lids_shut_with_the_target_however_wide_the_photo_looks():
    target, photo = MEAN.copy(), MEAN.copy()
    for eye in LAYOUT.eyes:
        set_gaps(target, eye, gaps(MEAN, eye) * 0.1)
        set_gaps(photo, eye, gaps(MEAN, eye) * 1.3)
    shape = draw_shape(target, MEAN, fit_photo(photo, MEAN, LAYOUT), LAYOUT, 0.6)
    for eye in LAYOUT.eyes:
        assert gaps(shape.drawn, eye).max() < 0.01
    awake = draw_shape(MEAN, MEAN, fit_photo(photo, MEAN, LAYOUT), LAYOUT, 0.6)
    assert gaps(awake.drawn, LAYOUT.eyes[0]).mean() > gaps(MEAN, LAYOUT.eyes[0]).mean()


def test_eyes_look_where_the_target_looks():
    eye = LAYOUT.eyes[0]
    head, photo = MEAN.copy(), MEAN.copy()
    at = measure_gaze(MEAN, eye)
    set_gaze(head, eye, at + np.array([0.12, 0]))
    set_gaze(photo, eye, at - np.array([0.05, 0]))
    fitted = fit_photo(photo, MEAN, LAYOUT)
    shape = draw_shape(head, MEAN, fitted, LAYOUT, 0.6)
    assert measure_gaze(shape.drawn, eye)[0] == pytest.approx(at[0] + 0.12, abs=0.01)
    assert measure_gaze(open_as_photo(shape, fitted, LAYOUT), eye)[0] == pytest.approx(at[0] - 0.05, abs=0.01)


def test_a_smile_on_the_photo_is_no_shape_of_the_mouth():
    smiling = expressed(smile_left=0.9, smile_right=0.9)
    corners = list(LAYOUT.mouth.corners)
    calm = fit_photo(smiling, MEAN, LAYOUT).calm
    assert np.ptp(calm[corners, 0]) < np.ptp(smiling[corners, 0]) - 0.05
    assert np.abs(calm - MEAN)[corners, :2].max() < 0.03
    assert np.allclose(OWN.calm, MEAN)


def test_another_size_and_tilt_of_the_photo_does_not_matter():
    turned = MEAN.copy()
    turned[:, :2] = 1.2 * MEAN[:, :2] @ rotation_matrix(0, 0, 8)[:2, :2].T + (0.1, -0.05)
    assert np.allclose(fit_to_target(turned, MEAN, LAYOUT)[:, :2], MEAN[:, :2], atol=1e-6)


def test_people_are_mixed_by_their_weights():
    one, other = (
        fit_photo(LAYOUT.head.head(np.eye(20)[k] * 2, np.zeros(len(EXPRESSION_NAMES))), MEAN, LAYOUT)
        for k in (0, 1)
    )
    mixed = mix_photos([one, other], [0.7, 0.3])
    assert np.allclose(mixed.calm, 0.7 * one.calm + 0.3 * other.calm)
    assert np.allclose(mix_photos([one], [1.0]).points, one.points)


def test_parts_that_are_kept_have_the_targets_shape():
    source = LAYOUT.head.head(np.eye(20)[0] * 3, np.zeros(len(EXPRESSION_NAMES)))
    photo = fit_photo(source, MEAN, LAYOUT)
    drawn = draw_shape(MEAN, MEAN, photo, LAYOUT, 1.0, keep=("mouth", "brows")).drawn
    mouth, eyes = LAYOUT.parts(("mouth",)), LAYOUT.parts(("eyes",))
    assert np.allclose(drawn[mouth], MEAN[mouth], atol=1e-6)
    assert not np.allclose(drawn[eyes], MEAN[eyes], atol=1e-3)


def test_the_inner_face_turns_further_and_the_outline_stays():
    turned = turn_inner(MEAN, 15, LAYOUT)
    tip = LAYOUT.head.mean[:, 2].argmin()
    assert turned[tip, 0] > MEAN[tip, 0] + 0.05
    outline = LAYOUT.shape == 0
    assert np.array_equal(turned[outline], MEAN[outline])
    assert turn_inner(MEAN, 0, LAYOUT) is MEAN
