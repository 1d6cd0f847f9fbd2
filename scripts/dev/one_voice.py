"""List every option of every command, and those that are not the same wherever they stand.

    python -m scripts.dev.one_voice          # what differs: names, heading, default
    python -m scripts.dev.one_voice --help-texts  # the help as well
    python -m scripts.dev.one_voice --all    # a line for each option of each command

An option that has to differ stands in MEANT, with the reason.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from faceswap_cli.cli import app
from faceswap_cli.cli.command import OTHERS

MEANT: dict[str, str] = {
    "--min-size": "faces filter has no least size unless it is told one",
    "--size": "of a network (train), of a camera's picture (live)",
    "--seed": "train and lab show their default in the help, generate begins at 0",
    "--mirror": "half of the samples (train), the camera's picture (live)",
    "--keep": "train --family style asks what stays, convert which part of a face does",
    "--steps": "lab's trainings are short, train's are as long as --minutes says",
    "--face": "whose file it is to be (models) has no default, whom to draw (convert, live) has",
    "--threshold": "grouping a face set wants another distance; faces filter has none unless --like is given",
    "--fps": "of a camera, of an invented film, of numbered pictures",
    "--frames": "evaluate looks at so many, the others at pieces",
    "--to": "faces sort's is a photo, by likeness; the others' an age",
    "--by": "faces sort's is a measure; age's is years",
    "--method": "evaluate measures several",
    "--seconds": "a loop's, a film's, or until live ends",
    "--list": "live names cameras, faces filter reads a file",
    "--port": "in lab it is about --serve, in live about the page",
    "--like": "a face like these (generate) is a matter of looks; faces filter chooses by it",
    "--json": "each stands beside what it prints",
    "--names": "models export can leave them out, faces group gives them",
    "--dry-run": "faces filter shows its few options under one heading",
}


@dataclass(frozen=True)
class Shown:
    """An option as a command's help shows it."""

    command: str
    name: str
    flags: tuple[str, ...]
    group: str
    default: str
    help: str


VOICE = ("flags", "group", "default")
"""What is to be the same wherever an option stands."""


def all_commands() -> Iterator[tuple[str, Any, Any]]:
    """Every command that is no group: its words, itself, its context."""
    top = typer.main.get_command(app)
    yield from _walk(top, typer.Context(top, info_name="faceswap"), ())


def list_options() -> Iterator[Shown]:
    """Every option of every command, but those that Typer adds."""
    for path, command, _ in all_commands():
        for param in command.params:
            if param.param_type_name == "option" and "--help" not in param.opts:
                group = getattr(param, "rich_help_panel", None) or OTHERS
                told = " ".join(param.help.split())
                flags = (*param.opts, *param.secondary_opts)
                yield Shown(path, max(param.opts, key=len), flags, group, str(param.default), told)


def differences(
    options: list[Shown], alike: tuple[str, ...] = VOICE
) -> dict[str, dict[str, dict[str, list[str]]]]:
    """By an option's name and by what differs: the values, and the commands that have each."""
    by_name: dict[str, list[Shown]] = defaultdict(list)
    for one in options:
        by_name[one.name].append(one)
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for name, shown in by_name.items():
        for what in alike:
            values: dict[str, list[str]] = defaultdict(list)
            for one in shown:
                values[str(getattr(one, what))].append(one.command)
            if len(values) > 1:
                found.setdefault(name, {})[what] = dict(values)
    return found


def _walk(command: Any, ctx: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    if not hasattr(command, "list_commands"):
        yield " ".join(path), command, ctx
        return
    for name in command.list_commands(ctx):
        yield from _walk(command.get_command(ctx, name), ctx, (*path, name))


def main() -> int:
    """Print them; 1 if some differ that are not meant to."""
    parser = argparse.ArgumentParser(description="options that differ from command to command")
    parser.add_argument("--all", action="store_true", help="print every option of every command")
    parser.add_argument("--help-texts", action="store_true", help="compare the help as well")
    told = parser.parse_args()
    options = list(list_options())
    if told.all:
        for one in sorted(options, key=lambda one: (one.name, one.command)):
            print(f"{one.name}\t{one.command}\t{one.group}\t{one.default}\t{one.help}")
        return 0
    alike = (*VOICE, "help") if told.help_texts else VOICE
    found = differences(options, alike)
    if not told.help_texts:
        found = {name: what for name, what in found.items() if name not in MEANT}
    for name, what in found.items():
        print(name)
        for kind, values in what.items():
            for value, commands in values.items():
                print(f"    {kind}: {value}    ({', '.join(commands)})")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
