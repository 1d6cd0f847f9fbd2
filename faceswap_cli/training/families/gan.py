"""The conditional network against a critic: the family `gan`."""

from __future__ import annotations

from dataclasses import replace

from faceswap_cli.networks.swap.gan import ConditionalGan, GanConfig
from faceswap_cli.training.families.conditional import FAMILY as CONDITIONAL
from faceswap_cli.training.families.conditional import conditional_sizes
from faceswap_cli.training.objectives.gan import (
    MODE_COLLAPSE,
    OVERWHELMED,
    gan_phases,
    new_projection_discriminator,
)

FAMILY = replace(
    CONDITIONAL,
    config=GanConfig,
    network=ConditionalGan,
    sizes=conditional_sizes(GanConfig()),
    phases=gan_phases,
    new_aside=new_projection_discriminator,
    collapse_signs=(MODE_COLLAPSE, OVERWHELMED),
)
