#!/usr/bin/env python3
"""Train the network that draws wrinkles, and write `models/wrinkles`. It goes on where it was stopped.

    python -m scripts.data.wrinkle_faces DATA *.tar -o FACES --leave-out sfhq_under18.txt --apart-from STILLS
    python -m scripts.train.wrinkles FACES -r RUN --minutes 180
    python -m scripts.train.wrinkles FACES -r RUN --write

RUN is any folder for checkpoints and previews; --write puts the averaged weights and their card into models/.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from faceswap_cli.compositing.skin_detail import find_lines, luma_logs
from faceswap_cli.faces.age.estimator import load_age_network
from faceswap_cli.faces.parsing.face_parser import SIDE as MASK_SIDE
from faceswap_cli.files import write_bytes
from faceswap_cli.networks.ageing.wrinkles import BARENESS, WrinkleConfig, WrinkleNetwork, draw_lines
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.parallel import WHOLE, ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batches, TrainingPhase
from faceswap_cli.training.family import (
    Family,
    LoadRequest,
    TrainingData,
    new_plain_model,
    place_channels_last,
)
from faceswap_cli.training.objectives.wrinkles import JUDGED, SkinDiscriminator, WrinkleBatch, WrinkleLosses
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.cards.wrinkles import write
from scripts.data.wrinkle_faces import SIDE
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

YOUNGEST, OLDEST = 18.0, 85.0
"""Ages from and to which lines are drawn in training."""

FRESH = 40.0
"""Faces below this age are taken for young ones."""

SHOWN = 6

TURN, SIZES, SHIFT = 3.0, 0.04, 0.012


class WrinkleFaces:
    """The faces of a fold.

    Args:
        folder: what `scripts/data/wrinkle_faces.py` wrote.
        fold: "train" or "kept".
    """

    def __init__(self, folder: Path, fold: str) -> None:
        self.facts: list[dict[str, Any]] = []
        self.rows: list[tuple[np.ndarray, np.ndarray, int]] = []
        for path in sorted(folder.glob("*.json")):
            crops = np.load(path.with_suffix(".crops.npy"), mmap_mode="r")
            masks = np.load(path.with_suffix(".masks.npy"), mmap_mode="r")
            for number, fact in enumerate(json.loads(path.read_text(encoding="utf-8"))):
                if fact["fold"] == fold:
                    self.facts.append(fact)
                    self.rows.append((crops, masks, number))
        self.age = np.array([fact["age"] for fact in self.facts])
        self.young = np.flatnonzero(self.age < FRESH)
        self.chance = balance(self.age, self.facts)

    def view(
        self, random: np.random.Generator, index: int, size: int, side: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """A picture (size, size, 3) of a face, moved a little and perhaps mirrored, and its skin."""
        crops, masks, number = self.rows[index]
        turn, grow = np.deg2rad(random.normal(0, TURN)), np.exp(random.normal(0, SIZES))
        shift = random.normal(0, SHIFT, 2) * size
        flip = -1.0 if random.random() < 0.5 else 1.0
        found = []
        for image, own in ((np.asarray(crops[number]), SIDE), (np.asarray(masks[number]), MASK_SIDE)):
            scale = size / image.shape[0] * own / side * grow
            cos, sin = scale * np.cos(turn), scale * np.sin(turn)
            matrix = np.array([[flip * cos, -sin, 0.0], [flip * sin, cos, 0.0]])
            matrix[:, 2] = (size - 1) / 2 + shift - matrix[:, :2] @ np.full(2, (image.shape[0] - 1) / 2)
            border = cv2.BORDER_REFLECT if image.ndim == 3 else cv2.BORDER_CONSTANT
            found.append(cv2.warpAffine(image, matrix, (size, size), borderMode=border))
        return found[0], found[1]


def balance(age: np.ndarray, facts: Sequence[dict[str, Any]]) -> np.ndarray:
    """How often each face comes up: rare ages more often, pictures of a higher resolution, too."""
    cells = (age // 5).astype(int)
    sharp = np.array([2.0 if fact["set"] != "utkface_16plus" else 1.0 for fact in facts])
    return sharp / np.sqrt(np.bincount(cells, sharp)[cells])


class WrinkleBatches:
    """Batches by (seed, step), the next ones made while the network is at this one."""

    def __init__(
        self, pool: ThreadPoolExecutor, faces: WrinkleFaces, count: int, config: WrinkleConfig,
        device: torch.device, share: Share,
    ) -> None:  # fmt: skip
        self.pool, self.faces, self.count, self.config = pool, faces, count, config
        self.device, self.share = device, share
        self.coming: dict[tuple[int, bool], Future[WrinkleBatch]] = {}

    def __call__(self, generator: torch.Generator, progress: float) -> Sequence[WrinkleBatch]:
        seed, judged = generator.initial_seed(), progress >= JUDGED
        wanted = [(seed, judged), (seed + 1, judged)]
        coming = {key: self.coming.get(key) or self.pool.submit(self.made, *key) for key in wanted}
        ready = coming.pop(wanted[0]).result()
        self.coming = coming
        return [ready.part(self.share).to(self.device)]

    def made(self, seed: int, judged: bool) -> WrinkleBatch:
        """A step's faces; if they are judged half of them are young, and real ones come with them."""
        random = np.random.default_rng(seed % 2**63)
        faces, half = self.faces, self.count // 2 if judged else self.count
        every = np.arange(len(faces.age))
        any_age = random.choice(every, half, p=share(faces, every))
        young = random.choice(faces.young, self.count - half, p=share(faces, faces.young))
        samples = [self.smoothed(random, int(i)) for i in any_age] + [
            self.aged(random, int(i)) for i in young
        ]
        reals = [self.real(random, one[5]) if judged else (one[0], one[2], one[5]) for one in samples]
        pictures, wholes, skins, truths, sources, targets = zip(*samples, strict=True)
        return WrinkleBatch(
            planes(pictures), planes(wholes), planes(skins), planes(truths).half(),
            numbers(sources), numbers(targets),
            planes([picture for picture, _, _ in reals]), planes([skin for _, skin, _ in reals]),
            numbers([age for _, _, age in reals]), torch.full((self.count,), seed % 2**62),
        )  # fmt: skip

    def smoothed(self, random: np.random.Generator, index: int) -> tuple[Any, ...]:
        """A face without its lines, the same, its skin, the lines, and twice its age."""
        size, side = self.config.size, self.config.side
        picture, skin = self.faces.view(random, index, size, side)
        target = float(np.clip(self.faces.age[index], YOUNGEST, OLDEST))
        lines = random.uniform(0.7, 1.0) * own_lines(picture, skin, size / side)
        bare = np.clip(np.float32(255) * take_away(picture, lines), 0, 255)
        bare = degraded(random, bare)
        return bare, bare, skin, lines, target, target

    def aged(self, random: np.random.Generator, index: int) -> tuple[Any, ...]:
        """A young face without its lines and with them, its skin, no lines, its age and a greater one."""
        size, side = self.config.size, self.config.side
        picture, skin = self.faces.view(random, index, size, side)
        source = float(self.faces.age[index])
        target = float(random.uniform(45, OLDEST - 3))
        nothing = np.zeros((size, size), np.float32)
        picture = degraded(random, picture.astype(np.float32))
        bare = BARENESS * own_lines(picture, skin, size / side)
        smooth = np.clip(255 * take_away(picture, bare), 0, 255).astype(np.uint8)
        return smooth, picture, skin, nothing, source, target

    def real(self, random: np.random.Generator, age: float) -> tuple[np.ndarray, np.ndarray, float]:
        """A real face of an age, its skin and its age."""
        near = np.flatnonzero(np.abs(self.faces.age - age) < 5)
        near = near if len(near) else np.arange(len(self.faces.age))
        index = int(random.choice(near, p=share(self.faces, near)))
        picture, skin = self.faces.view(random, index, self.config.size, self.config.side)
        return picture, skin, float(self.faces.age[index])


