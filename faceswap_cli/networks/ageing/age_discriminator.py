"""Tells changed faces from real ones of an age, by the features of a network that knows ages, and by colours.

A projected discriminator (A. Sauer et al., Projected GANs converge faster, NeurIPS 2021): small heads on the
frozen features of a trained network at several scales, here those of the age estimator, so that one pass
gives the age and what the critic reads. The estimator has learned to look past colours: another head of its
own sees the picture itself, small. The age and sex that a picture is said to have enter by projection
(T. Miyato and M. Koyama, cGANs with projection discriminator, ICLR 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from faceswap_cli.networks.ageing.ageing import age_bumps
from faceswap_cli.networks.swap.blocks import Down, activation, initialise_weights

TAPS = (1, 3, 5, 11)
"""Blocks of the estimator whose features are read: 1/2, 1/4, 1/8 and 1/16 of the picture's side."""

CHANNELS = (16, 24, 40, 112)
"""Channels of those features."""


class AgeDiscriminator(nn.Module):
    """One head for each of the estimator's features.

    Args:
        width: channels of a head.
        channels: of the features.
    """

    def __init__(self, width: int = 48, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        self.colours = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1), activation(), Down(width, width)
        )
        self.said = nn.Sequential(nn.Linear(11, width), activation())
        self.heads = nn.ModuleList(_Head(c, width, number < 2) for number, c in enumerate(channels))
        self.last = _Head(width, width, True)
        initialise_weights(self)

    def forward(self, view: Tensor, features: Sequence[Tensor], age: Tensor, female: Tensor) -> list[Tensor]:
        """Logits of patches, above 0 where a picture looks like a real one of that age and sex.

        Args:
            view: (B, 3, S, S) in [0, 1], half the size that the estimator sees.
            features: see `AgeNetwork.seen` and TAPS.
            age: (B,) years.
            female: (B,) 0..1; 0.5 where nobody knows.

        Returns:
            (B, 1, H, W) for each feature, and for the view.
        """
        said = self.said(torch.cat([age_bumps(age), torch.stack([female, 1 - female], 1)], 1))
        found = [head(x, said) for head, x in zip(self.heads, features, strict=True)]
        return [*found, self.last(self.colours(view * 2 - 1), said)]

    def spreads(self) -> list[Tensor]:
        """Standard deviations (C,) of the channels of each feature, as measured."""
        return [head.spread for head in self.heads]  # type: ignore[misc]

    @torch.no_grad()
    def measure(self, features: Sequence[Tensor]) -> None:
        """Bring features to unit variance, channel by channel, as these of real faces have it."""
        for head, x in zip(self.heads, features, strict=True):
            head.mean.copy_(x.mean((0, 2, 3)))  # type: ignore[union-attr, operator]
            head.spread.copy_(x.std((0, 2, 3)).clamp_min(1e-3))  # type: ignore[union-attr, operator]


class _Head(nn.Module):
    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, width: int, halve: bool) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, 2 if halve else 1, padding=1),
            activation(),
            nn.Conv2d(width, width, 3, padding=1),
            activation(),
        )
        self.real = nn.Conv2d(width, 1, 1)
        self.likely = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, said: Tensor) -> Tensor:
        x = (x - self.mean[:, None, None]) / self.spread[:, None, None]
        x = self.layers(x)
        fits = (x * self.likely(said)[..., None, None]).sum(1, keepdim=True)
        logits: Tensor = self.real(x) + fits / x.shape[1] ** 0.5
        return logits
