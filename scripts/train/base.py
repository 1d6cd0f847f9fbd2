#!/usr/bin/env python3
"""Train the base that new runs start from, and write it into `models/`. It goes on where it was stopped.

    faceswap extract PHOTOS... -o FACES          once for each set of pictures, those held out apart
    python -m scripts.train.base FACES... --held-out HELD... -r RUN --steps 14000
    python -m scripts.train.base FACES... --held-out HELD... -r RUN --write     only write models/

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

from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.landmarks.attributes import change_attributes, measure_attributes
from faceswap_cli.faces.landmarks.repose import repose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.training.data.augment import augment
from faceswap_cli.training.data.dataset import Faces, faces_from_columns, prepare, spread_indices
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batch, Batches
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.family import LoadRequest, TrainingData
from faceswap_cli.training.monitor.figures import LOSS
from faceswap_cli.training.monitor.preview import write_rebuilt
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.runs.warm_start import EVERYBODY
from scripts.cards.base import write
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

RESHAPED, REPOSED = 2, 2
"""Copies of each face whose shape is changed, and in another pose and expression: there are far more faces,
and far more of their looks, than in any collection."""

SPREAD = (0.4, 0.4, 0.0, 1.2, 1.2, 1.2, 1.2)
"""Standard deviation of what is added to the attributes of a copy in another pose, in their units."""

EACH = 0.6
"""How likely each attribute of such a copy is another."""

MOST_TURNED, TURNED = 0.9, 0.7
"""Yaw and pitch up to which a head is turned, and from which it stays as it is: of a head that was turned
half was never seen."""

PLAIN = FAMILIES["shared"]

WARP = 0.3
"""Strength of the augmentation. Full warping can't be undone for somebody who is not known by heart: the
network would learn to blur."""

BEND = 0.018
"""Standard deviation of the shift of a 5x5 grid's nodes that changes a face's shape, share of the side."""

STRETCH = 0.05
"""Standard deviation of a face's change in width over height."""

RECOLOUR = 0.5
"""Share of the steps in which the faces take on one another's light."""

LEARNING_RATE = 1e-3
"""Lower than that of a short run: this is a long one."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faces", nargs="+", type=Path, help="face sets")
    parser.add_argument("--held-out", nargs="+", type=Path, required=True, help="face sets to measure on")
    add_run_options(parser, Budget(12000), every=120)
    parser.add_argument("--size", choices=list(PLAIN.sizes), default="small")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--most", type=int, default=2000, help="faces of each set, at most")
    options = parser.parse_args()
    settings = replace(PLAIN.sizes[options.size], batch=options.batch, learning_rate=LEARNING_RATE)
    source = Everybody(options.faces, options.held_out, options.most)
    task = task_of(options, EVERYBODY_BASE, source, settings)
    if not options.write:
        run_training(options, task)
        return
    trainer = trained(options, task)
    sets = (options.faces, options.held_out)
    _, held_out = load(*sets, options.run, settings.resolution, options.most)
    error = round(255 * held_out_error(trainer.ema, held_out.to(trainer.device)), 2)
    figures = {"held-out pictures": len(held_out), "mean error inside the face, grey levels": error}
    print(write(trainer, options.size, figures).facts)


class Everybody(Given):
    """Face sets whose people are all drawn by one decoder.

    Args:
        folders: the face sets to train on.
        held_out: those that are only measured on.
        most: faces of each set, at most.
    """

    def __init__(self, folders: Sequence[Path], held_out: Sequence[Path], most: int) -> None:
        super().__init__({"identities": (EVERYBODY,)})
        self.folders, self.held_out, self.most = folders, held_out, most

    def load(self, request: LoadRequest) -> TrainingData:
        """Samples with their copies, and samples held out."""
        resolution = request.settings.resolution
        parts = load(self.folders, self.held_out, request.folder, resolution, self.most)
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
            return [augment(self.faces, EVERYBODY, settings.batch, generator, WARP, light, share=share)]

        return batch

    def measure(self, model: torch.nn.Module) -> dict[str, Any]:
        """Mean error inside the face, 0..1."""
        return {"loss": held_out_error(model, self.kept)}

    def write_preview(self, path: Path, model: torch.nn.Module, progress: float) -> None:
        """Some held-out faces, rebuilt."""
        assert isinstance(model, FaceModel)
        write_rebuilt(path, model, self.kept, EVERYBODY)


EVERYBODY_BASE = replace(PLAIN, figures=(LOSS,))
"""The family `shared`, measured on everybody."""


def load(
    folders: Sequence[Path], held_out: Sequence[Path], run: Path, resolution: int, most: int
) -> tuple[Faces, Faces]:
    """Samples to train on, their copies among them, and samples held out. Kept in RUN as a file."""
    cached = run / f"faces-{resolution}.npz"
    if not cached.exists():
        own, kept = rows(folders, resolution, most, copies=True), rows(held_out, resolution, most)
        run.mkdir(parents=True, exist_ok=True)
        np.savez(cached, *(np.stack(column) for part in (own, kept) for column in zip(*part, strict=True)))
    with np.load(cached) as file:
        columns = [file[name] for name in file.files]
    half = len(columns) // 2
    return faces_from_columns(columns[:half]), faces_from_columns(columns[half:])


Row = list[NDArray[np.generic]]


def rows(folders: Sequence[Path], resolution: int, most: int, copies: bool = False) -> list[Row]:
    """The columns of `prepare` for every face, and for its copies if they are wanted."""
    parser, random = FaceParser(), np.random.default_rng(0)
    found: list[Row] = []
    for folder in folders:
        face_set = FaceSet.open(folder)
        for index in spread_indices(len(face_set), most):
            record = face_set.records[index]
            crop, points = face_set.crop(record), transform(record.landmarks, record.matrix)
            views = [(crop, points)]
            if copies:
                views += [reshaped(crop, points, random) for _ in range(RESHAPED)]
                views += [turned(crop, points, face_set.side, random) for _ in range(REPOSED)]
            found += [prepare(*view, face_set.side, resolution, parser) for view in views]
        print(f"{folder}: {len(found)} samples so far", flush=True)
    return found


def turned(
    crop: Image, points: NDArray[np.float64], side: float, random: np.random.Generator
) -> tuple[Image, NDArray[np.float64]]:
    """The face in another pose and with another expression, aligned anew."""
    looks = measure_attributes(points)
    change = random.normal(0, SPREAD) * (random.random(len(SPREAD)) < EACH)
    change[:2] = np.clip(looks[:2] + change[:2], -MOST_TURNED, MOST_TURNED) - looks[:2]
    if np.abs(looks[:2]).max() > TURNED:
        change[:2] = 0
    new, size = change_attributes(points, change), crop.shape[0]
    matrix = crop_matrix(new, size, side)
    return repose(crop, points, change, matrix, size), transform(new, matrix)


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
