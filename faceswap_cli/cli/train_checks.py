"""What `faceswap train` asks of its options before a family is trained."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.training.family import Family

MOST_BATCH = 4096


def with_own(settings: Any, **values: object) -> Any:
    """Settings with these values, as far as their family has such fields."""
    own = {field.name for field in fields(settings)}
    return replace(settings, **{name: value for name, value in values.items() if name in own})


def check_options(ctx: typer.Context, family: Family) -> None:
    """Refuse options that mean nothing to a family.

    Raises:
        UserError: names the first.
    """
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if parameter.name in family.refuses and source and source.name == "COMMANDLINE":
            raise UserError(f"{parameter.opts[0]} has no meaning for --family {family.name}", "Leave it out")


def check_face_sets(
    ctx: typer.Context, family: Family, target: Path | None, sources: list[Path] | None
) -> None:
    """Raise a typer.BadParameter for what is needed to train and was not given."""
    missing = "'--target-faces' / '-A'" if target is None else ""
    if target is not None and not sources and "sources" not in family.refuses:
        missing = "'--source-faces' / '-B'"
    if missing:
        raise typer.BadParameter("give the face set to train with", ctx, param_hint=missing)


def explicit_settings(ctx: typer.Context, family: str, options: list[str]) -> frozenset[str]:
    """Names of the settings that stand on the command line."""
    from faceswap_cli.training.runs.family_options import parse_options

    own = ("size", "family", "resolution", "batch", "accumulate", "learning_rate", "seed", "held_out")
    names = {name: name for name in (*own, "mirror", "adversarial")}
    names |= {"from_scratch": "base", "former_family": "family"}
    given = {name: ctx.get_parameter_source(name) for name in names}
    told = frozenset(names[n] for n, source in given.items() if source and source.name == "COMMANDLINE")
    return told | frozenset(parse_options(family, options))


def parse_batch(text: str | None, accumulate: int, family: Family) -> tuple[bool, int | None]:
    """Whether the batch is to be measured, and the number that was given.

    Raises:
        UserError: it is neither a number nor auto.
    """
    if text is None:
        return False, None
    if text == "auto":
        if family.made_up is None:
            raise UserError(f"--batch auto is not for --family {family.name}", "Give a number")
        if accumulate > 1:
            raise UserError(
                "--batch auto looks for what fits at once, --accumulate is for what does not", "Leave one out"
            )
        return True, None
    if not text.isdecimal() or not 1 <= int(text) <= MOST_BATCH:
        raise UserError(f"--batch {text} is no batch size", f"Use auto or a number from 1 to {MOST_BATCH}")
    return False, int(text)
