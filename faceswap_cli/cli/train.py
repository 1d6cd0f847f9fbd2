"""`faceswap train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import INTERRUPTED, stop_on_signal
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.options import AdultsOption, DeviceOption
from faceswap_cli.cli.train_adapt import AdaptOption, adapt_request, photos_to_face_sets
from faceswap_cli.cli.train_checks import (
    check_face_sets,
    check_options,
    explicit_settings,
    parse_batch,
    with_own,
)
from faceswap_cli.cli.train_choices import Compile, FamilyName, Size
from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    import torch

    from faceswap_cli.device import Processes
    from faceswap_cli.training.engine.loop import Tick
    from faceswap_cli.training.task import TrainingTask

DEFAULT_MINUTES = 10.0


def train(
    ctx: typer.Context,
    run: Annotated[
        Path,
        typer.Option("--run", "-m", help="Run folder: created if missing, resumed if present."),
    ],
    target: Annotated[
        Path | None,
        typer.Option(
            "--target-faces",
            "-A",
            help="Face set of the person in the video, to be replaced. With --family age: photos, or a face "
            "set of them, whose ages stand in labels.csv (file,age,sex) or in their names (anna_age34.jpg).",
        ),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--source-faces",
            "-B",
            help="Face set of the person put on. May be repeated: each person is learnt, convert picks one "
            "with --face.",
        ),
    ] = None,
    adapt: AdaptOption = None,
    size: Annotated[
        Size,
        typer.Option(
            metavar="small|medium|large",
            help="small: 128 px, for a CPU; medium: 192 px; large: 256 px, for a graphics card.",
        ),
    ] = Size.small,
    family: Annotated[
        FamilyName | None,
        typer.Option(
            "--family",
            help="Network family. shared: a decoder for each person; liae: one decoder for all, for another "
            "light; original: the network of 2018, to compare with; conditional, gan: told whom to draw, so "
            "that a photo will do; age: makes faces older and younger, learnt from photos of known ages. "
            "[default: shared, or the run's own]",
        ),
    ] = None,
    former_family: Annotated[
        FamilyName | None, typer.Option("--model", "--architecture", hidden=True)
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
        str | None,
        typer.Option(
            metavar="INTEGER|auto",
            help="Faces of each person in a step, over all processes. auto: measured, as large as pays and "
            "fits here; the learning rate goes with it. [default: the size's own]",
        ),
    ] = None,
    accumulate: Annotated[
        int,
        typer.Option(
            min=1,
            max=512,
            help="Take each batch in so many equal parts: the same training in less memory. May be changed "
            "from start to start.",
        ),
    ] = 1,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-6, max=0.1, help="Peak learning rate. [default: the size's own]"),
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(
            "--mirror/--no-mirror",
            help="Mirror half of the samples, which doubles the poses. Not for a face with a scar.",
        ),
    ] = True,
    adversarial: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Weight of a discriminator that judges the swap in the second half of a run; 0.1 is usual. "
            "For long runs on a card: on a CPU it brought nothing in the same time. 0: none.",
        ),
    ] = 0.0,
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
    threads: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="CPU threads. [default: the physical cores this process may use]"),
    ] = None,
    compiled: Annotated[
        Compile,
        typer.Option(
            "--compile",
            help="Compile the network by torch.compile. auto: on NVIDIA cards, for budgets of 10 minutes and "
            "more.",
        ),
    ] = Compile.auto,
    save_every: Annotated[float, typer.Option(min=1, help="Seconds between checkpoints.")] = 60.0,
    preview_every: Annotated[
        float, typer.Option(min=1, help="Seconds between preview pictures (RUN/preview.jpg).")
    ] = 30.0,
    held_out: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.5,
            help="Share of each person's faces that is not trained on, but measured on. 0: train on all. "
            "[default: 0.1; age: 0]",
        ),
    ] = None,
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
    snapshot_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="STEPS",
            help="Keep the checkpoint of every so many steps for good, in RUN/snapshots. [default: none]",
        ),
    ] = None,
    rollback: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="STEP",
            help="First go back to the newest checkpoint or snapshot at or before this step. Later ones are "
            "moved to RUN/set-aside. Without face sets: go back and stop.",
        ),
    ] = None,
    adult_confirmed: AdultsOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the settings a new run would have and stop.")
    ] = False,
) -> None:
    """Train a swap: B's face put on A.

    Run the same command again to go on where it stopped. Ctrl-C saves first.
    """
    if steps is not None and minutes is not None:
        raise UserError("--steps and --minutes were both given", "Give one of them")
    from faceswap_cli.training.families import FAMILIES
    from faceswap_cli.training.runs.family_options import settings_for
    from faceswap_cli.training.runs.folder import family_of

    told = family or former_family
    name = told.value if told else family_of(run)
    check_options(ctx, FAMILIES[name])
    auto_batch, number = parse_batch(batch, accumulate, FAMILIES[name])
    settings = settings_for(
        *(size.value, resolution, number, learning_rate, seed, name, option or [], from_scratch, held_out)
    )
    settings = with_own(settings, accumulate=accumulate, mirror=mirror, adversarial=adversarial)
    if adapt is not None:
        settings, minutes = adapt_request(adapt, settings, told, steps, minutes)
    if dry_run:
        console.out.print_json(data=settings.to_json())
        return
    which, chosen = _place(device, threads)
    if adapt is not None and sources:
        target, sources = photos_to_face_sets(run, target, sources, device)
    record = FAMILIES[settings.family]
    begins = bool(target or sources or steps or minutes or until_plateau)
    if rollback is None or begins:
        check_face_sets(ctx, record, target, sources)
    if rollback is not None and which.leads:
        _roll_back(run, rollback)
    if target is None or (rollback is not None and not begins):
        return
    if sources:
        tell_consent()
    from faceswap_cli.faces.safety.guard import SafetyGuard
    from faceswap_cli.training.engine.loop import Budget
    from faceswap_cli.training.monitor.watch import MonitorSettings
    from faceswap_cli.training.task import TrainingTask

    if until_plateau and measure_every == 0:
        raise UserError("--until-plateau needs measures", "Leave out --measure-every 0")
    if steps is None and minutes is None and not until_plateau:
        minutes = DEFAULT_MINUTES
    task = TrainingTask(
        record,
        record.source(target, sources or ()),
        run,
        settings,
        explicit=explicit_settings(ctx, settings.family, option or []) - ({"batch"} if auto_batch else set()),
        budget=Budget(steps, minutes),
        save_seconds=save_every,
        watching=MonitorSettings(preview_every, measure_every, tensorboard),
        until_plateau=until_plateau,
        checkpointing=checkpointing,
        snapshot_steps=snapshot_every,
        auto_batch=auto_batch,
        compiled=compiled.value,
        guard=SafetyGuard(adult_confirmed),
    )
    _train(task, which, chosen)


def _train(task: TrainingTask, which: Processes, device: torch.device) -> None:
    """Train and show how it goes.

    Raises:
        typer.Exit: interrupted, after saving; or another process of the training failed.
    """
    from faceswap_cli.training.engine.parallel import PeerEndedError, join_process_group
    from faceswap_cli.training.monitor.tensorboard import check_installed
    from faceswap_cli.training.task import train as run_training

    if task.watching.tensorboard:
        check_installed()
    run = task.run
    together = f" in {which.count} processes" if which.count > 1 else ""
    console.tell(f"training on {device}{together}; see {run / 'train.html'}")
    last = None
    try:
        with (
            stop_on_signal("saving, one moment ...") as stopped,
            join_process_group(which, device) as team,
            console.Bar("train") as bar,
        ):
            for tick in run_training(task, device, stopped, console.tell, team):
                _show(bar, tick)
                last = tick
            interrupted = team.any(stopped())
    except PeerEndedError:  # whoever failed has said why
        raise typer.Exit(1) from None
    if last is None and not interrupted:
        console.say(f"nothing to do: {run} has had this much training; raise --minutes or --steps to go on")
        return
    state = "saved" if interrupted else "done"
    console.say(f"{state}: {run}" + (f", step {last.step}" if last else ""))
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _roll_back(run: Path, step: int) -> None:
    """Go back, and say where the run stands."""
    from faceswap_cli.training.runs.folder import open_run
    from faceswap_cli.training.runs.rollback import roll_back

    done = roll_back(open_run(run), step)
    for note in done.notes:
        console.warn(note)
    aside = f"; what came later is in {done.aside}" if done.aside else ", and nothing is later"
    console.say(f"{run} stands at step {done.step} ({done.minutes:.1f} minutes trained){aside}")


def _place(device: str, threads: int | None) -> tuple[Processes, torch.device]:
    """Which process this is and where it computes. Only the one that leads speaks from here on."""
    from faceswap_cli.device import device_of_process, processes, use_threads

    which = processes()
    chosen = device_of_process(device, which)
    use_threads(threads, which)
    if not which.leads:
        console.hush()
    return which, chosen


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
