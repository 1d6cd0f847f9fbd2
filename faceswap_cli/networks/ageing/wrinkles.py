"""Wrinkles, folds and bags of an age: a network that draws them onto smoothed skin, as changes of brightness.

What is drawn are logarithms of luma, in bands finer than a fifth of the distance between the eyes. They are
multiplied onto the skin, so that its colour, the light on it and its own pores stay. Where lines lie
and how deep they are follows from the face itself: the same photo gets the same lines, another face others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.ageing.ageing import AgeingBlock, AgeVector
from faceswap_cli.networks.ageing.change import LUMA, blur
from faceswap_cli.networks.swap.blocks import activation, initialise_weights

DEEPEST = 0.7
"""Logarithm of luma by which a line darkens or lightens, at most."""

WIDEST = 0.22
"""Standard deviation in face units of the Gaussian whose finer part is drawn: folds, and not the light."""

DARK = 0.04
"""Added to luma before logarithms, so that the noise of black pixels stays small."""

FADE = 0.12
"""Part of half the side in which what is drawn fades towards the crop's border."""

BARENESS = 0.85
"""How much of its own lines a face loses before lines are drawn (see `skin_detail.find_lines`)."""

BARE = 20.0
"""Years that skin without lines counts as."""

INPUTS = 7
"""Luma, fine luma, two of colour, the skin, and two of place."""


@dataclass(frozen=True)
class WrinkleConfig:
    """What rebuilds a WrinkleNetwork.

    Attributes:
        size: side of its crops in pixels, a multiple of 16.
        side: side of its crops in face units, see `faces.geometry`.
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the side.
        ages: length of the vector that stands for the two ages.
    """

    size: int = 192
    side: float = 2.4
    widths: tuple[int, int, int, int] = (16, 40, 64, 96)
    ages: int = 48


class WrinkleNetwork(nn.Module):
    """A U-Net with added skips; its first halving only rearranges pixels. It begins by drawing nothing."""

    def __init__(self, config: WrinkleConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.ages = AgeVector(config.ages)
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(4 * INPUTS, widths[0], 3, padding=1), activation()
        )
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), activation()) for a, b in pairwise(widths)
        )
        self.inwards = nn.ModuleList(AgeingBlock(w, config.ages) for w in widths)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.outwards = nn.ModuleList(AgeingBlock(w, config.ages) for w in widths[:-1])
        self.last = nn.Conv2d(widths[0], 4, 3, padding=1)
        initialise_weights(self)
        nn.init.zeros_(self.last.weight)

    def forward(self, crops: Tensor, skin: Tensor, age: Tensor) -> Tensor:
        """What has to be added to the logarithm of luma.

        Args:
            crops: (B, 3, S, S) RGB in [0, 1], their skin without its lines.
            skin: (B, 1, S, S) in [0, 1], where lines may be drawn.
            age: (B,) years that the faces shall look.

        Returns:
            (B, 1, S, S), 0 where no skin is.
        """
        ages = self.ages(torch.full_like(age, BARE), age)
        skin = skin * border_fade(crops)
        x = self.inwards[0](self.stem(self._inputs(crops, skin)), ages)
        seen = []
        for down, block in zip(self.down, self.inwards[1:], strict=True):  # type: ignore[arg-type]
            seen.append(x)
            x = block(down(x), ages)
        for level in reversed(range(len(self.up))):
            enlarged = F.interpolate(self.up[level](x), scale_factor=2, mode="bilinear", align_corners=False)
            x = self.outwards[level](seen[level] + enlarged, ages)
        lines = DEEPEST * torch.tanh(F.pixel_shuffle(self.last(x), 2))
        drawn: Tensor = skin * fine_part(lines * skin, crops.shape[-1] / self.config.side)
        return drawn

    def _inputs(self, crops: Tensor, skin: Tensor) -> Tensor:
        """(B, INPUTS, S, S): the same for every exposure."""
        logs = log_luma(crops)
        area = skin.sum((2, 3), keepdim=True) + 1
        level = logs - (logs * skin).sum((2, 3), keepdim=True) / area
        fine = fine_part(logs, crops.shape[-1] / self.config.side)
        colour = torch.log(crops[:, ::2] + DARK) - logs
        line = torch.linspace(-1, 1, crops.shape[-1], device=crops.device, dtype=crops.dtype)
        place = torch.stack(torch.meshgrid(line, line, indexing="ij")).expand(len(crops), -1, -1, -1)
        return torch.cat([level.clamp(-2, 2), 4 * fine.clamp(-0.5, 0.5), 2 * colour, skin, place], 1)


def border_fade(crops: Tensor) -> Tensor:
    """(S, S) 1 inside of crops (B, 3, S, S), 0 along their border."""
    line = torch.linspace(-1, 1, crops.shape[-1], device=crops.device, dtype=crops.dtype).abs()
    fade = ((1 - line) / FADE).clamp(0, 1)
    return torch.minimum(fade[:, None], fade)


def log_luma(pictures: Tensor) -> Tensor:
    """Pictures (B, 3, H, W), not below 0, to logarithms (B, 1, H, W) of their luma."""
    luma = (pictures * pictures.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return torch.log(luma + DARK)


def fine_part(logs: Tensor, scale: float) -> Tensor:
    """What of logarithms (B, 1, S, S) is finer than WIDEST, at `scale` pixels to a face unit."""
    return logs - blur(logs, WIDEST * scale)


def draw_lines(pictures: Tensor, lines: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) whose luma is changed by logarithms (B, 1, H, W); hue and saturation stay."""
    return (pictures + DARK) * torch.exp(lines) - DARK


def build_wrinkle_network(config: Mapping[str, Any]) -> WrinkleNetwork:
    """The network from a card's configuration, freshly initialised."""
    values = dict(config)
    values["widths"] = tuple(int(width) for width in values["widths"])
    return WrinkleNetwork(WrinkleConfig(**values))