def share(faces: WrinkleFaces, which: np.ndarray) -> np.ndarray:
    """The probability of each of some faces."""
    return faces.chance[which] / faces.chance[which].sum()


def own_lines(picture: np.ndarray, skin: np.ndarray, scale: float) -> np.ndarray:
    """(S, S) logarithms of luma of a face's own lines."""
    return find_lines(luma_logs(picture.astype(np.float32) / 255), skin.astype(np.float32) / 255, scale)


def take_away(picture: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """A picture (S, S, 3) in 0..1 without lines (S, S)."""
    x = torch.from_numpy(picture.astype(np.float32) / 255)
    return np.asarray(draw_lines(x, torch.from_numpy(-lines)[..., None]).numpy())


def degraded(random: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """A picture (S, S, 3) in 0..255 in other light, with noise, softened or compressed; uint8.

    What the network draws must not depend on it.
    """
    x = picture / 255
    if random.random() < 0.6:
        x = np.clip(x, 0, 1) ** np.exp(random.normal(0, 0.25))
        x = x * np.exp(random.normal(0, 0.15)) * np.exp(random.normal(0, 0.04, 3))
    if random.random() < 0.3:
        x = cv2.GaussianBlur(x, (0, 0), random.uniform(0.5, 1.3))
    if random.random() < 0.6:
        grain = random.normal(0, 1, x.shape[:2])[..., None] + 0.4 * random.normal(0, 1, x.shape)
        if random.random() < 0.5:
            grain = cv2.GaussianBlur(grain, (0, 0), random.uniform(0.6, 1.4)) * 1.8
        x = x + random.uniform(0, 0.03) * grain
    x = np.clip(255 * x, 0, 255).round().astype(np.uint8)
    if random.random() < 0.3:
        coded = cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(60, 95))])[1]
        x = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return x


