"""`faceswap train`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import INTERRUPTED, stop_on_signal
from faceswap_cli.cli.options import DeviceOption
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    from faceswap_cli.training.loop import Tick

DEFAULT_MINUTES = 20.0


class Size(StrEnum):
    """The one dial."""

    small = "small"
    base = "base"
    large = "large"


class Architecture(StrEnum):
    """The network families, as `networks/registry.py` lists them."""

    shared = "shared"
    liae = "liae"
    original = "original"


def train(
    ctx: typer.Context,
    target: Annotated[
        Path,
        typer.Option("--target-faces", "-A", help="Face set of the person in the video, to be replaced."),
    ],
    sources: Annotated[
        list[Path],
        typer.Option(
            "--source-faces",
            "-B",
            help="Face set of the person put on. May be repeated: each person is learnt, convert picks one "
            "with --face.",
        ),
    ],
    run: Annotated[
        Path,
        typer.Option("--model", "-m", help="Run folder: made when it is new, gone on with when it is there."),
    ],
    size: Annotated[
        Size,
        typer.Option(help="small: 128 px, for a CPU; base: 192 px; large: 256 px, for a graphics card."),
    ] = Size.small,
    architecture: Annotated[
        Architecture | None,
        typer.Option(
            help="Network family. shared: a decoder for each person; liae: one decoder for all, for another "
            "light; original: the network of 2018, to compare with. [default: shared, or the run's own]"
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="An option of the family's own, such as residuals=1 or pixel_norm=true. May be repeated; "
            "an unknown name lists them all.",
        ),
    ] = None,
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch",
            help="Begin with random weights instead of the bundled base, which knows faces already.",
        ),
    ] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Train until this step, counted from the run's beginning.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Train for this long, earlier starts of the run counted in. "
            f"[default: {DEFAULT_MINUTES:g}, unless --steps is given]",
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            min=32,
            max=512,
            help="Side of the network's pictures, a multiple of 16. [default: the size's own]",
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, max=512, help="Faces of each person in a step. [default: the size's own]"),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-6, max=0.1, help="Peak learning rate. [default: the size's own]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, sampling and augmentation.")] = 0,
    checkpointing: Annotated[
        bool,
        typer.Option(
            "--checkpointing",
            help="Compute activations twice instead of keeping them: less memory, about a third slower, the "
            "same result. May differ from start to start.",
        ),
    ] = False,
    device: DeviceOption = "auto",
    save_every: Annotated[float, typer.Option(min=1, help="Seconds between checkpoints.")] = 60.0,
    preview_every: Annotated[
        float, typer.Option(min=1, help="Seconds between preview pictures (RUN/preview.jpg).")
    ] = 30.0,
    held_out: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.5,
            help="Share of each person's faces that is not trained on, but measured on. 0: train on all.",
        ),
    ] = 0.1,
    until_plateau: Annotated[
        bool,
        typer.Option(
            "--until-plateau",
            help="Train until it no longer gets better, then finish with a falling learning rate. "
            "--minutes or --steps are then the most.",
        ),
    ] = False,
    measure_every: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Steps between measures on held-out faces; 0: never. [default: about a minute, and less "
            "than 5 % of the time]",
        ),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write the figures to RUN/tensorboard as well.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the settings a new run would have and stop.")
    ] = False,
) -> None:
    """Train a swap: B's face put on A.

    Run the same command again to go on where it stopped. Ctrl-C saves first.
    """
    if steps is not None and minutes is not None:
        raise UserError("--steps and --minutes were both given", "Give one of them")
    from faceswap_cli.training.family_options import parsed
    from faceswap_cli.training.run_folder import family_of
    from faceswap_cli.training.settings import settings_for

    family = architecture.value if architecture else family_of(run)
    options = option or []
    settings = settings_for(
        *(size.value, resolution, batch, learning_rate, seed, family, options, from_scratch, held_out)
    )
    if dry_run:
        console.out.print_json(data=settings.to_json())
        return
    from faceswap_cli.device import pick_device
    from faceswap_cli.training.board import check_installed
    from faceswap_cli.training.loop import Budget
    from faceswap_cli.training.train import TrainRequest
    from faceswap_cli.training.train import train as run_training
    from faceswap_cli.training.watch import Watching

    if until_plateau and measure_every == 0:
        raise UserError("--until-plateau needs measures", "Leave out --measure-every 0")
    if steps is None and minutes is None and not until_plateau:
        minutes = DEFAULT_MINUTES
    explicit = frozenset(
        name
        for name in ("size", "architecture", "resolution", "batch", "learning_rate", "seed", "held_out")
        if (given := ctx.get_parameter_source(name)) is not None and given.name == "COMMANDLINE"
    ) | frozenset(parsed(family, options))
    if from_scratch:
        explicit |= {"base"}
    if tensorboard:
        check_installed()
    request = TrainRequest(
        *(target, tuple(sources), run, settings, explicit, Budget(steps, minutes), save_every),
        watching=Watching(preview_every, measure_every, tensorboard),
        until_plateau=until_plateau,
        checkpointing=checkpointing,
    )
    chosen = pick_device(device)
    console.tell(f"training on {chosen}; see {run / 'train.html'}")
    with stop_on_signal("saving, one moment ...") as stopped, console.Bar("train") as bar:
        last = None
        for tick in run_training(request, chosen, stopped, console.tell):
            _show(bar, tick)
            last = tick
        interrupted = stopped()
    if last is None and not interrupted:
        console.say(f"nothing to do: {run} has had this much training; raise --minutes or --steps to go on")
        return
    state = "saved" if interrupted else "done"
    console.say(f"{state}: {run}" + (f", step {last.step}" if last else ""))
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _show(bar: console.Bar, tick: Tick) -> None:
    """One report on the progress line."""
    losses = " ".join(f"{name} {value:.3f}" for name, value in tick.losses.items())
    done, total = (tick.step, None) if tick.open_ended else (tick.progress, 1.0)
    bar.update(
        done,
        total,
        f"step {tick.step} | {losses} | {tick.images_per_second:.0f} images/s | "
        f"data {tick.data_wait:.0%} | {tick.left}",
    )
    if tick.note:
        bar.note(tick.note)
