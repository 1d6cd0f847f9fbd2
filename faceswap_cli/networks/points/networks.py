"""A generator of points in the plane and its discriminator: dense networks, quick enough to be watched."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from faceswap_cli.networks.points.config import PointsConfig

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


class PointGenerator(nn.Sequential):
    """Bends noise into points of the plane ("points")."""

    def __init__(self, config: PointsConfig) -> None:
        layers, width = config.generator_layers, config.generator_width
        super().__init__(
            *_hidden(config.noise_dimensions, layers, width, config.generator_activation),
            nn.Linear(width, 2),
        )
        self.config = config

    def forward(self, noise: Tensor) -> Tensor:
        """(B, N) noise, of variance 1 or in [-1, 1], to points (B, 2); the data lie in [-1, 1]."""
        points: Tensor = super().forward(noise)  # type: ignore[no-untyped-call]
        return points


class PointDiscriminator(nn.Sequential):
    """Tells real points from generated ones."""

    def __init__(self, config: PointsConfig) -> None:
        layers, width = config.discriminator_layers, config.discriminator_width
        super().__init__(
            *_hidden(2, layers, width, config.discriminator_activation),
            nn.Linear(width, 1),
        )

    def forward(self, points: Tensor) -> Tensor:
        """(B, 2) points to (B,) scores: the higher, the more real a point looks."""
        scores: Tensor = super().forward(points)  # type: ignore[no-untyped-call]
        return scores[:, 0]


def draw_noise(kind: str, count: int, dimensions: int, generator: torch.Generator) -> Tensor:
    """(count, dimensions) random numbers: "uniform" in [-1, 1], or "normal"."""
    if kind == "normal":
        return torch.randn(count, dimensions, generator=generator)
    return 2 * torch.rand(count, dimensions, generator=generator) - 1


def spread_noise(kind: str, side: int, dimensions: int) -> Tensor:
    """(side ** dimensions, dimensions): noise on a grid whose cells are all equally likely.

    Rows come first: the last dimension runs fastest.
    """
    edges = torch.linspace(0.5 / side, 1 - 0.5 / side, side)
    axis = torch.special.ndtri(edges) if kind == "normal" else 2 * edges - 1
    return torch.stack(torch.meshgrid(*[axis] * dimensions, indexing="ij"), -1).reshape(-1, dimensions)


def _hidden(inputs: int, layers: int, width: int, activation: str) -> list[nn.Module]:
    sizes = [inputs] + [width] * layers
    made: list[nn.Module] = []
    for size, following in itertools.pairwise(sizes):
        made += [nn.Linear(size, following), _ACTIVATIONS[activation]()]
    return made
