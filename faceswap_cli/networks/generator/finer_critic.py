"""What tells finer heads from photographs, patch by patch: on pixels, and on features of a frozen network.

A. Sauer et al., Projected GANs converge faster, NeurIPS 2021: features of a network that has seen many
pictures need far fewer heads to learn from; the pixels' own part sees what such features don't, the finest
grain. Convolutions are spectrally normalised (T. Miyato et al., ICLR 2018), and every part is told where in
the mean shape it looks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

WIDTH = 64


class Judge(nn.Module):
    """Features to logits of patches.

    Args:
        channels: of the features.
        halvings: of the side.
    """

    def __init__(self, channels: int, halvings: int) -> None:
        super().__init__()
        self.enter = spectral_norm(nn.Conv2d(channels + 2, WIDTH, 3, padding=1))
        self.steps = nn.ModuleList(
            [spectral_norm(nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1)) for _ in range(halvings)]
        )
        self.last = spectral_norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1))
        self.leave = spectral_norm(nn.Conv2d(WIDTH, 1, 1))

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        """(B, C, H, W) and where each is (B, 2, h, w) to (B, n) logits."""
        where = F.interpolate(place, x.shape[-2:], mode="bilinear", align_corners=False).to(x)
        x = F.leaky_relu(self.enter(torch.cat([x, where], 1)), 0.2)
        for step in self.steps:
            x = F.leaky_relu(step(x), 0.2)
        x = F.leaky_relu(self.last(x), 0.2)
        found: Tensor = self.leave(x).flatten(1)
        return found


class FinerCritic(nn.Module):
    """Logits of pictures, higher where they look real.

    Args:
        channels: of each of the features that are judged.
        halvings: of the side of each.
    """

    def __init__(self, channels: Sequence[int], halvings: Sequence[int]) -> None:
        super().__init__()
        self.pixels = Judge(12, 3)
        self.features = nn.ModuleList(
            [Judge(count, half) for count, half in zip(channels, halvings, strict=True)]
        )

    def forward(self, pictures: Tensor, features: Sequence[Tensor], place: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1], their features, and where each pixel is (B, 2, h, w) in -1..1."""
        found = [self.pixels(F.pixel_unshuffle(pictures * 2 - 1, 2), place)]
        return found + [judge(own, place) for judge, own in zip(self.features, features, strict=True)]
