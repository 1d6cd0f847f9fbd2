"""Folds and the inside of a mouth, laid onto a moved face."""

import numpy as np
import pytest

from faceswap_cli.effects.edit.shape_moves import ShapeChange
from faceswap_cli.effects.edit.shape_road import apply_warp, plan_warp
from faceswap_cli.effects.edit.smile_detail import add_detail
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.smile_averages import LIGHT_SIZE, darken_rim, load_smile
from faceswap_cli.effects.reenact.warp import outline_polygon, polygon_mask
from faceswap_cli.faces.landmarks.head_model import load_head_model


@pytest.fixture
def dense() -> np.ndarray:
    """The average face, 80 pixels to a face unit; its mouth is shut."""
    return (load_head_model().mean * 80 + [160, 150, 0]).astype(np.float32)


@pytest.fixture
def skin() -> np.ndarray:
    return np.full((330, 320, 3), (190, 140, 120), np.uint8)


def change(image: np.ndarray, dense: np.ndarray, **changes: ShapeChange):
    plan = plan_warp(image.shape, dense, changes)
    assert plan is not None
    apply_warp(image, plan)
    add_detail(image, plan, changes)
    return plan


def test_the_averages_are_symmetric_and_of_skin_alone() -> None:
    light, inside = load_smile()
    assert light.shape == (LIGHT_SIZE, LIGHT_SIZE) and 0.1 < np.abs(light).max() < 0.6
    assert np.allclose(light, light[:, ::-1], atol=0.06)
    assert np.allclose(darken_rim(inside)[-1], darken_rim(inside)[-1, 0], atol=0.05)


def test_a_smile_folds_the_cheeks_and_a_smile_less_unfolds_them(dense: np.ndarray, skin: np.ndarray) -> None:
    more, less = skin.copy(), skin.copy()
    change(more, dense, smile=ShapeChange(0, 0.8))
    change(less, dense, smile=ShapeChange(0.8, 0))
    folded, unfolded = (one.astype(float)[..., 1] - 140 for one in (more, less))
    assert 8 < np.abs(folded).max() < 60
    # The corners of the mouth are elsewhere, so that the folds are, too.
    assert (folded * unfolded).sum() < -0.3 * np.sqrt((folded**2).sum() * (unfolded**2).sum())


def test_a_shut_mouth_shows_teeth_above_and_dark_below(dense: np.ndarray, skin: np.ndarray) -> None:
    image = skin.copy()
    plan = change(image, dense, mouth=ShapeChange(0, 0.8))
    hole = polygon_mask(outline_polygon(plan.drawn[:, :2], face_layout().mouth), plan.box) > 0.9
    x0, y0, x1, y1 = plan.box
    rows = np.flatnonzero(hole.any(1))
    seen = image[y0:y1, x0:x1].astype(float)
    middle = (rows[0] + rows[-1]) // 2
    upper, lower = (
        seen[part][hole[part]].mean() for part in (slice(rows[0], middle), slice(middle, rows[-1]))
    )
    assert upper > lower + 20
    outside = ~hole
    assert np.abs(seen[outside] - (190, 140, 120)).mean() < 3


def test_a_mouth_that_is_open_already_keeps_its_own_inside(dense: np.ndarray, skin: np.ndarray) -> None:
    layout, head = face_layout(), load_head_model()
    from faceswap_cli.effects.edit.shape_moves import move_shape
    from faceswap_cli.faces.landmarks.dense import IBUG

    drawn, _ = move_shape(layout.head.mean, {"mouth": ShapeChange(0, 0.6)}, layout)
    wide = (np.vstack([head.mean[:IBUG], drawn]) * 80 + [160, 150, 0]).astype(np.float32)
    image = skin.copy()
    change(image, wide, mouth=ShapeChange(0.6, 0.8))
    assert np.abs(image.astype(int) - skin).max() <= 1
