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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.training.data.augment import augment
from faceswap_cli.training.data.dataset import Faces, faces_from_columns, prepare, spread_indices
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batch, Batches
from faceswap_cli.training.families.shared import SHARED
from faceswap_cli.training.family import LoadRequest, TrainingData
from faceswap_cli.training.monitor.figures import LOSS
from faceswap_cli.training.monitor.preview import write_rebuilt
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.runs.warm_start import EVERYBODY
from scripts.cards.base import write
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

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
    add_run_options(parser, Budget(12000), every=120)
    parser.add_argument("--size", choices=list(SHARED.sizes), default="small")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--most", type=int, default=2000, help="faces of each set, at most")
    options = parser.parse_args()
    settings = replace(SHARED.sizes[options.size], batch=options.batch, learning_rate=LEARNING_RATE)
    source = Everybody(options.faces, options.most)
    task = task_of(options, EVERYBODY_BASE, source, settings)
    if not options.write:
        run_training(options, task)
        return
    trainer = trained(options, task)
    _, held_out = load(options.faces, options.run, settings.resolution, options.most)
    error = round(255 * held_out_error(trainer.ema, held_out.to(trainer.device)), 2)
    figures = {"held-out pictures": len(held_out), "mean error inside the face, grey levels": error}
    print(write(trainer, options.size, figures).facts)


class Everybody(Given):
    """Face sets whose people are all drawn by one decoder.

    Args:
        folders: the face sets.
        most: faces of each set, at most.
    """

    def __init__(self, folders: Sequence[Path], most: int) -> None:
        super().__init__({"identities": (EVERYBODY,)})
        self.folders, self.most = folders, most

    def load(self, request: LoadRequest) -> TrainingData:
        """Samples with reshaped copies, and samples held out."""
        parts = load(self.folders, request.folder, request.settings.resolution, self.most)
        own, held_out = (part.to(request.device) for part in parts)
        request.say(f"{len(own)} samples, {len(held_out)} held out")
        return EverybodyData(own, held_out)


class EverybodyData(TrainingData):
    """Samples of everybody.

    Args:
        faces: to train on.
        kept: to measure on.
    """

    def __init__(self, faces: Faces, kept: Faces) -> None:
        self.faces, self.kept = faces, kept
        self.held_out = f"held out, to measure progress on: {len(kept)} pictures"

    def batches(self, settings: SwapSettings, share: Share = WHOLE) -> Batches:
        """Warped pictures, some of them in one another's light."""

        def batch(generator: torch.Generator, progress: float) -> Batch:
            light = self.faces if torch.rand((), generator=generator) < RECOLOUR else None
            return [augment(self.faces, EVERYBODY, settings.batch, generator, 1.0, light, share=share)]

        return batch

    def measure(self, model: torch.nn.Module) -> dict[str, Any]:
        """Mean error inside the face, 0..1."""
        return {"loss": held_out_error(model, self.kept)}

    def write_preview(self, path: Path, model: torch.nn.Module, progress: float) -> None:
        """Some held-out faces, rebuilt."""
        assert isinstance(model, FaceModel)
        write_rebuilt(path, model, self.kept, EVERYBODY)


EVERYBODY_BASE = replace(SHARED, figures=(LOSS,))
"""The family `shared`, measured on everybody."""


def load(folders: Sequence[Path], run: Path, resolution: int, most: int) -> tuple[Faces, Faces]:
    """Samples to train on, reshaped copies among them, and samples held out. Kept in RUN as a file."""
    cached = run / f"faces-{resolution}.npz"
    if not cached.exists():
        own, kept = rows(folders, resolution, most)
        run.mkdir(parents=True, exist_ok=True)
        np.savez(cached, *(np.stack(column) for part in (own, kept) for column in zip(*part, strict=True)))
    with np.load(cached) as file:
        columns = [file[name] for name in file.files]
    half = len(columns) // 2
    return faces_from_columns(columns[:half]), faces_from_columns(columns[half:])


Row = list[NDArray[np.generic]]


def rows(folders: Sequence[Path], resolution: int, most: int) -> tuple[list[Row], list[Row]]:
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
def held_out_error(model: torch.nn.Module, faces: Faces) -> float:
    """Mean absolute error of the averaged network inside the free face, on pictures it never saw."""
    assert isinstance(model, FaceModel)
    renderer = model.renderer(EVERYBODY)
    target = faces.target.float() / 255
    drawn = renderer(target).image.to(target.device)
    weight = (faces.mask.float() / 255) * (faces.free.float() / 255)
    return float(((drawn - target).abs() * weight).sum() / weight.sum() / 3)


if __name__ == "__main__":
    main()
