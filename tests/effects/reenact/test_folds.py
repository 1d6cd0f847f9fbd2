"""Folds of the target's expression on the drawn face."""

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.reenact import folds
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.smile_averages import SMILES

LAYOUT = face_layout()
SIZE = 128
POINTS = LAYOUT.head.mean[:, :2] * SIZE / 2.75 + (SIZE - 1) / 2
FREE = np.ones((SIZE, SIZE), np.float32)
CHEEK = (0.42, 0.25)
"""Head coordinates of plain skin."""


def face(line=1.0, light=1.0, points=POINTS):
    """Even skin, with a line across the cheek that is so bright against it."""
    picture = np.full((SIZE, SIZE, 3), 150.0, np.float32)
    x, y = np.array(CHEEK) * SIZE / 2.75 + points.mean(0) - POINTS.mean(0) + (SIZE - 1) / 2
    cv2.line(picture, (int(x) - 8, int(y)), (int(x) + 8, int(y)), (150.0 * line,) * 3, 2)
    return folds.flatten_skin(np.clip(picture * light, 0, 255).astype(np.uint8), points, FREE, LAYOUT)


def at_cheek(found):
    scale = found.shape[0] / folds.SIDE
    x, y = np.array([CHEEK[0], CHEEK[1] + 0.06]) * scale + (found.shape[0] - 1) / 2
    return found[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]


def test_a_new_line_is_a_dark_fold_and_the_rest_is_none():
    found = folds.find_folds(face(0.7), face())
    assert at_cheek(found).min() < -0.1
    assert np.abs(found[:, : found.shape[1] // 2]).max() < 0.03


def test_a_line_that_goes_brightens_hardly():
    assert folds.find_folds(face(), face(0.5)).max() <= folds.BRIGHTEST + 1e-6


def test_other_light_is_no_fold():
    assert np.abs(folds.find_folds(face(light=0.6), face())).max() < 0.03


def test_a_fold_lies_where_the_cheek_is_drawn():
    line = folds.find_folds(face(0.6), face())
    box = (0, 0, SIZE, SIZE)
    moved = POINTS + np.array([9.0, -6.0])
    here, there = (
        folds.lay_folds(line, folds.map_to_flat(points[:, :2], LAYOUT, box)) for points in (POINTS, moved)
    )
    steps = np.array(np.unravel_index(there.argmin(), there.shape)) - np.unravel_index(
        here.argmin(), here.shape
    )
    assert steps * (SIZE - 1) / (folds.NODES - 1) == pytest.approx((-6, 9), abs=3)


def test_what_a_journal_keeps_comes_back():
    skin = face(0.7)
    again = folds.unpack_skin(folds.pack_skin(skin))
    assert np.abs(again.light - skin.light).max() < 1e-3 and np.abs(again.weight - skin.weight).max() < 1e-3


def test_a_photo_that_smiles_is_drawn_without_its_folds_on_a_calm_face_and_the_other_way_round():
    box = (0, 0, SIZE, SIZE)
    maps = folds.map_to_flat(POINTS, LAYOUT, box)
    calm, smiling = (folds.lay_smile(step, maps) for step in (-1.0, 1.0))
    assert np.allclose(calm, -smiling) and np.abs(smiling).max() > 0.05
    assert np.abs(folds.lay_smile(0.5, maps)).max() == pytest.approx(np.abs(smiling).max() / 2)
    assert folds.lay_smile(0.01, maps) is None
    expression = np.zeros(LAYOUT.head.expression.shape[0])
    assert folds.smile_of(expression) == 0
    expression[SMILES] = 0.8
    assert folds.smile_of(expression) == pytest.approx(0.8)
