"""Losses on scores, and penalties on slopes, against what they are by hand."""

import math

import pytest
import torch

from faceswap_cli.training.objectives.adversarial import (
    LOSSES,
    interpolation_penalty,
    relativistic_pair_loss,
    squared_slopes,
)
from faceswap_cli.training.runs.settings import PENALTIES

ONE, NOUGHT = torch.ones(4), torch.zeros(4)


def test_every_loss_has_its_penalties_and_no_other():
    assert set(LOSSES) == set(PENALTIES)


@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("gan", math.log(2), math.log(1 + math.exp(-1)) + math.log(2)),
        ("ls", 0.5, 0.5),
        ("wgan-gp", 0.0, -1.0),
        ("hinge", 0.0, 1.0),
        ("r3", math.log(1 + math.e), math.log(1 + math.exp(-1))),
    ],
)
def test_values_for_scores_of_one_and_nought(name, generator, discriminator):
    loss = LOSSES[name]
    assert float(loss.generator(ONE, NOUGHT)) == pytest.approx(generator, abs=1e-6)
    assert float(loss.discriminator(ONE, NOUGHT)) == pytest.approx(discriminator, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_both_sides_pull_in_opposite_directions(name):
    real, fake = torch.zeros(4, requires_grad=True), torch.zeros(4, requires_grad=True)
    own = torch.autograd.grad(LOSSES[name].discriminator(real, fake), [real, fake])
    assert (own[0] < 0).all() and (own[1] > 0).all()  # down the gradient, real scores rise and fake ones fall
    (other,) = torch.autograd.grad(LOSSES[name].generator(real, fake), fake)
    assert (other < 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_only_differences_count_where_a_loss_says_so(name):
    loss, shift = LOSSES[name], torch.full((4,), 3.0)
    same = torch.allclose(loss.discriminator(ONE, NOUGHT), loss.discriminator(ONE + shift, NOUGHT + shift))
    assert same == loss.relative


def test_a_pair_that_is_right_costs_less():
    assert relativistic_pair_loss(ONE, NOUGHT) < relativistic_pair_loss(NOUGHT, ONE)


def test_slopes_of_a_plane_are_half_its_squared_gradient():
    points = torch.randn(5, 2, requires_grad=True)
    found = squared_slopes((points @ torch.tensor([3.0, 4.0])).sum(), points)
    assert torch.allclose(found, torch.full((5,), 12.5))


@pytest.mark.parametrize(("steepness", "penalty"), [(1.0, 0.0), (3.0, 4.0)])
def test_interpolation_asks_for_a_slope_of_one(steepness, penalty):
    real, fake = torch.randn(6, 2), torch.randn(6, 2)
    found = interpolation_penalty(lambda points: steepness * points[:, 0], real, fake, torch.rand(6, 1))
    assert float(found) == pytest.approx(penalty, abs=1e-5)


def test_a_fake_of_half_the_digits_is_compared_with_a_real_of_all():
    real, share = torch.randn(4, 2), torch.rand(4, 1)
    fake = real.to(torch.bfloat16)  # as a generator gives it where training computes so
    assert interpolation_penalty(lambda points: points.sum(1), real, fake, share).isfinite()
