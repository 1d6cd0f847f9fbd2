"""What the training scripts have in common: one run folder, one loop, the options of a training.

Several processes train together when torchrun starts them, as with `faceswap train`.
"""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import torch

from faceswap_cli.device import device_of_process, processes
from faceswap_cli.errors import UserError
from faceswap_cli.files import make_folder
from faceswap_cli.options import OptionGroup, declared_options, flags_of
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget, Tick
from faceswap_cli.training.engine.parallel import join_process_group
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.family import DataSource, Family
from faceswap_cli.training.options import BudgetOptions, MonitorOptions, SessionOptions
from faceswap_cli.training.runs.folder import is_run, open_run
from faceswap_cli.training.runs.rollback import roll_back
from faceswap_cli.training.task import TrainingTask, open_or_create, resume_or_start, train


def add_run_options(parser: argparse.ArgumentParser, usual: Budget, every: float) -> None:
    """Options that mean the same to all scripts, and to `faceswap train`.

    Args:
        parser: gets them.
        usual: how long by default.
        every: seconds between checkpoints by default.
    """
    parser.add_argument("-r", "--run", type=Path, required=True, help="run folder, new or to go on with")
    parser.set_defaults(usual=usual)
    add_declared(parser, BudgetOptions, ("steps", "minutes", "until_plateau"))
    add_declared(parser, SessionOptions, ("save_every", "snapshot_every"), save_every=every)
    add_declared(parser, MonitorOptions, ("preview_every", "measure_every"), preview_every=120.0)
    parser.add_argument("--rollback", type=int, metavar="STEP", help="first go back to this step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true", help="only write models/ from the newest checkpoint")


def add_declared(
    parser: argparse.ArgumentParser, kind: type[OptionGroup], names: Collection[str], **defaults: Any
) -> None:
    """Options of `faceswap train`, as they are declared.

    Args:
        parser: gets them.
        kind: the group that declares them.
        names: of those that are wanted.
        **defaults: values for those that have others here.
    """
    hints = get_type_hints(kind)
    for own, declared in declared_options(kind):
        if own.name not in names:
            continue
        how: dict[str, Any] = {"dest": own.name, "default": defaults.get(own.name, own.default)}
        if hints[own.name] is bool:
            how["action"] = "store_true"
        else:
            how["type"] = next(
                one for one in (float, int) if one in (hints[own.name], *get_args(hints[own.name]))
            )
        text = declared.help.partition(" [default")[0].replace("%", "%%")
        parser.add_argument(*flags_of(own, declared), help=text, **how)


class Given(DataSource):
    """Data that a script has at hand.

    Args:
        network: values of the network's configuration that follow from it.
    """

    def __init__(self, network: dict[str, Any] | None = None) -> None:
        self._network = network or {}

    @property
    def network(self) -> dict[str, Any]:
        """Values of the network's configuration that follow from the data."""
        return dict(self._network)


def task_of(options: argparse.Namespace, family: Family, source: DataSource, settings: Any) -> TrainingTask:
    """The training that a script's options ask for."""
    told = options.steps or options.minutes
    return TrainingTask(
        family,
        source,
        options.run,
        settings,
        explicit=frozenset({"batch", "learning_rate"}),
        budget=Budget(options.steps, options.minutes) if told else options.usual,
        session=SessionOptions(options.save_every, options.snapshot_every),
        watching=MonitorOptions(options.preview_every, options.measure_every),
        until_plateau=options.until_plateau,
        adopt=True,
    )


def run_training(options: argparse.Namespace, task: TrainingTask) -> None:
    """Train, and say how it goes. SIGINT and SIGTERM end with a checkpoint, as the end itself."""
    torch.set_num_threads(options.threads)
    which = processes()
    device = device_of_process(options.device, which)
    adopt_checkpoints(options.run)
    if options.rollback is not None and which.leads:
        print(roll_back(open_run(options.run, task.family), options.rollback))
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    with join_process_group(which, device) as team:
        for tick in train(task, device, asked.is_set, lambda text: print(text, flush=True), team):
            if which.leads and (tick.saved or tick.note or tick.progress >= 1):
                print(line_of(tick), flush=True)


def line_of(tick: Tick) -> str:
    """A report on one line."""
    terms = " ".join(f"{name} {value:.3f}" for name, value in tick.losses.items())
    speed = f"{tick.images_per_second:.0f}/s, waits {tick.data_wait:.0%}, {tick.left}"
    return f"{tick.step} {terms} | {speed}" + (f" | {tick.note}" if tick.note else "")


def trained(options: argparse.Namespace, task: TrainingTask) -> Trainer:
    """The trainer of a run at its newest checkpoint, for `--write`.

    Raises:
        UserError: nothing was trained yet.
    """
    torch.set_num_threads(options.threads)
    device = device_of_process(options.device, processes())
    adopt_checkpoints(options.run)
    if not CheckpointStore(options.run / "checkpoints").paths():
        raise UserError(f"{options.run} holds no checkpoint", "Train first")
    run = open_or_create(replace(task, explicit=frozenset()), device)
    return resume_or_start(task.family, run, device, print)


def adopt_checkpoints(run: Path) -> None:
    """Move checkpoints that older scripts wrote into RUN itself to RUN/checkpoints."""
    if is_run(run):
        return
    found = CheckpointStore(run).paths()
    if found:
        folder = run / "checkpoints"
        make_folder(folder)
        for path in found:
            path.rename(folder / path.name)
