#!/usr/bin/env python3
"""Train the landmark network and write `models/landmarks`. It goes on where it was stopped.

    python -m scripts.data.landmark_data FOLDER... -o faces.npz
    python -m scripts.train.landmarks faces.npz -r RUN --steps 12000

RUN is any folder for checkpoints; --write puts the average weights and their card into models/.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import cv2
import numpy as np
import torch
from torch import nn

from faceswap_cli import zoo
from faceswap_cli.faces.geometry import crop_matrix, interocular, transform, warp
from faceswap_cli.faces.landmarks.mean_shape import MIRROR
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.files import write_bytes
from faceswap_cli.networks.perception.landmarks import LandmarkConfig, LandmarkNetwork, LandmarkOutput
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.parallel import WHOLE, ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batches, Trainer, TrainingPhase
from faceswap_cli.training.family import Family, LoadRequest, TrainingData, new_plain_model
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.data.landmark_augment import Sample, no_face, sample
from scripts.data.landmark_views import turned
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

ROOT = Path(__file__).resolve().parents[2]

TURNED_COPIES = 3
"""Turned views made of each nearly frontal face."""

TURNED_SHARE = 0.35
NO_FACE_SHARE = 0.06

SHOWN, CELL = 8, 224
"""Faces in a preview, and their side in pixels."""

SETTINGS = TrainSettings(
    family="landmarks", batch=32, learning_rate=1.5e-3, warm_up=200, clip=1.0, ema=0.998, seed=0
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path)
    add_run_options(parser, Budget(12000), every=120)
    options = parser.parse_args()
    source = LabelledLandmarks(options.data)
    task = task_of(options, LANDMARKS, source, SETTINGS)
    if not options.write:
        run_training(options, task)
    write(trained(options, task), Data(options.data, options.run))


class LabelledLandmarks(Given):
    """Files that `scripts/data/landmark_data.py` wrote.

    Args:
        files: one or several.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        super().__init__()
        self.files = files

    def load(self, request: LoadRequest) -> TrainingData:
        """With turned views, which are kept in the run folder."""
        return LandmarkData(Data(self.files, request.folder), request.device)


class LandmarkData(TrainingData):
    """Faces with points.

    Args:
        data: the faces.
        device: where batches go.
    """

    def __init__(self, data: Data, device: torch.device) -> None:
        self.data, self.device = data, device
        self.held_out = f"held out, to measure progress on: {len(data.held_out)} faces"
        self.pool = ThreadPoolExecutor(1)

    def batches(self, settings: TrainSettings, share: Share = WHOLE) -> Batches:
        """Augmented faces, and pictures of none."""
        return Ahead(self.pool, self.data, self.device, share)

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """Error in percent of the eye distance, by how far heads are turned in the picture."""
        assert isinstance(model, LandmarkNetwork)
        errors = evaluate(model, self.data)
        return {"loss": float(np.mean(list(errors.values()))), **errors}

    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Held-out faces with the points that are found."""
        assert isinstance(model, LandmarkNetwork)
        write_points(path, model, self.data)

    def close(self) -> None:
        """End the thread that makes batches."""
        self.pool.shutdown(cancel_futures=True)


def landmark_phases(
    network: LandmarkNetwork, aside: None, settings: TrainSettings, team: ProcessGroup
) -> list[TrainingPhase]:
    """One phase."""
    return [
        TrainingPhase("landmarks", list(network.parameters()), lambda batch, _: losses(network, batch[0]))
    ]


LANDMARKS = Family(
    name="landmarks",
    config=LandmarkConfig,
    network=LandmarkNetwork,
    sizes={"small": SETTINGS},
    source=lambda path, others: LabelledLandmarks([path, *others]),
    new_model=new_plain_model,
    phases=landmark_phases,
)


class Data:
    """Labelled faces, and their turned views, which are made once and kept in the run's folder."""

    def __init__(self, files: Sequence[Path], run: Path) -> None:
        loaded = [np.load(file) for file in files]
        self.crops = np.concatenate([part["crops"] for part in loaded])
        self.points = np.concatenate([part["points"] for part in loaded]).astype(np.float64)
        spread = np.concatenate([part["spread"] for part in loaded])
        self.names = np.concatenate([part["names"] for part in loaded])
        self.weight = 1 / (1 + (spread / 0.02) ** 2)
        kept = np.array([held_out(name) for name in self.names])
        self.held_out, self.own = np.flatnonzero(kept), np.flatnonzero(~kept)
        run.mkdir(parents=True, exist_ok=True)
        cached = run / "turned.npz"
        if not cached.exists():
            self._turn(cached)
        views = np.load(cached)
        self.turned_crops, self.turned_points = views["crops"], views["points"].astype(np.float64)
        self.turned_visible, self.turned_of = views["visible"], views["of"]
        print(f"{len(self.own)} faces and {len(self.turned_of)} turned views, {len(self.held_out)} held out")

    def _turn(self, cached: Path) -> None:
        random = np.random.default_rng(1)
        found: dict[str, list[Any]] = {"crops": [], "points": [], "visible": [], "of": []}
        for i in self.own:
            yaw = estimate_pose(self.points[i])[0]
            if abs(yaw) > 40:
                continue
            for _ in range(TURNED_COPIES):
                # A head that is turned already is turned further: its hidden side can't be drawn.
                sign = np.sign(yaw) if abs(yaw) > 15 else random.choice([-1, 1])
                more = sign * random.uniform(15, 80) - yaw
                crop, points, visible = turned(self.crops[i], self.points[i], more, random.normal(0, 10))
                for key, value in zip(found, (crop, points.astype(np.float32), visible, i), strict=True):
                    found[key].append(value)
        np.savez(cached, **{key: np.stack(values) for key, values in found.items()})

    def draw(self, random: np.random.Generator) -> Sample:
        config = LandmarkConfig()
        other = self.crops[random.choice(self.own)]
        if random.random() < NO_FACE_SHARE:
            return no_face(random, other, config.size)
        if random.random() < TURNED_SHARE:
            k = int(random.integers(len(self.turned_of)))
            i = self.turned_of[k]
            crop, points, visible = self.turned_crops[k], self.turned_points[k], self.turned_visible[k]
        else:
            i = int(random.choice(self.own))
            crop, points, visible = self.crops[i], self.points[i], np.ones(68, bool)
        return sample(random, crop, points, self.weight[i], visible, other, config.size, config.side)


