"""A face older or younger: a network that answers with a change to the picture, not with a picture.

What is said is where the skin goes (a coarse flow), how much of its own fine detail is kept or strengthened
(gains), and what is added (a residual); `networks/ageing/change.py` carries it to pictures of any size.
The residual follows FRAN (G. Zoss et al., Production-ready face re-aging for visual effects, SIGGRAPH
Asia 2022); ages enter by FiLM (E. Perez et al., AAAI 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.ageing.change import BANDS, LUMA, Change
from faceswap_cli.networks.swap.blocks import activation, initialise_weights

MOST_FLOW = 0.08
"""How far the skin can move, face units."""

MOST_HUE = 0.025
"""How far colours move without regard to what they were. Most of the change of colour is in their saturation:
hair goes grey, and nothing turns blue."""

MOST_SATURATION = 0.5
"""Colours lose up to all of their saturation, or gain up to this share of it."""

ANSWERS = 4 + len(BANDS)
"""Brightness, saturation, two of hue, and the gains."""

MOST_GAIN = 1.5
"""A band is changed by -1 (gone) to +1.5 (two and a half times as strong) of itself."""

LEAST_AGE, MOST_AGE = 18.0, 80.0
"""Ages that are drawn: of younger people there are no pictures to learn from, of older ones few."""


class Ager(Protocol):
    """Says how faces change between two ages: a network, or a method without one."""

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        ...

    @property
    def side(self) -> float:
        """Side of the crops in face units."""
        ...

    def __call__(self, crops: Tensor, source: Tensor, target: Tensor) -> Change:
        """(B, 3, S, S) RGB in [0, 1], ages (B,) as they are and as they shall be, in years."""
        ...


@dataclass(frozen=True)
class BothWays:
    """What an Ager says of a face and of its mirror image, averaged: half of what it would do to one side of
    everybody's face alone is not done, and noise in its answers is less.

    Attributes:
        ager: is asked.
    """

    ager: Ager

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.ager.size

    @property
    def side(self) -> float:
        """Side of the crops in face units."""
        return self.ager.side

    def __call__(self, crops: Tensor, source: Tensor, target: Tensor) -> Change:
        """See Ager."""
        both = torch.cat([crops, crops.flip(3)])
        said = self.ager(both, source.repeat(2), target.repeat(2))
        plain, turned = (Change(*parts) for parts in zip(*(part.chunk(2) for part in said), strict=True))
        aside = crops.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
        return Change(
            (plain.residual + turned.residual.flip(3)) / 2,
            (plain.gain + turned.gain.flip(3)) / 2,
            (plain.flow + turned.flow.flip(3) * aside) / 2,
        )


@dataclass(frozen=True)
class AgeingConfig:
    """What rebuilds an AgeingNetwork.

    Attributes:
        size: side of its crops in pixels, a multiple of 32.
        side: side of its crops in face units, see `faces.geometry`.
        widths: channels of the coarse part at 1/4, 1/8, 1/16 and 1/32 of the side.
        fine: channels of the fine part, at 1/2 of the side.
        ages: length of the vector that stands for the two ages.
    """

    size: int = 160
    side: float = 2.75
    widths: tuple[int, int, int, int] = (32, 64, 96, 128)
    fine: int = 24
    ages: int = 64


class AgeingNetwork(nn.Module):
    """A U-Net on the picture at half its side, and a shallow part that adds what is finer.

    The fine part begins by adding nothing, so that the coarse one can be trained first, on small pictures.
    """

    def __init__(self, config: AgeingConfig) -> None:
        super().__init__()
        self.config = config
        self.ages = AgeVector(config.ages)
        self.coarse = Coarse(config.widths, config.ages)
        self.fine = Fine(config.widths[0], config.fine, config.ages)
        initialise_weights(self)
        for layer in (*self.coarse.lasts(), self.fine.last):
            nn.init.zeros_(layer.weight)
        for part in self.modules():
            if isinstance(part, AgeFilm):
                nn.init.zeros_(part.both.weight)

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.config.size

    @property
    def side(self) -> float:
        """Side of the crops in face units."""
        return self.config.side

    def forward(self, crops: Tensor, source: Tensor, target: Tensor, coarse_only: bool = False) -> Change:
        """See Ager. With `coarse_only` the crops are of half the size, and so is the change."""
        ages = self.ages(source, target)
        x = crops * 2 - 1
        features, small, flow = self.coarse(x if coarse_only else F.avg_pool2d(x, 2), ages)
        if coarse_only:
            return _bounded(small, flow, crops)
        return _bounded(_twice(small) + self.fine(x, features, ages), flow, crops)


CENTRES, APART = (10.0, 90.0, 9), 10.0
"""First, last and number of the years that `age_bumps` are around, and their width."""


def age_bumps(age: Tensor, around: tuple[float, float, int] = CENTRES, width: float = APART) -> Tensor:
    """Years (B,) as smooth marks (B, N), each near 1 around its own year."""
    first, last, count = around
    centres = torch.linspace(first, last, count, device=age.device, dtype=age.dtype)
    return torch.exp(-0.5 * ((age[:, None] - centres) / width).square())


class AgeVector(nn.Module):
    """Two ages (B,) in years to (B, ages): marks of each and of their difference through two layers."""

    def __init__(self, ages: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(27, ages), activation(), nn.Linear(ages, ages), activation())

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """(B,) and (B,) to (B, ages)."""
        step = age_bumps(target - source, (-70.0, 70.0, 9), 17.5)
        vector: Tensor = self.layers(torch.cat([age_bumps(source), age_bumps(target), step], 1))
        return vector


class AgeFilm(nn.Module):
    """Features scaled and shifted, channel by channel, as a vector says."""

    def __init__(self, channels: int, ages: int) -> None:
        super().__init__()
        self.both = nn.Linear(ages, 2 * channels)

    def forward(self, x: Tensor, ages: Tensor) -> Tensor:
        """(B, C, H, W) and (B, ages)."""
        scale, shift = self.both(ages)[..., None, None].chunk(2, 1)
        modulated: Tensor = x * (1 + scale) + shift
        return modulated


class AgeingBlock(nn.Module):
    """x + f(x) with two 3x3 convolutions and the ages between them."""

    def __init__(self, channels: int, ages: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = AgeFilm(channels, ages)
        self.act = activation()
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, ages: Tensor) -> Tensor:
        """(B, C, H, W) in and out."""
        change: Tensor = self.second(self.act(self.film(self.first(x), ages)))
        return x + change


class Coarse(nn.Module):
    """The U-Net; its skips are added. The first halving only rearranges pixels."""

    def __init__(self, widths: tuple[int, int, int, int], ages: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, widths[0], 3, padding=1), activation())
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), activation()) for a, b in pairwise(widths)
        )
        self.inwards = nn.ModuleList(AgeingBlock(w, ages) for w in widths)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.outwards = nn.ModuleList(AgeingBlock(w, ages) for w in widths[:-1])
        self.flow = nn.Conv2d(widths[1], 2, 3, padding=1)
        self.last = nn.Conv2d(widths[0], ANSWERS, 3, padding=1)

    def lasts(self) -> tuple[nn.Conv2d, nn.Conv2d]:
        """The layers that answer."""
        return self.flow, self.last

    def forward(self, x: Tensor, ages: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, S, S) to features (B, widths[0], S / 2, S / 2), answers (B, ANSWERS, S, S) and a flow
        (B, 2, S / 4, S / 4), all without bounds."""
        x = self.inwards[0](self.stem(x), ages)
        seen = []
        for down, block in zip(self.down, self.inwards[1:], strict=True):  # type: ignore[arg-type]
            seen.append(x)
            x = block(down(x), ages)
        flow = x
        for level in reversed(range(len(self.up))):
            x = seen[level] + _twice(self.up[level](x))
            x = self.outwards[level](x, ages)
            if level == 1:
                flow = self.flow(x)
        # Drawn at half the side: what is said pixel by pixel begins as a chequered pattern.
        return x, _twice(self.last(x)), flow


