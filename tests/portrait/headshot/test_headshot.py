"""Business photos: matte, framing, background and retouch, on pictures whose truth is known."""

import cv2
import numpy as np
import pytest

from faceswap_cli.compositing.guided_filter import guided_filter, weighted_mean
from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import MEAN_FACE
from faceswap_cli.portrait.headshot.backdrop import draw_backdrop
from faceswap_cli.portrait.headshot.framing import (
    CROPS,
    Limits,
    choose_framing,
    find_limits,
    place_head,
    whole_photo_limits,
)
from faceswap_cli.portrait.headshot.matte import (
    body_distance,
    foreground_colours,
    keep_one_person,
    refine_matte,
)
from faceswap_cli.portrait.headshot.options import HeadshotOptions, plain_colour
from faceswap_cli.portrait.headshot.retouch import expose, light_slope, retouch

UNIT = 80.0


def drawn_head(height=420, width=340):
    """A person-like disc with strands of hair before a background of stripes, and its true alpha."""
    true = np.zeros((height, width), np.uint8)
    cv2.ellipse(true, (170, 200), (75, 105), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.rectangle(true, (60, 300), (280, height), 255, -1)
    coarse = cv2.GaussianBlur(true.astype(np.float32) / 255, (0, 0), 5)
    for angle in np.radians(np.arange(190, 350, 12)):
        tip = 170 + 90 * np.cos(angle), 200 + 122 * np.sin(angle)
        cv2.line(true, (170, 200), tuple(int(v) for v in tip), 255, 2, cv2.LINE_AA)
    true = true.astype(np.float32) / 255
    y, x = np.mgrid[:height, :width]
    back = np.stack([0.75 + 0.05 * np.sin(x / 9), 0.8 + 0 * x, 0.62 + 0.05 * np.sin(y / 13)], -1)
    front = np.full((height, width, 3), (0.25, 0.13, 0.1))
    front += np.random.default_rng(0).normal(0, 0.01, front.shape)
    picture = true[..., None] * front + (1 - true[..., None]) * back
    return picture.astype(np.float32), true, coarse, front.astype(np.float32)


def test_strands_that_the_network_missed_are_found():
    picture, true, coarse, _ = drawn_head()
    alpha = refine_matte(picture, coarse, UNIT, 290, np.zeros_like(coarse))
    strands = (true > 0.5) & (coarse < 0.3)
    assert strands.sum() > 100
    assert alpha[strands].mean() > 0.7
    assert np.abs(alpha - true).mean() < 0.4 * np.abs(coarse - true).mean()
    assert alpha[:60].max() == 0
    assert alpha[220, 170] == 1


def test_a_line_on_the_wall_beside_bare_skin_is_not_taken_for_strands():
    picture, _, _, _ = drawn_head()
    true = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(true, (170, 200), (75, 105), 0, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.rectangle(true, (60, 300), (280, picture.shape[0]), 255, -1)
    coarse = cv2.GaussianBlur(true.astype(np.float32) / 255, (0, 0), 5)
    line = np.s_[199:201, 253:260]
    picture[199:201, 240:262] = picture[200, 170]
    bare = np.zeros_like(coarse)
    bare[150:250] = 1
    with_hair = refine_matte(picture, coarse, UNIT, 290, np.zeros_like(coarse))
    without = refine_matte(picture, coarse, UNIT, 290, bare)
    assert with_hair[line].mean() > 0.15
    assert without[line].mean() < 0.05
    assert without[150:250, 110:230].min() == 1


def test_edges_keep_nothing_of_the_old_background():
    picture, true, _, front = drawn_head()
    found, _ = foreground_colours(picture, true, UNIT)
    edge = (true > 0.2) & (true < 0.8)
    before = np.abs(picture - front)[edge].mean()
    assert np.abs(found - front)[edge].mean() < 0.25 * before
    assert (found[true == 1] == picture[true == 1]).all()


def test_of_two_people_one_is_kept():
    shape = 200, 400
    own, other = (body_distance(shape, (x, 70), 40) for x in (120, 290))
    kept = keep_one_person(np.ones(shape, np.float32), own, [other])
    assert kept[70, 120] == 1
    assert kept[70, 290] == 0


def test_a_guided_filter_follows_the_colour_alone():
    guide = np.full((60, 60, 3), 0.5, np.float32)
    guide[:, 30:, 0], guide[:, 30:, 1] = 0.6, 0.45  # hardly another brightness
    mask = np.zeros((60, 60), np.float32)
    mask[:, 30:] = 1
    blurred = cv2.GaussianBlur(mask, (0, 0), 4)
    fitted = guided_filter(guide, blurred, 8, 1e-4)
    steps = [float(one[30, 30] - one[30, 29]) for one in (fitted, blurred)]
    assert steps[0] > 4 * steps[1]


def test_a_mean_reaches_as_far_as_it_has_to():
    values = np.zeros((90, 90, 1), np.float32)
    weight = np.zeros((90, 90), np.float32)
    values[5, 5], weight[5, 5] = 0.8, 1
    assert weighted_mean(values, weight, 3)[80, 80, 0] == pytest.approx(0.8, abs=1e-3)


def turned_face(roll, scale=90.0, middle=(300.0, 280.0)):
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return MEAN_FACE @ turn.T * scale + middle


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("roll", [0, 14, -20])
def test_eyes_are_level_and_where_the_crop_says(crop, roll):
    points = turned_face(roll)
    framing, kept = choose_framing(place_head(points), CROPS[crop], Limits(), -1.25, 1.31, 90)
    assert kept
    assert framing.width / framing.height == pytest.approx(CROPS[crop].aspect, abs=0.01)
    face = framing.points(points)
    left, right = face[36:42].mean(0), face[42:48].mean(0)
    assert abs(left[1] - right[1]) < 0.02 * framing.unit
    assert face[36:48, 1].mean() / framing.height == pytest.approx(CROPS[crop].eyes, abs=0.03)
    assert face[36:48, 0].mean() == pytest.approx(framing.width / 2, abs=2)


def test_a_passport_photos_head_is_as_high_as_it_must_be():
    framing, _ = choose_framing(place_head(turned_face(0)), CROPS["passport"], Limits(), -1.25, 1.31, 90)
    assert 0.7 <= (1.31 + 1.25) * framing.unit / framing.height <= 0.8


def test_a_picture_ends_where_the_photo_cuts_the_person():
    head = place_head(turned_face(0))
    limits = Limits(left=-1.9, bottom=2.6)
    framing, kept = choose_framing(head, CROPS["4:5"], limits, -1.25, 1.31, 90)
    back = cv2.invertAffineTransform(framing.matrix)
    left, bottom = back[:, 2], back @ [framing.width, framing.height, 1]
    assert kept
    assert left[0] >= head.eyes[0] - 1.9 * head.unit - 1
    assert bottom[1] <= head.eyes[1] + 2.6 * head.unit + 1


def test_a_head_that_does_not_fit_is_told_and_cut_where_the_photo_ends():
    head = place_head(turned_face(0))
    framing, kept = choose_framing(head, CROPS["4:5"], Limits(bottom=1.2), -1.25, 1.31, 90)
    assert not kept
    back = cv2.invertAffineTransform(framing.matrix)
    bottom = (back @ [0, framing.height, 1])[1]
    assert bottom <= head.eyes[1] + 1.2 * head.unit + 1
    _, kept = choose_framing(head, CROPS["4:5"], Limits(left=-0.6, right=0.7), -1.25, 1.31, 90)
    assert not kept


def test_limits_are_where_a_body_leaves_the_photo():
    points = turned_face(0, 60, (200, 150))
    head = place_head(points)
    wide = head.wide(256)
    body = np.zeros((330, 420), np.uint8)
    body[100:, 120:280] = 255
    share = wide.cut(np.dstack([body] * 3))[..., 0] / 255
    limits = find_limits(share.astype(np.float32), wide, body.shape)
    assert limits.bottom == pytest.approx((330 - head.eyes[1]) / head.unit, abs=0.15)
    assert np.isinf([limits.left, limits.right, limits.top]).all()


def test_a_kept_background_is_all_photo():
    head = place_head(turned_face(12))
    limits = whole_photo_limits(head, (560, 620))
    framing, _ = choose_framing(head, CROPS["4:5"], limits, -1.25, 1.31, 90)
    assert framing.inside((560, 620)).mean() > 0.995


def test_a_studios_background_has_no_detail():
    picture = np.random.default_rng(1).random((200, 160, 3)).astype(np.float32)
    known = np.ones((200, 160), np.float32)
    for what in ("white", "grey", "#204060", "gradient"):
        behind = draw_backdrop(what, picture, known, (80, 60), 40)
        assert np.abs(np.diff(behind, axis=0)).max() < 0.01
    assert (draw_backdrop("white", picture, known, (80, 60), 40) == 1).all()
    kept = draw_backdrop("keep", picture, known, (80, 60), 40)
    assert np.allclose(kept, picture, atol=1e-6)


def test_a_blurred_background_holds_nothing_of_the_person():
    picture = np.full((240, 200, 3), 0.3, np.float32)
    picture[60:, 60:140] = (1, 0, 0)
    known = np.ones((240, 200), np.float32)
    known[55:, 55:145] = 0
    behind = draw_backdrop("blur", picture, known, (100, 100), 40)
    assert np.abs(behind - 0.3).max() < 0.02


def test_another_picture_covers_the_whole(tmp_path):
    path = tmp_path / "office.png"
    cv2.imwrite(str(path), np.full((50, 300, 3), (20, 200, 40), np.uint8))
    known = np.ones((200, 160), np.float32)
    behind = draw_backdrop(str(path), np.zeros((200, 160, 3), np.float32), known, (80, 60), 40)
    assert behind.shape == (200, 160, 3)
    assert np.allclose(behind, np.array([40, 200, 20]) / 255, atol=0.01)


@pytest.fixture
def lit_face():
    """Skin lit from the left with a dark spot, and its mask."""
    face = turned_face(0, 80, (160, 170))
    skin = np.zeros((360, 320), np.float32)
    cv2.ellipse(skin, (160, 160), (70, 95), 0, 0, 360, 1, -1, cv2.LINE_AA)
    x = np.arange(320, dtype=np.float32)
    light = np.clip(0.55 - 0.0018 * (x - 160), 0.05, 1)
    front = np.broadcast_to(light[None, :, None] * np.array([1, 0.8, 0.7], np.float32), (360, 320, 3)).copy()
    front += np.random.default_rng(2).normal(0, 0.012, (360, 320, 1)).astype(np.float32)
    cv2.circle(front, (140, 180), 3, (0.3, 0.15, 0.12), -1, cv2.LINE_AA)
    return np.clip(front, 0, 1), skin, face


def test_retouch_evens_light_and_softens_spots_but_keeps_texture(lit_face):
    front, skin, face = lit_face
    done = retouch(front, np.ones(skin.shape, np.float32), skin, face, UNIT, 1.0)
    before, after = (abs(light_slope(one, skin, face, UNIT)[0]) for one in (front, done))
    assert after < 0.6 * before

    def depth(one):
        return float(one[150:165, 135:145].mean() / one[178:183, 138:143].mean())

    assert depth(done) - 1 < 0.7 * (depth(front) - 1)
    patch = np.s_[120:140, 150:190, 1]
    fine = [np.std(one[patch] - cv2.GaussianBlur(one[patch], (0, 0), 1.0)) for one in (front, done)]
    assert fine[1] > 0.7 * fine[0]
    assert (retouch(front, skin, skin, face, UNIT, 0.0) == front).all()


def test_a_dark_photo_is_brightened_and_dark_skin_is_not():
    alpha = np.ones((100, 100), np.float32)
    dark_photo = np.full((100, 100, 3), 0.2, np.float32)
    assert expose(dark_photo, alpha, 0.5).mean() > 0.25
    dark_skin = dark_photo.copy()
    dark_skin[:30] = 0.92  # a white shirt, well exposed
    assert np.allclose(expose(dark_skin, alpha, 0.5), dark_skin)


def test_what_can_not_be_asked_for_is_told():
    for wrong in (
        {"background": ("#12",)},
        {"background": ("nowhere.jpg",)},
        {"cloth": "tweed"},
        {"tie": "#1"},
    ):
        with pytest.raises(UserError):
            HeadshotOptions(**wrong).check()
    HeadshotOptions(background=("white", "#a0b1c2"), tie="none").check()
    assert plain_colour("#ff0000") == (1, 0, 0)
