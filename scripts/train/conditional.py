#!/usr/bin/env python3
"""Train the base of a conditional family on many people, and write it into `models/`. It goes on where it was
stopped.

    faceswap extract PHOTOS... -o FACES                    once for each set of pictures
    python -m scripts.train.conditional FACES... -r RUN --steps 8000 [--family gan]
    python -m scripts.train.conditional FACES... -r RUN --steps 8000 --write

FACES are face sets, or folders of them such as `faceswap faces group` writes: then each is one person. In a
set of its own every photo is a person and every track of a video; with `--named FACES` whoever the file's
name begins with, up to the first "_".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet
from faceswap_cli.files import make_folder
from faceswap_cli.networks.swap.conditional import ConditionalAutoencoder, ConditionalModel
from faceswap_cli.networks.swap.family import place_model
from faceswap_cli.training.data.conditional_batches import ConditionalDataset, batches_of_datasets
from faceswap_cli.training.data.conditioning import Conditioning, describe_faces
from faceswap_cli.training.data.dataset import choose_records, faces_from_columns, prepare_all, spread_indices
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.early_stopping import LOSS_GAIN
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batches
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.family import Family, LoadRequest, Start, TrainingData
from faceswap_cli.training.monitor.figures import Figure
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.runs.warm_start import EVERYBODY, load_base
from faceswap_cli.training.runs.weight_transfer import copy_shared_weights
from scripts.bench.conditional_sheet import swap_figures, write_sheet
from scripts.cards.conditional import write, write_critic
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

HELD_OUT = 15
"""Every Nth person is never trained on."""

LEVELLED = 64
"""Faces that are looked at for the spread of first codes."""

BASE = "base-small"
"""What a new base begins with."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faces", nargs="+", type=Path, help="face sets, or folders of them")
    parser.add_argument(
        "--named", action="append", default=[], type=Path, help="sets with names in the files"
    )
    add_run_options(parser, Budget(8000), every=120)
    parser.add_argument("--data", type=Path, help="where prepared samples are kept [RUN]")
    parser.add_argument("--family", choices=["conditional", "gan"], default="conditional")
    parser.add_argument(
        "--begin", type=Path, help="a run whose averaged weights are taken over as far as they fit"
    )
    parser.add_argument(
        "--traits", type=int, choices=(1, 2), default=1, help="what pose and expression mean; 2 has depth"
    )
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--most", type=int, default=2000, help="faces of each set, at most")
    parser.add_argument("--prepare", action="store_true", help="only prepare the samples")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plain = FAMILIES[options.family]
    settings = replace(plain.sizes["small"], batch=options.batch, learning_rate=options.rate, ema=0.998)
    settings = replace(settings, network={**settings.network, "traits": options.traits})
    own, held = load(options, settings.resolution)
    people = int(own.person.max()) + 1
    print(f"{len(own.faces)} faces of {people} people, {len(held.faces)} held out", flush=True)
    if options.prepare:
        return
    family = replace(
        plain,
        new_model=partial(new_base, crowd=own, begun=options.begin),
        new_aside=partial(new_judge, plain, options.begin),
        figures=CROWD_FIGURES,
    )
    task = task_of(options, family, Crowd(own, held), settings)
    if not options.write:
        run_training(options, task)
        return
    trainer = trained(options, task)
    card = write(trainer, options.family, len(own.faces), swap_figures(trainer.ema, held))
    print(card.facts)
    if options.family == "gan":
        print(write_critic(trainer, options.family, card).facts)


CROWD_FIGURES = (
    Figure(
        "loss",
        "Loss",
        "held-out people: error rebuilt, and distance of swaps to whom they should be (thick)",
        word="held-out loss",
        gain=LOSS_GAIN["loss"],
    ),
    Figure(
        "nearer", "Nearer to the source", "share of swaps", "nearer", best=+1, unit="share", low=0, tall=1
    ),
    Figure("source", "Distance to the source", "of swaps: less is better", "to the source", low=0),
)
"""What a report shows of `conditional_sheet.swap_figures`."""


class Crowd(Given):
    """Many people, all learnt as one identity.

    Args:
        own: to train on.
        held: people who are measured on.
    """

    def __init__(self, own: ConditionalDataset, held: ConditionalDataset) -> None:
        super().__init__({"identities": (EVERYBODY,)})
        self.own, self.held = own, held

    def load(self, request: LoadRequest) -> TrainingData:
        """What is in memory already."""
        return CrowdData(self.own, self.held)


