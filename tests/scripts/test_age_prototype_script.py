"""The parts of `scripts/train/age_prototype.py` that would spoil the averages without a word."""

from __future__ import annotations

import torch

from faceswap_cli.networks.ageing.prototype import AgePrototype, PrototypeConfig, hat_weights
from scripts.train import age_prototype


def test_what_is_not_age_does_not_pass_for_age() -> None:
    """Old people smile more in these faces, and smiles make bright: the averages must not know."""
    random = torch.Generator().manual_seed(0)
    knots = PrototypeConfig().ages
    ages = 16 + 64 * torch.rand(4000, generator=random)
    smile = (ages - 48) / 64 + 0.5 * torch.randn(4000, generator=random)
    values = 0.01 * ages + 0.7 * smile + 0.1 * torch.randn(4000, generator=random)
    sums = age_prototype.Sums(len(knots) + 1, 2, 1)
    weights = torch.ones(4000, 2)
    weights[:, 1] = 0  # a place that no face shows
    sums.add(
        torch.cat([hat_weights(ages, knots), smile[:, None]], 1),
        values[:, None, None].expand(-1, 2, 1),
        weights,
    )
    found = sums.solve(len(knots), 0.15)[..., 0]
    assert torch.allclose(found[0], 0.01 * torch.tensor(knots), atol=0.05)
    assert found[1].abs().max() < 1e-6


def test_averages_are_symmetric_and_end_with_the_face() -> None:
    made = AgePrototype(PrototypeConfig())
    for name in ("colour", "gain", "shape"):
        part = getattr(made, name)
        part.copy_(torch.rand(part.shape, generator=torch.Generator().manual_seed(1)))
    age_prototype.finish(made)
    assert torch.allclose(made.colour, made.colour.flip(-1), atol=1e-6)
    assert made.colour[..., 0].abs().max() == 0 and made.colour[..., 32, 32].min() > 0.01
    mirrored = made.shape[:, age_prototype.MIRROR] * torch.tensor([-1.0, 1.0])
    assert torch.allclose(made.shape, mirrored, atol=1e-6)
    assert sorted(age_prototype.MIRROR) == list(range(68))


def test_mirrored_points_are_those_of_a_mirrored_face() -> None:
    mean = torch.from_numpy(age_prototype.MEAN_FACE)
    assert torch.allclose(mean[age_prototype.MIRROR] * torch.tensor([-1.0, 1.0]), mean, atol=1e-3)
