"""A new run's settings: a family's size, and what was asked for, its own options (NAME=VALUE) among it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, fields, replace
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.networks.swap.family import COMMON, LEAST_RESOLUTION, MOST_RESOLUTION, MULTIPLE
from faceswap_cli.options import Declaration, check_values, declaration_of, describe_allowed, is_allowed
from faceswap_cli.training.families import DEFAULT, FAMILIES
from faceswap_cli.training.family import Family
from faceswap_cli.training.runs.aliases import SIZES

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


def settings_for(
    size: str = "small",
    family: str = DEFAULT,
    resolution: int | None = None,
    options: Sequence[str] = (),
    from_scratch: bool = False,
    **overrides: Any,
) -> Any:
    """The settings of a family's size, with what was asked for in place of its own values.

    Args:
        size: see `Family.sizes`.
        family: its name.
        resolution: side of the pictures in pixels.
        options: NAME=VALUE, see `parse_options`.
        from_scratch: begin with random weights even where a base fits.
        **overrides: see `override`.

    Raises:
        UserError: a value is out of range, or the family has no such size or option.
    """
    record, size = FAMILIES[family], SIZES.get(size, size)
    if size not in record.sizes:
        raise UserError(
            f"the family {family} does not come in the size {size}",
            f"Leave --size out, or use {' or '.join(record.sizes)}",
        )
    settings = record.sizes[size]
    if resolution is not None:
        if resolution % MULTIPLE or not LEAST_RESOLUTION <= resolution <= MOST_RESOLUTION:
            raise UserError(
                f"--resolution {resolution} can't be built",
                f"Use a multiple of {MULTIPLE} from {LEAST_RESOLUTION} to {MOST_RESOLUTION}",
            )
        settings = replace(settings, network={**settings.network, "resolution": resolution})
    settings = replace(settings, network={**settings.network, **parse_options(family, options)})
    settings = replace(settings, base=record.base_for(record, settings.network))
    if from_scratch:
        settings = record.from_scratch(settings)
    return override(record, settings, overrides)


def override(family: Family, settings: Any, values: Mapping[str, Any]) -> Any:
    """A family's settings with other values of some fields; those that are None stay.

    Raises:
        UserError: its runs have no such setting, or a value is not allowed.
    """
    given = {name: value for name, value in values.items() if value is not None}
    if foreign := given.keys() - {own.name for own in fields(settings)}:
        raise UserError(f"runs of the family {family.name} have no setting {min(foreign)}", "Leave it out")
    settings = replace(settings, **given)
    check_values(settings)
    if settings.batch < family.least_batch:
        raise UserError(
            f"--batch {settings.batch} is no batch size for the family {family.name}",
            f"Give a number from {family.least_batch} on",
        )
    return settings


def own_options(family: str) -> dict[str, Field[Any]]:
    """A family's own options by name: those that have a range or are switches."""
    return {
        f.name: f
        for f in fields(FAMILIES[family].config)
        if f.name not in COMMON and (declaration_of(f) is not None or isinstance(f.default, bool))
    }


def describe_options(family: str) -> str:
    """A family's options with their ranges and defaults, on one line."""
    return ", ".join(
        f"{name} ({_range(own)}, {_word(own.default)})" for name, own in own_options(family).items()
    )


def parse_options(family: str, texts: Sequence[str]) -> dict[str, int | bool | str]:
    """The options that were given, by name.

    Args:
        family: its name.
        texts: each NAME=VALUE.

    Raises:
        UserError: one is no NAME=VALUE, unknown to the family, given twice, or out of its range.
    """
    own, found = own_options(family), dict[str, int | bool | str]()
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        name = name.replace("-", "_")
        if not equals:
            raise UserError(f"--option {text} is no NAME=VALUE", "Write for example --option residuals=1")
        if name not in own:
            raise UserError(
                f"the family {family} has no option {name!r}",
                f"It has {describe_options(family)}",
            )
        if name in found:
            raise UserError(f"--option {name} was given twice", "Give it once")
        found[name] = _value(own[name], value)
    return found


def _value(own: Field[Any], text: str) -> int | bool | str:
    """The text as the option's kind, inside its range."""
    if isinstance(own.default, bool):
        if text.lower() in SWITCH:
            return SWITCH[text.lower()]
    elif isinstance(own.default, str):
        if is_allowed(_declared(own), text):
            return text
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
