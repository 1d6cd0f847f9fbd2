"""Dense landmarks of a face with depth, how sure and how visible each is, and what the face does.

As `landmarks`: heat maps read out by soft-argmax (A. Nibali et al., Numerical coordinate regression with
convolutional neural networks, 2018), corrected by the features under each point's heat, with a spread learnt
as the scale of a Laplace distribution (A. Kendall and Y. Gal, What uncertainties do we need in Bayesian deep
learning, 2017). What needs the whole face, above all depth, comes from a code of the coarsest features; the
expression is read from that code and from the points, freed of place, size and roll.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.perception.landmarks import LandmarkNetwork, build_landmark_network
from faceswap_cli.networks.swap.blocks import Down, Residual, activation, initialise_weights

STRIDE = 4
"""Pixels of the picture for one cell of the heat maps."""

FEATURES = 48
"""Channels under the heat maps."""

CODE = 128
"""Numbers that say how the whole face is."""


@dataclass(frozen=True)
class DenseLandmarkConfig:
    """What rebuilds a DenseLandmarkNetwork.

    Attributes:
        points: how many; the first 68 are iBUG's, see `faces.landmarks.dense`.
        expressions: coefficients of expression.
        size: side of the picture in pixels, a multiple of 16.
        width: channels at a quarter of the resolution.
        deep: channels at a sixteenth of it.
        side: side of the picture in face units, see `faces.geometry`.
    """

    points: int = 222
    expressions: int = 26
    size: int = 112
    width: int = 32
    deep: int = 96
    side: float = 2.6


class DenseLandmarkOutput(NamedTuple):
    """What a DenseLandmarkNetwork says of B pictures of P points and E coefficients.

    Attributes:
        points: (B, P, 2) x and y in pixels of the picture, pixel centres at integers.
        depth: (B, P) z into the picture in the same pixels, 0 between the outer eye corners.
        spread: (B, P) expected distance from the true place, in the same pixels.
        visible: (B, P) logits: nothing is in front of the point, nor is it behind the head's edge.
        face: (B,) logits: the picture shows a face at all.
        expression: (B, E), about 0..1, signed ones about -1..1.
    """

    points: Tensor
    depth: Tensor
    spread: Tensor
    visible: Tensor
    face: Tensor
    expression: Tensor


class DenseLandmarkNetwork(nn.Module):
    """An hourglass of residual blocks at 1/4, 1/8 and 1/16 of the resolution, and the heads.

    Attributes:
        mean_shape: (P, 3) mean face in face units, set by the training; depths and points are read against
            it.
    """

    def __init__(self, config: DenseLandmarkConfig) -> None:
        super().__init__()
        if config.size % 16:
            raise ValueError(f"size {config.size} is not a multiple of 16")
        self.config = config
        w, deep, count = config.width, config.deep, config.points
        self.stem = nn.Sequential(Down(3, 16), Down(16, w), Residual(w), activation())
        self.eighth = nn.Sequential(Down(w, 2 * w), *_residuals(2 * w))
        self.sixteenth = nn.Sequential(Down(2 * w, deep), *_residuals(deep))
        self.up_to_eighth = nn.Conv2d(deep, 2 * w, 1)
        self.at_eighth = nn.Sequential(activation(), Residual(2 * w), activation())
        self.up_to_quarter = nn.Conv2d(2 * w, w, 1)
        self.at_quarter = nn.Sequential(activation(), nn.Conv2d(w, FEATURES, 3, padding=1), activation())
        self.heat = nn.Linear(FEATURES, count, bias=False)
        self.identity = nn.Parameter(torch.zeros(count, FEATURES))
        cells = (config.size // 16) ** 2
        self.squeeze = nn.Conv2d(deep, 16, 1)
        self.code = nn.Sequential(activation(), nn.Linear(16 * cells, CODE), activation())
        self.context = nn.Linear(CODE, FEATURES)
        self.read = nn.Sequential(nn.Linear(FEATURES, FEATURES), activation(), nn.Linear(FEATURES, 5))
        self.depth = nn.Linear(CODE, count)
        self.face = nn.Sequential(nn.Linear(deep, 32), activation(), nn.Linear(32, 1))
        self.from_points = nn.Linear(2 * count, 64)
        self.from_code = nn.Linear(CODE, 64)
        self.expression = nn.Sequential(activation(), nn.Linear(64, config.expressions))
        initialise_weights(self)
        for layer in (self.read[-1], self.depth, self.context, self.expression[-1]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
        centres = (torch.arange(config.size // STRIDE) + 0.5) * STRIDE - 0.5
        grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1).reshape(-1, 2)
        self.register_buffer("grid", grid, persistent=False)
        self.register_buffer("mean_shape", torch.randn(count, 3, generator=torch.Generator().manual_seed(0)))
        self.grid: Tensor
        self.mean_shape: Tensor

    def forward(self, x: Tensor) -> DenseLandmarkOutput:
        """Pictures (B, 3, size, size) in [0, 1], RGB."""
        quarter = self.stem(x * 2 - 1)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        eighth = self.at_eighth(eighth + _double(self.up_to_eighth(sixteenth)))
        features = self.at_quarter(quarter + _double(self.up_to_quarter(eighth)))
        code = self.code(self.squeeze(sixteenth).flatten(1))
        cells = features.permute(0, 2, 3, 1).flatten(1, 2)  # (B, cells, FEATURES), as they lie in memory
        # Heat maps are attention: a point's weights ask, and both what lies under the heat and where the heat
        # lies answer. The fused form never writes the maps down, which would not fit into a core's cache.
        places = torch.cat([cells, self.grid.expand(len(x), -1, 2)], -1)[:, None]
        asks = F.pad(self.heat.weight, (0, 2)).expand(len(x), 1, -1, -1)
        seen = F.scaled_dot_product_attention(asks, places, places, scale=1.0)[:, 0]  # (B, P, FEATURES + 2)
        said = self.read(seen[..., :FEATURES] + self.identity + self.context(code)[:, None])
        # Soft-argmax alone is drawn towards the middle of the picture; the rest says by how much.
        points = seen[..., FEATURES:] + said[..., :2] * STRIDE
        spread = F.softplus(said[..., 2]) * STRIDE + 0.05
        unit = self.config.size / self.config.side
        depth = (self.mean_shape[:, 2] + self.depth(code) + said[..., 4]) * unit
        expression = self.expression(
            self.from_points(self.normalise(points).flatten(1)) + self.from_code(code)
        )
        face = self.face(sixteenth.mean((2, 3)))[:, 0]
        return DenseLandmarkOutput(points, depth, spread, said[..., 3], face, expression)

    def normalise(self, points: Tensor) -> Tensor:
        """Points (B, P, 2) moved, turned and scaled onto the mean shape, less the mean shape; face units."""
        mean = self.mean_shape[:, :2] - self.mean_shape[:, :2].mean(0)
        p = points - points.mean(1, keepdim=True)
        size = p.square().sum((1, 2)) + 1e-6
        cos = (p * mean).sum((1, 2)) / size
        sin = (p[..., 0] * mean[:, 1] - p[..., 1] * mean[:, 0]).sum(1) / size
        x = p[..., 0] * cos[:, None] - p[..., 1] * sin[:, None]
        y = p[..., 0] * sin[:, None] + p[..., 1] * cos[:, None]
        return torch.stack([x, y], -1) - mean


def build_dense_landmark_network(config: Mapping[str, Any]) -> DenseLandmarkNetwork:
    """The network from a card's configuration, freshly initialised."""
    return DenseLandmarkNetwork(DenseLandmarkConfig(**config))


def build_either_landmark_network(config: Mapping[str, Any]) -> LandmarkNetwork | DenseLandmarkNetwork:
    """The first or the second version, as a card's configuration has it: only the second counts points."""
    return build_dense_landmark_network(config) if "points" in config else build_landmark_network(config)


def _residuals(channels: int) -> list[nn.Module]:
    return [Residual(channels), activation(), Residual(channels), activation()]


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
