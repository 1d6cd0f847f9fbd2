"""The discriminator of a grown generator: residual halvings, and how much the batch differs.

T. Karras et al., Progressive growing of GANs, ICLR 2018 (fade-in, minibatch deviation); residual blocks as in
StyleGAN2's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.generator.captions import CaptionMatch
from faceswap_cli.networks.generator.style import SMALLEST, EqualConv, GeneratorConfig
from faceswap_cli.networks.swap.blocks import activation

GROUP = 4
"""Samples that are compared with one another."""


class DownBlock(nn.Module):
    """Half the side, beside a way that only halves."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first, self.second = EqualConv(channels, channels, 3), EqualConv(channels, out, 3)
        self.past = EqualConv(channels, out, 1, bias=False)
        self.act = activation()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, H / 2, W / 2)."""
        change = self.act(self.second(self.act(self.first(x)) * 2**0.5)) * 2**0.5
        found: Tensor = (F.avg_pool2d(change, 2) + F.avg_pool2d(self.past(x), 2)) * 0.5**0.5
        return found


class GrownDiscriminator(nn.Module):
    """Pictures of any of the generator's sides to logits.

    Args:
        config: of the generator.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.sides = config.sides
        widths = {side: config.width_at(side) for side in self.sides}
        self.enter = nn.ModuleDict(
            {str(side): EqualConv(config.drawn_channels, widths[side], 1) for side in self.sides}
        )
        self.blocks = nn.ModuleDict(
            {str(side): DownBlock(widths[side], widths[side // 2]) for side in self.sides[1:]}
        )
        last = widths[SMALLEST]
        self.last = EqualConv(last + 1, last, 3)
        self.act = activation()
        self.judge = nn.Linear(last * SMALLEST**2, 1)
        nn.init.normal_(self.judge.weight, std=(last * SMALLEST**2) ** -0.5)
        self.match = None
        if config.words:
            self.match = CaptionMatch(len(config.words), config.caption, last * SMALLEST**2)

    def forward(self, pictures: Tensor, fade: float = 1.0, words: Tensor | None = None) -> Tensor:
        """(B, C, side, side) to (B,) logits, higher where a picture looks real.

        Args:
            pictures: as the generator draws them.
            fade: how much of the largest side counts, 0..1.
            words: (B, L) numbers of the words of captions, which the pictures then have to match, too.
        """
        side = pictures.shape[-1]
        x = self.act(self.enter[str(side)](pictures))
        while side > SMALLEST:
            x = self.blocks[str(side)](x)
            side //= 2
            if fade < 1 and 2 * side == pictures.shape[-1]:
                small = self.act(self.enter[str(side)](F.avg_pool2d(pictures, 2)))
                x = fade * x + (1 - fade) * small
        x = self.act(self.last(torch.cat([x, batch_deviation(x)], 1))) * 2**0.5
        logits: Tensor = self.judge(x.flatten(1))[:, 0]
        if words is not None and self.match is not None:
            logits = logits + self.match(x.flatten(1), words)
        return logits


def batch_deviation(x: Tensor) -> Tensor:
    """(B, 1, H, W) mean standard deviation of features over groups of samples."""
    group = next(size for size in range(min(GROUP, len(x)), 0, -1) if len(x) % size == 0)
    y = x.reshape(group, -1, *x.shape[1:])
    spread = (y.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])
