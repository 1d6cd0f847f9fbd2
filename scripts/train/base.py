#!/usr/bin/env python3
"""Train the base that new runs start from, and write it into `models/`. It goes on where it was stopped.

    faceswap extract PHOTOS... -o FACES                    once for each set of pictures
    python -m scripts.train.base FACES... -r RUN --steps 12000
    python -m scripts.train.base FACES... -r RUN --write   only write models/ from the newest checkpoint

The base is an autoencoder of the same family with a single decoder that draws everybody. RUN is any folder
for checkpoints.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.device import pick_device
from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.registry import build_model, place_model
from faceswap_cli.training.data.augment import augment
from faceswap_cli.training.data.dataset import Faces, faces_from_columns, prepare, spread_indices
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget, fit
from faceswap_cli.training.engine.trainer import Batch, Trainer
from faceswap_cli.training.monitor.preview import write_rebuilt
from faceswap_cli.training.objectives.swap import swap_phases
from faceswap_cli.training.runs.settings import SIZES
from faceswap_cli.training.runs.warm_start import EVERYBODY
from scripts.cards.base import write

RESHAPED = 3
"""Copies of each face whose shape is changed: there are far more faces than in any collection."""

BEND = 0.018
"""Standard deviation of the shift of a 5x5 grid's nodes that changes a face's shape, share of the side."""

STRETCH = 0.05
"""Standard deviation of a face's change in width over height."""

RECOLOUR = 0.5
"""Share of the steps in which the faces take on one another's light."""

LEARNING_RATE = 1e-3
"""Lower than that of a short run: this is a long one."""

HELD_OUT = 20
"""Every so-manieth picture is never trained on."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faces", nargs="+", type=Path, help="face sets")
    parser.add_argument("-r", "--run", type=Path, required=True)
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--most", type=int, default=2000, help="faces of each set, at most")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    trainer, store = resumed(options)
    device = next(trainer.model.parameters()).device
    faces, held_out = (part.to(device) for part in load(options))
    if options.write:
        error = round(255 * held_out_error(trainer, held_out), 2)
        figures = {"held-out pictures": len(held_out), "mean error inside the face, grey levels": error}
        print(write(trainer, options.size, figures).facts)
        return
    print(f"{len(faces)} samples, {len(held_out)} held out, step {trainer.step}", flush=True)

    def batch(generator: torch.Generator, progress: float) -> Batch:
        light = faces if torch.rand((), generator=generator) < RECOLOUR else None
        return [augment(faces, EVERYBODY, options.batch, generator, 1.0, light)]

    for count, tick in enumerate(fit(trainer, batch, Budget(options.steps), store, save_seconds=120)):
        if count % 60 == 0 or tick.progress >= 1:
            terms = " ".join(f"{k} {v:.3f}" for k, v in tick.losses.items())
            left = tick.seconds_left / 60
            print(
                f"{tick.step} {terms} | {tick.images_per_second:.0f}/s, left {left:.0f} min | "
                f"held out {held_out_error(trainer, held_out):.4f}",
                flush=True,
            )
            write_rebuilt(options.run / "preview.jpg", trainer.ema, held_out, EVERYBODY)


def resumed(options: argparse.Namespace) -> tuple[Trainer, CheckpointStore]:
    """The trainer at its newest checkpoint, or at the very start."""
    settings = replace(SIZES[options.size], batch=options.batch, learning_rate=LEARNING_RATE)
    network = {**settings.network, "identities": (EVERYBODY,)}
    torch.manual_seed(settings.seed)
    model = place_model(build_model(settings.architecture, network), pick_device(options.device))
    trainer = Trainer(model, swap_phases(model, settings, None), settings)
    store = CheckpointStore(options.run / "checkpoints", keep=2)
    checkpoint, notes = store.newest()
    for note in notes:
        print(note)
    if checkpoint is not None:
        trainer.restore(checkpoint)
    return trainer, store


def load(options: argparse.Namespace) -> tuple[Faces, Faces]:
    """Samples to train on, reshaped copies among them, and samples held out. Kept in RUN as a file."""
    resolution = int(SIZES[options.size].network["resolution"])
    cached = options.run / f"faces-{resolution}.npz"
    if not cached.exists():
        own, kept = rows(options.faces, resolution, options.most)
        options.run.mkdir(parents=True, exist_ok=True)
        np.savez(cached, *(np.stack(column) for part in (own, kept) for column in zip(*part, strict=True)))
    with np.load(cached) as file:
        columns = [file[name] for name in file.files]
    half = len(columns) // 2
    return faces_from_columns(columns[:half]), faces_from_columns(columns[half:])


Row = list[NDArray[np.generic]]


def rows(folders: list[Path], resolution: int, most: int) -> tuple[list[Row], list[Row]]:
    """The columns of `prepare` for every face: those to train on and those held out."""
    parser, random = FaceParser(), np.random.default_rng(0)
    own: list[Row] = []
    kept: list[Row] = []
    for folder in folders:
        face_set = FaceSet.open(folder)
        for index in spread_indices(len(face_set), most):
            record = face_set.records[index]
            crop, points = face_set.crop(record), transform(record.landmarks, record.matrix)
            here = kept if index % HELD_OUT == 0 else own
            here.append(prepare(crop, points, face_set.side, resolution, parser))
            for _ in range(RESHAPED if here is own else 0):
                other = reshaped(crop, points, random)
                here.append(prepare(*other, face_set.side, resolution, parser))
        print(f"{folder}: {len(own)} samples so far", flush=True)
    return own, kept


def reshaped(
    crop: Image, points: NDArray[np.float64], random: np.random.Generator
) -> tuple[Image, NDArray[np.float64]]:
    """Another face made of one: wider or longer, and smoothly bent; crop and landmarks alike."""
    size = crop.shape[0]
    middle = (size - 1) / 2
    nodes = random.normal(0, BEND * size, (5, 5, 2)).astype(np.float32)
    field = cv2.resize(nodes, (size, size), interpolation=cv2.INTER_CUBIC)
    stretch = np.exp(random.normal(0, STRETCH) * np.array([0.5, -0.5]))
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float32)
    # Where each pixel of the new picture is read in the old one.
    read = (grid - middle) / stretch + middle - field
    warped: Image = cv2.remap(  # type: ignore[assignment]
        crop, read.astype(np.float32), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    moved = points.copy()
    for _ in range(4):  # the inverse, by fixed point: the field is smooth and small
        at = np.clip(np.rint(moved), 0, size - 1).astype(int)
        moved = (points + field[at[:, 1], at[:, 0]] - middle) * stretch + middle
    return warped, moved


@torch.inference_mode()
def held_out_error(trainer: Trainer, faces: Faces) -> float:
    """Mean absolute error of the averaged network inside the free face, on pictures it never saw."""
    renderer = trainer.ema.renderer(EVERYBODY)  # type: ignore[operator]
    target = faces.target.float() / 255
    drawn = renderer(target).image.to(target.device)
    weight = (faces.mask.float() / 255) * (faces.free.float() / 255)
    return float(((drawn - target).abs() * weight).sum() / weight.sum() / 3)


if __name__ == "__main__":
    main()
