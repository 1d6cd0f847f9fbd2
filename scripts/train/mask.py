#!/usr/bin/env python3
"""Train the face parser and write `models/mask`. It goes on where it was stopped.

    python -m scripts.data.mask_data FOLDER... -o DATA --teacher bisenetv2_celebamaskhq.tflite
    python -m scripts.data.mask_hands VIDEO... -o HANDS.npz
    python -m scripts.train.mask DATA --hands HANDS.npz -r RUN --minutes 55
    python -m scripts.train.mask DATA --hands HANDS.npz -r RUN --write

RUN is any folder for checkpoints; --write puts the average weights and their card into models/.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli import zoo
from faceswap_cli.device import pick_device
from faceswap_cli.networks.perception.parsing import CLASSES, ParsingConfig, ParsingNetwork
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from scripts.data.mask_augment import UNKNOWN, Faces, load_hands, sample

ROOT = Path(__file__).resolve().parents[2]

SHARES = {"sfhq": 0.56, "congress": 0.2, "london": 0.09, "clips": 0.15}
"""How often a step draws from each collection."""

WEIGHTS = {"brows": 2.0, "eyes": 2.0, "mouth": 1.5, "glasses": 1.6, "occluder": 1.5}
"""Weights of classes in the cross-entropy; 1 for the others."""

DICE = 0.5
AVERAGE = 0.998
"""Decay of the moving average of the weights, for each step."""

HELD_OUT = 20
"""One face in so many is kept from training, by its name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that scripts/data/mask_data.py wrote")
    parser.add_argument(
        "--hands", type=Path, required=True, help="file that scripts/data/mask_hands.py wrote"
    )
    parser.add_argument("-r", "--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=55, help="time spent training, in all")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--from", dest="start", type=Path, help="run whose newest average this one begins with"
    )
    parser.add_argument(
        "--write", action="store_true", help="only write models/mask from the newest checkpoint"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    if options.write:
        write(options)
    else:
        train(options)


def read_faces(folder: Path) -> tuple[Faces, list[dict[str, str]]]:
    """The crops that `scripts/data/mask_data.py` wrote, and what each is."""
    faces = Faces(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("crops", "labels", "points")))
    return faces, json.loads((folder / "faces.json").read_text(encoding="utf-8"))


def held_out(fact: dict[str, str]) -> bool:
    """Whether a face is kept from training; all pictures of one person, or of one clip, go together."""
    return crc32(fact["person"].encode()) % HELD_OUT == 0


class Trainee:
    """Network, average, optimiser and clock, which stop and go on together."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.device = pick_device(options.device)
        self.network = ParsingNetwork(ParsingConfig()).to(self.device).to(memory_format=torch.channels_last)
        self.average = ParsingNetwork(ParsingConfig()).to(self.device).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), options.rate, weight_decay=0.01)
        self.store = CheckpointStore(options.run, keep=2)
        self.step, self.seconds = 0, 0.0
        if options.start:
            found, _ = CheckpointStore(options.start).newest()
            assert found, f"{options.start} has no checkpoint"
            self.network.load_state_dict(_only(found.tensors, "average."))
        self.average.load_state_dict(self.network.state_dict())
        self._resume()

    def _resume(self) -> None:
        found, _ = self.store.newest()
        if found is None:
            return
        self.network.load_state_dict(_only(found.tensors, "network."))
        self.average.load_state_dict(_only(found.tensors, "average."))
        state = self.optimiser.state_dict()
        moments = {"step": "step", "exp_avg": "first", "exp_avg_sq": "second"}
        count = len(list(self.network.parameters()))
        state["state"] = {
            i: {key: found.tensors[f"optimiser.{i}.{name}"] for key, name in moments.items()}
            for i in range(count)
        }
        self.optimiser.load_state_dict(state)
        self.step, self.seconds = int(found.facts["step"]), float(found.facts["seconds"])

    def save(self) -> None:
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for i, one in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.step": one["step"]}
            tensors |= {f"optimiser.{i}.first": one["exp_avg"], f"optimiser.{i}.second": one["exp_avg_sq"]}
        self.store.save(self.step, tensors, {"seconds": self.seconds})

    def follow(self) -> None:
        """Move the average towards the network; quickly at first, while the network is far from done."""
        decay = min(AVERAGE, (1 + self.step) / (20 + self.step))
        with torch.no_grad():
            for mine, its in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mine.is_floating_point():
                    mine.lerp_(its, 1 - decay)
                else:
                    mine.copy_(its)


def _only(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def batches(options: argparse.Namespace, first: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches from step `first` on; each is a function of (seed, step)."""
    faces, facts = read_faces(options.data)
    hands = load_hands(options.hands)
    config = ParsingConfig()
    seen = [i for i, fact in enumerate(facts) if not held_out(fact)]
    sets = {name: [i for i in seen if facts[i]["set"] == name] for name in SHARES}
    names = [name for name in SHARES if sets[name]]
    shares = np.array([SHARES[name] for name in names])
    step = first
    while True:
        random = np.random.default_rng((options.seed, step))
        pairs = []
        for _ in range(options.batch):
            group = sets[names[random.choice(len(names), p=shares / shares.sum())]]
            pairs.append(
                sample(random, faces, group[random.integers(len(group))], hands, config.size, config.side)
            )
        images = torch.from_numpy(np.stack([p[0] for p in pairs])).permute(0, 3, 1, 2).float() / 255
        yield images, torch.from_numpy(np.stack([p[1] for p in pairs])).long()
        step += 1


