"""The network families by name. A new family is one line here, and the module of that name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from faceswap_cli.training.family import Family


class FamilyTable(Mapping[str, "Family"]):
    """Families by name, each imported when it is asked for, because it brings torch along.

    Args:
        described: a few words on each. The record of a family is FAMILY in the module of its name.
    """

    def __init__(self, described: Mapping[str, str]) -> None:
        self.described = dict(described)
        self._known: dict[str, Family] = {}

    def __getitem__(self, name: str) -> Family:
        if name not in self.described:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = import_module(f"{__name__}.{name}").FAMILY.named(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.described)

    def __len__(self) -> int:
        return len(self.described)


FAMILIES = FamilyTable(
    {
        "shared": "a decoder for each person",
        "liae": "one decoder for all, for another light",
        "original": "the network of 2018, to compare with",
        "conditional": "told whom to draw, so that a photo will do",
        "gan": "the same, trained against a discriminator",
        "age": "makes faces older and younger, learnt from photos of known ages",
        "style": "turns pictures of one kind into another kind, learnt from two unpaired sets",
        "generator": "invents pictures after any folder of them",
        "points": "no faces but points of the plane, to watch adversarial training, see `faceswap lab`",
    }
)

DEFAULT = next(iter(FAMILIES))
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
