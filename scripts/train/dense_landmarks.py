#!/usr/bin/env python3
"""Train the landmark network and write `models/landmarks`. It goes on where it was stopped.

A new run begins with the weights in models/landmarks, of this version or of the first one (68 points,
`scripts.train.landmarks`).

    python -m scripts.data.landmark_teacher TEACHER FOLDER... -o LABELS/own-NAME.npz
    python -m scripts.train.dense_landmarks LABELS --run RUN --steps 12000
    python -m scripts.train.dense_landmarks LABELS --run RUN --write

LABELS holds files of labels: own-*.npz are trained on, kept-*.npz are looked at. RUN is any folder for
checkpoints; --write puts the average weights and their card into models/.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli import zoo
from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG, POINTS, opening_pairs
from faceswap_cli.networks.perception.dense_landmarks import (
    DenseLandmarkConfig,
    DenseLandmarkNetwork,
    DenseLandmarkOutput,
    build_either_landmark_network,
)
from faceswap_cli.networks.perception.landmarks import LandmarkNetwork
from faceswap_cli.training.engine.parallel import Share
from faceswap_cli.training.engine.trainer import Trainer
from scripts.bench.dense_landmarks import evaluate
from scripts.data.dense_faces import DATA, KEPT_BACK, Faces, Source
from scripts.train import short_loop

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    def own_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--views", type=int, default=5000, help="turned and blinking views to make")

    told = "folder of files that scripts.data.landmark_teacher wrote"
    options = short_loop.parse(__doc__, "labels", told, 32, own_options)
    cv2.setNumThreads(1)
    own = Faces(sorted(f for f in options.labels.glob("own-*.npz") if f.stat().st_size))
    kept = Faces(sorted(f for f in options.labels.glob("kept-*.npz") if f.stat().st_size))
    trainer, store = short_loop.prepare(options, "landmarks", partial(build, own), losses)
    trainer.precision = None  # places in bfloat16 are half a pixel apart: with it the training diverges
    if options.write:
        write(trainer, own, kept)
        return
    config = trainer.model.config
    source = Source(own, config.size, config.side, options.views, options.run / "views.npz")
    print(len(own.names), "faces,", len(kept.names), "kept back", flush=True)
    with ThreadPoolExecutor(1) as pool:
        batches = Ahead(pool, source, options.batch, trainer.device)
        short_loop.run(options, trainer, store, batches, lambda network: evaluate(network, kept).lines())


def build(own: Faces, new: bool) -> DenseLandmarkNetwork:
    """The network; a new run's with what the bundled weights know."""
    network = DenseLandmarkNetwork(DenseLandmarkConfig())
    network.mean_shape.copy_(torch.from_numpy(own.mean_shape()))
    if new:
        known = zoo.load_network("landmarks", build_either_landmark_network)
        if isinstance(known, DenseLandmarkNetwork):
            network.load_state_dict(known.state_dict())
        else:
            warm_start(network, known)
    return network


@torch.no_grad()
def warm_start(network: DenseLandmarkNetwork, first: LandmarkNetwork) -> None:
    """Begin with the first network's weights: each further point as the point of iBUG nearest to it."""
    shape = network.mean_shape[:, :2]
    nearest = torch.cdist(shape, shape[:IBUG]).argmin(1)
    nearest[:IBUG] = torch.arange(IBUG)
    own, its = network.state_dict(), first.state_dict()
    for name, value in its.items():
        if name in own and own[name].shape == value.shape:
            own[name].copy_(value)
    own["heat.weight"].copy_(its["heat.weight"][nearest, :, 0, 0])  # a map's bias is nothing to its softmax
    own["identity"].copy_(its["identity"][nearest])
    for part in ("weight", "bias"):
        own[f"read.2.{part}"][:4].copy_(its[f"read.2.{part}"])


class Batch(SimpleNamespace):
    """A batch: tensors by name, samples first."""

    def part(self, share: Share) -> Batch:
        """A share of it."""
        return Batch(**{name: share.of(values) for name, values in vars(self).items()})


class Ahead:
    """Batches by (seed, step), the next one made while the network is at this one."""

    def __init__(self, pool: ThreadPoolExecutor, source: Source, count: int, device: torch.device) -> None:
        self.pool, self.source, self.count, self.device = pool, source, count, device
        self.coming: dict[int, Any] = {}

    def __call__(self, generator: torch.Generator, progress: float) -> list[Batch]:
        seed = generator.initial_seed()
        ready = self.coming.pop(seed, None) or self.pool.submit(self._make, seed)
        self.coming = {seed + 1: self.pool.submit(self._make, seed + 1)}
        return [Batch(**{k: v.to(self.device) for k, v in ready.result().items()})]

    def _make(self, seed: int) -> dict[str, Tensor]:
        random = np.random.default_rng(seed % 2**63)
        drawn = [self.source.draw(random) for _ in range(self.count)]
        images = torch.from_numpy(np.stack([d.image for d in drawn])).permute(0, 3, 1, 2)
        numbers = {
            name: torch.from_numpy(np.array([getattr(d, name) for d in drawn], np.float32))
            for name in ("points", "weight", "visible", "expression", "face")
        }
        return {"input": images, **numbers}


