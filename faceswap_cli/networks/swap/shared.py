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
from faceswap_cli.networks.swap.family import ByIdentity, FaceModel, FamilyConfig
from faceswap_cli.options import option


@dataclass(frozen=True)
class SharedConfig(FamilyConfig):
    """What rebuilds a SharedAutoencoder; see FamilyConfig for the rest.

    Attributes:
        width: channels at half resolution; every halving doubles them.
        code: length of the vector between encoder and decoders.
        squeeze: channels of the grid that is flattened into the code and unfolded from it. The two linear
            layers would hold most of the weights if they met all 8 * width channels.
        residuals: residual blocks after each doubling of a decoder.
        pixel_norm: the code is scaled to a mean square of 1, so that no face has a fainter one.
        depth_to_space: the last doubling rearranges channels into pixels; if not, it is a transposed
            convolution and a layer at full size, which is slower.
    """

    width: int = option(32, 4, 256)
    code: int = option(256, 8, 4096)
    squeeze: int = option(64, 4, 1024)
    residuals: int = option(0, 0, 4)
    pixel_norm: bool = False
    depth_to_space: bool = True


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
