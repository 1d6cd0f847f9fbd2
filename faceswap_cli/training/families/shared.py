"""An encoder for all, a decoder for each person: the family `shared`."""

from __future__ import annotations

from faceswap_cli.networks.swap.shared import SharedAutoencoder, SharedConfig
from faceswap_cli.training.families.swap import swap_family, swap_sizes

SIZES = swap_sizes(
    {
        "small": SharedConfig(resolution=128, width=32, code=256, residuals=0),
        "medium": SharedConfig(resolution=192, width=48, code=256, squeeze=96, residuals=1),
        "large": SharedConfig(resolution=256, width=64, code=512, squeeze=128, residuals=1),
    },
)

FAMILY = swap_family(SharedConfig, SharedAutoencoder, SIZES)