def loss_of(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted cross-entropy, and 1 - mean Dice coefficient over the classes that are there."""
    weights = torch.tensor([WEIGHTS.get(name, 1.0) for name in CLASSES], device=scores.device)
    entropy = F.cross_entropy(scores, labels, weights, ignore_index=UNKNOWN)
    known = (labels != UNKNOWN)[:, None]
    truth = F.one_hot(labels.clamp(max=len(CLASSES) - 1), len(CLASSES)).permute(0, 3, 1, 2) * known
    guess = scores.softmax(1) * known
    common, total = (guess * truth).sum((0, 2, 3)), (guess + truth).sum((0, 2, 3))
    there = truth.sum((0, 2, 3)) > 0
    dice = ((2 * common + 1) / (total + 1))[there].mean()
    return entropy, 1 - dice


def train(options: argparse.Namespace) -> None:
    trainee = Trainee(options)
    network = trainee.network.train()
    source = batches(options, trainee.step)
    spent, shown, sums = 0.0, time.monotonic(), np.zeros(3)
    saved, last = time.monotonic(), time.monotonic()
    while trainee.seconds < options.minutes * 60:
        images, labels = next(source)
        spent += time.monotonic() - last
        part = trainee.seconds / (options.minutes * 60)
        warm = min(1.0, (trainee.step + 1) / 200)
        for group in trainee.optimiser.param_groups:
            group["lr"] = options.rate * warm * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * part)))
        images = images.to(trainee.device).contiguous(memory_format=torch.channels_last)
        entropy, dice = loss_of(network(images), labels.to(trainee.device))
        trainee.optimiser.zero_grad(set_to_none=True)
        (entropy + DICE * dice).backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        if torch.isfinite(norm):
            trainee.optimiser.step()
            trainee.follow()
        trainee.step += 1
        trainee.seconds += time.monotonic() - last
        last = time.monotonic()
        sums += (float(entropy.detach()), float(dice.detach()), 1)
        if last - shown > 30:
            rate = sums[2] * options.batch / (last - shown)
            print(
                f"step {trainee.step} min {trainee.seconds / 60:.1f} entropy {sums[0] / sums[2]:.4f} "
                f"dice {sums[1] / sums[2]:.4f} {rate:.0f} faces/s data {spent / (last - shown):.0%}",
                flush=True,
            )
            spent, shown, sums = 0.0, last, np.zeros(3)
        if last - saved > 120:
            trainee.save()
            saved = time.monotonic()
    trainee.save()
    print(f"done: step {trainee.step}")


WHAT = (
    "Face parsing: of every pixel of an aligned crop (128 x 128, 2.75 face units), whether it shows skin, "
    "brows, eyes, nose, mouth, hair, glasses, something before the face, or anything else. U-Net with added "
    "skips."
)
LICENCE = (
    "MIT. Its labels come from a teacher (BiSeNet V2) that was trained on CelebAMask-HQ, a set for "
    "non-commercial research: whether that binds what the teacher labelled is not settled; look at it before "
    "commercial use."
)
SOURCES = {
    "sfhq": "SFHQ galleries, people invented by text-to-image networks (MIT; StyleGAN2's were left out)",
    "congress": "official portraits of members of the US Congress (public domain)",
    "london": "Face Research Lab London Set, DeBruine and Jones 2017 (CC BY 4.0)",
    "clips": "frames of the GRID corpus and of Intel's sample videos (CC BY 4.0)",
}
LAID_OVER = (
    "laid over them: hands cut out of two of Intel's sign language videos (CC BY 4.0), and drawn hands, "
    "microphones, boxes, cloth, masks, pens, locks of hair and glasses"
)
LIMITS = (
    "Labels are a network's, not people's. The hands were cut out of videos of two light-skinned people and "
    "recoloured. Rims of glasses thinner than a pixel and a half (of 128), veils, smoke and water are not "
    "seen; beards count as skin. See docs/faces.md."
)


def write(options: argparse.Namespace) -> None:
    """Write `models/mask` from the newest checkpoint, with the figures of `scripts/bench/mask.py --save`."""
    trainee = Trainee(options)
    _, facts = read_faces(options.data)
    counts = {name: sum(f["set"] == name and not held_out(f) for f in facts) for name in SHARES}
    figures = options.run / "figures.json"
    card = {
        "what": WHAT,
        "licence": LICENCE,
        "data": [f"{SOURCES[name]}: {count} crops" for name, count in counts.items()] + [LAID_OVER],
        "steps": trainee.step,
        "config": asdict(trainee.network.config),
        "figures": json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {},
        "limits": LIMITS,
        "remake": "scripts/data/mask_data.py, scripts/data/mask_hands.py and scripts/train/mask.py, "
        "as their first lines say",
    }
    zoo.write(ROOT / "models" / "mask", trainee.average, card)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
