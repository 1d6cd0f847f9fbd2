"""`--option NAME=VALUE`: the options that a network family has for itself, read from its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.networks.swap.family import COMMON
from faceswap_cli.networks.swap.registry import ARCHITECTURES
from faceswap_cli.options import Declaration, declaration_of, describe_allowed, is_allowed

SWITCH = {
    "true": True,
    "on": True,
    "yes": True,
    "1": True,
    "false": False,
    "off": False,
    "no": False,
    "0": False,
}
"""Words for a switch."""


def own_options(architecture: str) -> dict[str, Field[Any]]:
    """A family's own options by name."""
    return {f.name: f for f in fields(ARCHITECTURES[architecture][0]) if f.name not in COMMON}


def describe_options(architecture: str) -> str:
    """A family's options with their ranges and defaults, on one line."""
    return ", ".join(
        f"{name} ({_range(own)}, {_word(own.default)})" for name, own in own_options(architecture).items()
    )


def parse_options(architecture: str, texts: Sequence[str]) -> dict[str, int | bool]:
    """The options that were given, by name.

    Args:
        architecture: the family.
        texts: each NAME=VALUE.

    Raises:
        UserError: one is no NAME=VALUE, unknown to the family, given twice, or out of its range.
    """
    own, found = own_options(architecture), dict[str, int | bool]()
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        name = name.replace("-", "_")
        if not equals:
            raise UserError(f"--option {text} is no NAME=VALUE", "Write for example --option residuals=1")
        if name not in own:
            raise UserError(
                f"the family {architecture} has no option {name!r}",
                f"It has {describe_options(architecture)}",
            )
        if name in found:
            raise UserError(f"--option {name} was given twice", "Give it once")
        found[name] = _value(own[name], value)
    return found


def _value(own: Field[Any], text: str) -> int | bool:
    """The text as the option's kind, inside its range."""
    if isinstance(own.default, bool):
        if text.lower() in SWITCH:
            return SWITCH[text.lower()]
    elif text.removeprefix("-").isdecimal() and is_allowed(_declared(own), int(text)):
        return int(text)
    raise UserError(f"--option {own.name}={text} can't be used", f"Give {_range(own)}")


def _range(own: Field[Any]) -> str:
    return "true or false" if isinstance(own.default, bool) else describe_allowed(_declared(own))


def _declared(own: Field[Any]) -> Declaration:
    declaration = declaration_of(own)
    assert declaration is not None, f"{own.name} has no range"
    return declaration


def _word(value: object) -> str:
    """A default as it would be typed."""
    return str(value).lower()
