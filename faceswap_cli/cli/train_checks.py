"""What `faceswap train` asks of its options before a family is trained."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from faceswap_cli.errors import UserError

FEW = 2000
"""Steps of a network that begins with nothing, under which it has hardly learnt anything yet."""

_NEXT = {
    "age": "faceswap age photo IN.jpg --to 70 -m {run} -o OUT.jpg",
    "style": "faceswap style photo IN.jpg -m {run} -o OUT.jpg",
    "generator": "faceswap generate -m {run} -o SHEET.png",
}
"""What a run is for, by its family; the others swap."""

_SWAP = "faceswap convert video CLIP.mp4 -m {run} -o OUT.mp4 --preview LOOK.png"

if TYPE_CHECKING:
    from faceswap_cli.options import Overrides
    from faceswap_cli.training.family import Family
    from faceswap_cli.training.options import DataOptions, PresetOptions


def check_options(ctx: typer.Context, family: Family, overrides: Collection[str]) -> None:
    """Refuse options that mean nothing to a family.

    Args:
        ctx: of the command.
        family: that is trained.
        overrides: names of the settings that were given.

    Raises:
        UserError: names the first.
    """
    foreign = set(overrides) - {own.name for own in fields(family.settings)}
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        given = source is not None and source.name == "COMMANDLINE"
        if given and (parameter.name in family.refuses or parameter.name in foreign):
            raise UserError(f"{parameter.opts[0]} has no meaning for --family {family.name}", "Leave it out")


def check_face_sets(ctx: typer.Context, family: Family, data: DataOptions) -> None:
    """Raise a typer.BadParameter for what is needed to train and was not given."""
    missing = "'--target-faces' / '-A'" if data.target is None else ""
    if data.target is not None and not data.sources and "sources" not in family.refuses:
        missing = "'--source-faces' / '-B'"
    if missing:
        raise typer.BadParameter(
            "give the face set to train with, which `faceswap extract` makes", ctx, param_hint=missing
        )


def explicit_settings(preset: PresetOptions, family: str, overrides: Collection[str]) -> frozenset[str]:
    """Names of the settings that stand on the command line."""
    from faceswap_cli.training.runs.family_options import parse_options

    told = {name for name in ("family", "size", "resolution") if getattr(preset, name) is not None}
    told |= {"base"} if preset.from_scratch else set()
    return frozenset(told | set(overrides) | parse_options(family, preset.family_options).keys())


def take_auto_batch(settings: Overrides[Any], family: Family) -> bool:
    """Whether the batch is to be measured: then it is taken out of the settings that were given.

    Raises:
        UserError: a family's batch can't be measured, or it was said in how many parts it goes.
    """
    if settings.get("batch") != "auto":
        return False
    if family.made_up is None:
        raise UserError(f"--batch auto is not for --family {family.name}", "Give a number")
    if settings.get("accumulate", 1) > 1:
        raise UserError(
            "--batch auto looks for what fits at once, --accumulate is for what does not", "Leave one out"
        )
    del settings["batch"]
    return True


def advice_after(family: str, run: Path, step: int) -> list[str]:
    """What a newcomer would want to know at the end of a training, a line each.

    Args:
        family: that was trained.
        run: its folder.
        step: where it stands.
    """
    if family == "points":
        return []
    lines = ["next: " + _NEXT.get(family, _SWAP).format(run=run)]
    if family in ("style", "generator") and step < FEW:
        lines.insert(
            0,
            f"{step} steps are few for a network that begins with nothing: some thousands show what it can; "
            "the same command with more --minutes goes on",
        )
    return lines
