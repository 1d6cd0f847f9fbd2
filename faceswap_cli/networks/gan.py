"""The conditional GAN: a generator that keeps a picture's layout and changes who it is, and its critic.

The generator's code is a map at an eighth of the picture's size, so pose, expression and light pass almost
as they are, and residual blocks steered by the condition make another person of it. What comes out has no
picture to be compared with; the critic judges it (Chen et al., SimSwap, 2020).

The critic is a projection discriminator (Miyato and Koyama, cGANs with projection discriminator, 2018)
without normalisation layers, as in Huang et al., The GAN is dead; long live the GAN, 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from faceswap_cli.networks.blocks import Down, activation, downwards, initialise
from faceswap_cli.networks.conditional import ConditionalModel, Upwards, begin
from faceswap_cli.networks.conditions import NUMBERS, TRAITS, Film
from faceswap_cli.networks.family import FamilyConfig, option

EIGHTH = 5
"""Layers of `downwards` up to an eighth of the side."""


@dataclass(frozen=True)
class GanConfig(FamilyConfig):
    """What rebuilds a ConditionalGan; see FamilyConfig for the rest.

    Attributes:
        width: channels at half resolution; every halving doubles them.
        code: channels of the map between encoder and generator, at an eighth of the picture's side.
        blocks: residual blocks that are steered by the condition.
        style: length of the vector that the condition is made into.
    """

    resolution: int = 96
    width: int = option(32, 4, 256)
    code: int = option(64, 8, 1024)
    blocks: int = option(4, 1, 12)
    style: int = option(256, 8, 1024)


class ConditionalGan(ConditionalModel):
    """One generator for all people that keeps the picture's layout, trained against a critic ("gan")."""

    config: GanConfig

    def __init__(self, config: GanConfig) -> None:
        super().__init__(config, config.style)
        w = config.width
        self.encoder = nn.Sequential(*downwards(w, 1)[:EIGHTH])
        self.narrow = nn.Conv2d(4 * w, config.code, 1)
        self.look = nn.Sequential(Down(4 * w, 2 * w), nn.Flatten())
        self.traits = nn.Linear(2 * w * config.grid**2, len(TRAITS))
        self.widen = nn.Conv2d(config.code, 4 * w, 1)
        self.blocks = nn.ModuleList(Steered(4 * w, config.style) for _ in range(config.blocks))
        self.decoder = Upwards(4 * w, 3, config.style)
        begin(self)

    def content(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures to maps (B, code * (R / 8)^2), flattened, and traits."""
        features = self.encoder(x * 2 - 1)
        return self.narrow(features).flatten(1), self.traits(self.look(features))

    def paint(self, content: Tensor, style: Tensor) -> Tensor:
        """Flattened maps and styles to logits."""
        side = 2 * self.config.grid
        x = self.widen(content.view(-1, self.config.code, side, side).contiguous(memory_format=self.layout))
        for block in self.blocks:
            x = block(x, style)
        logits: Tensor = self.decoder(x, style)
        return logits


class Steered(nn.Module):
    """x + f(x), with the style's gain and shift before each of two convolutions."""

    def __init__(self, channels: int, style: int) -> None:
        super().__init__()
        self.films = nn.ModuleList(Film(style, channels) for _ in range(2))
        self.layers = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(B, C, H, W) and (B, style) to (B, C, H, W)."""
        change = x
        for film, layer in zip(self.films, self.layers, strict=True):
            change = layer(torch.nn.functional.leaky_relu(film(change, style), 0.1))
        return (x + change) * 0.7


@dataclass(frozen=True)
class Judgement:
    """What the critic makes of pictures.

    Attributes:
        logits: (B,) above 0 where a picture looks like a real one of that condition.
        patches: (B, 1, R / 8, R / 8) where its texture looks real, whoever it is.
        features: (B, C, R / 16, R / 16).
    """

    logits: Tensor
    patches: Tensor
    features: Tensor


class ProjectionCritic(nn.Module):
    """Judges pictures together with the condition they should fulfil.

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        w = width
        self.eighth = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, w, 3, padding=1),
            activation(),
            Down(w, 2 * w),
            Down(2 * w, 4 * w),
        )
        self.patches = nn.Conv2d(4 * w, 1, 1)
        self.sixteenth = Down(4 * w, 4 * w)
        self.whole = nn.Sequential(Down(4 * w, 8 * w), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.plain = nn.Linear(32 * w, 1)
        self.condition = nn.Linear(NUMBERS + len(TRAITS), 32 * w)
        initialise(self)

    def forward(self, pictures: Tensor, condition: Tensor) -> Judgement:
        """(B, 3, R, R) in [0, 1] and conditions (B, NUMBERS + len(TRAITS)), identity and traits."""
        eighth = self.eighth(pictures * 2 - 1)
        features = self.sixteenth(eighth)
        whole = self.whole(features)
        match = (whole * self.condition(condition)).sum(1) / whole.shape[1] ** 0.5
        return Judgement(self.plain(whole)[:, 0] + match, self.patches(eighth), features)
