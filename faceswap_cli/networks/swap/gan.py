"""The conditional GAN: the conditional autoencoder's network as generator, and its critic.

What is drawn as somebody else has no picture to be compared with; the critic judges it. It is a projection
discriminator (Miyato and Koyama, cGANs with projection discriminator, 2018) without normalisation layers, as
in Huang et al., The GAN is dead; long live the GAN, 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import Down, activation, initialise_weights
from faceswap_cli.networks.swap.conditional import ConditionalAutoencoder, ConditionalConfig
from faceswap_cli.networks.swap.conditions import NUMBERS, TRAITS


@dataclass(frozen=True)
class GanConfig(ConditionalConfig):
    """What rebuilds a ConditionalGan; see ConditionalConfig."""


class ConditionalGan(ConditionalAutoencoder):
    """The same generator, trained against a critic ("gan"): so what the critic does can be told."""

    config: GanConfig


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What the critic makes of pictures.

    Attributes:
        logits: (B,) above 0 where a picture looks like a real one of that condition.
        patches: (B, 1, R / 8, R / 8) where its texture looks real, whoever it is.
        features: (B, C, R / 16, R / 16).
    """

    logits: Tensor
    patches: Tensor
    features: Tensor


class ProjectionDiscriminator(nn.Module):
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
        initialise_weights(self)

    def forward(self, pictures: Tensor, condition: Tensor) -> DiscriminatorOutput:
        """(B, 3, R, R) in [0, 1] and conditions (B, NUMBERS + len(TRAITS)), identity and traits."""
        eighth = self.eighth(pictures * 2 - 1)
        features = self.sixteenth(eighth)
        whole = self.whole(features)
        match = (whole * self.condition(condition)).sum(1) / whole.shape[1] ** 0.5
        return DiscriminatorOutput(self.plain(whole)[:, 0] + match, self.patches(eighth), features)
