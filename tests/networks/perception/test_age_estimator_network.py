from dataclasses import asdict

import pytest
import torch

from faceswap_cli.networks.perception.age_estimator import (
    AGES,
    AgeConfig,
    AgeNetwork,
    build_age_estimator,
    fold_batch_norm,
)

SMALL = AgeConfig(
    size=64, stem=8, stages=((1, 3, 1, 8, 1), (4, 3, 2, 12, 2), (4, 5, 2, 16, 1)), features=24, folded=False
)


@pytest.fixture
def network() -> AgeNetwork:
    torch.manual_seed(0)
    return AgeNetwork(SMALL)


def peaked(*ages: int) -> torch.Tensor:
    """(B, AGES) logits of distributions that hold nothing but one age."""
    logits = torch.full((len(ages), AGES), -60.0)
    logits[range(len(ages)), list(ages)] = 60.0
    return logits


def calibrated(places: tuple[float, ...], values: tuple[float, ...]) -> AgeNetwork:
    return build_age_estimator(asdict(SMALL) | {"calibration": [list(places), list(values)]})


def test_shapes_ranges_and_a_gradient_in_every_pixel_and_weight(network: AgeNetwork) -> None:
    pictures = torch.rand(3, 3, 64, 64, requires_grad=True)
    out = network(pictures)
    assert out.age.shape == out.spread.shape == out.female.shape == (3,) and out.logits.shape == (3, AGES)
    assert ((out.age > 0) & (out.age < 100)).all() and (out.spread > 0).all()
    # The sum over the batch would not do: a batch norm hides what all pictures have in common.
    (out.age[0] + out.spread[0] + out.female[0]).backward()
    assert pictures.grad is not None and (pictures.grad[0].abs().sum(0) > 0).float().mean() > 0.9
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_expectation_and_spread_are_those_of_the_distribution(network: AgeNetwork) -> None:
    age, spread = network.read(peaked(7, 93))
    assert age.tolist() == pytest.approx([7, 93], abs=1e-3) and (spread < 0.02).all()
    half = torch.full((1, AGES), -60.0)
    half[0, [30, 50]] = 0.0
    age, spread = network.read(half)
    assert age.item() == pytest.approx(40, abs=1e-3) and spread.item() == pytest.approx(10, abs=1e-2)
    assert network.below(half, 40.0).item() == pytest.approx(0.5, abs=1e-4)


def test_calibration_bends_ages_goes_on_beyond_its_ends_and_stretches_the_spread() -> None:
    network = calibrated((20.0, 40.0, 60.0), (18.0, 38.0, 78.0))
    age, _ = network.read(peaked(10, 20, 30, 50, 60, 70))
    assert age.tolist() == pytest.approx([8, 18, 28, 58, 78, 98], abs=1e-3)
    half = torch.full((1, AGES), -60.0)
    half[0, [45, 55]] = 0.0
    _, spread = network.read(half)
    assert spread.item() == pytest.approx(10, abs=1e-2)  # 5 years where a year stands for two
    assert network.below(peaked(50), 59.0).item() == pytest.approx(1, abs=1e-4)


def test_calibration_lets_gradients_through() -> None:
    logits = torch.randn(2, AGES, requires_grad=True)
    calibrated((20.0, 60.0), (10.0, 90.0)).read(logits)[0].sum().backward()
    twice = logits.grad
    plain = logits.detach().requires_grad_(True)
    calibrated((), ()).read(plain)[0].sum().backward()
    assert twice is not None and plain.grad is not None
    assert torch.allclose(twice, 2 * plain.grad, atol=1e-5)


def test_folding_the_norms_changes_no_answer(network: AgeNetwork) -> None:
    network.train()
    for _ in range(3):  # so that there is something to fold
        network(torch.rand(8, 3, 64, 64))
    network.eval()
    done = fold_batch_norm(network, ((), ()))
    pictures = torch.rand(4, 3, 64, 64)
    assert not any("norm" in name for name in done.state_dict())
    assert torch.allclose(done(pictures).logits, network(pictures).logits, atol=1e-4)
    assert torch.allclose(done(pictures).female, network(pictures).female, atol=1e-4)


def test_a_card_rebuilds_the_network(network: AgeNetwork) -> None:
    done = fold_batch_norm(network.eval(), ((20.0, 60.0), (18.0, 62.0)))
    again = build_age_estimator(asdict(done.config))
    again.load_state_dict(done.state_dict())
    pictures = torch.rand(2, 3, 64, 64)
    assert again.config == done.config and torch.equal(again(pictures).age, done(pictures).age)


def test_odd_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        AgeNetwork(AgeConfig(size=100))
