"""What every command is: its help is in groups, and older names of its options work."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from faceswap_cli.cli.option_parameters import expand_options
from faceswap_cli.cli.wrong_usage import describe_bad_value, describe_missing, suggest_command
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
            name, told = record
            sections[getattr(param, "rich_help_panel", None) or usual].append((_in_words(name), told))
    return {heading: records for heading, records in sections.items() if records}


def _in_words(name: str) -> str:
    """An option's name with its value in words: "--crf <number>" for Typer's "--crf <float range>"."""
    name = re.sub(r"<list\[(.*)\]>", r"<\1>", name)
    for plain, words in {"float range": "number", "int range": "number", "float": "number", "int": "number",
                         "str": "text", "Path": "path"}.items():  # fmt: skip
        name = name.replace(f"<{plain}>", f"<{words}>")
    return name


class _QuickHelp:
    """Help that is not asked for is False. Were it unknown, Typer would load pydantic to find out."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option --help."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None and option.default is None:
            option.default = False
        return option


class Command(_QuickHelp, TyperCommand):
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
        try:
            return super().parse_args(ctx, newer)
        except Exception as error:  # Typer's own errors have no public home in all its releases
            if type(error).__name__ == "MissingParameter":
                ctx.fail(describe_missing(error))
            if type(error).__name__ == "BadParameter":
                ctx.fail(describe_bad_value(error, getattr(self.callback, "declared", {})))
            raise

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples below the help, as they would be typed."""
        if self.epilog:
            lines = self.epilog.splitlines()
            with formatter.section("Example" if len(lines) == 1 else "Examples"):
                for line in lines:
                    formatter.write(f"  {line}\n")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write them into the help."""
        for heading, records in help_sections(self, ctx).items():
            with formatter.section(heading):
                formatter.write_dl(records)


class Group(_QuickHelp, TyperGroup):
    """Commands under one name. A word that is none of them is answered with the one that was meant."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its options, each of which is False where it is not given; see `_QuickHelp`."""
        params: list[Any] = super().get_params(ctx)
        for param in params:
            if getattr(param, "is_flag", False) and param.default is None:
                param.default = False
        return params

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order in which they are shown, which is that of the code."""
        return list(self.commands)

    def summaries(self, ctx: Any) -> list[tuple[str, str]]:
        """The commands that are shown, and the first sentence of each one's help, whole."""
        shown = ((name, self.commands[name]) for name in self.list_commands(ctx))
        return [(name, one.get_short_help_str(300)) for name, one in shown if not one.hidden]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            names = [name for name, _ in self.summaries(ctx)]
            ctx.fail(suggest_command(ctx.command_path, args, names))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write its commands into the help."""
        with formatter.section("Commands"):
            formatter.write_dl(self.summaries(ctx))


class App(typer.Typer):
    """A Typer whose commands are `Command`s and may take groups of options."""

    def command(
        self, name: str | None = None, *, medium: Medium | None = None, example: str = "", **settings: Any
    ) -> Callable[[Function], Function]:
        """Register a command.

        Args:
            name: of the command.
            medium: what it works on; see `expand_options`.
            example: a whole command line, or several, shown below its help.
            **settings: see `typer.Typer.command`.
        """
        register = super().command(name, cls=Command, epilog=example or None, **settings)

        def add(function: Function) -> Function:
            register(expand_options(function, medium))
            return function

        return add
