"""An autoencoder of pictures: an eighth of the side, 32 channels, and back.

Small enough to draw a 128 px head on one core in some 20 ms. It is distilled: its latents are those of a
larger autoencoder that was made for the latents of an image model (madebyollin/taesd), so that they are
smooth and about of unit variance, which is what a generator needs. All of it is convolutions: pictures of
any size that is a multiple of 8 go through.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import Residual, Up, activation, initialise_weights

REACH = 3.0
"""Latents beyond this are squeezed together before they are decoded, as in the teacher."""

LATENTS = 32
"""Their channels."""

DOWNSCALE = 8
"""Pixels of a picture's side for each of its latents'."""


@dataclass(frozen=True)
class CodecConfig:
    """What rebuilds a CodecNetwork.

    Attributes:
        latents: channels of the latents.
        widths: channels at 1/2, 1/4 and 1/8 of the side.
        encode_blocks, decode_blocks: residual blocks at each of these.
    """

    latents: int = LATENTS
    widths: tuple[int, ...] = (32, 64, 96)
    encode_blocks: tuple[int, ...] = (1, 1, 3)
    decode_blocks: tuple[int, ...] = (2, 2, 4)


class CodecNetwork(nn.Module):
    """Pictures to latents, and latents to pictures.

    Args:
        config: its sizes.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        encoder: list[nn.Module] = [
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, widths[0], 3, padding=1),
            activation(),
        ]
        encoder += build_residuals(widths[0], config.encode_blocks[0])
        for (width, wider), blocks in zip(pairwise(widths), config.encode_blocks[1:], strict=True):
            encoder += [nn.Conv2d(width, wider, 3, stride=2, padding=1), activation()]
            encoder += build_residuals(wider, blocks)
        self.encoder = nn.Sequential(*encoder, nn.Conv2d(widths[-1], config.latents, 3, padding=1))
        decoder: list[nn.Module] = [nn.Conv2d(config.latents, widths[-1], 3, padding=1), activation()]
        decoder += build_residuals(widths[-1], config.decode_blocks[-1])
        backwards = zip(pairwise(widths[::-1]), config.decode_blocks[-2::-1], strict=True)
        for (width, narrower), blocks in backwards:
            decoder += [Up(width, narrower), *build_residuals(narrower, blocks)]
        self.decoder = nn.Sequential(*decoder, nn.Conv2d(widths[0], 12, 3, padding=1), nn.PixelShuffle(2))
        initialise_weights(self)

    @property
    def last_weight(self) -> Tensor:
        """Of the decoder's last convolution."""
        weight: Tensor = self.decoder[-2].weight  # type: ignore[assignment]
        return weight

    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] to latents (B, 32, H / 8, W / 8)."""
        latents: Tensor = self.encoder(pictures * 2 - 1)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, 32, H, W) to pictures (B, 3, 8 H, 8 W) in [0, 1], or a little beyond: clamp to show."""
        pictures: Tensor = self.decoder(REACH * torch.tanh(latents / REACH))
        return pictures / 2 + 0.5

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures there and back."""
        return self.decode(self.encode(pictures))


def build_residuals(width: int, count: int) -> list[nn.Module]:
    """Residual blocks, each followed by an activation."""
    return [layer for _ in range(count) for layer in (Residual(width), activation())]