def held_out(name: str) -> bool:
    """A tenth of the people, and one clip, are never trained on. London's names begin with the person."""
    if name.startswith("self:"):  # labelled by the network itself: says nothing about it
        return False
    if name.startswith("grid_"):
        return name.startswith("grid_swiz3n")
    return crc32(name.split("_", maxsplit=1)[0].encode() if name[:3].isdigit() else name.encode()) % 10 == 0


class Drawn(SimpleNamespace):
    """A batch: tensors by name, samples first."""

    def part(self, share: Share) -> Drawn:
        """A share of it."""
        return Drawn(**{name: share.of(values) for name, values in vars(self).items()})


class Ahead:
    """Batches by (seed, step), the next one made while the network is at this one."""

    def __init__(
        self, pool: ThreadPoolExecutor, data: Data, device: torch.device, share: Share = WHOLE
    ) -> None:
        self.pool, self.data, self.device, self.share = pool, data, device, share
        self.coming: dict[int, Any] = {}

    def __call__(self, generator: torch.Generator, progress: float) -> list[Drawn]:
        seed = generator.initial_seed()
        ready = self.coming.pop(seed, None) or self.pool.submit(self._make, seed)
        self.coming = {seed + 1: self.pool.submit(self._make, seed + 1)}
        drawn = Drawn(**ready.result()).part(self.share)
        return [Drawn(**{k: v.to(self.device) for k, v in vars(drawn).items()})]

    def _make(self, seed: int) -> dict[str, torch.Tensor]:
        random = np.random.default_rng(seed % 2**63)
        samples = [self.data.draw(random) for _ in range(SETTINGS.batch)]
        images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2)
        stack = {
            name: np.stack([getattr(s, name) for s in samples]) for name in ("points", "weight", "visible")
        }
        return {
            "input": images,
            "face": torch.tensor([float(s.face) for s in samples]),
            **{name: torch.from_numpy(values.astype(np.float32)) for name, values in stack.items()},
        }


def losses(network: LandmarkNetwork, batch: Drawn) -> dict[str, torch.Tensor]:
    """Distance in Laplace's likelihood and plain; visibility; face or not."""
    out: LandmarkOutput = network(batch.input.float().div(255).contiguous(memory_format=torch.channels_last))
    weight = batch.weight * batch.face[:, None]
    apart = ((out.points - batch.points).square().sum(-1) + 1e-4).sqrt()
    total = weight.sum().clamp(min=1)
    # Half the spread's gradient would go into hiding hard points behind a great spread: the plain distance,
    # in which all count alike, keeps them in.
    likelihood = (apart / out.spread + 2 * out.spread.log()) * weight
    see = torch.nn.functional.binary_cross_entropy_with_logits(out.visible, batch.visible, reduction="none")
    face = torch.nn.functional.binary_cross_entropy_with_logits(out.face, batch.face)
    return {
        "distance": 0.6 * (apart * weight).sum() / total,
        "likelihood": 0.4 * likelihood.sum() / total,
        "visible": 0.5 * (see * batch.face[:, None]).sum() / (68 * batch.face.sum()).clamp(min=1),
        "face": 0.3 * face,
    }


