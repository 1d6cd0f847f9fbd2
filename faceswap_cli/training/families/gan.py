"""The conditional network against a critic: the family `gan`."""

from __future__ import annotations

from dataclasses import replace

from faceswap_cli.networks.swap.gan import ConditionalGan, GanConfig
from faceswap_cli.training.families.conditional import CONDITIONAL, conditional_sizes
from faceswap_cli.training.families.swap import base_of
from faceswap_cli.training.objectives.gan import (
    MODE_COLLAPSE,
    OVERWHELMED,
    gan_phases,
    new_projection_discriminator,
)

GAN = replace(
    CONDITIONAL,
    name="gan",
    config=GanConfig,
    network=ConditionalGan,
    sizes=conditional_sizes("gan", GanConfig()),
    phases=gan_phases,
    new_aside=new_projection_discriminator,
    base_for=base_of("gan"),
    collapse_signs=(MODE_COLLAPSE, OVERWHELMED),
)
