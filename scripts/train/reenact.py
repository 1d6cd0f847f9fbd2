#!/usr/bin/env python3
"""Train the one-photo refiner and write `models/refiner`. It goes on where it was stopped.

    python -m scripts.data.reenact_pairs LABELS --views VIEWS.npz -o PAIRS
    python -m scripts.train.reenact PAIRS --run RUN --steps 12000
    python -m scripts.train.reenact PAIRS --run RUN --write

PAIRS holds own-*.npz, which are trained on, and kept-*.npz, which are looked at. RUN is any folder for
checkpoints; --write puts the average weights and their card into models/.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.effects.reenact.refine import WEIGHTS
from faceswap_cli.faces.landmarks.dense import MIRROR_EXPRESSION, MIRROR_SIGN
from faceswap_cli.networks.reenact.refiner import (
    Refinement,
    RefinerConfig,
    RefinerNetwork,
    apply_refinement,
)
from faceswap_cli.training.engine.parallel import Share
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.objectives.losses import dssim, gradient_difference
from scripts.data.dense_faces import DATA, KEPT_BACK, TEACHER
from scripts.data.reenact_pairs import unpack
from scripts.train import short_loop

ROOT = Path(__file__).resolve().parents[2]

FEATURES = 2.0
"""How much more eyes and mouth count than skin."""

JITTER, TINT, SHADE = 0.06, 0.03, 0.1
"""Of the drawn face's light by itself: logarithms of all channels, of each, and of smooth shades over it."""


class Pairs:
    """Pairs in memory; see `scripts.data.reenact_pairs`."""

    def __init__(self, files: list[Path]) -> None:
        parts = [np.load(file) for file in files]
        names = ("pictures", "expressions", "paintable", "truth", "features")
        self.arrays = {name: torch.from_numpy(np.concatenate([p[name] for p in parts])) for name in names}

    def __len__(self) -> int:
        return len(self.arrays["truth"])

    def batch(self, rows: Tensor) -> Batch:
        """Some of them, as they are."""
        found = {name: values[rows] for name, values in self.arrays.items()}
        return Batch(
            input=unpack(found["pictures"]),
            expressions=found["expressions"],
            paintable=found["paintable"][:, None].float() / 255,
            truth=found["truth"].permute(0, 3, 1, 2).float() / 255,
            features=found["features"][:, None].float() / 255,
        )


class Batch(SimpleNamespace):
    """A batch: tensors by name, samples first."""

    def part(self, share: Share) -> Batch:
        """A share of it."""
        return Batch(**{name: share.of(values) for name, values in vars(self).items()})

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        return Batch(**{name: values.to(device) for name, values in vars(self).items()})


def augment(batch: Batch, random: torch.Generator) -> Batch:
    """The same pairs in other light, and mirrored."""
    count = len(batch.truth)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=random)

    flip = torch.rand(count, generator=random) < 0.5
    parts = vars(batch).copy()
    for name in ("input", "paintable", "truth", "features"):
        parts[name] = torch.where(flip[:, None, None, None], parts[name].flip(-1), parts[name])
    parts["input"][:, 11] = torch.where(flip[:, None, None], -parts["input"][:, 11], parts["input"][:, 11])
    mirrored = batch.expressions[..., MIRROR_EXPRESSION] * torch.from_numpy(MIRROR_SIGN).float()
    parts["expressions"] = torch.where(flip[:, None, None], mirrored, batch.expressions)
    tone = (0.15 * normal(1, 1, 1) + 0.05 * normal(3, 1, 1)).exp()
    shade = F.interpolate(SHADE * normal(1, 5, 5), size=128, mode="bicubic", align_corners=True)
    own = (JITTER * normal(1, 1, 1) + TINT * normal(3, 1, 1) + shade).exp()
    picture = parts["input"]
    drawn, frame = picture[:, :3] * tone * own, picture[:, 3:6] * tone
    parts["input"] = torch.cat([drawn.clamp(0, 1), frame.clamp(0, 1), picture[:, 6:]], 1)
    parts["truth"] = (parts["truth"] * tone).clamp(0, 1)
    return Batch(**parts)


class Batches:
    """Batches by their generator's seed."""

    def __init__(self, pairs: Pairs, count: int, device: torch.device) -> None:
        self.pairs, self.count, self.device = pairs, count, device

    def __call__(self, generator: torch.Generator, progress: float) -> list[Batch]:
        rows = torch.randint(len(self.pairs), (self.count,), generator=generator)
        return [augment(self.pairs.batch(rows), generator).to(self.device)]


def finish(picture: Tensor, change: Refinement, paintable: Tensor) -> Tensor:
    """The frame with the refined face on it (B, 3, S, S)."""
    drawn, frame, cover, shows = picture[:, :3], picture[:, 3:6], picture[:, 6:7], picture[:, 7:8]
    done, painted = apply_refinement(drawn, change, paintable)
    return frame + torch.maximum(shows * cover, painted) * (done - frame)