class Fine(nn.Module):
    """What is finer than the coarse part sees: one block at half the side."""

    def __init__(self, features: int, width: int, ages: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1), activation())
        self.join = nn.Conv2d(features, width, 1)
        self.blocks = nn.ModuleList(AgeingBlock(width, ages) for _ in range(2))
        self.spread = nn.Sequential(nn.Conv2d(width, 32, 3, padding=1), nn.PixelShuffle(2), activation())
        self.last = nn.Conv2d(8, ANSWERS, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor, ages: Tensor) -> Tensor:
        """(B, 3, S, S) and features (B, C, S / 4, S / 4) to answers (B, ANSWERS, S, S)."""
        x = self.stem(x) + _twice(self.join(features))
        for block in self.blocks:
            x = block(x, ages)
        values: Tensor = self.last(self.spread(x))
        return values


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _bounded(values: Tensor, flow: Tensor, crops: Tensor) -> Change:
    """The change of crops (B, 3, S, S) from answers (B, ANSWERS, S, S) and a coarse flow, without bounds."""
    bound = torch.tanh(values)
    gain = torch.where(bound > 0, MOST_GAIN * bound, bound)[:, 4:]
    saturation = torch.where(bound > 0, MOST_SATURATION * bound, bound)[:, 1:2]
    red, blue = (MOST_HUE * bound[:, 2:4]).chunk(2, 1)
    weights = crops.new_tensor(LUMA).view(1, 3, 1, 1)
    colour = crops - (crops * weights).sum(1, keepdim=True)
    # What red and blue gain green loses, so that the brightness is as it was.
    hue = torch.cat([red, -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1], blue], 1)
    flow = F.interpolate(flow, crops.shape[-2:], mode="bicubic", align_corners=False)
    return Change(bound[:, :1] + saturation * colour + hue, gain, MOST_FLOW * torch.tanh(flow))


def build_ageing_network(config: Mapping[str, Any]) -> AgeingNetwork:
    """The network from a card's configuration, freshly initialised."""
    values = dict(config)
    values["widths"] = tuple(int(width) for width in values["widths"])
    return AgeingNetwork(AgeingConfig(**values))