class CrowdData(TrainingData):
    """See Crowd."""

    def __init__(self, own: ConditionalDataset, held: ConditionalDataset) -> None:
        self.own, self.kept = own, held
        self.held_out = f"held out, to measure progress on: {len(held.faces)} faces of other people"

    def batches(self, settings: SwapSettings, share: Share = WHOLE) -> Batches:
        """Everyone drawn as one of the others."""
        return batches_of_datasets({EVERYBODY: self.own}, settings, share)

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """See `conditional_sheet.swap_figures`."""
        figures = swap_figures(model, self.kept)
        return {"loss": figures["rebuilt"] / 255 + figures["source"] + figures["traits"], **figures}

    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Held-out people drawn as one another."""
        write_sheet(path, model, self.kept)


def new_base(
    family: Family,
    settings: SwapSettings,
    device: torch.device,
    start: Start,
    crowd: ConditionalDataset,
    begun: Path | None,
) -> nn.Module:
    """The network at the very start: what the base of the family shared knows, and what another run knew."""
    del start
    model = family.build(settings.network)
    assert isinstance(model, ConditionalModel)
    copy_shared_weights(model, load_base(BASE))
    if begun:
        begin(model, begun, "ema.")
    level(model, crowd)
    embedding = crowd.known.embedding[:, 0]
    model.style.mean.copy_(embedding.mean(0))
    model.style.spread.copy_(embedding.std(0))
    model.embedding(EVERYBODY).copy_(embedding.mean(0))
    return place_model(model, device)


def new_judge(
    family: Family, begun: Path | None, model: nn.Module, settings: SwapSettings
) -> nn.Module | None:
    """What is trained beside it."""
    judge = family.new_aside(model, settings)
    if begun and judge is not None:
        begin(judge, begun, "aside.")
    return judge


def begin(network: nn.Module, run: Path, prefix: str) -> None:
    """Take over what fits of another run, of whatever design."""
    checkpoint, _ = CheckpointStore(run / "checkpoints").newest()
    assert checkpoint is not None, f"there is no checkpoint in {run}"
    wanted = network.state_dict()
    for key, value in wanted.items():
        known = checkpoint.tensors.get(prefix + key)
        if known is not None and known.shape == value.shape:
            wanted[key] = known
    network.load_state_dict(wanted)


@torch.no_grad()
def level(model: ConditionalModel, own: ConditionalDataset) -> None:
    """Bring first codes to a spread of 1: the noise on them has a fixed one."""
    assert isinstance(model, ConditionalAutoencoder)
    rows = torch.tensor(list(spread_indices(len(own.faces), LEVELLED)))
    content, _ = model.content(own.faces.pick(rows).target.float() / 255)
    model.narrow.weight /= content.std(0).mean()


def load(options: argparse.Namespace, resolution: int) -> tuple[ConditionalDataset, ConditionalDataset]:
    """Samples to train on and samples of people held out; kept as a file."""
    folder = options.data or options.run
    cached = folder / (f"crowd-{resolution}.npz" if options.traits == 1 else f"crowd-{resolution}-3d.npz")
    if not cached.exists():
        make_folder(folder)
        columns = gathered(options, resolution)
        known = describe_faces(faces_from_columns(columns[:-1]), options.traits)
        about = [known.embedding.numpy(), known.traits.numpy(), known.chip.numpy(), known.points.numpy()]
        np.savez(cached, *columns, *about)
    with np.load(cached) as file:
        columns = [file[name] for name in file.files]
    *columns, embedding, traits, chip, points = columns
    person = columns.pop()
    held = person % HELD_OUT == HELD_OUT - 1

    def part(which: NDArray[np.bool_]) -> ConditionalDataset:
        known = Conditioning(*(torch.from_numpy(c[which]) for c in (embedding, traits, chip, points)))
        _, numbers = np.unique(person[which], return_inverse=True)
        return ConditionalDataset(
            faces_from_columns([c[which] for c in columns]), known, torch.from_numpy(numbers)
        )

    return part(~held), part(held)


def gathered(options: argparse.Namespace, resolution: int) -> list[NDArray[np.generic]]:
    """The stacked columns of `prepare` for every face, and last who it is."""
    parser, people = FaceParser(), dict[tuple[str, ...], int]()
    rows, who = [], []
    for face_set, name in sets(options):
        records = choose_records(face_set, options.most)
        for record, row in zip(records, prepare_all(face_set, records, resolution, parser), strict=True):
            rows.append(row)
            who.append(people.setdefault(name(record), len(people)))
        print(f"{face_set.path}: {len(rows)} faces of {len(people)} people so far", flush=True)
    return [*(np.stack(column) for column in zip(*rows, strict=True)), np.array(who)]


Name = Callable[[FaceRecord], tuple[str, ...]]


def sets(options: argparse.Namespace) -> Iterator[tuple[FaceSet, Name]]:
    """The face sets, and how to tell people in each of them apart."""
    for path in (*options.faces, *options.named):
        whole = str(path)
        if not (path / "faces.jsonl").exists():
            for own in sorted(p for p in path.iterdir() if (p / "faces.jsonl").exists()):
                yield FaceSet.open(own), lambda record, own=str(own): (own,)  # type: ignore[misc]
        elif path in options.named:
            yield FaceSet.open(path), lambda record, whole=whole: (whole, record.crop.split("_")[0])  # type: ignore[misc]
        else:
            yield (
                FaceSet.open(path),
                lambda record, whole=whole: (whole, str(record.source), str(record.track)),  # type: ignore[misc]
            )


if __name__ == "__main__":
    main()
