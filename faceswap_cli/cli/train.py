"""`faceswap train`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.app import INTERRUPTED, new_app, stop_on_signal
from faceswap_cli.cli.consent import tell_consent
from faceswap_cli.cli.options import DeviceOptions, SafetyOptions
from faceswap_cli.cli.train_adapt import adapt_request, photos_to_face_sets
from faceswap_cli.cli.train_checks import (
    advice_after,
    check_face_sets,
    check_options,
    explicit_settings,
    take_auto_batch,
)
from faceswap_cli.errors import UserError
from faceswap_cli.options import DEVICE, INPUT, Overrides, option
from faceswap_cli.training.options import (
    DEFAULT_MINUTES,
    BudgetOptions,
    DataOptions,
    MonitorOptions,
    PresetOptions,
    SessionOptions,
)
from faceswap_cli.training.runs.settings import AgeSettings, GeneratorSettings, StyleSettings, SwapSettings

if TYPE_CHECKING:
    import torch

    from faceswap_cli.device import Processes
    from faceswap_cli.training.engine.loop import Tick
    from faceswap_cli.training.task import TrainingTask

app = new_app()


@dataclass(frozen=True)
class TrainDeviceOptions(DeviceOptions):
    """Where is trained."""

    threads: int | None = option(
        None, 1, 1024, group=DEVICE,
        help="CPU threads. [default: the physical cores this process may use]",
    )  # fmt: skip


@app.command(
    "train",
    example="faceswap train -A target-faces -B anna-faces -m anna-run --minutes 10\n"
    "faceswap train -A target-faces -B anna-faces -m anna-run --minutes 30   # goes on to 30 in all",
)
def train(
    ctx: typer.Context,
    *,
    run: Annotated[
        Path,
        typer.Option(
            "--run",
            "-m",
            help="Run folder: created if missing, resumed if present.",
            rich_help_panel=INPUT,
        ),
    ],
    data: DataOptions,
    safety: SafetyOptions,
    preset: PresetOptions,
    settings: Overrides[SwapSettings | AgeSettings | GeneratorSettings | StyleSettings],
    budget: BudgetOptions,
    session: SessionOptions,
    watching: MonitorOptions,
    place: TrainDeviceOptions,
) -> None:
    """Train a swap: B's face put on A.

    Run the same command again to go on where it stopped. Ctrl-C saves first.
    """
    if budget.steps is not None and budget.minutes is not None:
        raise UserError("--steps and --minutes were both given", "Give one of them")
    from faceswap_cli.training.families import FAMILIES
    from faceswap_cli.training.runs.family_options import override, settings_for
    from faceswap_cli.training.runs.folder import family_of

    record = FAMILIES[preset.family or family_of(run)]
    check_options(ctx, record, settings)
    auto_batch = take_auto_batch(settings, record)
    network = (preset.resolution, preset.family_options, preset.from_scratch)
    begun = settings_for(preset.size or "small", record.name, *network, **settings)
    if data.adapt is not None:
        begun, budget = adapt_request(data.adapt, begun, preset.family, budget)
        record = FAMILIES[begun.family]
        begun = override(record, begun, settings)
    if data.dry_run:
        console.say_json(begun.to_json())
        return
    which, chosen = _place(place)
    if data.adapt is not None and data.sources:
        target, sources = photos_to_face_sets(run, data.target, data.sources, place.device)
        data = replace(data, target=target, sources=sources)
    begins = bool(data.target or data.sources or budget)
    if data.rollback is None or begins:
        check_face_sets(ctx, record, data)
    if data.rollback is not None and which.leads:
        _roll_back(run, data.rollback)
    if data.target is None or (data.rollback is not None and not begins):
        return
    if data.sources:
        tell_consent()
    from faceswap_cli.training.engine.loop import Budget
    from faceswap_cli.training.task import TrainingTask

    if budget.until_plateau and watching.measure_every == 0:
        raise UserError("--until-plateau needs measures", "Leave out --measure-every 0")
    if not budget:
        budget = replace(budget, minutes=DEFAULT_MINUTES)
    task = TrainingTask(
        record,
        record.source(data.target, data.sources),
        run,
        begun,
        explicit=explicit_settings(preset, record.name, settings),
        budget=Budget(budget.steps, budget.minutes),
        session=session,
        watching=watching,
        until_plateau=budget.until_plateau,
        auto_batch=auto_batch,
        guard=safety.guard("cpu"),
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
    for line in advice_after(task.family.name, run, last.step if last else 0):
        console.tell(line)
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


def _place(place: TrainDeviceOptions) -> tuple[Processes, torch.device]:
    """Which process this is and where it computes. Only the one that leads speaks from here on."""
    from faceswap_cli.device import device_of_process, processes, use_threads

    which = processes()
    chosen = device_of_process(place.device, which)
    use_threads(place.threads, which)
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
