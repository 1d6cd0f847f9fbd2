"""The autoencoder that began it: deepfakes' of 2018, for comparison with tools that still train it.

64 px pictures; four 5x5 convolutions of stride 2, two dense layers, and doublings by a 3x3 convolution to
four times the channels and pixel shuffle; one decoder for each person. Two decoders without a mask are
82,062,470 weights, four fifths of them in the dense layers and the first doubling. Here the last convolution
has a fourth channel for the mask, 1,601 weights more a decoder, and weights start from He's distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import activation, initialise_weights
from faceswap_cli.networks.swap.family import ByIdentity, FaceModel, FamilyConfig
from faceswap_cli.options import option


@dataclass(frozen=True)
class OriginalConfig(FamilyConfig):
    """What rebuilds an OriginalAutoencoder; its defaults are the published ones.

    Attributes:
        resolution: 64 as published. The dense layers grow with its square.
        width: channels at half resolution; every halving doubles them.
        code: length of the vector between the dense layers.
    """

    resolution: int = 64
    width: int = option(128, 8, 256)
    code: int = option(1024, 8, 4096)


class OriginalAutoencoder(FaceModel):
    """Deepfakes' network of 2018 at 64 px, one decoder for each person, for comparison only."""

    config: OriginalConfig

    def __init__(self, config: OriginalConfig) -> None:
        super().__init__(config)
        w, flat = config.width, config.grid**2 * 8 * config.width
        self.encoder = nn.Sequential(
            *_halving(3, w),
            *_halving(w, 2 * w),
            *_halving(2 * w, 4 * w),
            *_halving(4 * w, 8 * w),
            nn.Flatten(),
            nn.Linear(flat, config.code),
        )
        self.unfold = nn.Linear(config.code, flat)
        self.inter = nn.Sequential(*_doubling(8 * w, 4 * w))
        self.decoders = ByIdentity(config.identities, lambda: _decoder(w))
        initialise_weights(self)

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) in [0, 1] to codes (B, code)."""
        code: Tensor = self.encoder(x)
        return code

    def decode(self, code: Tensor, identity: str) -> Tensor:
        """Codes to logits (B, 4, R, R): RGB and mask."""
        grid = self.inter(self.as_map(self.unfold(code), 8 * self.config.width))
        logits: Tensor = self.decoders.of(identity)(grid)
        return logits


def _decoder(w: int) -> nn.Sequential:
    return nn.Sequential(
        *_doubling(4 * w, 2 * w),
        *_doubling(2 * w, w),
        *_doubling(w, w // 2),
        nn.Conv2d(w // 2, 4, 5, padding=2),
    )


def _halving(channels: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, 5, stride=2, padding=2), activation()]


def _doubling(channels: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, 4 * out, 3, padding=1), activation(), nn.PixelShuffle(2)]
