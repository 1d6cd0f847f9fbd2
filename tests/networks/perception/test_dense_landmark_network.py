from __future__ import annotations

import torch

from faceswap_cli.networks.perception.dense_landmarks import DenseLandmarkConfig, DenseLandmarkNetwork


def test_shapes_and_size() -> None:
    network = DenseLandmarkNetwork(DenseLandmarkConfig())
    assert sum(p.numel() for p in network.parameters()) < 1_500_000
    out = network(torch.rand(2, 3, 112, 112))
    assert out.points.shape == (2, 222, 2) and out.depth.shape == (2, 222)
    assert out.spread.shape == out.visible.shape == (2, 222) and out.face.shape == (2,)
    assert out.expression.shape == (2, 26)
    assert (out.spread > 0).all()


def test_normalised_points_do_not_tell_place_size_and_roll() -> None:
    network = DenseLandmarkNetwork(DenseLandmarkConfig())
    points = torch.rand(1, 222, 2, generator=torch.Generator().manual_seed(0)) * 100
    angle = torch.tensor(2.0)
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
    moved = 1.7 * points @ turn.T + torch.tensor([5.0, -20.0])
    assert torch.allclose(network.normalise(points), network.normalise(moved), atol=1e-4)
    mean = network.mean_shape[None, :, :2]
    assert network.normalise(3 * mean @ turn.T + 4).abs().max() < 1e-4


def test_gradients_reach_every_weight() -> None:
    """The last layers of the heads begin at zero: after some steps all of them are in use."""
    torch.manual_seed(0)
    network = DenseLandmarkNetwork(DenseLandmarkConfig(size=32))
    optimiser = torch.optim.SGD(network.parameters(), 0.01)
    for _ in range(4):
        optimiser.zero_grad()
        out = network(torch.rand(2, 3, 32, 32))
        sum((value**2).mean() for value in out).backward()  # type: ignore[union-attr]
        optimiser.step()
    unused = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not unused
