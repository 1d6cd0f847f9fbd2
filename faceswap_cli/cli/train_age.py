"""`faceswap train --model age`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import INTERRUPTED, stop_on_signal
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from faceswap_cli.device import Processes
    from faceswap_cli.training.engine.loop import Tick
    from faceswap_cli.training.train_age import AgeingRequest, AgeingSettings

TAKEN = {
    "run",
    "target",
    "architecture",
    "from_scratch",
    "steps",
    "minutes",
    "batch",
    "learning_rate",
    "seed",
}
TAKEN |= {"device", "threads", "save_every", "preview_every", "dry_run"}
"""Options of `train` that mean something here."""

MOST_BATCH = 1024

FIRST_RATE = 6e-4
"""Peak learning rate of a run from random weights; one from the bundled ones takes the settings' own."""


def is_age_run_begun(run: Path) -> bool:
    """Whether an ageing run was begun in this folder."""
    if not (run / "run.json").is_file():
        return False
    from faceswap_cli.training.train_age import is_ageing_run

    return is_ageing_run(run)


def train_age(
    ctx: typer.Context,
    minutes: float | None,
    place: Callable[[str, int | None], tuple[Processes, torch.device]],
    show: Callable[[console.Bar, Tick], None],
) -> None:
    """Train as the options of `train` say, and show how it goes.

    Args:
        ctx: of `train`.
        minutes: the budget, if it is not in steps.
        place: picks device and threads.
        show: draws a report.

    Raises:
        UserError: an option has no meaning here.
        typer.Exit: interrupted, after saving.
    """
    from faceswap_cli.training.engine.loop import Budget

    _check_options(ctx)
    given = ctx.params
    settings = _settings(given)
    if given["dry_run"]:
        from dataclasses import asdict

        console.out.print_json(data=asdict(settings))
        return
    if given["target"] is None:
        raise typer.BadParameter("give the photos to train with", ctx, param_hint="'--target-faces' / '-A'")
    _, device = place(given["device"], given["threads"])
    from faceswap_cli.training.train_age import AgeingRequest

    budget = Budget(given["steps"], minutes)
    saves = given["save_every"], given["preview_every"]
    _train(AgeingRequest(given["target"], given["run"], settings, budget, *saves), device, show)


def _check_options(ctx: typer.Context) -> None:
    """Refuse options of `train` that an ageing network knows nothing of.

    Raises:
        UserError: names the first.
    """
    for name in ctx.params:
        source = ctx.get_parameter_source(name)
        if name not in TAKEN and source and source.name == "COMMANDLINE":
            option = next((p.opts[0] for p in ctx.command.params if p.name == name), name)
            raise UserError(f"{option} has no meaning for --model age", "Leave it out")


def _settings(given: Mapping[str, Any]) -> AgeingSettings:
    """The settings of a new run.

    Raises:
        UserError: --batch is no number from 2 on.
    """
    from dataclasses import replace

    from faceswap_cli.training.train_age import AgeingSettings

    scratch = bool(given["from_scratch"])
    settings = AgeingSettings(base="", learning_rate=FIRST_RATE) if scratch else AgeingSettings()
    settings = replace(settings, seed=given["seed"])
    settings = replace(settings, learning_rate=given["learning_rate"] or settings.learning_rate)
    batch = given["batch"]
    if batch is None:
        return settings
    if not batch.isdecimal() or not 2 <= int(batch) <= MOST_BATCH:
        hint = f"Give a number from 2 to {MOST_BATCH}"
        raise UserError(f"--batch {batch} is no batch size for --model age", hint)
    return replace(settings, batch=int(batch))


def _train(request: AgeingRequest, device: torch.device, show: Callable[[console.Bar, Tick], None]) -> None:
    from faceswap_cli.training.train_age import train_ageing

    console.tell(f"training on {device}; see {request.run / 'preview.jpg'}")
    last = None
    with stop_on_signal("saving, one moment ...") as stopped, console.Bar("train") as bar:
        for tick in train_ageing(request, device, stopped, console.tell):
            show(bar, tick)
            last = tick
        interrupted = stopped()
    if last is None and not interrupted:
        console.say(f"nothing to do: {request.run} has had this much training; raise --minutes or --steps")
        return
    state = "saved" if interrupted else "done"
    console.say(f"{state}: {request.run}" + (f", step {last.step}" if last else ""))
    if interrupted:
        raise typer.Exit(INTERRUPTED)
