"""A command's options from declarations: a parameter whose type is a group of options stands for them all.

    def video(source: SourceArgument, *, swap: SwapOptions, marks: MarkOptions) -> None: ...
    def train(run: RunOption, *, settings: Overrides[SwapSettings]) -> None: ...

Typer sees one parameter for each declared field; the command is given the dataclasses, built and checked, and
of those that it only overrides the values that were given.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, replace
from enum import Enum, StrEnum
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

from faceswap_cli.options import (
    Declaration,
    Medium,
    OptionGroup,
    Overrides,
    check_value,
    check_values,
    declared_options,
    flags_of,
)

Group = TypeVar("Group", bound=OptionGroup)
Parameters = dict[str, inspect.Parameter]
Given = Mapping[str, Any]
"""What Typer read, by the fields' names."""


@dataclass(frozen=True)
class Aliases:
    """Older names of an option, which work but are not shown; stands in its `Annotated` type."""

    names: tuple[str, ...]


def expand_options(command: Callable[..., None], medium: Medium | None = None) -> Callable[..., None]:
    """A command as Typer wants it, with a parameter for each option.

    Args:
        command: takes arguments and options as Typer knows them, and groups of options.
        medium: what it works on: options that are declared for the other medium are left out.

    Returns:
        The command. Its attribute `aliases` says which option each older name means, and `declared` has the
        declarations by the parameters' names.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, tuple[Callable[[Given], Any], Parameters]] = {}
    parameters: Parameters = {}
    declared: dict[str, Declaration] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        own = {name: parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)}
        if isinstance(hints[name], type) and issubclass(hints[name], OptionGroup):
            own = option_parameters(hints[name], medium)
            declared |= {field.name: one for field, one in declared_options(hints[name])}
            groups[name] = (functools.partial(build_options, hints[name]), own)
        elif get_origin(hints[name]) is Overrides:
            kinds = _kinds(get_args(hints[name])[0])
            own = override_parameters(kinds)
            declared |= {field.name: one for kind in kinds for field, one in declared_options(kind)}
            groups[name] = (functools.partial(build_overrides, kinds), own)
        assert not own.keys() & parameters.keys(), f"{command.__name__} has an option twice: {list(own)}"
        parameters |= own

    @functools.wraps(command)
    def call(**given: Any) -> None:
        for name, (build, own) in groups.items():
            given[name] = build({one: given.pop(one) for one in own})
        command(**given)

    call.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    call.__annotations__ = {name: one.annotation for name, one in parameters.items()}
    call.aliases = _aliases(parameters)  # type: ignore[attr-defined]
    call.declared = declared  # type: ignore[attr-defined]
    return call


def build_options(kind: type[Group], given: Given) -> Group:
    """A group of options from what Typer read.

    Raises:
        UserError: a value is not allowed that Typer lets through, such as nan.
    """
    options = kind(**{name: _plain(value) for name, value in given.items() if value is not None})
    check_values(options)
    return options


def build_overrides(kinds: Iterable[type], given: Given) -> Overrides[Any]:
    """The options of dataclasses that were given.

    Raises:
        UserError: a value is not allowed.
    """
    declared = {own.name: (own, one) for kind in kinds for own, one in declared_options(kind)}
    found = Overrides[Any]({name: _plain(value) for name, value in given.items() if value is not None})
    for name, value in found.items():
        check_value(*declared[name], value)
    return found


def _plain(value: Any) -> Any:
    """A value as the dataclass has it: the words of choices, and tuples for lists."""
    if isinstance(value, list):
        return tuple(_plain(one) for one in value)
    return value.value if isinstance(value, Enum) else value


def option_parameters(kind: type[OptionGroup], medium: Medium | None = None) -> Parameters:
    """Typer's parameters for the options of a group, by the fields' names."""
    found = {
        own.name: (own, declaration)
        for own, declaration in declared_options(kind)
        if medium is None or declaration.medium in (None, medium)
    }
    hints = _types(kind, found)
    return {name: _parameter(own, one, hints[name], own.default) for name, (own, one) in found.items()}


def override_parameters(kinds: Iterable[type]) -> Parameters:
    """Typer's parameters for the options of dataclasses, none of which has to be given."""
    parameters: Parameters = {}
    for kind in kinds:
        found = {own.name: (own, one) for own, one in declared_options(kind) if own.name not in parameters}
        hints = _types(kind, found)
        for name, (own, declared) in found.items():
            told = replace(declared, help=_with_default(own, declared))
            parameters[name] = _parameter(own, told, hints[name], None)
    return parameters


def _kinds(hint: Any) -> tuple[type, ...]:
    """The dataclasses of `A` or `A | B`."""
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


def _with_default(own: Field[Any], declared: Declaration) -> str:
    """An option's help, with the value that it has where it is not given."""
    if "[default:" in declared.help or own.default is False:
        return declared.help
    on = flags_of(own, declared)[0].partition("/")[0].removeprefix("--")
    return f"{declared.help} [default: {on if own.default is True else own.default}]"


def _types(kind: type, names: Mapping[str, Any]) -> dict[str, Any]:
    """The types of some of a dataclass's fields. Those of the others may not be imported."""
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        own = {name: text for name, text in inspect.get_annotations(base).items() if name in names}
        hints |= get_type_hints(SimpleNamespace(__annotations__=own), vars(sys.modules[base.__module__]))
    return hints


def _parameter(own: Field[Any], declaration: Declaration, hint: Any, default: Any) -> inspect.Parameter:
    """Typer's parameter for one option; None: it has no value where none is given."""
    several = get_origin(hint) is tuple
    if several:  # of any length
        hint, default = get_args(hint)[0], list(default or ()) or None
    if declaration.choices:
        words: Any = StrEnum(own.name, {word: word for word in declaration.choices})  # type: ignore[misc]
        optional = default is None and not several
        hint = words | None if optional else words
        default = default if several or optional else words(default)
    if several:  # Typer knows lists only
        hint = list[hint] | None
    info = typer.Option(
        *flags_of(own, declaration),
        help=declaration.help,
        min=declaration.minimum,
        max=declaration.maximum,
        metavar=declaration.metavar,
        rich_help_panel=declaration.group or None,
        show_default="[default:" not in declaration.help,
        parser=functools.partial(_number_or, declaration.word) if declaration.word else None,
    )
    return inspect.Parameter(
        own.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[hint, info, Aliases(declaration.aliases)],
    )


def _number_or(word: str, text: str) -> int | str:
    """What a whole number's option means that may be a word as well."""
    if text == word:
        return text
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a whole number nor {word}.") from None


def _aliases(parameters: Parameters) -> dict[str, str]:
    """The options that older names mean."""
    found = {}
    for one in parameters.values():
        extras = get_args(one.annotation)[1:] if get_origin(one.annotation) is Annotated else ()
        flag = "".join(str(extra.default) for extra in extras if isinstance(extra, OptionInfo))
        for extra in extras:
            if isinstance(extra, Aliases):
                found.update(dict.fromkeys(extra.names, flag))
    return found
