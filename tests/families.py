"""Families by what they can do: tests of a contract run over all that keep it."""

from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.training.families import FAMILIES

SWAPS = {name: family for name, family in FAMILIES.items() if issubclass(family.network, FaceModel)}
"""Those that draw one person as another."""

CONDITIONAL = tuple(name for name, family in SWAPS.items() if family.adaptable)
"""Those that are told by a descriptor whom to draw."""
