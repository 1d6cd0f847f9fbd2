"""One decoder for all, with intermediate layers for each person: the family `liae`."""

from __future__ import annotations

from faceswap_cli.networks.swap.liae import LiaeAutoencoder, LiaeConfig
from faceswap_cli.training.families.swap import swap_family, swap_sizes

SIZES = swap_sizes(
    {
        "small": LiaeConfig(resolution=128, width=32, code=256, residuals=0),
        "medium": LiaeConfig(resolution=192, width=48, code=256, squeeze=96, residuals=1),
        "large": LiaeConfig(resolution=256, width=64, code=512, squeeze=128, residuals=1),
    },
)

FAMILY = swap_family(LiaeConfig, LiaeAutoencoder, SIZES)
