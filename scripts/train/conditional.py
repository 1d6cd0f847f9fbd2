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
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceswap_cli.device import pick_device
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet
from faceswap_cli.files import make_folder
from faceswap_cli.networks.swap.conditional import ConditionalAutoencoder, ConditionalModel
from faceswap_cli.networks.swap.registry import build_model, place_model
from faceswap_cli.training.data.conditional_batches import ConditionalDataset, batches_of_datasets
from faceswap_cli.training.data.conditioning import Conditioning, describe_faces
from faceswap_cli.training.data.dataset import choose_records, faces_from_columns, prepare_all, spread_indices
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.collapse_detection import CollapseDetector
from faceswap_cli.training.engine.loop import Budget, fit
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.objectives.swap import new_discriminator, swap_phases
from faceswap_cli.training.runs.settings import FAMILIES, TrainSettings
from faceswap_cli.training.runs.warm_start import EVERYBODY, warm_from_shared
from scripts.bench.conditional_sheet import swap_figures, write_sheet
from scripts.cards.conditional import write, write_critic

HELD_OUT = 15
"""Every so-manieth person is never trained on."""

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
    parser.add_argument("-r", "--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="where prepared samples are kept [RUN]")
    parser.add_argument("--family", choices=["conditional", "gan"], default="conditional")
    parser.add_argument(
        "--begin", type=Path, help="a run whose averaged weights are taken over as far as they fit"
    )
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--minutes", type=float, help="instead of --steps")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--most", type=int, default=2000, help="faces of each set, at most")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--prepare", action="store_true", help="only prepare the samples")
    parser.add_argument("--write", action="store_true", help="only write models/")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = replace(
        FAMILIES[options.family]["small"], batch=options.batch, learning_rate=options.rate, ema=0.998
    )
    own, held = load(options, settings.resolution)
    print(
        f"{len(own.faces)} faces of {int(own.person.max()) + 1} people, {len(held.faces)} held out",
        flush=True,
    )
    if options.prepare:
        return
    trainer, store = resumed(options, settings, own)
    if options.write:
        card = write(trainer, options.family, len(own.faces), swap_figures(trainer.ema, held))
        print(card.facts)
        if options.family == "gan":
            print(write_critic(trainer, options.family, card).facts)
        return
    batches = batches_of_datasets({EVERYBODY: own}, settings)
    told, collapsed = told_rarely(options, trainer, held), CollapseDetector()
    budget = Budget(minutes=options.minutes) if options.minutes else Budget(options.steps)
    for tick in fit(trainer, batches, budget, store, save_seconds=120, log=options.run / "log.jsonl"):
        if note := collapsed(tick.losses):
            print(note, flush=True)
        if due := told(tick.step, tick.progress >= 1):
            terms = " ".join(f"{k} {v:.3f}" for k, v in tick.losses.items())
            left = tick.seconds_left / 60
            print(
                f"{tick.step} {terms} | {tick.images_per_second:.0f}/s, left {left:.0f} min | {due}",
                flush=True,
            )


def told_rarely(
    options: argparse.Namespace, trainer: Trainer, held: ConditionalDataset
) -> Callable[[int, bool], str]:
    """What is measured and drawn about every few minutes, in words."""
    last = -1000

    def told(step: int, ended: bool) -> str:
        nonlocal last
        if step - last < 250 and not ended:
            return ""
        last = step
        write_sheet(options.run / "preview.jpg", trainer.ema, held)
        return " ".join(f"{k} {v:.3f}" for k, v in swap_figures(trainer.ema, held).items())

    return told


def resumed(
    options: argparse.Namespace, settings: TrainSettings, own: ConditionalDataset
) -> tuple[Trainer, CheckpointStore]:
    """The trainer at its newest checkpoint, or at the very start."""
    torch.manual_seed(settings.seed)
    model = build_model(settings.architecture, {**settings.network, "identities": (EVERYBODY,)})
    assert isinstance(model, ConditionalModel)
    warm_from_shared(model, BASE)
    if options.begin:
        begin(model, options.begin, "ema.")
    level(model, own)
    model.style.mean.copy_(own.known.embedding[:, 0].mean(0))
    model.style.spread.copy_(own.known.embedding[:, 0].std(0))
    model.people.of(EVERYBODY).embedding.copy_(own.known.embedding[:, 0].mean(0))
    model = place_model(model, pick_device(options.device))
    critic = new_discriminator(model, settings)
    if options.begin and critic is not None:
        begin(critic, options.begin, "aside.")
    trainer = Trainer(model, swap_phases(model, settings, critic), settings, critic)
    store = CheckpointStore(options.run / "checkpoints", keep=2)
    checkpoint, notes = store.newest()
    for note in notes:
        print(note)
    if checkpoint is not None:
        trainer.restore(checkpoint)
    return trainer, store


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
    cached = folder / f"crowd-{resolution}.npz"
    if not cached.exists():
        make_folder(folder)
        columns = gathered(options, resolution)
        known = describe_faces(faces_from_columns(columns[:-1]))
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
