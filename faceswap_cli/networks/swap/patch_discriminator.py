"""A small U-Net discriminator: tells drawn faces from real ones, patch by patch.

Schönfeld, Schiele and Khoreva, A U-Net based discriminator for generative adversarial networks, 2020: the
contracting half judges surroundings of about 40 pixels, the expanding half single pixels. It judges texture
and leaves pose and expression alone, which are the reconstruction's business.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import Down, Up, activation, initialise_weights
from faceswap_cli.networks.swap.family import ByIdentity


class PatchDiscriminator(nn.Module):
    """Judges faces of several people, by a last layer for each.

    Args:
        identities: whose faces it will be shown.
        width: channels at half resolution.
    """

    def __init__(self, identities: Sequence[str], width: int = 16) -> None:
        super().__init__()
        w = width
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, w, 3, padding=1), activation())
        self.down1, self.down2 = Down(w, 2 * w), Down(2 * w, 4 * w)
        self.middle = nn.Sequential(nn.Conv2d(4 * w, 4 * w, 3, padding=1), activation())
        self.up1, self.up2 = Up(4 * w, 2 * w), Up(4 * w, w)
        self.coarse = ByIdentity(identities, lambda: nn.Conv2d(4 * w, 1, 1))
        self.fine = ByIdentity(identities, lambda: nn.Conv2d(2 * w, 1, 3, padding=1))
        initialise_weights(self)

    def forward(self, pictures: Tensor, identity: str) -> list[Tensor]:
        """Logits, above 0 where a picture looks real.

        Args:
            pictures: (B, 3, R, R) in [0, 1], R a multiple of 8; what is not to be judged is grey.
            identity: whose face it should be.

        Returns:
            (B, 1, R/8, R/8) and (B, 1, R/2, R/2).
        """
        half = self.stem(pictures * 2 - 1)
        quarter = self.down1(half)
        eighth = self.middle(self.down2(quarter))
        back = self.up1(eighth)
        full = self.up2(torch.cat([back, quarter], 1))
        return [self.coarse.of(identity)(eighth), self.fine.of(identity)(torch.cat([full, half], 1))]
