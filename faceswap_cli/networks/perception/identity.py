"""Who a face is: a residual network that puts the faces of one person close together.

D. King, High Quality Face Recognition with Deep Metric Learning, 2017: the ResNet-34 of He et al. (Deep
Residual Learning for Image Recognition, CVPR 2016) with a few layers less and half the filters, trained so
that the descriptors of different people fall into balls of radius 0.6 that don't overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class IdentityConfig:
    """What rebuilds an IdentityNetwork.

    Attributes:
        size: side of the pictures in pixels.
        stages: (channels, blocks) of each stage; every stage but the first halves the picture.
        numbers: length of a descriptor.
        mean: what is taken from red, green and blue.
        scale: what the rest is divided by.
    """

    size: int = 150
    stages: tuple[tuple[int, int], ...] = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))
    numbers: int = 128
    mean: tuple[float, float, float] = (122.782, 117.001, 104.298)
    scale: float = 256.0


class IdentityNetwork(nn.Module):
    """Pictures to descriptors that are compared by their Euclidean distance."""

    mean: Tensor

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.stages[0][0]
        # Strided layers have no padding: what does not fill a window at the far edges is not looked at.
        self.stem = nn.Conv2d(3, channels, 7, stride=2)
        blocks = []
        for stage, (width, count) in enumerate(config.stages):
            for number in range(count):
                blocks.append(IdentityBlock(channels, width, halves=stage > 0 and number == 0))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, config.numbers, bias=False)
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, size, size) RGB, 0..255, to (B, numbers)."""
        x = (pictures - self.mean) / self.config.scale
        x = F.max_pool2d(F.relu(self.stem(x), inplace=True), 3, stride=2)
        descriptors: Tensor = self.head(self.blocks(x).mean((2, 3)))
        return descriptors


class IdentityBlock(nn.Module):
    """relu(x + f(x)) with two 3x3 convolutions; frozen batch norms are folded into them.

    Where the picture is halved, x is averaged over 2x2 windows. The shortcut has no weights: what the
    two sides of the sum have not in common, channels and a last row and column, is filled with zeros.
    """

    def __init__(self, channels: int, out: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        stride, padding = (2, 0) if halves else (1, 1)
        self.first = nn.Conv2d(channels, out, 3, stride=stride, padding=padding)
        self.second = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H, W), or half of H and W."""
        change = self.second(F.relu(self.first(x), inplace=True))
        if self.halves:
            x = F.avg_pool2d(x, 2)
            shape = [max(a, b) for a, b in zip(x.shape[1:], change.shape[1:], strict=True)]
            x, change = _filled(x, shape), _filled(change, shape)
        return F.relu(change.add_(x), inplace=True)


def _filled(x: Tensor, shape: list[int]) -> Tensor:
    """`x` with zeros behind it in channels, height and width, up to `shape`."""
    if list(x.shape[1:]) == shape:
        return x
    channels, height, width = (wanted - there for wanted, there in zip(shape, x.shape[1:], strict=True))
    return F.pad(x, (0, width, 0, height, 0, channels))


def build_identity_network(config: Mapping[str, Any]) -> IdentityNetwork:
    """The network of a card's `config`."""
    return IdentityNetwork(
        IdentityConfig(
            size=int(config["size"]),
            stages=tuple((int(width), int(count)) for width, count in config["stages"]),
            numbers=int(config["numbers"]),
            mean=tuple(float(value) for value in config["mean"]),  # type: ignore[arg-type]
            scale=float(config["scale"]),
        )
    )
