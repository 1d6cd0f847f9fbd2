"""The network families by name. A new family is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from faceswap_cli.errors import UserError
from faceswap_cli.training.families.age import AGE
from faceswap_cli.training.families.conditional import CONDITIONAL
from faceswap_cli.training.families.gan import GAN
from faceswap_cli.training.families.liae import LIAE
from faceswap_cli.training.families.original import ORIGINAL
from faceswap_cli.training.families.shared import SHARED
from faceswap_cli.training.family import Family

FAMILIES: dict[str, Family] = {
    "shared": SHARED,
    "liae": LIAE,
    "original": ORIGINAL,
    "conditional": CONDITIONAL,
    "gan": GAN,
    "age": AGE,
}

DEFAULT = SHARED
"""What is trained when nobody says which."""


def find_family(name: str) -> Family:
    """A family by its name.

    Raises:
        UserError: it is unknown: the run comes from another version.
    """
    if name not in FAMILIES:
        raise UserError(f"the family {name!r} is unknown to this version", f"Known: {', '.join(FAMILIES)}")
    return FAMILIES[name]


def build_model(name: str, network: Mapping[str, Any]) -> nn.Module:
    """The network of a family, freshly initialised, from its name and its JSON configuration.

    Raises:
        UserError: the family or an option of it is unknown: the run comes from another version.
    """
    return find_family(name).build(network)


def outline_model(name: str, network: Mapping[str, Any]) -> nn.Module:
    """The network of a family without its weights: what can be told of it at no cost."""
    return find_family(name).outline(network)