def planes(pictures: Sequence[np.ndarray]) -> torch.Tensor:
    """(B, C, S, S)."""
    stacked = torch.from_numpy(np.stack(pictures))
    return stacked.permute(0, 3, 1, 2).contiguous() if stacked.ndim == 4 else stacked[:, None]


def numbers(values: Sequence[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


class WrinkleSource(Given):
    """See WrinkleFaces."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def load(self, request: LoadRequest) -> TrainingData:
        """Mapped into memory."""
        return WrinkleData(self.folder, request)


class WrinkleData(TrainingData):
    """See WrinkleFaces."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self.faces, self.kept = WrinkleFaces(folder, "train"), WrinkleFaces(folder, "kept")
        self.config, self.device = WrinkleConfig(**request.settings.network), request.device
        self.pool = ThreadPoolExecutor(1)
        self.held_out = f"held out, to measure progress on: {len(self.kept.age)} faces"
        request.say(f"{len(self.faces.age)} faces, {len(self.faces.young)} of them young")

    def batches(self, settings: TrainSettings, share: Share = WHOLE) -> Batches:
        """Smoothed and young faces."""
        return WrinkleBatches(self.pool, self.faces, settings.batch, self.config, self.device, share)

    @torch.inference_mode()
    def measure(self, model: nn.Module) -> dict[str, Any]:
        """How far the lines of held-out faces are from what was taken away, and the size of those."""
        maker = WrinkleBatches(self.pool, self.kept, 32, self.config, self.device, WHOLE)
        batch = maker.made(0, True)
        half = len(batch.input) // 2
        lines = model(batch.input.float() / 255, batch.skin.float() / 255, batch.target)
        truth, area = batch.truth[:half].float(), batch.skin[:half].float().mean() / 255
        return {
            "loss": float((lines[:half] - truth).abs().mean() / area),
            "truth": float(truth.abs().mean() / area),
            "drawn": float(lines[:half].abs().mean() / area),
        }

    @torch.inference_mode()
    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Held-out young faces as they are, and at 50, 65 and 80."""
        which = self.kept.young[np.linspace(0, len(self.kept.young) - 1, SHOWN).astype(int)]
        random = np.random.default_rng(0)
        rows = []
        for index in which:
            picture, skin = self.kept.view(random, int(index), self.config.size, self.config.side)
            bare = BARENESS * own_lines(picture, skin, self.config.size / self.config.side)
            x, mask = planes([take_away(picture, bare)]), planes([skin]).float() / 255
            row, own = [picture], model(x, mask, numbers([self.kept.age[index]]))
            for age in (50.0, 65.0, 80.0):
                lines = model(x, mask, numbers([age])) - own
                new = draw_lines(planes([picture]).float() / 255, lines)[0].permute(1, 2, 0).numpy()
                row.append(np.clip(255 * new, 0, 255).astype(np.uint8))
            rows.append(np.hstack(row))
        sheet = np.ascontiguousarray(np.vstack(rows)[..., ::-1])
        write_bytes(path, cv2.imencode(path.suffix, sheet)[1].tobytes())

    def close(self) -> None:
        """End the thread that makes batches."""
        self.pool.shutdown(cancel_futures=True)


def wrinkle_phases(
    model: WrinkleNetwork, critic: SkinDiscriminator, settings: TrainSettings, team: ProcessGroup
) -> list[TrainingPhase]:
    """The network's and the discriminator's."""
    del team, settings
    device = str(next(model.parameters()).device)
    return WrinkleLosses(model, critic, load_age_network(device)).phases()


def new_critic(model: nn.Module, settings: TrainSettings) -> nn.Module:
    """A discriminator that knows nothing."""
    del settings
    return place_channels_last(SkinDiscriminator(), next(model.parameters()).device)


SETTINGS = TrainSettings(family="wrinkles", batch=8, learning_rate=5e-4, warm_up=100, clip=2.0, ema=0.995)

WRINKLES = Family(
    name="wrinkles",
    config=WrinkleConfig,
    network=WrinkleNetwork,
    sizes={"small": SETTINGS},
    source=lambda data, others: WrinkleSource(data),
    new_model=new_plain_model,
    phases=wrinkle_phases,
    new_aside=new_critic,
    resolution=lambda model: int(model.config.size),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("faces", type=Path, help="folder that scripts/data/wrinkle_faces.py wrote")
    add_run_options(parser, Budget(minutes=180), every=600)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    task = task_of(options, WRINKLES, WrinkleSource(options.faces), SETTINGS)
    if options.write:
        write(trained(options, task), WrinkleFaces(options.faces, "train").facts)
    else:
        run_training(options, task)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
