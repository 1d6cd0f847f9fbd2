"""The shared-encoder autoencoder: one encoder for all, one decoder for each person.

The encoder learns what every face has in common (pose, expression, light), each decoder how one person
looks. Person A's picture through person B's decoder is the swap. The design is deepfakes' of 2018, in
DeepFaceLab's words "df"; here with a mask output, strided and transposed convolutions instead of 5x5
ones, and the last doubling done by depth-to-space, because most of the time goes into full-size layers.
"""

from __future__ import annotations

from dataclasses import dataclass

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
class SharedConfig(BottleneckConfig):
    """What rebuilds a SharedAutoencoder."""


class SharedAutoencoder(FaceModel):
    """One encoder for all people, one decoder for each: the swap has B's own decoder ("df")."""

    config: SharedConfig

    def __init__(self, config: SharedConfig) -> None:
        super().__init__(config)
        w, flat = config.width, config.grid**2 * config.squeeze
        self.encoder = nn.Sequential(
            *build_encoder_blocks(w, config.squeeze),
            nn.Flatten(),
            nn.Linear(flat, config.code),
            *([PixelNorm()] if config.pixel_norm else []),
        )
        self.unfold = nn.Linear(config.code, flat)
        self.inter = nn.Sequential(activation(), nn.Conv2d(config.squeeze, 8 * w, 1), activation())
        self.decoders = ByIdentity(
            config.identities, lambda: build_decoder_blocks(w, config.residuals, config.depth_to_space)
        )
        initialise_weights(self)

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) in [0, 1] to codes (B, code)."""
        code: Tensor = self.encoder(x * 2 - 1)
        return code

    def decode(self, code: Tensor, identity: str) -> Tensor:
        """Codes to logits (B, 4, R, R): RGB and mask."""
        grid = self.inter(self.as_map(self.unfold(code), self.config.squeeze))
        logits: Tensor = self.decoders.of(identity)(grid)
        return logits
