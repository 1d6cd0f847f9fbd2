"""Options, each declared once: a field of a dataclass, with its range, choices, help and group.

The command line (`cli.option_parameters`), docs/cli.md and the checks come from the declarations, and
fingerprints hold all values of the dataclasses. Such a dataclass lies in a module that imports nothing
heavy: the command line reads the declarations before it knows which command is wanted.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import Field, dataclass
from typing import Any, Generic, Literal, TypeVar

from faceswap_cli.errors import UserError

Medium = Literal["photo", "video"]

INPUT, WHO, LOOK, TIME, ENCODING = "Input and output", "Who", "Look", "Time", "Encoding"
NETWORK, LEARNING, BUDGET, WATCHING = "Network", "Learning", "How long", "Saving and watching"
MARKS, DETECTION, DEVICE = "Marks", "Detection", "Device"
GROUPS = (
    *(INPUT, WHO, LOOK, TIME, NETWORK, LEARNING, BUDGET, WATCHING),
    *(ENCODING, MARKS, DETECTION, DEVICE),
)
"""Headings of a command's help, in their order."""

_KEY = "option"

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Declaration:
    """What is known of an option besides its name, its type and its default, which are the field's own.

    Attributes:
        help: what it does, in plain words. Where it says "[default: ...]" itself the value is not shown.
        group: the heading under which the help shows it.
        minimum, maximum: of a number, both included; None: no limit. What is not finite is never allowed.
        choices: the words that it takes; empty: any.
        flags: names on the command line; empty: the field's own name, as in --motion-blur.
        aliases: older names, which work but are not shown.
        metavar: what the help calls its value.
        medium: the only commands that have it, those for photos or those for videos; None: both.
        word: what a number may be as well on the command line, as in --batch auto.
    """

    help: str = ""
    group: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    metavar: str | None = None
    medium: Medium | None = None
    word: str = ""


def option(default: Any, minimum: float | None = None, maximum: float | None = None, **declared: Any) -> Any:
    """A field that is an option.

    Args:
        default: its value where nothing is said.
        minimum: see Declaration.
        maximum: see Declaration.
        **declared: the other attributes of Declaration.
    """
    declaration = Declaration(minimum=minimum, maximum=maximum, **declared)
    return dataclasses.field(default=default, metadata={_KEY: declaration})


def with_default(kind: type, name: str, default: Any) -> Any:
    """A field that is another dataclass's option, of the same name, with another default.

    A subclass that gives only the value has a field that is no option.
    """
    (own,) = (one for one in dataclasses.fields(kind) if one.name == name)
    return dataclasses.field(default=default, metadata=own.metadata)


def declaration_of(own: Field[Any]) -> Declaration | None:
    """What a field declares; None if it is no option."""
    found: Declaration | None = own.metadata.get(_KEY)
    return found


def declared_options(options: Any) -> Iterator[tuple[Field[Any], Declaration]]:
    """The options of a dataclass, or of an instance of one, in their order."""
    for own in dataclasses.fields(options):
        if (declaration := declaration_of(own)) is not None:
            yield own, declaration


def flags_of(own: Field[Any], declaration: Declaration) -> tuple[str, ...]:
    """An option's names on the command line."""
    return declaration.flags or (f"--{own.name.replace('_', '-')}",)


def is_allowed(declaration: Declaration, value: Any) -> bool:
    """Whether an option may have a value, or all values of a tuple. None, which is no value, always is."""
    if value is None:
        return True
    if isinstance(value, tuple):
        return all(is_allowed(declaration, one) for one in value)
    if declaration.choices:
        return value in declaration.choices
    if declaration.word and value == declaration.word:
        return True
    if not isinstance(value, int | float):
        return True
    low, high = declaration.minimum, declaration.maximum
    return (low is None or low <= value) and (high is None or value <= high) and math.isfinite(value)


def describe_allowed(declaration: Declaration) -> str:
    """What an option takes, as in "0 to 5" or "one of rct, none"."""
    low, high = declaration.minimum, declaration.maximum
    if declaration.word:
        return f"{declaration.word}, or {describe_allowed(dataclasses.replace(declaration, word=''))}"
    if declaration.choices:
        return f"one of {', '.join(declaration.choices)}"
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is None and high is None:
        return "a number"
    return f"{high:g} or less" if low is None else f"{low:g} or more"


def check_values(options: Any) -> None:
    """Raise a UserError for the first value of a dataclass that its declaration doesn't allow."""
    for own, declaration in declared_options(options):
        check_value(own, declaration, getattr(options, own.name))


def check_value(own: Field[Any], declaration: Declaration, value: Any) -> None:
    """Raise a UserError for a value that an option may not have."""
    if not is_allowed(declaration, value):
        name = max(flags_of(own, declaration), key=len)
        raise UserError(f"{name} {value} can't be used", f"Use {describe_allowed(declaration)}")


@dataclass(frozen=True)
class OptionGroup:
    """A dataclass of options. A command that has a parameter of such a type has its options."""

    def check(self) -> None:
        """Raise a UserError for the first value that can't be."""
        check_values(self)


class Overrides(dict[str, Any], Generic[Settings]):
    """Values of a dataclass's options by their names, as far as they were given; the others are its own.

    For settings whose usual values follow from other options. `Overrides[A | B]`: of several dataclasses,
    each name once.
    """