def _meeting() -> Tensor:
    """(2, M) points whose way from each other is looked at by itself: lids, lips, irises and eye corners."""
    outlines = ("right_lids", "left_lids", "lips_inner", "lips_outer")
    pairs = [np.stack(opening_pairs(outline)) for outline in outlines]
    pairs.append(np.array([[37, 38, 43, 44, 61, 62, 63], [41, 40, 47, 46, 67, 66, 65]]))
    for side in ("right", "left"):
        corners, iris = GROUPS[f"{side}_lids"][[0, 8]], GROUPS[f"{side}_iris"][0]
        pairs.append(np.stack([np.array([iris, iris]), corners]))
    return torch.from_numpy(np.concatenate(pairs, 1))


MEETING = _meeting()


def losses(network: DenseLandmarkNetwork, batch: Batch) -> dict[str, Tensor]:
    """Distance in Laplace's likelihood and plain; openings; depth; visibility; expression; face or not."""
    picture = batch.input.float().div(255).contiguous(memory_format=torch.channels_last)
    out: DenseLandmarkOutput = network(picture)
    weight = batch.weight * batch.face[:, None]
    total = weight.sum().clamp(min=1)
    flat = batch.points[..., :2]
    apart = ((out.points - flat).square().sum(-1) + 1e-4).sqrt()
    # Half the spread's gradient would go into hiding hard points behind a great spread: the plain distance,
    # in which all count alike, keeps them in.
    likelihood = (apart / out.spread + 2 * out.spread.log()) * weight
    a, b = MEETING.to(flat.device)
    way = (out.points[:, a] - out.points[:, b]) - (flat[:, a] - flat[:, b])
    both = torch.minimum(weight[:, a], weight[:, b])
    way = (way.square().sum(-1) + 1e-4).sqrt() * both
    deep = (out.depth - batch.points[..., 2]).abs() * weight
    see = F.binary_cross_entropy_with_logits(out.visible, batch.visible, reduction="none")
    faces = batch.face.sum().clamp(min=1)
    told = (out.expression - batch.expression).abs() * batch.face[:, None]
    return {
        "distance": 0.6 * (apart * weight).sum() / total,
        "likelihood": 0.4 * likelihood.sum() / total,
        "opening": 1.0 * way.sum() / both.sum().clamp(min=1),
        "depth": 0.15 * deep.sum() / total,
        "visible": 0.5 * (see * batch.face[:, None]).sum() / (POINTS * faces),
        "expression": 3.0 * told.sum() / (told.shape[1] * faces),
        "face": 0.3 * F.binary_cross_entropy_with_logits(out.face, batch.face),
    }


def write(trainer: Trainer, own: Faces, kept: Faces) -> None:
    """Put the average weights and their card into models/landmarks."""
    names, counts = np.unique(own.sets, return_counts=True)
    facts = {
        "what": "222 landmarks (the 68 of iBUG 300-W first) with depth, spread and visibility, 26 "
        "coefficients of expression, and whether there is a face. 112 px crops",
        "network": "faceswap_cli.networks.perception.dense_landmarks.DenseLandmarkNetwork",
        "config": asdict(trainer.model.config),
        "licence": "MIT",
        "data": DATA,
        "faces": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
        "kept_back": KEPT_BACK,
        "teacher": "Google's Face Landmarker (Apache-2.0): points, depths, expression. Of the 68, jaw, brows "
        "and nose: this tool's first landmark network, which learned from dlib's trees (CC0; trained on iBUG "
        "300-W, whose licence excludes commercial use).",
        "steps": trainer.step,
        "began with": f"the weights before, of {zoo.card('landmarks').facts['steps']} steps",
        "batch": trainer.settings.batch,
        "seed": short_loop.SEED,
        "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes on a CPU",
        "figures": evaluate(trainer.ema, kept).facts(),
        "limits": "Labels are networks'. Past 60 degrees of yaw it knows drawn views only. Most closed lids "
        "it saw were drawn. Hardly any children.",
        "remake": "scripts/data/landmark_teacher.py, then scripts/train/dense_landmarks.py, as their first "
        "lines say",
    }
    print(zoo.write(ROOT / "models" / "landmarks", trainer.ema, facts).facts)


if __name__ == "__main__":
    main()
