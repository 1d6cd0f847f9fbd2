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
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceswap_cli import zoo
from faceswap_cli.files import write_bytes
from faceswap_cli.networks.perception.parsing import CLASSES, ParsingConfig, ParsingNetwork
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.parallel import WHOLE, ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batch, Batches, Trainer, TrainingPhase
from faceswap_cli.training.family import Family, LoadRequest, Start, TrainingData, new_plain_model
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.data.mask_augment import UNKNOWN, Faces, load_hands, sample
from scripts.dev.show_masks import COLOURS
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

ROOT = Path(__file__).resolve().parents[2]

SHARES = {"sfhq": 0.56, "congress": 0.2, "london": 0.09, "clips": 0.15}
"""How often a step draws from each collection."""

WEIGHTS = {"brows": 2.0, "eyes": 2.0, "mouth": 1.5, "glasses": 1.6, "occluder": 1.5}
"""Weights of classes in the cross-entropy; 1 for the others."""

DICE = 0.5
AVERAGE = 0.998
"""Decay of the moving average of the weights, for each step."""

MEASURED, SHOWN = 64, 8
"""Held-out crops that are measured, and shown."""

HELD_OUT = 20
"""One face in so many is kept from training, by its name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that scripts/data/mask_data.py wrote")
    parser.add_argument(
        "--hands", type=Path, required=True, help="file that scripts/data/mask_hands.py wrote"
    )
    add_run_options(parser, Budget(minutes=55), every=120)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--from", dest="start", type=Path, help="run whose newest average this one begins with"
    )
    options = parser.parse_args()
    cv2.setNumThreads(1)
    settings = replace(SETTINGS, batch=options.batch, learning_rate=options.rate, seed=options.seed)
    family = replace(MASK, new_model=partial(new_parser, begun=options.start)) if options.start else MASK
    task = task_of(options, family, LabelledCrops(options.data, options.hands), settings)
    if options.write:
        write(trained(options, task), options)
    else:
        run_training(options, task)


def read_faces(folder: Path) -> tuple[Faces, list[dict[str, str]]]:
    """The crops that `scripts/data/mask_data.py` wrote, and what each is."""
    faces = Faces(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("crops", "labels", "points")))
    return faces, json.loads((folder / "faces.json").read_text(encoding="utf-8"))


def held_out(fact: dict[str, str]) -> bool:
    """Whether a face is kept from training; all pictures of one person, or of one clip, go together."""
    return crc32(fact["person"].encode()) % HELD_OUT == 0


@dataclass(frozen=True)
class LabelledBatch:
    """B crops with labels.

    Attributes:
        input: (B, 3, S, S) in [0, 1].
        labels: (B, S, S) int64, UNKNOWN where nobody knows.
    """

    input: Tensor
    labels: Tensor

    def part(self, share: Share) -> LabelledBatch:
        """An equal part of it."""
        return LabelledBatch(share.of(self.input), share.of(self.labels))


class LabelledCrops(Given):
    """Crops that a teacher labelled, and hands to lay over them.

    Args:
        data: folder that `scripts/data/mask_data.py` wrote.
        hands: file that `scripts/data/mask_hands.py` wrote.
    """

    def __init__(self, data: Path, hands: Path) -> None:
        super().__init__()
        self.data, self.hands = data, hands

    def load(self, request: LoadRequest) -> TrainingData:
        """Mapped into memory."""
        return CropData(self.data, self.hands, request.device)


class CropData(TrainingData):
    """See LabelledCrops."""

    def __init__(self, data: Path, hands: Path, device: torch.device) -> None:
        self.faces, self.facts = read_faces(data)
        self.hands, self.device, self.config = load_hands(hands), device, ParsingConfig()
        kept = [i for i, fact in enumerate(self.facts) if held_out(fact)]
        self.kept = kept[:: max(1, len(kept) // MEASURED)][:MEASURED]
        self.held_out = f"held out, to measure progress on: {len(self.kept)} crops"

    def batches(self, settings: TrainSettings, share: Share = WHOLE) -> Batches:
        """Augmented crops; each batch is a function of the step's seed."""
        seen = [i for i, fact in enumerate(self.facts) if not held_out(fact)]
        sets = {name: [i for i in seen if self.facts[i]["set"] == name] for name in SHARES}
        names = [name for name in SHARES if sets[name]]
        shares = np.array([SHARES[name] for name in names])

        def batch(generator: torch.Generator, progress: float) -> Batch:
            random = np.random.default_rng(generator.initial_seed() % 2**63)
            numbers = []
            for _ in range(settings.batch):
                group = sets[names[random.choice(len(names), p=shares / shares.sum())]]
                numbers.append(group[random.integers(len(group))])
            return [self._labelled(random, numbers).part(share)]

        return batch

    def _labelled(self, random: np.random.Generator, numbers: Sequence[int]) -> LabelledBatch:
        size, side = self.config.size, self.config.side
        pairs = [sample(random, self.faces, number, self.hands, size, side) for number in numbers]
        images = torch.from_numpy(np.stack([p[0] for p in pairs])).permute(0, 3, 1, 2).float() / 255
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        labels = torch.from_numpy(np.stack([p[1] for p in pairs])).long().to(self.device)
        return LabelledBatch(images, labels)

    @torch.inference_mode()
    def measure(self, model: nn.Module) -> dict[str, Any]:
        """The loss on held-out crops, always covered and moved in the same way."""
        batch = self._labelled(np.random.default_rng(0), self.kept)
        entropy, dice = loss_of(model(batch.input), batch.labels)
        return {"loss": float(entropy + DICE * dice), "entropy": float(entropy), "dice": float(dice)}

    @torch.inference_mode()
    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Held-out crops, the teacher's labels, and what the network says."""
        batch = self._labelled(np.random.default_rng(0), self.kept[:SHOWN])
        said = model(batch.input).argmax(1)
        pictures = (batch.input.permute(0, 2, 3, 1) * 255).byte().cpu().numpy()
        labels = [one.clamp(max=len(CLASSES) - 1).cpu().numpy() for one in (batch.labels, said)]
        rows = [pictures, *(COLOURS[one] for one in labels)]
        sheet = np.ascontiguousarray(np.vstack([np.hstack(list(row)) for row in rows])[..., ::-1])
        write_bytes(path, cv2.imencode(path.suffix, sheet)[1].tobytes())


