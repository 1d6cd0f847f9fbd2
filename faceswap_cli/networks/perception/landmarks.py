"""68 landmarks of a face, how sure each one is and whether it can be seen, from one small picture.

Heat maps read out by soft-argmax (A. Nibali et al., Numerical coordinate regression with convolutional neural
networks, 2018); the features under each point's heat then correct its place and tell its spread, so that the
answer is finer than the map's grid. A spread is learnt as the scale of a Laplace distribution (A. Kendall and
Y. Gal, What uncertainties do we need in Bayesian deep learning, 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import Down, Residual, activation, initialise_weights

POINTS = 68

STRIDE = 4
"""Pixels of the picture for one cell of the heat maps."""


@dataclass(frozen=True)
class LandmarkConfig:
    """What rebuilds a LandmarkNetwork.

    Attributes:
        size: side of the picture in pixels, a multiple of 16.
        width: channels at a quarter of the resolution.
        side: side of the picture in face units, see `faces.geometry`.
    """

    size: int = 112
    width: int = 32
    side: float = 2.6


class LandmarkOutput(NamedTuple):
    """What a LandmarkNetwork says of B pictures.

    Attributes:
        points: (B, 68, 2) x and y in pixels of the picture, pixel centres at integers.
        spread: (B, 68) expected distance from the true place, in the same pixels.
        visible: (B, 68) logits: nothing is in front of the point, nor is it behind the head's edge.
        face: (B,) logits: the picture shows a face at all.
    """

    points: Tensor
    spread: Tensor
    visible: Tensor
    face: Tensor


class LandmarkNetwork(nn.Module):
    """An hourglass of residual blocks at 1/4, 1/8 and 1/16 of the resolution, and the heads."""

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        if config.size % 16:
            raise ValueError(f"size {config.size} is not a multiple of 16")
        self.config = config
        w = config.width
        self.stem = nn.Sequential(Down(3, 16), Down(16, w), Residual(w), activation())
        self.eighth = nn.Sequential(Down(w, 2 * w), *_two(2 * w))
        self.sixteenth = nn.Sequential(Down(2 * w, 3 * w), *_two(3 * w))
        self.up_to_eighth = nn.Conv2d(3 * w, 2 * w, 1)
        self.at_eighth = nn.Sequential(activation(), Residual(2 * w), activation())
        self.up_to_quarter = nn.Conv2d(2 * w, w, 1)
        self.at_quarter = nn.Sequential(activation(), nn.Conv2d(w, 48, 3, padding=1), activation())
        self.heat = nn.Conv2d(48, POINTS, 1)
        self.identity = nn.Parameter(torch.zeros(POINTS, 48))
        self.read = nn.Sequential(nn.Linear(48, 48), activation(), nn.Linear(48, 4))
        self.face = nn.Sequential(nn.Linear(3 * w, 32), activation(), nn.Linear(32, 1))
        initialise_weights(self)
        nn.init.zeros_(self.read[-1].weight)  # type: ignore[arg-type]
        cells = config.size // STRIDE
        centres = (torch.arange(cells) + 0.5) * STRIDE - 0.5
        grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), -1).reshape(-1, 2)
        self.register_buffer("grid", grid, persistent=False)
        self.grid: Tensor

    def forward(self, x: Tensor) -> LandmarkOutput:
        """Pictures (B, 3, size, size) in [0, 1], RGB."""
        quarter = self.stem(x * 2 - 1)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        eighth = self.at_eighth(eighth + _double(self.up_to_eighth(sixteenth)))
        features = self.at_quarter(quarter + _double(self.up_to_quarter(eighth)))
        heat = self.heat(features).flatten(2).softmax(-1)  # (B, 68, cells)
        seen = heat @ features.flatten(2).transpose(1, 2)  # (B, 68, 48)
        said = self.read(seen + self.identity)
        # Soft-argmax alone is drawn towards the middle of the picture; the rest says by how much.
        points = heat @ self.grid + said[..., :2] * STRIDE
        spread = F.softplus(said[..., 2]) * STRIDE + 0.05
        return LandmarkOutput(points, spread, said[..., 3], self.face(sixteenth.mean((2, 3)))[:, 0])


def build_landmark_network(config: Mapping[str, Any]) -> LandmarkNetwork:
    """The network from a card's configuration, freshly initialised."""
    return LandmarkNetwork(LandmarkConfig(**config))


def _two(channels: int) -> list[nn.Module]:
    return [Residual(channels), activation(), Residual(channels), activation()]


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
