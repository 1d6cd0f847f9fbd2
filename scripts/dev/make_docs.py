"""Write docs/cli.md from the commands themselves; with --check, only say whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from faceswap_cli.cli import app
from faceswap_cli.cli.command import help_sections

TARGET = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 if docs/cli.md is out of date")
    check = parser.parse_args().check
    text = generated()
    if not check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print("docs/cli.md is out of date: run scripts/dev/make_docs.py", file=sys.stderr)
    return 1


def generated() -> str:
    """The document: every command's help, with its options under the headings of their groups."""
    top = typer.main.get_command(app)
    context = typer.Context(top, info_name="faceswap")
    head = "<!-- Made by scripts/dev/make_docs.py from the commands. Change them, not this file. -->"
    text = "\n".join([head, "", *command_lines(top, context, "#")])
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def command_lines(command: Any, context: typer.Context, heading: str) -> Iterator[str]:
    """A command and those in it, in Markdown."""
    path = context.command_path
    yield from [f"{heading} `{path}`", "", command.help or "", "", "**Usage**:", "", "```console"]
    yield from [f"$ {path} {' '.join(command.collect_usage_pieces(context))}", "```", ""]
    for section, records in help_sections(command, context).items():
        yield from [f"**{section}**:", ""]
        yield from (f"* `{name}`" + (f": {text}" if text else "") for name, text in records)
        yield ""
    if command.epilog:
        yield from ["**Example**:", "", "```console", *(f"$ {line}" for line in command.epilog.splitlines())]
        yield from ["```", ""]
    below = getattr(command, "commands", {})
    if not below:
        return
    shown = [(name, below[name]) for name in command.list_commands(context)]
    yield from ["**Commands**:", ""]
    yield from (f"* `{name}`: {one.get_short_help_str(300)}" for name, one in shown)
    yield ""
    for name, one in shown:
        yield from command_lines(one, typer.Context(one, info_name=name, parent=context), heading + "#")


if __name__ == "__main__":
    sys.exit(main())
