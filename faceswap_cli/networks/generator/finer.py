"""The second stage of invented heads: a draft in the mean shape, answered with what makes it a photograph.

As H. Zhang et al., StackGAN, ICCV 2017, draw in two stages: a draft that says who it is, then the finer
picture. In the mean shape every pixel has its meaning, so the network is told where each pixel is, and learns
skin, brows, lashes and strands of hair place by place. It answers with a change of the draft, not with a
picture; its noise lies in the mean shape, too, so that fine detail moves with the face.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

COARSEST = 16
"""Halvings of the side, as one factor: sides, and where parts begin, are multiples of it."""

WAVES = (1, 2, 4)
"""Waves over half the side by which a pixel is told where it is. (Free parameters for every place drew
spots of their own into all faces.)"""

PLACES = 2 + 4 * len(WAVES)

FIRM = 8.0
"""How steeply the share of a person in a draft becomes the finer one."""

SURE = 8.0
"""How soon a draft's share is so near to none or all that it may not be changed."""

LEAST_SHARE = 0.12
"""Colours of a draft are divided by its share of a person, or this: beyond it they are all noise."""


@dataclass(frozen=True)
class FinerConfig:
    """What rebuilds a FinerNetwork.

    Attributes:
        side: of the textures that it draws, in pixels.
        widths: channels at a half, a quarter, an eighth and a sixteenth of the side.
    """

    side: int = 256
    widths: tuple[int, int, int, int] = (24, 48, 96, 128)


class Residual(nn.Module):
    """Two convolutions beside a way past them; at first only the way past."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) in and out."""
        change: Tensor = self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.2)), 0.2))
        return x + change


class FinerNetwork(nn.Module):
    """Draft textures to finer ones; about a thousand million multiply-adds for 256 x 256 pixels.

    Args:
        config: its sizes.
    """

    places: Tensor

    def __init__(self, config: FinerConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, eighth, last = config.widths
        self.enter = nn.Conv2d(5 * 4, half, 3, padding=1)
        self.register_buffer("places", waves(config.side // 4), persistent=False)
        self.down = nn.ModuleList(
            [
                nn.Conv2d(half, quarter, 3, stride=2, padding=1),
                nn.Conv2d(quarter, eighth, 3, stride=2, padding=1),
                nn.Conv2d(eighth, last, 3, stride=2, padding=1),
            ]
        )
        self.placed = nn.ModuleList([nn.Conv2d(PLACES, width, 1) for width in (quarter, eighth)])
        self.inner = nn.ModuleList([Residual(quarter), Residual(eighth)])
        self.middle = nn.Sequential(Residual(last), Residual(last))
        self.up = nn.ModuleList(
            [nn.Conv2d(last, eighth, 1), nn.Conv2d(eighth, quarter, 1), nn.Conv2d(quarter, half, 1)]
        )
        self.outer = nn.ModuleList([Residual(eighth), Residual(quarter), Residual(half)])
        self.leave = nn.Conv2d(half, 16, 3, padding=1)
        for own in self.leave.parameters():  # at first the draft is the answer
            nn.init.zeros_(own)

    def forward(self, draft: Tensor, noise: Tensor, at: tuple[int, int] = (0, 0)) -> Tensor:
        """Finer textures.

        Args:
            draft: (B, 4, H, W) colours times the share of a person, and this, in [0, 1]: the whole texture
                of the configured side, or a part of it.
            noise: (B, 1, H, W) normal.
            at: row and column at which the part begins, multiples of COARSEST.

        Returns:
            (B, 4, H, W) colours, not multiplied, and the share of a person.
        """
        share = draft[:, 3:]
        colour = (draft[:, :3] / share.clamp(min=LEAST_SHARE)).clamp(0, 1)
        x = self.enter(F.pixel_unshuffle(torch.cat([colour * 2 - 1, share * 2 - 1, noise], 1), 2))
        past = [x]
        for number, (down, inner) in enumerate(zip(self.down, self.inner, strict=False)):
            x = down(F.leaky_relu(x, 0.2))
            step, (rows, columns) = 2**number, x.shape[-2:]
            top, left = at[0] // 4, at[1] // 4
            place = self.places[..., top : top + rows * step : step, left : left + columns * step : step]
            x = inner(x + self.placed[number](place))
            past.append(x)
        x = self.middle(self.down[2](F.leaky_relu(x, 0.2)))
        for up, outer in zip(self.up, self.outer, strict=True):
            x = outer(F.interpolate(up(x), scale_factor=2, mode="nearest") + past.pop())
        change = F.pixel_shuffle(self.leave(F.leaky_relu(x, 0.2)), 2).float()
        sure = share.float().clamp(0, 1)
        free = (SURE * sure * (1 - sure)).clamp(max=1)
        firm = torch.sigmoid(FIRM * (share.float() - 0.5) + FIRM * free * change[:, 3:])
        return torch.cat([colour.float() + change[:, :3], firm], 1)


def waves(side: int) -> Tensor:
    """(1, PLACES, side, side): where each pixel is, in -1..1, and as sines and cosines of it."""
    line = (torch.arange(side) + 0.5) * (2 / side) - 1
    place = torch.stack(torch.meshgrid(line, line, indexing="ij"))
    found = [place, *(wave(math.pi * count * place) for count in WAVES for wave in (torch.sin, torch.cos))]
    return torch.cat(found)[None]


def build_finer(config: Mapping[str, Any]) -> FinerNetwork:
    """The network of a card's configuration."""
    return FinerNetwork(FinerConfig(int(config["side"]), tuple(config["widths"])))