def losses(network: RefinerNetwork, batch: Batch) -> dict[str, Tensor]:
    """How far the finished face is from the true one, and how rough the change is."""
    picture = batch.input.contiguous(memory_format=torch.channels_last)
    change = network(picture, batch.expressions)
    made = finish(picture, change, batch.paintable)
    # Outside the face both are the frame's: only where the face shows does it count.
    weight = picture[:, 7:8] * (1 + FEATURES * batch.features)
    total = weight.sum().clamp(min=1)
    apart = made - batch.truth
    rough = (change.light[..., 1:] - change.light[..., :-1]).abs().mean() + (
        change.light[..., 1:, :] - change.light[..., :-1, :]
    ).abs().mean()
    return {
        "pixel": 3 * (apart.abs().mean(1, keepdim=True) * weight).sum() / total,
        "structure": 1.5 * dssim(made * picture[:, 7:8], batch.truth * picture[:, 7:8]).mean(),
        "edge": 1.0 * gradient_difference(apart * weight).mean(),
        "rough": 0.3 * rough,
        "paint": 0.02 * (change.weight * batch.paintable).mean(),
    }


@torch.no_grad()
def evaluate(network: RefinerNetwork, pairs: Pairs) -> dict[str, float]:
    """Mean error in kept-back faces, grey levels, of all skin and of eyes and mouth; without and with."""
    sums = dict.fromkeys(("plain", "refined", "plain features", "refined features"), 0.0)
    weights = [0.0, 0.0]
    for start in range(0, len(pairs), 32):
        batch = pairs.batch(torch.arange(start, min(start + 32, len(pairs))))
        picture = batch.input
        shows = picture[:, 7:8]
        change = network(picture.contiguous(memory_format=torch.channels_last), batch.expressions)
        made = finish(picture, change, batch.paintable)
        plain = picture[:, 3:6] + shows * picture[:, 6:7] * (picture[:, :3] - picture[:, 3:6])
        for name, found in (("plain", plain), ("refined", made)):
            off = (found - batch.truth).abs().mean(1, keepdim=True) * 255
            sums[name] += float((off * shows).sum())
            sums[f"{name} features"] += float((off * shows * batch.features).sum())
        weights[0] += float(shows.sum())
        weights[1] += float((shows * batch.features).sum())
    return {name: value / weights["features" in name] for name, value in sums.items()}


def main() -> None:
    told = "folder that scripts.data.reenact_pairs wrote"
    options = short_loop.parse(__doc__, "pairs", told, 16, lambda parser: None)
    kept = Pairs(sorted(options.pairs.glob("kept-*.npz")))
    trainer, store = short_loop.prepare(
        options, "refiner", lambda new: RefinerNetwork(RefinerConfig()), losses
    )
    if options.write:
        write(trainer, kept, options.pairs)
        return
    own = Pairs(sorted(options.pairs.glob("own-*.npz")))
    print(len(own), "pairs,", len(kept), "kept back", flush=True)
    batches = Batches(own, options.batch, trainer.device)
    short_loop.run(options, trainer, store, batches, lambda network: describe(network, kept))


def describe(network: RefinerNetwork, kept: Pairs) -> list[str]:
    """The figures on one line."""
    return ["  " + ", ".join(f"{name} {value:.2f}" for name, value in evaluate(network, kept).items())]


def write(trainer: Trainer, kept: Pairs, folder: Path) -> None:
    """Put the average weights and their card into models/refiner."""
    facts: dict[str, Any] = {
        "what": "Says how light must change on a face that was put together from a photo's pixels, and "
        "paints between lips, on lids and where the photo shows no skin. 128 px crops",
        "network": "faceswap_cli.networks.reenact.refiner.RefinerNetwork",
        "config": asdict(trainer.model.config),
        "licence": "MIT",
        "data": DATA,
        "pairs": sum(len(np.load(file)["kinds"]) for file in sorted(folder.glob("own-*.npz"))),
        "kept_back": KEPT_BACK,
        "teacher": f"Points: {TEACHER}.",
        "steps": trainer.step,
        "batch": trainer.settings.batch,
        "seed": short_loop.SEED,
        "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes on a CPU",
        "figures": {k: round(v, 2) for k, v in evaluate(trainer.ema, kept).items()},
        "limits": "Pairs of one person are few: eight people in clips, 56 with two portraits. Adults only.",
        "remake": "scripts/data/reenact_pairs.py, then scripts/train/reenact.py, as their first lines say",
    }
    print(zoo.write(ROOT / "models" / WEIGHTS, trainer.ema, facts).facts)


if __name__ == "__main__":
    main()
