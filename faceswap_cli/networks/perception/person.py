"""A small network that says of every pixel of a picture whether it shows a person.

The network of MediaPipe's selfie segmentation: an encoder like MobileNetV3's (A. Howard et al., Searching
for MobileNetV3, ICCV 2019) and a decoder that gates what it takes from finer layers by what it knows of the
whole picture. About 110,000 numbers. Paddings and sizes are TensorFlow's, so that the published weights
(scripts/dev/port_person.py) give the published answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class PersonConfig:
    """What rebuilds a PersonNetwork.

    Attributes:
        size: side of its pictures in pixels.
    """

    size: int = 256


class PersonNetwork(nn.Module):
    """About 60 million multiply-adds for a picture of 256 x 256 pixels."""

    def __init__(self, config: PersonConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv2d(3, 16, 3, 2)
        self.second = _Inverted(16, 16, 16, 3, 2, "relu", 8)
        self.third = _Inverted(16, 72, 24, 3, 2, "relu", 0)
        self.fourth = _Inverted(24, 88, 24, 3, 1, "relu", 0)
        self.deep = nn.Sequential(
            _Inverted(24, 96, 32, 5, 2, "hardswish", 24),
            *(_Inverted(32, wide, 32, 5, 1, "hardswish", wide // 4) for wide in (128, 128, 96, 96)),
        )
        self.pixel, self.whole = nn.Conv2d(32, 128, 1), nn.Conv2d(32, 128, 1)
        self.up = nn.ModuleList([_Up(128, 24), _Up(24, 16), _Up(16, 16)])
        self.last = nn.ConvTranspose2d(16, 1, 2, 2)

    def forward(self, image: Tensor) -> Tensor:
        """Logits that a pixel shows a person.

        Args:
            image: (N, 3, S, S) RGB in [0, 1].

        Returns:
            (N, 1, S, S).
        """
        first = F.hardswish(self.first(_padded(image, 3, 2)))
        half = self.second(first)
        eighth = self.fourth(self.third(half))
        deep = self.deep(eighth)
        x = F.relu(self.pixel(deep)) * torch.sigmoid(self.whole(deep.mean((2, 3), keepdim=True)))
        for up, finer in zip(self.up, (eighth, half, first), strict=True):
            x = up(x, finer)
        logits: Tensor = self.last(x)
        return logits


class _Inverted(nn.Module):
    """An inverted residual block; with `squeeze` channels in its squeeze-and-excitation, 0 for none."""

    def __init__(
        self, inside: int, wide: int, out: int, kernel: int, stride: int, act: str, squeeze: int
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.act = kernel, stride, getattr(F, act)
        self.added = stride == 1 and inside == out
        self.expand = nn.Conv2d(inside, wide, 1)
        self.depth = nn.Conv2d(wide, wide, kernel, stride, groups=wide)
        self.gate = _Gate(wide, squeeze) if squeeze else None
        self.project = nn.Conv2d(wide, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.expand(x))
        y = self.act(self.depth(_padded(y, self.kernel, self.stride)))
        if self.gate is not None:
            y = y * self.gate(y)
        y = self.project(y)
        done: Tensor = x + y if self.added else y
        return done


class _Gate(nn.Module):
    """Squeeze-and-excitation: a factor for each channel from what the whole picture shows."""

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, squeeze, 1), nn.Conv2d(squeeze, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))))


class _Up(nn.Module):
    """Doubles the size, and adds the finer layer's channels as far as both together ask for them."""

    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(inside, out, 1)
        self.gate = _Gate(out, out)
        self.mix = nn.Conv2d(out, out, 1)
        self.depth = nn.Conv2d(out, out, 3, groups=out)

    def forward(self, x: Tensor, finer: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = self.narrow(x)
        x = finer * self.gate(finer + x) + x
        x = F.relu(self.mix(x))
        return x + F.relu(self.depth(_padded(x, 3, 1)))


def build_person_network(config: Mapping[str, Any]) -> PersonNetwork:
    """The network from its card's `config`."""
    return PersonNetwork(PersonConfig(**config))


def _padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Padded as TensorFlow's "same" does for even sides: the odd pixel goes to the right and below."""
    whole = kernel - stride
    return F.pad(x, (whole // 2, whole - whole // 2) * 2)
