"""A face with one attribute of it changed: the network of ageing, asked by a difference of attributes.

It answers with a change to the picture (`networks/ageing/change.py`), never with a picture. What it is told
is the difference alone (M. Liu et al., STGAN, CVPR 2019), and half a difference is half the change, so that
asking for what is there changes nothing by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from faceswap_cli.networks.ageing.ageing import AgeingConfig, AgeingNetwork
from faceswap_cli.networks.ageing.change import Change
from faceswap_cli.networks.swap.blocks import activation


@dataclass(frozen=True)
class AttributeConfig:
    """What rebuilds an AttributeNetwork.

    Attributes:
        names: of the attributes.
        size: side of its crops in pixels, a multiple of 32.
        side: side of its crops in face units.
        widths: channels of the coarse part.
        fine: channels of the fine part.
        vector: length of what stands for a difference.
        points: points of a head.
        numbers: length of an identity's descriptor.
    """

    names: tuple[str, ...] = ("sex",)
    size: int = 160
    side: float = 2.75
    widths: tuple[int, int, int, int] = (32, 48, 80, 112)
    fine: int = 24
    vector: int = 32
    points: int = 154
    numbers: int = 128

    @property
    def ageing(self) -> AgeingConfig:
        """Of the network that it is but for what it is told."""
        return AgeingConfig(self.size, self.side, self.widths, self.fine, self.vector)


class AttributeNetwork(AgeingNetwork):
    """An AgeingNetwork that is told a difference of attributes in place of two ages.

    Attributes:
        shape: (K, P, 3) how a head differs between 0 and 1 of each attribute, in face units.
        reader: (K, N + 1) a logistic reading of each attribute from an identity's descriptor.
    """

    shape: Tensor
    reader: Tensor

    def __init__(self, config: AttributeConfig) -> None:
        super().__init__(config.ageing)
        self.attributes = config
        self.ages = DifferenceVector(len(config.names), config.vector)  # type: ignore[assignment]
        self.register_buffer("shape", torch.zeros(len(config.names), config.points, 3))
        self.register_buffer("reader", torch.zeros(len(config.names), config.numbers + 1))

    def change(self, crops: Tensor, difference: Tensor, coarse_only: bool = False) -> Change:
        """How faces change.

        Args:
            crops: (B, 3, S, S) RGB in [0, 1], with `coarse_only` of half the size.
            difference: (B, K) of each attribute, -1..1.
            coarse_only: without the fine part.
        """
        amount = difference.abs().amax(1)
        whole = difference / amount.clamp_min(1e-6)[:, None]
        said = self(crops, torch.zeros_like(whole), whole, coarse_only)
        return Change(*(part * amount[:, None, None, None] for part in said))

    def read(self, descriptors: Tensor) -> Tensor:
        """(B, N) identity descriptors to (B, K) attributes, 0..1."""
        reader = self.reader.to(descriptors)
        return torch.sigmoid(descriptors @ reader[:, :-1].T + reader[:, -1])


class DifferenceVector(nn.Module):
    """Attributes (B, K) and (B, K) to (B, vector), by their difference."""

    def __init__(self, count: int, vector: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(count, vector), activation(), nn.Linear(vector, vector))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """(B, K) as they are and as they shall be."""
        vector: Tensor = self.layers(target - source)
        return vector


def build_attribute_network(config: Mapping[str, Any]) -> AttributeNetwork:
    """The network from a card's configuration, freshly initialised."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in config.items()
    }
    return AttributeNetwork(AttributeConfig(**values))
