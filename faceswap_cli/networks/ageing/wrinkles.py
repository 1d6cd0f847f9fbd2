"""Wrinkles that are not there yet: whole layers of skin's lines, of old faces that a network invented.

An average has every line a little everywhere; a face has few, and deep. So of each person one layer is
drawn: what a filter finds on the skin of one invented face (see `compositing/skin_detail.find_lines`), in
the shape of the mean face, carried by the landmarks and multiplied onto the skin. Nobody's lines are among
them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.ageing.line_averages import COARSE
from faceswap_cli.networks.ageing.prototype import POINTS, Field, grid


@dataclass(frozen=True)
class WrinkleConfig:
    """What rebuilds WrinkleLayers.

    Attributes:
        female: how female each layer's face is, 0..1.
        size: side of the layers in pixels.
        side: in face units.
    """

    female: tuple[float, ...] = (0.0,)
    size: int = 256
    side: float = 2.4


class WrinkleLayers(nn.Module):
    """Buffers: `layers` (layers, size, size) logarithms of luma, and `mean` (68, 2) face units, the shape
    that they are in."""

    layers: Tensor
    mean: Tensor

    def __init__(self, config: WrinkleConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("layers", torch.zeros(len(config.female), config.size, config.size))
        self.register_buffer("mean", torch.zeros(POINTS, 2))

    def choose(self, female: float, variant: float) -> int:
        """The number of a person's layer.

        Args:
            female: 0..1; between 0.35 and 0.65 all layers may be chosen.
            variant: 0..1, tells people apart.
        """
        near = [k for k, sex in enumerate(self.config.female) if abs(sex - female) < 0.65]
        near = near or list(range(len(self.config.female)))
        return near[min(int(variant * len(near)), len(near) - 1)]

    def forward(
        self, landmarks: Tensor, chosen: Sequence[int], amounts: Sequence[float], more: Tensor
    ) -> Tensor:
        """Layers in the shape of faces.

        Args:
            landmarks: (B, 68, 2) face units from the aligned square's middle.
            chosen: B numbers of layers.
            amounts: how much of each is drawn.
            more: (B, size, size) what is added to them, in the mean face's shape.

        Returns:
            (B, size, size) logarithms of luma.
        """
        config = self.config
        moved = Field(landmarks, grid(COARSE, config.side).to(landmarks))(self.mean - landmarks)
        moved = moved.view(-1, COARSE, COARSE, 2).permute(0, 3, 1, 2)
        moved = F.interpolate(moved, (config.size, config.size), mode="bilinear", align_corners=False)
        moved = moved.permute(0, 2, 3, 1)
        inside = grid(config.size, config.side).to(landmarks).view(config.size, config.size, 2)
        where = (inside + moved) * (2 / config.side)
        layers = self.layers[torch.tensor(list(chosen), device=self.layers.device)]
        layers = (layers * landmarks.new_tensor(list(amounts)).view(-1, 1, 1) + more)[:, None]
        return F.grid_sample(layers, where, padding_mode="zeros", align_corners=False)[:, 0]


def build_wrinkle_layers(config: Mapping[str, Any]) -> WrinkleLayers:
    """The layers from a card's configuration, all nought."""
    values = dict(config)
    values["female"] = tuple(float(sex) for sex in values["female"])
    return WrinkleLayers(WrinkleConfig(**values))
