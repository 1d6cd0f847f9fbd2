"""A smiling photo's own folds, taken away where the drawn face is calm."""

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.reenact.calm import MOST, SHARE, calm_share, find_calm_gain
from faceswap_cli.effects.reenact.folds import SIZE, UNIT, flat_points
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.light import relight

LAYOUT = face_layout()
SCALE = 3
"""Of the photo against the flat picture."""


def photo(fold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Plain skin with a dark line from a nostril to a mouth corner; its face's points lie as everybody's."""
    points = np.zeros((len(LAYOUT.head.mean), 3))
    points[:, :2] = flat_points(LAYOUT) * SCALE
    picture = np.full((SIZE * SCALE, SIZE * SCALE, 3), (0.75, 0.55, 0.45), np.float32)
    line = np.zeros(picture.shape[:2], np.float32)
    wing, corner = line_ends(points)
    cv2.line(line, wing, corner, 1.0, 5, cv2.LINE_AA)
    picture *= 1 - fold * cv2.GaussianBlur(line, (0, 0), 2)[..., None]
    return picture, line, points, UNIT * SCALE


def line_ends(points: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    left = points[LAYOUT.mouth.corners[0], :2]
    beside = left + np.array([-0.1, -0.02]) * UNIT * SCALE
    above = left + np.array([-0.02, -0.2]) * UNIT * SCALE
    return tuple(map(int, above)), tuple(map(int, beside))


def test_a_fold_is_evened_and_the_rest_stays():
    picture, line, points, unit = photo(0.3)
    bare = np.ones(picture.shape[:2], np.float32)
    gain = find_calm_gain(picture, bare, points, unit, 0.8, LAYOUT)
    assert np.abs(gain).max() <= MOST
    plain = find_calm_gain(photo(0.0)[0], bare, points, unit, 0.8, LAYOUT)
    on, off = line > 0.9, cv2.dilate(line, np.ones((61, 61))) == 0
    own = gain - plain
    assert own[on].mean() > 0.12
    assert np.abs(own[off]).max() < 0.02
    before, after = picture, relight(picture, gain - plain)
    assert (0.75 - after[on][:, 0]).mean() < 0.6 * (0.75 - before[on][:, 0]).mean()


def test_nothing_is_done_to_what_stands_before_the_face_or_outside_it():
    picture, _, points, unit = photo(0.3)
    gain = find_calm_gain(picture, np.zeros(picture.shape[:2], np.float32), points, unit, 0.8, LAYOUT)
    assert not gain.any()
    gain = find_calm_gain(picture, np.ones(picture.shape[:2], np.float32), points, unit, 0.8, LAYOUT)
    assert not gain[:5].any()
    assert not gain[:, :5].any()


def test_a_calm_photo_has_no_gain():
    picture, _, points, unit = photo(0.3)
    assert find_calm_gain(picture, np.ones(picture.shape[:2]), points, unit, 0.0, LAYOUT) is None


@pytest.mark.parametrize(("step", "share"), [(0.3, 0), (0, 0), (-0.4, SHARE / 2), (-0.8, SHARE), (-1, SHARE)])
def test_as_much_goes_as_is_smiled_less(step, share):
    assert calm_share(0.8, step) == pytest.approx(share)
