#!/usr/bin/env python3
"""Train the closer look at eyes and mouth and write `models/fine_landmarks`. It goes on where it was stopped.

    python -m scripts.data.fine_faces LABELS -o POOL/1.npz --count 4000 --seed 1
    python -m scripts.train.fine_landmarks POOL --labels LABELS --run RUN --steps 12000
    python -m scripts.train.fine_landmarks POOL --labels LABELS --run RUN --write

POOL holds files of `scripts.data.fine_faces`, which may be added to while it trains; LABELS/kept-*.npz are
faces that are looked at. RUN is any folder for checkpoints; --write puts the average weights and their card
into models/.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.faces.landmarks.fine import PARTS
from faceswap_cli.networks.perception.dense_landmarks import build_dense_landmark_network
from faceswap_cli.networks.perception.fine_landmarks import FineLandmarkConfig, FineLandmarkNetwork
from faceswap_cli.training.engine.trainer import Trainer
from scripts.bench.dense_landmarks import evaluate
from scripts.data.dense_faces import DATA, KEPT_BACK, Faces
from scripts.train import short_loop
from scripts.train.dense_landmarks import MEETING, Batch

ROOT = Path(__file__).resolve().parents[2]

AGAIN = 200
"""Steps after which new files are looked for."""

KINDS = ("eye", "mouth")


def main() -> None:
    def own_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--labels", type=Path, required=True)

    told = "folder of files that scripts.data.fine_faces wrote"
    options = short_loop.parse(__doc__, "pool", told, 48, own_options)
    cv2.setNumThreads(1)
    trainer, store = short_loop.prepare(options, "fine_landmarks", lambda _: build(), losses)
    trainer.precision = None  # bfloat16 would place points half a pixel apart
    kept = Faces(sorted(f for f in options.labels.glob("kept-*.npz") if f.stat().st_size))
    if options.write:
        write(trainer, kept)
        return
    first = zoo.load_network("landmarks", build_dense_landmark_network)
    batches = Pool(options.pool, options.batch, trainer.device)
    look = partial(evaluate, first, kept)
    short_loop.run(options, trainer, store, batches, lambda network: look(fine=network).lines())


def build() -> FineLandmarkNetwork:
    return FineLandmarkNetwork(FineLandmarkConfig())


class Pool:
    """Batches by seed out of the views that there are by then.

    Args:
        folder: with files of `scripts.data.fine_faces`.
        count: of a batch.
        device: where batches go.
    """

    def __init__(self, folder: Path, count: int, device: torch.device) -> None:
        self.folder, self.count, self.device = folder, count, device
        self.files: dict[Path, dict[str, np.ndarray]] = {}
        self.calls = 0

    def __call__(self, generator: torch.Generator, progress: float) -> list[Batch]:
        if self.calls % AGAIN == 0:
            for file in sorted(self.folder.glob("*.npz")):
                if file not in self.files:
                    self.files[file] = dict(np.load(file))
                    print(len(self.files[file]["eye"]), "views of", file.name, flush=True)
        self.calls += 1
        random = np.random.default_rng(generator.initial_seed() % 2**63)
        files = list(self.files.values())
        sizes = np.cumsum([len(one["eye"]) for one in files])
        drawn = random.integers(sizes[-1], size=self.count)
        of = np.searchsorted(sizes, drawn, "right")
        places = [(int(f), int(n - (sizes[f - 1] if f else 0))) for n, f in zip(drawn, of, strict=True)]
        found = {name: np.stack([files[f][name][n] for f, n in places]) for name in files[0]}
        for kind in KINDS:
            found[kind] = vary(random, found[kind])
        found["input"] = found["eye"]  # by which the trainer counts
        return [Batch(**{name: torch.from_numpy(value).to(self.device) for name, value in found.items()})]


def vary(random: np.random.Generator, crops: np.ndarray) -> np.ndarray:
    """Crops (N, S, S, 3) uint8 in other light, some with noise: (N, 3, S, S) float32 in 0..1."""
    count = len(crops)
    x = crops.transpose(0, 3, 1, 2).astype(np.float32) / 255
    gain = np.exp(random.normal(0, 0.15, (count, 1, 1, 1)) + random.normal(0, 0.04, (count, 3, 1, 1)))
    x = x * gain.astype(np.float32) + random.normal(0, 0.03, (count, 1, 1, 1)).astype(np.float32)
    noise = (random.random((count, 1, 1, 1)) < 0.3) * random.uniform(0, 0.03, (count, 1, 1, 1))
    if noise.any():
        x += noise.astype(np.float32) * random.standard_normal(x.shape, np.float32)
    return np.clip(x, 0, 1, out=x)


def _meeting(kind: str) -> Tensor:
    """(2, M) as `dense_landmarks.MEETING`, by the part's own numbers."""
    part = next(part for part in PARTS if part.kind == kind)
    place = {int(number): k for k, number in enumerate(part.numbers)}
    pairs = [[place[a], place[b]] for a, b in MEETING.T.tolist() if a in place and b in place]
    return torch.tensor(pairs).T