def new_parser(
    family: Family, settings: TrainSettings, device: torch.device, start: Start, begun: Path
) -> nn.Module:
    """The network with another run's averaged weights."""
    model = new_plain_model(family, settings, device, start)
    found = CheckpointStore(begun / "checkpoints").newest()[0] or CheckpointStore(begun).newest()[0]
    assert found, f"{begun} has no checkpoint"
    groups = [_only(found.tensors, prefix) for prefix in ("ema.", "average.")]
    model.load_state_dict(groups[0] or groups[1])
    return model


def _only(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


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


def parser_phases(
    network: ParsingNetwork, aside: None, settings: TrainSettings, team: ProcessGroup
) -> list[TrainingPhase]:
    """One phase."""

    def losses(batch: Sequence[LabelledBatch], progress: float) -> dict[str, Tensor]:
        entropy, dice = loss_of(network(batch[0].input), batch[0].labels)
        return {"entropy": entropy, "dice": DICE * dice}

    return [TrainingPhase("parser", list(network.parameters()), losses, optimiser=decaying_adam)]


def decaying_adam(parameters: list[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam whose weights decay."""
    return torch.optim.AdamW(parameters, learning_rate, weight_decay=0.01)


SETTINGS = TrainSettings(family="mask", batch=32, learning_rate=3e-3, warm_up=200, clip=2.0, ema=AVERAGE)

MASK = Family(
    name="mask",
    config=ParsingConfig,
    network=ParsingNetwork,
    sizes={"small": SETTINGS},
    source=lambda data, hands: LabelledCrops(data, *hands),
    new_model=new_plain_model,
    phases=parser_phases,
    resolution=lambda model: int(model.config.size),
)


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


def write(trainer: Trainer, options: argparse.Namespace) -> None:
    """Write `models/mask` from the newest checkpoint, with the figures of `scripts/bench/mask.py --save`."""
    _, facts = read_faces(options.data)
    counts = {name: sum(f["set"] == name and not held_out(f) for f in facts) for name in SHARES}
    figures = options.run / "figures.json"
    card = {
        "what": WHAT,
        "licence": LICENCE,
        "data": [f"{SOURCES[name]}: {count} crops" for name, count in counts.items()] + [LAID_OVER],
        "steps": trainer.step,
        "config": asdict(ParsingConfig()),
        "figures": json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else {},
        "limits": LIMITS,
        "remake": "scripts/data/mask_data.py, scripts/data/mask_hands.py and scripts/train/mask.py, "
        "as their first lines say",
    }
    zoo.write(ROOT / "models" / "mask", trainer.ema, card)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
