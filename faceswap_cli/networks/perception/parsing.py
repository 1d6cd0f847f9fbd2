"""A small network that says of every pixel of an aligned crop which part of a face it shows.

A U-Net (O. Ronneberger et al., MICCAI 2015) whose skip connections are added (as in LinkNet, A. Chaurasia
and E. Culurciello, 2017) and whose finest layers work at half the side: most of the arithmetic of a plain
U-Net goes into its full-size layers. Plain 3x3 convolutions throughout, because on CPUs depthwise ones
take as long as they do with a fifth of the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = ("other", "skin", "brows", "eyes", "nose", "mouth", "hair", "glasses", "occluder")
"""What a pixel can show. "other" is background, neck, ears, clothes and hats; "glasses" are frames, and
lenses that can't be seen through; "occluder" is whatever is in front of a face: hands, microphones, cups."""

LEAST_SPREAD = 0.04
"""Keeps the noise of an empty crop from being blown up, and an all black one from dividing by nought."""


@dataclass(frozen=True)
class ParsingConfig:
    """What rebuilds a ParsingNetwork.

    Attributes:
        size: side of its crops in pixels, a multiple of 16.
        side: side of its crops in face units, see `faces.geometry`.
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the side.
        classes: what its output channels stand for.
    """

    size: int = 128
    side: float = 2.75
    widths: tuple[int, int, int, int] = (16, 48, 80, 128)
    classes: tuple[str, ...] = CLASSES


class ParsingNetwork(nn.Module):
    """About 150 million multiply-adds for a crop of 128 x 128 pixels."""

    def __init__(self, config: ParsingConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c, d = config.widths
        self.first = nn.Sequential(nn.PixelUnshuffle(2), *_layer(12, a), *_layer(a, a))
        self.second = nn.Sequential(*_layer(a, b, 2), *_layer(b, b))
        self.third = nn.Sequential(*_layer(b, c, 2), *_layer(c, c), *_layer(c, c))
        self.fourth = nn.Sequential(*_layer(c, d, 2), *_layer(d, d), *_layer(d, d))
        self.whole = nn.Linear(d, d)
        self.up_third = _Join(d, c)
        self.up_second = _Join(c, b)
        self.up_first = _Join(b, a)
        self.last = nn.Conv2d(a, 4 * len(config.classes), 1)

    def forward(self, image: Tensor) -> Tensor:
        """Class scores before the softmax.

        Args:
            image: (B, 3, S, S) RGB in [0, 1].

        Returns:
            (B, classes, S, S).
        """
        # Every crop in the same light: a dim face on a stage is spread over as few levels as it has.
        # (Of pixels in the order in which they lie: in another, this takes as long as a layer.)
        pixels = image.permute(0, 2, 3, 1).flatten(1)
        spread, mean = (value[:, None, None, None] for value in torch.std_mean(pixels, 1))
        first = self.first((image - mean) / (2 * spread + LEAST_SPREAD))
        second = self.second(first)
        third = self.third(second)
        fourth = self.fourth(third)
        # What the whole crop looks like (its light, whose skin): no chain of 3x3 taps sees that far.
        fourth = fourth + self.whole(fourth.mean((2, 3)))[:, :, None, None]
        out = self.up_first(self.up_second(self.up_third(fourth, third), second), first)
        return F.pixel_shuffle(self.last(out), 2)


class _Join(nn.Module):
    """Twice the side: the coarse map is brought to the fine one's width, enlarged and added to it."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, fine, 1)
        self.mix = nn.Sequential(*_layer(fine, fine))

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(B, coarse, S, S) and (B, fine, 2S, 2S) to (B, fine, 2S, 2S)."""
        up = F.interpolate(self.narrow(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        joined: Tensor = self.mix(up + fine)
        return joined


def _layer(channels: int, out: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    ]


def probabilities(scores: Tensor) -> Tensor:
    """Scores (B, classes, S, S) to probabilities that add up to 1."""
    return torch.softmax(scores, dim=1)