MEETINGS = {kind: _meeting(kind) for kind in KINDS}


def losses(network: FineLandmarkNetwork, batch: Batch) -> dict[str, Tensor]:
    """Distance in Laplace's likelihood and plain; openings; expression; each of eyes and mouth."""
    found: dict[str, Tensor] = {}
    for kind in KINDS:
        part = getattr(network, kind)
        picture = getattr(batch, kind).contiguous(memory_format=torch.channels_last)
        first, points, weight, told, wanted, sure = (
            getattr(batch, f"{kind}_{name}")
            for name in ("first", "points", "weight", "told", "expression", "sure")
        )
        out = part(picture, first, told)
        whole = weight.sum().clamp(min=1)
        apart = ((out.points - points).square().sum(-1) + 1e-3).sqrt()
        likelihood = (apart / out.spread + 2 * out.spread.log()) * weight
        a, b = MEETINGS[kind].to(points.device)
        way = (out.points[:, a] - out.points[:, b]) - (points[:, a] - points[:, b])
        both = torch.minimum(weight[:, a], weight[:, b])
        way = (way.square().sum(-1) + 1e-3).sqrt() * both
        found |= {
            f"{kind} distance": 0.6 * (apart * weight).sum() / whole,
            f"{kind} likelihood": 0.3 * likelihood.sum() / whole,
            f"{kind} opening": 1.0 * way.sum() / both.sum().clamp(min=1),
            f"{kind} expression": 4.0 * ((out.expression - wanted).abs().mean(1) * sure).mean(),
        }
    return found


def write(trainer: Trainer, kept: Faces) -> None:
    """Put the average weights and their card into models/fine_landmarks."""
    first = zoo.load_network("landmarks", build_dense_landmark_network)
    facts = {
        "what": "A closer look at eyes (64 px of 0.64 face units, the left one mirrored) and mouth (80 px "
        "of 1): points of lids, irises, brows' lower edge and lips, their spread, 21 coefficients of "
        "expression",
        "network": "faceswap_cli.networks.perception.fine_landmarks.FineLandmarkNetwork",
        "config": asdict(trainer.model.config),
        "licence": "MIT",
        "data": DATA,
        "kept_back": KEPT_BACK,
        "teacher": "Google's Face Landmarker (Apache-2.0): points and expression. What it begins with in "
        "each crop is models/landmarks'.",
        "first look": zoo.card("landmarks").facts["sha256"],
        "steps": trainer.step,
        "batch": trainer.settings.batch,
        "seed": short_loop.SEED,
        "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes on a CPU",
        "figures": evaluate(first, kept, trainer.ema).facts(),
        "limits": "Labels are a network's. Most closed lids it saw were drawn. Hardly any children.",
        "remake": "scripts/data/landmark_teacher.py, scripts/data/fine_faces.py, then "
        "scripts/train/fine_landmarks.py, as their first lines say",
    }
    print(zoo.write(ROOT / "models" / "fine_landmarks", trainer.ema, facts).facts)


if __name__ == "__main__":
    main()
