"""The dense field from a frame's pixels to the photo's."""

import numpy as np
import pytest

from faceswap_cli.effects.reenact import warp
from faceswap_cli.effects.reenact.gaps import measure_gaze, set_gaps, set_gaze
from faceswap_cli.effects.reenact.layout import face_layout

BOX = (40, 30, 340, 330)
LAYOUT = face_layout()
POINTS = 120 * LAYOUT.head.mean[:, :2] + (190, 170)
SKIN = POINTS[LAYOUT.skin]


def pixels(box=BOX):
    x, y = np.arange(box[0], box[2], dtype=np.float32), np.arange(box[1], box[3], dtype=np.float32)
    return np.stack(np.meshgrid(x, y), -1)


def test_a_spline_gives_back_what_is_linear_everywhere():
    linear = np.array([[1.1, 0.2], [-0.1, 0.9]])
    spline = warp.fit_spline(SKIN, SKIN @ linear.T + 7)
    where = warp.grid_points(BOX, 9)
    assert np.allclose(spline(where), where @ linear.T + 7, atol=0.05)


def test_a_spline_goes_near_its_points():
    moved = SKIN + 4 * np.sin(SKIN[:, ::-1] / 20)
    assert np.abs(warp.fit_spline(SKIN, moved)(SKIN) - moved).mean() < 0.3


def test_a_field_is_its_spline_at_each_pixel():
    moved = 0.8 * SKIN + 9 * np.sin(SKIN[:, ::-1] / 40)
    spline = warp.fit_spline(SKIN, moved)
    exact = spline(pixels().reshape(-1, 2).astype(np.float64)).reshape(300, 300, 2)
    assert np.abs(spline.field(BOX) - exact)[6:-6, 6:-6].max() < 0.1


@pytest.mark.parametrize("which", range(3))
def test_edges_are_found_where_they_are_on_the_photo(which):
    opening = LAYOUT.openings[which]
    still = POINTS.copy()
    set_gaps(still, opening, np.full(len(opening.upper), 24.0))
    drawn = POINTS.copy()
    set_gaps(drawn, opening, np.full(len(opening.upper), 3.0))
    shift = warp.opening_shift(pixels(), opening, drawn, still, 120.0)
    for some in (opening.upper, opening.lower):
        middle = some[len(some) // 2]
        x, y = np.rint(drawn[middle] - BOX[:2]).astype(int)
        outward = -1 if some is opening.upper else 1
        found = np.array([x, y + outward]) + shift[y + outward, x]
        assert np.abs(found - (still[middle] - BOX[:2])).max() < 2.5


def test_a_gap_that_shuts_leaves_the_rest_of_the_face_alone():
    mouth = LAYOUT.mouth
    drawn = POINTS.copy()
    set_gaps(drawn, mouth, np.full(9, 0.5))
    shift = warp.opening_shift(pixels(), mouth, drawn, POINTS, 120.0)
    eyes = np.rint(POINTS[[*LAYOUT.eyes[0].outline, *LAYOUT.eyes[1].outline]] - BOX[:2]).astype(int)
    assert np.abs(shift[eyes[:, 1], eyes[:, 0]]).max() < 1e-3
    nothing = warp.opening_shift(pixels(), mouth, POINTS, POINTS, 120.0)
    assert np.abs(nothing).max() < 1e-4


def test_columns_never_fold():
    mouth = LAYOUT.mouth
    drawn, still = POINTS.copy(), POINTS.copy()
    set_gaps(drawn, mouth, np.full(9, 0.5))
    set_gaps(still, mouth, np.full(9, 30.0))
    found = (pixels() + warp.opening_shift(pixels(), mouth, drawn, still, 120.0))[..., 1]
    assert np.diff(found, axis=0).min() > -1e-3


def test_a_mask_has_its_polygons_area():
    square = np.array([[100.25, 100.25], [120.25, 100.25], [120.25, 110.75], [100.25, 110.75]])
    assert warp.polygon_mask(square, BOX).sum() == pytest.approx(20 * 10.5, rel=0.05)


def test_an_iris_is_found_where_it_is_on_the_photo_and_lids_stay():
    eye = LAYOUT.eyes[0]
    drawn, still = POINTS.copy(), POINTS.copy()
    for points in (drawn, still):
        set_gaps(points, eye, np.full(7, 14.0))
    set_gaze(drawn, eye, measure_gaze(drawn, eye) + np.array([0.12, 0]))
    shift = warp.opening_shift(pixels(), eye, drawn, still, 120.0)
    x, y = np.rint(drawn[eye.iris[0]] - BOX[:2]).astype(int)
    assert np.abs(np.array([x, y]) + shift[y, x] - (still[eye.iris[0]] - BOX[:2])).max() < 1.5
    x, y = np.rint(drawn[eye.upper[3]] - BOX[:2]).astype(int)
    assert np.abs(shift[y - 1, x]).max() < 0.5


def test_of_a_slit_between_lids_no_eyeball_is_seen():
    """A whole eyeball squeezed into a pixel or two would be a row of bright dots."""
    eye = LAYOUT.eyes[0]
    drawn, still = POINTS.copy(), POINTS.copy()
    set_gaps(drawn, eye, np.full(len(eye.upper), 2.0))
    set_gaps(still, eye, np.full(len(eye.upper), 24.0))
    found = pixels() + warp.opening_shift(pixels(), eye, drawn, still, 120.0)
    for above, below in zip(eye.upper[1:-1], eye.lower[1:-1], strict=True):
        x = round(float(drawn[above, 0])) - BOX[0]
        top, bottom = (int(np.floor(still[one, 1])) for one in (above, below))
        column = found[:, x, 1]
        assert not np.any((column > top + 5) & (column < bottom - 5))


def test_where_lids_meet_the_picture_is_softened_and_nowhere_else():
    where = pixels((0, 0, 40, 40)).copy()
    where[20:, :, 1] += 30
    seen = np.tile(np.where(np.arange(40) < 20, 0.2, 0.8)[:, None, None], (1, 40, 4)).astype(np.float32)
    seen[5, 5] = 1
    soft = warp.soften_tears(seen, where, 1.0)
    assert 0.25 < soft[19, 20, 0] < soft[20, 20, 0] < 0.75
    assert np.abs(soft - seen)[:16].max() < 1e-3
    assert warp.soften_tears(seen, pixels((0, 0, 40, 40)), 1.0) is seen
