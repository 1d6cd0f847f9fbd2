"""Parts cut out and given other colours."""

import numpy as np
import pytest

from faceswap_cli.compositing.colour.recolour import ColourMove, PartColour, measure_part, recolour_part
from faceswap_cli.compositing.colour.spaces import to_space
from faceswap_cli.compositing.part_matte import unmix
from faceswap_cli.effects.edit.colour_road import (
    Scene,
    SkinMove,
    TeethMove,
    is_seen,
    plan_colour,
    read_colour,
)

UNIT = 100.0


@pytest.fixture
def strands() -> tuple[np.ndarray, np.ndarray]:
    """Dark strands on the left, a light wall on the right, mixed over eight pixels; and the true matte."""
    rng = np.random.default_rng(3)
    share = np.clip((84 - np.arange(160)) / 8, 0, 1).astype(np.float32)[None].repeat(120, 0)
    hair = np.array([0.22, 0.15, 0.1], np.float32) * (1 + 0.35 * rng.standard_normal((120, 1, 1)))
    hair = np.clip(hair, 0.02, 1).astype(np.float32).repeat(160, 1)
    wall = np.full_like(hair, 0.85)
    return share[..., None] * hair + (1 - share[..., None]) * wall, share


def test_strands_stay_and_the_mean_becomes_the_colour(strands) -> None:
    picture, share = strands
    colour = measure_part(picture, share, UNIT)
    goal = np.array([60.0, 5.0, 27.0])
    new = picture + recolour_part(picture, share, UNIT, ColourMove(colour, goal, colour.spread))
    lab, before = (to_space(one.astype(np.float32), "lab")[:, :70] for one in (new, picture))
    assert np.abs(lab.mean((0, 1)) - goal)[0] < 4 and lab[..., 2].mean() > 18
    # Row by row the lightness rises and falls as it did.
    assert np.corrcoef(lab[:, 10, 0], before[:, 10, 0])[0, 1] > 0.95


def test_no_pixel_behind_the_part_changes_and_no_rim_is_lighter_than_both(strands) -> None:
    picture, share = strands
    colour = measure_part(picture, share, UNIT)
    difference = recolour_part(picture, share, UNIT, ColourMove(colour, np.array([60.0, 5.0, 27.0]), 10))
    assert not difference[share == 0].any()
    light = to_space((picture + difference).astype(np.float32), "lab")[..., 0]
    wall = light[:, -1].mean()
    assert light[:, 70:100].max() < wall + 3


def test_an_edge_is_told_by_its_colours(strands) -> None:
    picture, share = strands
    too_wide = np.clip((90 - np.arange(160)) / 4, 0, 1).astype(np.float32)[None].repeat(120, 0)
    found = unmix(picture, too_wide, UNIT)
    before, after = (np.abs(one - share)[:, 76:96].mean() for one in (too_wide, found))
    assert after < 0.5 * before
    assert np.array_equal(found[:, 110:], too_wide[:, 110:])


def test_a_part_that_is_too_small_is_not_seen() -> None:
    nothing = measure_part(np.zeros((20, 20, 3), np.float32), np.zeros((20, 20), np.float32), UNIT)
    assert not is_seen("hair", nothing)


def test_what_is_there_already_is_not_changed() -> None:
    scene = Scene()
    brown = PartColour(np.array([30.0, 8.0, 13.0]), 10.0, 1.0)
    assert read_colour("hair", brown, scene) == "brown"
    assert plan_colour("hair", "brown", brown, scene) is None
    assert plan_colour("hair", "blond", brown, scene) is not None
    skin = PartColour(np.array([58.0, 12.0, 18.0]), 5.0, 1.0)
    assert read_colour("skin", skin, scene) == 0 and plan_colour("skin", 0.0, skin, scene) is None


def test_a_grey_picture_gets_no_colour() -> None:
    brown = PartColour(np.array([30.0, 0.0, 0.0]), 10.0, 1.0)
    move = plan_colour("hair", "red", brown, Scene(colourful=0.0))
    assert move is not None
    moved = move(np.array([[[30.0, 0.0, 0.0]]], np.float32))
    assert np.allclose(moved[..., 1:], 0) and moved[..., 0] > 30


def test_skin_gets_darker_with_its_shading() -> None:
    lab = np.array([[[70.0, 10, 18], [60, 10, 18], [40, 10, 18]]], np.float32)
    moved = SkinMove(0.7, (0.0, 0.0), 60.0)(lab)
    assert (np.diff(moved[0, :, 0]) < 0).all() and (moved[..., 0] < lab[..., 0]).all()


def test_teeth_do_not_turn_blue() -> None:
    lab = np.array([[[80.0, 2, 20], [85, 1, 1]]], np.float32)
    moved = TeethMove(-15.0, 5.0)(lab)
    assert moved[0, 0, 2] == pytest.approx(5) and moved[0, 1, 2] == pytest.approx(1)


def test_black_hair_in_shadow_stays_dark_where_it_becomes_blond() -> None:
    shadow = np.full((40, 40, 3), 0.02, np.float32)
    colour = PartColour(np.array([18.0, 2.0, 5.0]), 10.0, 1.0)
    move = ColourMove(colour, np.array([62.0, 5.0, 27.0]), 12.0)
    light = float(move(to_space(shadow, "lab"))[..., 0].mean())
    assert light < 35  # not the flat grey of a colour that is added
    assert float(move(np.array([[[18.0, 2.0, 5.0]]], np.float32))[..., 0].mean()) > 58


def test_a_matte_that_ends_too_early_does_not_end_in_a_line(strands) -> None:
    picture, share = strands
    early = np.clip((80 - np.arange(160)) / 2, 0, 1).astype(np.float32)[None].repeat(120, 0)
    found = unmix(picture, early, UNIT)
    assert np.abs(found - share)[:, 78:90].mean() < 0.7 * np.abs(early - share)[:, 78:90].mean()
    assert not found[:, 110:].any()
