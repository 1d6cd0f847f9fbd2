"""What every command is: its help is in groups, and older names of its options work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

from faceswap_cli.cli.option_parameters import expand_options
from faceswap_cli.errors import UserError
from faceswap_cli.options import GROUPS, Medium

Function = TypeVar("Function", bound=Callable[..., Any])

ARGUMENTS, OTHERS = "Arguments", "Options"
"""Headings of what is in no group."""


def help_sections(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """A command's arguments and options, each with what it does, by headings and in their order."""
    sections: dict[str, list[tuple[str, str]]] = {name: [] for name in (ARGUMENTS, *GROUPS, OTHERS)}
    for param in command.get_params(ctx):
        if (record := param.get_help_record(ctx)) is not None:
            usual = ARGUMENTS if param.param_type_name == "argument" else OTHERS
            sections[getattr(param, "rich_help_panel", None) or usual].append(record)
    return {heading: records for heading, records in sections.items() if records}


class Command(TyperCommand):
    """A command whose options are shown under the headings of their groups."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, with newer names put for older ones."""
        aliases: dict[str, str] = getattr(self.callback, "aliases", {})
        newer = []
        for place, word in enumerate(args):
            if word == "--":
                newer += args[place:]
                break
            name, equals, value = word.partition("=")
            if not word or (name.startswith("--") and equals and not value):
                # As a path it would mean the current folder.
                raise UserError(
                    f"{name} is given nothing" if name else "an argument is empty",
                    "Give a value; a variable of the shell may be unset",
                )
            newer.append(f"{aliases.get(name, name)}{equals}{value}")
        return super().parse_args(ctx, newer)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write them into the help."""
        for heading, records in help_sections(self, ctx).items():
            with formatter.section(heading):
                formatter.write_dl(records)


class App(typer.Typer):
    """A Typer whose commands are `Command`s and may take groups of options."""

    def command(
        self, name: str | None = None, *, medium: Medium | None = None, **settings: Any
    ) -> Callable[[Function], Function]:
        """Register a command.

        Args:
            name: of the command.
            medium: what it works on; see `expand_options`.
            **settings: see `typer.Typer.command`.
        """
        register = super().command(name, cls=Command, **settings)

        def add(function: Function) -> Function:
            register(expand_options(function, medium))
            return function

        return add
