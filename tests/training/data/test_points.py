"""Shapes, tables and pictures as points, and what is wrong with some."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.training.data.point_files import EXTENT, MOST_POINTS, read_points
from faceswap_cli.training.data.points import DEVIATION, RADIUS, SHAPES, point_batches
from faceswap_cli.training.engine.parallel import Share
from faceswap_cli.training.runs.settings import SHAPE_NAMES, PointsSettings


def draw(data, count=4000, seed=0):
    return data.draw(count, torch.Generator().manual_seed(seed))


def picture(path, image):
    assert cv2.imwrite(str(path), image)
    return path


def test_the_command_line_knows_every_shape():
    assert tuple(SHAPES) == SHAPE_NAMES


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_lie_in_the_plane_and_a_seed_draws_the_same(name):
    points = draw(SHAPES[name])
    assert points.shape == (4000, 2) and points.dtype == torch.float32
    assert points.abs().max() < 1.1
    assert torch.equal(points, draw(SHAPES[name])) and not torch.equal(points, draw(SHAPES[name], seed=1))


@pytest.mark.parametrize("name", ["gaussians", "grid", "disjoint"])
def test_modes_are_where_the_points_are_and_equally_full(name):
    data = SHAPES[name]
    distance, nearest = torch.cdist(draw(data), data.modes).min(1)
    assert distance.max() < 0.3
    shares = torch.bincount(nearest, minlength=len(data.modes)) / 4000 * len(data.modes)
    assert shares.min() > 0.5 and shares.max() < 1.6


def test_a_ring_has_its_radius_and_its_width():
    radius = draw(SHAPES["ring"]).norm(dim=1)
    assert float(radius.mean()) == pytest.approx(RADIUS, abs=0.01)
    assert float(radius.std()) == pytest.approx(DEVIATION, rel=0.1)


def test_a_batch_has_a_part_for_every_update_and_one_for_the_generator():
    settings = replace(PointsSettings(), batch=8, discriminator_updates=3)
    judged, drawn = point_batches(SHAPES["ring"], settings)(torch.Generator().manual_seed(1), 0.0)
    assert judged.real.shape == (24, 2) and drawn.input.shape == (8, 2)
    parts = [judged.part(Share(n, 3)).real for n in range(3)]
    assert torch.equal(torch.cat(parts), judged.real)


@pytest.mark.parametrize("text", ["x,y\n0,0\n10,5\n", "0;0\n\n10;5\n", "0\t0\n10 5"])
def test_a_table_is_fitted_into_the_plane(tmp_path, text):
    (tmp_path / "points.csv").write_text(text)
    points = draw(read_points(tmp_path / "points.csv"), 100)
    assert sorted(set(map(tuple, points.tolist()))) == [
        pytest.approx((-EXTENT, -EXTENT / 2)),
        pytest.approx((EXTENT, EXTENT / 2)),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y\n1,2\nfive,six\n", "line 3: 'five,six'"),
        ("1,2\n3\n", "line 2"),
        ("1,2\nnan,3\n", "line 2"),
        ("x,y\nwords,more\n", "line 2"),
        ("x,y\n", "no place"),
        ("", "no place"),
        ("1,2\n1,2\n", "only one place"),
    ],
)
def test_a_table_that_holds_no_points_is_told(tmp_path, text, words):
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        read_points(tmp_path / "points.csv")


def test_a_huge_table_is_thinned_and_told(tmp_path):
    count = 2 * MOST_POINTS + 10
    (tmp_path / "many.csv").write_text("\n".join(f"{n},{n % 7}" for n in range(count)))
    data = read_points(tmp_path / "many.csv")
    assert f"{count:,}" in data.notes[0] and f"{MOST_POINTS:,}" in data.notes[0]
    assert draw(data)[:, 0].max() > 0.8 and draw(data)[:, 0].min() < -0.8


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (200, 120)])
def test_points_are_drawn_from_the_ink_whatever_its_colour(tmp_path, paper, ink):
    image = np.full((60, 90, 3), paper, np.uint8)
    image[10:20, 60:80] = ink  # above the middle, right of it
    points = draw(read_points(picture(tmp_path / "ink.png", image)))
    assert points.min(0).values.numpy() == pytest.approx([15 / 45 * EXTENT, 10 / 45 * EXTENT], abs=0.02)
    assert points.max(0).values.numpy() == pytest.approx([35 / 45 * EXTENT, 20 / 45 * EXTENT], abs=0.02)


def test_what_is_opaque_is_the_drawing(tmp_path):
    image = np.zeros((40, 40, 4), np.uint8)
    image[30:, :10, 3] = 255
    points = draw(read_points(picture(tmp_path / "cut.png", image)))
    assert points.max() < 0


def test_a_blank_picture_is_told_and_a_large_one_made_smaller(tmp_path):
    with pytest.raises(UserError, match="is blank"):
        read_points(picture(tmp_path / "blank.png", np.full((30, 30, 3), 250, np.uint8)))
    image = np.full((300, 3000, 3), 255, np.uint8)
    image[:, :300] = 0
    data = read_points(picture(tmp_path / "wide.png", image))
    assert "256 x 26" in data.notes[0]
    assert draw(data)[:, 0].max() < -0.6


def test_what_is_neither_shape_nor_file_is_told(tmp_path):
    with pytest.raises(UserError, match="neither a shape nor a file"):
        read_points(tmp_path / "rings")