@torch.inference_mode()
def evaluate(network: LandmarkNetwork, data: Data) -> dict[str, float]:
    """Mean distance in percent of the eye distance on held-out faces, upright and turned in the picture."""
    config, found = network.config, {}
    device = next(network.parameters()).device
    for roll in (0, 40, 90):
        images, truth = [], []
        angle = np.radians(roll)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = (config.size - 1) / 2
        for i in data.held_out:
            base = crop_matrix(data.points[i], config.size, config.side).astype(np.float64)
            matrix = np.hstack([turn @ base[:, :2], (turn @ (base[:, 2] - middle) + middle)[:, None]])
            images.append(warp(data.crops[i], matrix, config.size))
            truth.append(transform(data.points[i], matrix))
        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(device).float() / 255
        points = torch.cat([network(part).points for part in batch.split(64)]).cpu().numpy()
        apart = np.linalg.norm(points - np.array(truth), axis=2).mean(1)
        found[f"roll {roll}"] = round(float(np.mean(100 * apart / [interocular(t) for t in truth])), 3)
    return found


@torch.inference_mode()
def write_points(path: Path, network: LandmarkNetwork, data: Data) -> None:
    """Save a row of held-out faces with the points that the network finds."""
    config, cells = network.config, []
    device = next(network.parameters()).device
    for i in data.held_out[:: max(1, len(data.held_out) // SHOWN)][:SHOWN]:
        crop = warp(data.crops[i], crop_matrix(data.points[i], config.size, config.side), config.size)
        picture = torch.from_numpy(crop).permute(2, 0, 1)[None].to(device).float() / 255
        cell = cv2.resize(crop, (CELL, CELL), interpolation=cv2.INTER_CUBIC)
        scale = CELL / config.size
        for x, y in network(picture).points[0].cpu().numpy():
            cv2.circle(cell, (round(float(x) * scale), round(float(y) * scale)), 2, (40, 230, 60), -1)
        cells.append(cell)
    data_of = cv2.imencode(path.suffix, np.ascontiguousarray(np.hstack(cells)[..., ::-1]))[1]
    write_bytes(path, data_of.tobytes())


def write(trainer: Trainer, data: Data) -> None:
    """Put the average weights and their card into models/landmarks."""
    assert len(MIRROR) == 68
    figures = evaluate(trainer.ema, data)
    facts = {
        "what": "68 landmarks with spread and visibility, and whether there is a face. 112 px crops",
        "network": "faceswap_cli.networks.perception.landmarks.LandmarkNetwork",
        "config": vars(LandmarkConfig()),
        "licence": "MIT",
        "data": [
            "Face Research Lab London Set (CC BY 4.0), DeBruine & Jones 2017: 122 portraits",
            "Portraits of members of the US Congress (public domain): 678",
            "SFHQ galleries, people invented by text-to-image networks (MIT; StyleGAN2's were left out): "
            "1,732, of which dlib could label 1,408",
            "Every sixth frame of GRID corpus clips (8 speakers) and of seven of Intel's sample videos "
            "(CC BY 4.0)",
        ],
        "faces": {
            "trained": len(data.own),
            "of_them_labelled_by_itself": sum(str(name).startswith("self:") for name in data.names),
            "turned_views": len(data.turned_of),
            "held_out": len(data.held_out),
        },
        "teacher": "dlib's shape_predictor_68_face_landmarks, 12 jittered and mirrored views averaged. "
        "The file is given away as CC0; it was trained on iBUG 300-W, whose licence excludes commercial use.",
        "steps": trainer.step,
        "batch": SETTINGS.batch,
        "seed": SETTINGS.seed,
        "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes on a CPU",
        "figures": {"held-out error, % of eye distance to the teacher's average, one pass": figures},
        "limits": "Labels are dlib's; those of profiles come from synthetic turned views and from the "
        "network itself. Hardly any children.",
        "remake": "scripts/data/landmark_data.py, then scripts/train/landmarks.py --steps 6500 --write; "
        "scripts/data/landmark_data.py --self on what dlib lost, then scripts/train/landmarks.py with both "
        "files, from that "
        "checkpoint, --steps 10300. In the first part turned views went to 62 degrees only, so the same bits "
        "will not come out.",
    }
    print(zoo.write(ROOT / "models" / "landmarks", trainer.ema, facts).facts)


if __name__ == "__main__":
    main()
