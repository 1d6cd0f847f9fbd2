"""What is carried from averages to a face: ratios and moves, nothing where ages are the same."""

from __future__ import annotations

import pytest
import torch

from faceswap_cli import zoo
from faceswap_cli.networks.ageing.ageing import LEAST_AGE, MOST_AGE
from faceswap_cli.networks.ageing.change import Change
from faceswap_cli.networks.ageing.prototype import (
    AgePrototype,
    Field,
    build_age_prototype,
    grid,
    hat_weights,
    mean_colours,
    paint,
)

SIZE, SIDE = 80, 2.75


@pytest.fixture(scope="module")
def averages() -> AgePrototype:
    return zoo.load_network("age_prototype", build_age_prototype)


def picture(seed: int = 0) -> torch.Tensor:
    noise = torch.rand(1, 3, 10, 10, generator=torch.Generator().manual_seed(seed))
    return 0.2 + 0.6 * torch.nn.functional.interpolate(noise, (SIZE, SIZE), mode="bicubic").clamp(0, 1)


def change(averages: AgePrototype, crops: torch.Tensor, ages: tuple[float, float], female: float) -> Change:
    source, target = (torch.tensor([age]) for age in ages)
    difference = averages.between(source, target, torch.tensor([female]))
    return averages(crops, SIDE, averages.mean[None], torch.zeros(1, 1, SIZE, SIZE), difference)


def test_the_same_age_changes_nothing(averages: AgePrototype) -> None:
    same = change(averages, picture(), (43.0, 43.0), 0.3)
    assert same.residual.abs().max() < 1e-5 and same.gain.abs().max() == 0 and same.flow.abs().max() == 0


def test_colours_and_back(averages: AgePrototype) -> None:
    assert torch.allclose(paint(mean_colours(picture())), picture(), atol=1e-5)


def test_there_and_back_is_nought(averages: AgePrototype) -> None:
    one, other = (change(averages, picture(), ages, 1.0) for ages in ((30.0, 66.0), (66.0, 30.0)))
    assert torch.allclose(one.flow, -other.flow, atol=1e-6)
    logs = torch.log1p(one.gain) + torch.log1p(other.gain)
    assert logs.abs()[one.gain < 1.4].max() < 1e-4


@pytest.mark.parametrize("female", [0.0, 1.0])
def test_older_faces_have_more_detail_and_other_colours_but_no_other_skin(
    averages: AgePrototype, female: float
) -> None:
    grey = torch.full((1, 3, SIZE, SIZE), 0.5) * torch.tensor([1.1, 0.9, 0.8])[:, None, None]
    older = change(averages, grey, (25.0, 75.0), female)
    middle = slice(SIZE // 4, -SIZE // 4)
    assert older.gain[0, 1, 40:46, 50:57].mean() > 0.1, "no more detail on the cheek"
    assert older.residual.abs().max() > 0.02
    assert abs(older.residual[..., middle, middle].mean()) < 0.03, "the whole face became lighter or darker"
    assert older.residual[0, :, :3].abs().max() < 1e-4, "the picture's border is changed"


def test_pictures_without_colour_get_none(averages: AgePrototype) -> None:
    grey = picture().mean(1, keepdim=True).expand(-1, 3, -1, -1)
    residual = change(averages, grey, (25.0, 75.0), 0.0).residual
    assert residual.abs().max() > 0.02 and residual.std(1).max() < 0.004


def test_hair_becomes_lighter_where_it_is_dark(averages: AgePrototype) -> None:
    dark, light = torch.full((1, 3, SIZE, SIZE), 0.15), torch.full((1, 3, SIZE, SIZE), 0.85)
    everywhere = torch.ones(1, 1, SIZE, SIZE)
    difference = averages.between(torch.tensor([25.0]), torch.tensor([75.0]), torch.tensor([0.0]))
    made = [averages(x, SIDE, averages.mean[None], everywhere, difference).residual for x in (dark, light)]
    assert made[0].min() > 0.03 and made[1].abs().max() < 1e-4


def test_averages_are_mixed_by_age() -> None:
    knots = (16.0, 24.0, 40.0)
    mixed = hat_weights(torch.tensor([10.0, 16.0, 20.0, 36.0, 90.0]), knots)
    wanted = [[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 0.25, 0.75], [0, 0, 1]]
    assert torch.allclose(mixed, torch.tensor(wanted))


def test_all_ages_that_can_be_drawn_have_averages(averages: AgePrototype) -> None:
    assert averages.config.ages[0] <= LEAST_AGE and averages.config.ages[-1] >= MOST_AGE
    tables = (averages.colour, averages.gain, averages.shape, averages.hair)
    assert all(table.isfinite().all() and table.abs().max() > 0 for table in tables)


def test_moves_are_spread_from_their_points_and_end(averages: AgePrototype) -> None:
    points = averages.mean[None]
    moves = torch.full((1, 68, 2), 0.05)
    there = Field(points, averages.mean)(moves)
    assert torch.allclose(there, moves, atol=0.01)
    far = Field(points, torch.tensor([[6.0, 6.0]]))(moves)
    assert far.abs().max() < 1e-4
    assert torch.allclose(grid(4, 2.0)[0], torch.tensor([-0.75, -0.75]))
