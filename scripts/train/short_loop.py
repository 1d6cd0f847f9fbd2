"""A loop for scripts that train one network by one loss and print figures: no run folder, no page.

Checkpoints lie in the folder itself, and a training goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from faceswap_cli.device import pick_device
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget, fit
from faceswap_cli.training.engine.trainer import Trainer, TrainingPhase
from faceswap_cli.training.runs.settings import TrainSettings

SEED = 0

SAVE_SECONDS = 600


def parse(
    doc: str | None, data: str, what: str, batch: int, own: Callable[[argparse.ArgumentParser], None]
) -> argparse.Namespace:
    """The command line of such a script.

    Args:
        doc: its own words.
        data: name of the folder it learns from.
        what: that folder's help.
        batch: usual size.
        own: adds what only this script has.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(data, type=Path, help=what)
    parser.add_argument("-r", "--run", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--minutes", type=float, help="train so long, instead of so many steps")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate; less to go on with")
    parser.add_argument("--look", type=float, default=5, help="minutes between figures")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true", help="only write the weights into models/")
    own(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    return options


def prepare(
    options: argparse.Namespace,
    name: str,
    build: Callable[[bool], nn.Module],
    losses: Callable[[Any, Any], dict[str, Tensor]],
) -> tuple[Trainer, CheckpointStore]:
    """The network as it was when the run stopped, or a new one.

    Args:
        options: see `parse`.
        name: of the phase.
        build: makes the network; is told whether it is a new run's.
        losses: of the network and a batch.
    """
    torch.manual_seed(SEED)
    settings = TrainSettings(
        batch=options.batch, learning_rate=options.rate, warm_up=100, clip=1.0, ema=0.998, seed=SEED
    )
    store = CheckpointStore(options.run, keep=2)
    checkpoint, notes = store.newest()
    network = build(checkpoint is None).to(pick_device(options.device)).to(memory_format=torch.channels_last)
    phase = TrainingPhase(name, list(network.parameters()), lambda batch, _: losses(network, batch[0]))
    trainer = Trainer(network, [phase], settings)
    if checkpoint is not None:
        trainer.restore(checkpoint)
        print("going on at step", trainer.step, *notes)
    return trainer, store


def run(
    options: argparse.Namespace,
    trainer: Trainer,
    store: CheckpointStore,
    batches: Any,
    figures: Callable[[nn.Module], Iterable[str]],
) -> None:
    """Train, and print losses, and figures of the average weights every `--look` minutes and at the end."""
    looked = time.monotonic()
    budget = Budget(minutes=options.minutes) if options.minutes else Budget(steps=options.steps)
    ticks = fit(trainer, batches, budget, store, save_seconds=SAVE_SECONDS)
    for count, tick in enumerate(ticks):
        if count % 20 == 0 or tick.progress >= 1:
            terms = " ".join(f"{name} {value:.3f}" for name, value in tick.losses.items())
            speed = f"{tick.images_per_second:.0f}/s, waiting {tick.data_wait:.0%}"
            print(f"{tick.step} min {tick.seconds / 60:.1f} {terms} | {speed}", flush=True)
        if time.monotonic() - looked > 60 * options.look or tick.progress >= 1:
            for line in figures(trainer.ema):
                print(line, flush=True)
            looked = time.monotonic()
