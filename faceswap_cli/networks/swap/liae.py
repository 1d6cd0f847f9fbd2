"""LIAE: one encoder, one decoder, and between them what tells people apart (DeepFaceLab's name and design).

Two networks lead from the encoder's features to halves of what the decoder draws from: `common` (their
inter_AB) sees everybody, `own` (inter_B) only the person it belongs to. The decoder is given

    for the person in the video   [own, common]
    for the person put on         [common, common]

and learns "own before common" as the one, "common twice" as the other. The swap is [common, common] of the
video's picture. In `shared` it goes through a decoder that has never seen the person in the video; here
every part it goes through has. So the swap follows the video's light and expressions more closely, and
users of DeepFaceLab find it less like the person put on when the two faces differ much in shape.

With one person put on, this is DeepFaceLab's network. That knows two people only, and only one person can be
"common twice", since nothing else would tell two of them apart. So the second of `identities` is [common,
common], however many follow, and each further one has an `own`, like the first. That one has not seen the
video's person; `common` and the decoder have, which is still more than in `shared`. Whoever matters most
comes second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import (
    PixelNorm,
    activation,
    build_decoder_blocks,
    build_encoder_blocks,
    initialise_weights,
)
from faceswap_cli.networks.swap.family import BottleneckConfig, ByIdentity, FaceModel


@dataclass(frozen=True)
class LiaeConfig(BottleneckConfig):
    """What rebuilds a LiaeAutoencoder."""


class LiaeAutoencoder(FaceModel):
    """One encoder and one decoder for all people, what tells them apart between the two ("liae")."""

    config: LiaeConfig

    def __init__(self, config: LiaeConfig) -> None:
        super().__init__(config)
        self.encoder = nn.Sequential(
            *build_encoder_blocks(config.width, config.squeeze),
            nn.Flatten(),
            *([PixelNorm()] if config.pixel_norm else []),
        )
        self.common = _inter(config)
        own = [name for place, name in enumerate(config.identities) if place != 1]
        self.own = ByIdentity(own, lambda: _inter(config))
        self.expand = nn.Sequential(
            activation(), nn.Conv2d(2 * config.squeeze, 8 * config.width, 1), activation()
        )
        self.decoder = build_decoder_blocks(config.width, config.residuals, config.depth_to_space)
        initialise_weights(self)

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) in [0, 1] to features (B, squeeze * (R / 16)^2)."""
        features: Tensor = self.encoder(x * 2 - 1)
        return features

    def decode(self, code: Tensor, identity: str) -> Tensor:
        """Features to logits (B, 4, R, R): RGB and mask."""
        common = self.common(code)
        twice = self.config.identities.index(identity) == 1
        halves = (common if twice else self.own.of(identity)(code), common)
        grids = [self.as_map(half, self.config.squeeze) for half in halves]
        logits: Tensor = self.decoder(self.expand(torch.cat(grids, 1)))
        return logits


def _inter(config: LiaeConfig) -> nn.Sequential:
    """Features to half of what is decoded, through the narrow vector that leaves identity out."""
    flat = config.grid**2 * config.squeeze
    return nn.Sequential(nn.Linear(flat, config.code), nn.Linear(config.code, flat))
