"""Measures on generators that are known to be perfect, collapsed or elsewhere."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from faceswap_cli.networks.points.config import PointsConfig
from faceswap_cli.training.data.points import SHAPES, PointData
from faceswap_cli.training.engine.collapse_detection import REPORTS, CollapseDetector
from faceswap_cli.training.monitor.points_validation import (
    POINT_SIGNS,
    PointValidator,
    cut_into_parts,
    describe_state,
    has_collapsed,
    js_divergence,
)


class Copy(nn.Module):
    """Draws what a function draws, whatever the noise."""

    config = PointsConfig()

    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def forward(self, noise):
        return self.draw(len(noise), torch.Generator().manual_seed(77))


@pytest.mark.parametrize("name", SHAPES)
def test_the_data_themselves_are_at_the_floor(name):
    data = SHAPES[name]
    found = PointValidator(data, "uniform").measure(Copy(data.draw))
    assert found["js"] < 1.25 * found["js_floor"] < 0.3
    assert found["modes"] == found["modes_of"] and found["near"] > 0.97
    assert describe_state(found).startswith("matches the data") and not has_collapsed(found)


def test_one_mode_of_eight_is_a_collapse():
    data = SHAPES["gaussians"]
    one = replace(
        data, draw=lambda count, generator: data.modes[:1] + 0.05 * torch.randn(count, 2, generator=generator)
    )
    found = PointValidator(data, "uniform").measure(Copy(one.draw))
    assert (found["modes"], found["modes_of"]) == (1, 8)
    assert has_collapsed(found) and describe_state(found) == "mode collapse: 1 of 8 modes"
    assert found["js"] > 5 * found["js_floor"] and found["near"] > 0.95


def test_points_far_from_the_data_are_no_collapse():
    data = SHAPES["gaussians"]
    found = PointValidator(data, "uniform").measure(Copy(lambda count, generator: torch.zeros(count, 2)))
    assert found["near"] == found["modes"] == 0 and found["js"] == pytest.approx(1)
    assert not has_collapsed(found) and "not on the data" in describe_state(found)


def test_half_of_a_ring_covers_about_half_of_its_parts():
    data = SHAPES["ring"]

    def upper(count, generator):
        points = data.draw(count, generator)
        return torch.stack([points[:, 0], points[:, 1].abs()], 1)

    found = PointValidator(data, "uniform").measure(Copy(upper))
    assert found["modes_of"] == 12 and 5 <= found["modes"] <= 8


def test_divergence_of_apart_is_one_bit_and_of_the_same_is_none():
    one, other = torch.tensor([0.5, 0.5, 0, 0]).double(), torch.tensor([0, 0, 0.25, 0.75]).double()
    assert js_divergence(one, other) == pytest.approx(1)
    assert js_divergence(one, one) == 0


def test_few_different_points_have_as_many_parts():
    places = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = cut_into_parts(places.repeat(20, 1))
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, places.tolist()))


def test_measuring_draws_no_random_numbers():
    data = PointData("two", SHAPES["disjoint"].draw)
    validator = PointValidator(data, "normal")
    before = torch.get_rng_state()
    assert validator.measure(Copy(data.draw)) == validator.measure(Copy(data.draw))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_collapse_that_lasts_is_told():
    detector = CollapseDetector(POINT_SIGNS)
    told = [detector({"discriminator": 0.7, "collapsed": True}, 0) for _ in range(REPORTS)]
    assert told[:-1] == [None] * (REPORTS - 1) and "few modes" in told[-1]
    assert [detector({"collapsed": False}, 0) for _ in range(2 * REPORTS)] == [None] * 2 * REPORTS
