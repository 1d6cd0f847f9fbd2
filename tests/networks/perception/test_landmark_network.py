import pytest
import torch

from faceswap_cli.networks.perception.landmarks import (
    STRIDE,
    LandmarkConfig,
    LandmarkNetwork,
    build_landmark_network,
)


@pytest.fixture(scope="module")
def network() -> LandmarkNetwork:
    torch.manual_seed(0)
    return LandmarkNetwork(LandmarkConfig(size=64, width=8))


def test_shapes_and_ranges(network: LandmarkNetwork) -> None:
    out = network(torch.rand(3, 3, 64, 64))
    assert out.points.shape == (3, 68, 2) and out.spread.shape == out.visible.shape == (3, 68)
    assert out.face.shape == (3,)
    assert (out.spread > 0).all() and all(torch.isfinite(part).all() for part in out)


def test_untrained_points_lie_in_the_middle(network: LandmarkNetwork) -> None:
    # The heat is nearly level, and its mean is the picture's middle: pixel centres are at integers.
    assert network(torch.rand(2, 3, 64, 64)).points.mean().item() == pytest.approx(31.5, abs=3)


def test_a_heat_of_one_cell_is_read_as_that_cells_centre(network: LandmarkNetwork) -> None:
    column, row = 5, 11
    heat = torch.full((16, 16), -50.0)
    heat[row, column] = 50.0
    place = heat.flatten().softmax(0) @ network.grid
    assert place.tolist() == pytest.approx([(column + 0.5) * STRIDE - 0.5, (row + 0.5) * STRIDE - 0.5])


def test_every_parameter_learns(network: LandmarkNetwork) -> None:
    out = network(torch.rand(2, 3, 64, 64))
    loss = out.points.square().sum() + out.spread.log().sum() + out.visible.square().sum() + out.face.sum()
    loss.backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # The read-out's last layer starts at zero, and residuals' second ones: what feeds only them waits a step.
    assert all("read.0" in n or "identity" in n or ".first." in n for n in silent)
    network.zero_grad()


def test_a_picture_is_judged_by_itself(network: LandmarkNetwork) -> None:
    pictures = torch.rand(4, 3, 64, 64)
    together = network(pictures).points
    alone = torch.cat([network(p[None]).points for p in pictures])
    assert torch.allclose(together, alone, atol=1e-3)


def test_odd_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        build_landmark_network({"size": 100})
