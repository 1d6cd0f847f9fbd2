"""Where points and pixels go."""

import numpy as np
import pytest

from faceswap_cli.effects.edit.features import FEATURES
from faceswap_cli.effects.edit.shape_moves import (
    AT_OUTLINE,
    BUILDS,
    FaceShape,
    ShapeChange,
    move_shape,
    read_shape,
)
from faceswap_cli.effects.edit.shape_road import apply_warp, depth_in_hull, plan_warp
from faceswap_cli.effects.reenact.gaps import gaps, measure_gaze
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG
from faceswap_cli.faces.landmarks.head_model import load_head_model
from faceswap_cli.faces.landmarks.pose import rotation_matrix

LAYOUT = face_layout()
OUTLINE = GROUPS["outline"] - IBUG


@pytest.fixture
def face() -> FaceShape:
    """The average face, at rest."""
    return FaceShape(LAYOUT.head.mean.copy(), np.zeros(26), rotation_matrix(0, 0, 0))


@pytest.fixture(scope="module")
def dense() -> np.ndarray:
    """The average face in a picture, 60 pixels to a face unit."""
    return (load_head_model().mean * 60 + [160, 150, 0]).astype(np.float32)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 255, (320, 320, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", list(BUILDS))
@pytest.mark.parametrize("step", [-1.0, 0.7])
def test_a_build_becomes_what_is_asked_for(face: FaceShape, name: str, step: float) -> None:
    now = read_shape(name, face, LAYOUT)
    drawn, _ = move_shape(face.head, {name: ShapeChange(now, now + step)}, LAYOUT)
    assert read_shape(name, FaceShape(drawn, face.expression, face.rotation), LAYOUT) == pytest.approx(
        now + step, abs=0.25
    )


def test_no_change_moves_nothing(face: FaceShape) -> None:
    changes = {name: ShapeChange(0.4, 0.4) for name, one in FEATURES.items() if one.road == "shape"}
    drawn, still = move_shape(face.head, changes, LAYOUT)
    assert np.allclose(drawn, face.head, atol=1e-9) and np.allclose(still, face.head, atol=1e-9)


def test_a_smile_lifts_the_corners_and_a_frown_lowers_them(face: FaceShape) -> None:
    corners = list(LAYOUT.mouth.corners)
    up, _ = move_shape(face.head, {"smile": ShapeChange(0, 0.8)}, LAYOUT)
    down, _ = move_shape(face.head, {"smile": ShapeChange(0, -0.8)}, LAYOUT)
    assert (up[corners, 1] < face.head[corners, 1] - 0.05).all()
    assert (down[corners, 1] > face.head[corners, 1] + 0.02).all()


@pytest.mark.parametrize("name", ["smile", "brow-height", "turn", "nod", "nose-width", "eye-size", "lids"])
def test_the_outline_stays_where_a_feature_is_inside(face: FaceShape, name: str) -> None:
    assert name not in AT_OUTLINE
    drawn, _ = move_shape(face.head, {name: ShapeChange(0.3, 0.9)}, LAYOUT)
    assert np.allclose(drawn[OUTLINE], face.head[OUTLINE], atol=0.02)


def test_lids_mouth_and_gaze_do_as_told(face: FaceShape) -> None:
    eye = LAYOUT.eyes[0]
    drawn, still = move_shape(face.head, {"lids": ShapeChange(1, 0.5)}, LAYOUT)
    assert gaps(drawn, eye).mean() == pytest.approx(0.5 * gaps(face.head, eye).mean(), rel=0.05)
    drawn, still = move_shape(face.head, {"mouth": ShapeChange(0, 0.5)}, LAYOUT)
    more = gaps(drawn, LAYOUT.mouth).mean() - gaps(face.head, LAYOUT.mouth).mean()
    assert more == pytest.approx(0.11, rel=0.1)
    assert np.allclose(gaps(still, LAYOUT.mouth), gaps(face.head, LAYOUT.mouth), atol=1e-6)
    drawn, _ = move_shape(face.head, {"gaze-x": ShapeChange(0, 1)}, LAYOUT)
    assert measure_gaze(drawn, eye)[0] > measure_gaze(face.head, eye)[0] + 0.15


def test_what_can_not_be_drawn_is_limited() -> None:
    assert ShapeChange.limited("turn", 2.0, 25.0).after == 16.0
    assert ShapeChange.limited("smile", -1.0, 1.0).after == 1.0


def test_pixels_beside_the_head_stay_bit_for_bit(dense: np.ndarray, picture: np.ndarray) -> None:
    plan = plan_warp(picture.shape, dense, {"smile": ShapeChange(0, 0.8)})
    assert plan is not None
    image = picture.copy()
    apply_warp(image, plan)
    x0, y0, x1, y1 = plan.box
    moved = np.zeros(image.shape[:2], bool)
    moved[y0:y1, x0:x1] = plan.moved
    assert np.array_equal(image[~moved], picture[~moved]) and not np.array_equal(image, picture)
    far = np.abs(np.arange(320) - 160) > 1.1 * 60
    assert not moved[:, far].any()


def test_nothing_asked_moves_no_pixel(dense: np.ndarray, picture: np.ndarray) -> None:
    plan = plan_warp(picture.shape, dense, {"smile": ShapeChange(0.3, 0.3)})
    image = picture.copy()
    assert plan is not None and not plan.moved.any()
    apply_warp(image, plan)
    assert np.array_equal(image, picture)


def test_a_face_that_is_cut_off_can_be_warped(dense: np.ndarray, picture: np.ndarray) -> None:
    shift = np.array([-150, -60, 0], np.float32)
    plan = plan_warp(picture.shape, dense + shift, {"jaw": ShapeChange(0, 1)})
    assert plan is not None
    image = picture.copy()
    apply_warp(image, plan)
    assert plan_warp(picture.shape, dense + np.float32(2000), {"jaw": ShapeChange(0, 1)}) is None


def test_depth_in_a_hull_is_the_distance_from_its_edge() -> None:
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    points = np.array([[5.0, 5], [1, 5], [10, 3], [13, 14], [-2, 5]])
    for hull in (square, square[::-1]):
        assert depth_in_hull(points, hull) == pytest.approx([5, 1, 0, -5, -2])
