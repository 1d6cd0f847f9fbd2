"""A closer look at eyes and mouth: small crops and what the landmark network said of them give finer points.

The read-out is that of `dense_landmarks`: attention of each point over the features, corrected by what lies
under it; but a point is looked for around where it was, and a code of the whole crop corrects all points at
once too, so that the edge of a lid moves as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import Down, Residual, activation, initialise_weights

STRIDE = 4
"""Pixels of a crop for one cell of the heat maps."""

FEATURES = 32
"""Channels under the heat maps."""

CODE = 96
"""Numbers that say how the whole crop is."""

SQUEEZED = 8
"""Channels at an eighth of the resolution that the code is made from."""

_NEAR = -4.0
"""How heat falls off around where a point was, at first: softplus of it, per pixel squared; 5 pixels."""

_SPAN = 8.0
"""Pixels by which the first look's points differ, about: they are divided by it."""


@dataclass(frozen=True)
class FineLandmarkConfig:
    """What rebuilds a FineLandmarkNetwork.

    Attributes:
        eye_points, mouth_points: how many each part answers for, see `faces.landmarks.fine`.
        eye_expressions, mouth_expressions: coefficients of expression, likewise.
        eye_size, mouth_size: sides of the crops in pixels, multiples of 8.
        eye_side, mouth_side: the same in face units.
        eye_reach, mouth_reach: how far, in face units, a point may be moved at most.
        width: channels at a quarter of the resolution.
        deep: channels at an eighth of it.
    """

    eye_points: int = 32
    mouth_points: int = 60
    eye_expressions: int = 5
    mouth_expressions: int = 11
    eye_size: int = 64
    mouth_size: int = 80
    eye_side: float = 0.64
    mouth_side: float = 1.0
    eye_reach: float = 0.12
    mouth_reach: float = 0.2
    width: int = 24
    deep: int = 64


class FineOutput(NamedTuple):
    """What is said of B crops of P points and E coefficients.

    Attributes:
        points: (B, P, 2) x and y in pixels of the crop, pixel centres at integers.
        spread: (B, P) expected distance from the true place, in the same pixels.
        expression: (B, E).
    """

    points: Tensor
    spread: Tensor
    expression: Tensor


class PartNetwork(nn.Module):
    """One part of the face.

    Args:
        points, expressions: how many.
        size: side of the crops in pixels.
        reach: how far a point may be moved, in these pixels.
        width, deep: see FineLandmarkConfig.
    """

    def __init__(self, points: int, expressions: int, size: int, reach: float, width: int, deep: int) -> None:
        super().__init__()
        if size % 8:
            raise ValueError(f"size {size} is not a multiple of 8")
        self.size, self.reach = size, reach
        self.stem = nn.Sequential(Down(3, 16), Down(16, width), Residual(width), activation())
        self.eighth = nn.Sequential(Down(width, deep), Residual(deep), activation())
        self.up = nn.Conv2d(deep, width, 1)
        self.at_quarter = nn.Sequential(activation(), nn.Conv2d(width, FEATURES, 3, padding=1), activation())
        self.heat = nn.Linear(FEATURES, points, bias=False)
        self.near = nn.Parameter(torch.full((points,), _NEAR))
        self.identity = nn.Parameter(torch.zeros(points, FEATURES))
        self.squeeze = nn.Conv2d(deep, SQUEEZED, 1)
        self.code = nn.Sequential(activation(), nn.Linear(SQUEEZED * (size // 8) ** 2, CODE))
        self.known = nn.Linear(2 * points + expressions, CODE)
        self.both = nn.Sequential(activation(), nn.Linear(CODE, CODE), activation())
        self.context = nn.Linear(CODE, FEATURES)
        self.read = nn.Sequential(nn.Linear(FEATURES, FEATURES), activation(), nn.Linear(FEATURES, 3))
        self.shift = nn.Linear(CODE, 2 * points)
        self.expression = nn.Linear(CODE, expressions)
        initialise_weights(self)
        for layer in (self.read[-1], self.shift, self.context, self.expression):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
        centres = (torch.arange(size // STRIDE) + 0.5) * STRIDE - size / 2  # from the middle of the crop
        grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1).reshape(-1, 2)
        self.register_buffer("grid", grid, persistent=False)
        self.grid: Tensor

    def forward(self, x: Tensor, points: Tensor, expression: Tensor) -> FineOutput:
        """Crops (B, 3, size, size) in [0, 1], RGB, and what the first look said of them.

        Args:
            x: the crops.
            points: (B, P, 2) their pixels.
            expression: (B, E).
        """
        quarter = self.stem(x * 2 - 1)
        eighth = self.eighth(quarter)
        features = self.at_quarter(quarter + F.interpolate(self.up(eighth), scale_factor=2.0, mode="nearest"))
        first = torch.cat([((points - (self.size - 1) / 2) / _SPAN).flatten(1), expression], 1)
        code = self.both(self.code(self.squeeze(eighth).flatten(1)) + self.known(first))
        cells = features.permute(0, 2, 3, 1).flatten(1, 2)  # (B, cells, FEATURES)
        # Heat begins around where the first look put a point: -near * |cell - point|^2, but for a constant.
        grid = self.grid.expand(len(x), -1, -1)
        places = torch.cat([cells, grid, grid.square().sum(-1, keepdim=True)], -1)[:, None]
        start, near = points - (self.size - 1) / 2, F.softplus(self.near)[:, None].expand(len(x), -1, -1)
        asks = torch.cat([self.heat.weight.expand(len(x), -1, -1), 2 * near * start, -near], -1)[:, None]
        seen = F.scaled_dot_product_attention(asks, places, places, scale=1.0)[:, 0]
        said = self.read(seen[..., :FEATURES] + self.identity + self.context(code)[:, None])
        there = seen[..., FEATURES : FEATURES + 2] + said[..., :2] * STRIDE
        moved = there + self.shift(code).view_as(points) - start
        # A part that is hidden or unlike all that was learnt must not throw the points about.
        far = moved.square().sum(-1, keepdim=True).add(1e-6).sqrt() / self.reach
        spread = F.softplus(said[..., 2]) * STRIDE + 0.05
        return FineOutput(points + moved / far.clamp(min=1), spread, expression + self.expression(code))


class FineLandmarkNetwork(nn.Module):
    """A network for an eye and one for the mouth."""

    def __init__(self, config: FineLandmarkConfig) -> None:
        super().__init__()
        self.config = c = config
        self.eye = PartNetwork(
            c.eye_points, c.eye_expressions, c.eye_size, c.eye_reach * c.eye_size / c.eye_side,
            c.width, c.deep,
        )  # fmt: skip
        self.mouth = PartNetwork(
            c.mouth_points, c.mouth_expressions, c.mouth_size,
            c.mouth_reach * c.mouth_size / c.mouth_side, c.width, c.deep,
        )  # fmt: skip


def build_fine_landmark_network(config: Mapping[str, Any]) -> FineLandmarkNetwork:
    """The network from a card's configuration, freshly initialised."""
    return FineLandmarkNetwork(FineLandmarkConfig(**config))
