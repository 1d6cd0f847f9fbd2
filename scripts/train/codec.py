#!/usr/bin/env python3
"""Train the codec of heads and write `models/codec`. It goes on where it was stopped.

    python -m scripts.data.base_sets SETS... -o PICTURES
    python -m scripts.data.head_crops PICTURES/own/* -o own.npz --teacher taef2.safetensors
    python -m scripts.data.head_crops PICTURES/held/* -o held.npz
    python -m scripts.train.codec own.npz held.npz -r FIRST --steps 8000
    python -m scripts.train.codec own.npz held.npz -r RUN --from FIRST --steps 16000

The first run learns pictures alone; the second begins with its average and has a discriminator, without which
what comes back is soft. --write puts the average weights and their card into models/.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceswap_cli import zoo
from faceswap_cli.files import write_bytes
from faceswap_cli.networks.generator.codec import CodecConfig, CodecNetwork
from faceswap_cli.networks.swap.patch_discriminator import PatchDiscriminator
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.engine.parallel import WHOLE, ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batch, Batches, Trainer, TrainingPhase
from faceswap_cli.training.family import Family, LoadRequest, Start, TrainingData, new_plain_model
from faceswap_cli.training.objectives.losses import dssim, gradient_difference
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.data.head_crops import PATCH, cut_patch, middle_of
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

ROOT = Path(__file__).resolve().parents[2]

LABELLED = 2
"""Patches of a step that come with the teacher's latents."""

TONE, TINT = 0.2, 0.06
"""Spread of a patch's exposure, and of each channel's, as logarithms."""

WEIGHTS = {"pixel": 3.0, "structure": 1.5, "edge": 3.0, "latent": 0.02}
"""With the teacher's latents at .3 the small encoder spent itself on them: pictures came back at 28 dB, and
with a sixth of their sharpness. At .02 they only say which way round."""

ADVERSARIAL = 0.4
"""How hard the discriminator pulls, of how hard all that is compared with the picture does."""

HEADS = "heads"
"""The discriminator's only kind of picture."""

NOISE = 0.05
"""Deviation of noise on the latents, by which near ones come to mean nearly the same."""

MEASURED, SHOWN = 128, 6
"""Held-out heads that are measured, and shown."""

SETTINGS = TrainSettings(
    family="codec", batch=8, learning_rate=1e-3, warm_up=200, clip=1.0, ema=0.999, seed=0
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("own", type=Path, help="heads to train on, with their -latents.npz beside them")
    parser.add_argument("held", type=Path, help="heads that are only measured")
    add_run_options(parser, Budget(8000), every=600)
    parser.add_argument("--from", dest="start", type=Path, help="run of pictures alone to begin with")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    source = Heads(options.own, options.held)
    family = CODEC
    if options.start:
        begin = partial(new_codec, begun=options.start)
        family = replace(CODEC, new_model=begin, phases=sharp_phases, new_aside=new_discriminator)
    task = task_of(options, family, source, SETTINGS)
    if not options.write:
        run_training(options, task)
        return
    write(trained(options, task), options.own, held_out_heads(options.held))


class Heads(Given):
    """What `scripts/data/head_crops.py` wrote.

    Args:
        own: to train on.
        held: to measure on.
    """

    def __init__(self, own: Path, held: Path) -> None:
        super().__init__()
        self.own, self.held = own, held

    def load(self, request: LoadRequest) -> TrainingData:
        """All of it, in memory."""
        return CodecData(self.own, self.held, request.device)


@dataclass(frozen=True)
class CodecBatch:
    """Patches, the first ones with latents.

    Attributes:
        input: (B, 3, S, S) in [0, 1].
        latents: (L, 32, S / 8, S / 8) the teacher's, of the first L patches.
        noise: (B, 32, S / 8, S / 8) normal.
    """

    input: Tensor
    latents: Tensor
    noise: Tensor

    def part(self, share: Share) -> CodecBatch:
        """An equal part of it."""
        return CodecBatch(share.of(self.input), share.of(self.latents), share.of(self.noise))

    def to(self, device: torch.device) -> CodecBatch:
        """The same on a device."""
        return CodecBatch(self.input.to(device), self.latents.to(device), self.noise.to(device))


class CodecData(TrainingData):
    """Heads in memory.

    Args:
        own: file of crops to train on.
        held: of those to measure on.
        device: where batches go.
    """

    def __init__(self, own: Path, held: Path, device: torch.device) -> None:
        self.crops = np.load(own)["crops"]
        labelled = np.load(own.with_name(f"{own.stem}-latents.npz"))
        self.patches, self.latents = labelled["patches"], labelled["latents"]
        self.heads, self.device = held_out_heads(held), device
        self.held_out = f"held out, to measure progress on: {len(self.heads)} heads"

    def batches(self, settings: TrainSettings, share: Share = WHOLE) -> Batches:
        """Patches of other crops, other sizes and other light in each step."""

        def draw(generator: torch.Generator, progress: float) -> list[CodecBatch]:
            random = np.random.default_rng(generator.initial_seed() % 2**63)
            return [self.draw(random, settings.batch).part(share).to(self.device)]

        return draw

    def draw(self, random: np.random.Generator, count: int) -> CodecBatch:
        """Patches for a step, made anew; the first LABELLED are as the teacher saw them."""
        rows = random.integers(0, len(self.patches), LABELLED)
        fresh = [self._fresh(random) for _ in range(count - LABELLED)]
        labelled = self.patches[rows].astype(np.float32) / 255
        pictures = torch.from_numpy(np.concatenate([labelled, np.stack(fresh)])).permute(0, 3, 1, 2)
        latents = torch.from_numpy(self.latents[rows]).float()
        noise = random.standard_normal((count, *latents.shape[1:]), np.float32)
        return CodecBatch(pictures.contiguous(), latents, torch.from_numpy(noise))

    def _fresh(self, random: np.random.Generator) -> np.ndarray:
        patch = cut_patch(self.crops[random.integers(len(self.crops))], random)
        if random.random() < 0.5:
            patch = patch[:, ::-1]
        gain = np.exp(random.normal(0, TONE) + random.normal(0, TINT, 3))
        return np.clip(patch * (gain / 255), 0, 1).astype(np.float32)

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """Error there and back on held-out heads; see `evaluate`."""
        assert isinstance(model, CodecNetwork)
        return evaluate(model, self.heads)

    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Held-out heads, and below them what comes back."""
        assert isinstance(model, CodecNetwork)
        heads = self.heads[:: max(1, len(self.heads) // SHOWN)][:SHOWN]
        rows = np.vstack([np.hstack(list(heads)), np.hstack(list(there_and_back(model, heads)))])
        encoded = cv2.imencode(path.suffix, np.ascontiguousarray(rows[..., ::-1]))[1]
        write_bytes(path, encoded.tobytes())


def held_out_heads(path: Path, size: int = PATCH) -> np.ndarray:
    """(N, S, S, 3) uint8 middles of the crops of a file, HEAD face units wide."""
    return middle_of(np.load(path)["crops"][:MEASURED], size)


def new_codec(
    family: Family, settings: TrainSettings, device: torch.device, start: Start, begun: Path
) -> nn.Module:
    """The codec as an earlier run left its average."""
    codec = new_plain_model(family, settings, device, start)
    checkpoint, _ = CheckpointStore(begun / "checkpoints").newest()
    assert checkpoint is not None, f"{begun} holds no checkpoint"
    own = {k.removeprefix("ema."): v for k, v in checkpoint.tensors.items() if k.startswith("ema.")}
    codec.load_state_dict(own)
    return codec


def new_discriminator(model: nn.Module, settings: TrainSettings) -> nn.Module:
    """Tells patches that came back from real ones."""
    del settings
    return PatchDiscriminator([HEADS]).to(next(model.parameters()).device)


def codec_phases(
    network: CodecNetwork, aside: None, settings: TrainSettings, team: ProcessGroup
) -> list[TrainingPhase]:
    """One phase."""
    return [TrainingPhase("codec", list(network.parameters()), lambda batch, _: losses(network, batch[0])[0])]


def sharp_phases(
    network: CodecNetwork, judge: PatchDiscriminator, settings: TrainSettings, team: ProcessGroup
) -> list[TrainingPhase]:
    """The codec's phase against a discriminator, and the discriminator's after it."""
    shown: deque[tuple[Tensor, Tensor]] = deque()

    def codec(batch: Batch, progress: float) -> dict[str, Tensor]:
        [samples] = batch
        terms, back = losses(network, samples)
        judge.requires_grad_(False)  # its own turn comes
        fool = torch.stack([-verdict.mean() for verdict in judge(back, HEADS)]).sum()
        judge.requires_grad_(True)
        shown.append((samples.input, back.detach()))
        rebuilt = terms["pixel"] + terms["structure"] + terms["edge"]
        return terms | {"fool": ADVERSARIAL * balance(rebuilt, fool, network.last_weight) * fool}

    def discriminator(batch: Batch, progress: float) -> dict[str, Tensor]:
        real, fake = (judge(pictures, HEADS) for pictures in shown.popleft())
        hinge = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]
        return {"discriminator": torch.stack(hinge).mean()}

    return [
        TrainingPhase("codec", list(network.parameters()), codec),
        TrainingPhase("discriminator", list(judge.parameters()), discriminator),
    ]


def balance(rebuilt: Tensor, fool: Tensor, weight: Tensor) -> Tensor:
    """How much heavier a loss must be to pull at the last layer as another (Esser et al., VQGAN, 2021)."""
    (one,) = torch.autograd.grad(rebuilt, weight, retain_graph=True)
    (other,) = torch.autograd.grad(fool, weight, retain_graph=True)
    return (one.norm() / (other.norm() + 1e-6)).clamp(max=100).detach()


CODEC = Family(
    name="codec",
    config=CodecConfig,
    network=CodecNetwork,
    sizes={"small": SETTINGS},
    source=lambda path, others: Heads(path, others[0]),
    new_model=new_plain_model,
    phases=codec_phases,
)


def losses(network: CodecNetwork, batch: CodecBatch) -> tuple[dict[str, Tensor], Tensor]:
    """How far pictures are after the way there and back, and latents from the teacher's; what came back."""
    pictures = batch.input.contiguous(memory_format=torch.channels_last)
    latents = network.encode(pictures)
    back = network.decode(latents + NOISE * batch.noise)
    apart = back - pictures
    terms = {
        "pixel": WEIGHTS["pixel"] * apart.abs().mean(),
        "structure": WEIGHTS["structure"] * dssim(back, pictures),
        "edge": WEIGHTS["edge"] * gradient_difference(apart),
        "latent": WEIGHTS["latent"] * (latents[: len(batch.latents)] - batch.latents).abs().mean(),
    }
    return terms, back


@torch.inference_mode()
def there_and_back(network: CodecNetwork, heads: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 heads as they come back."""
    pictures = torch.from_numpy(heads).permute(0, 3, 1, 2).float() / 255
    device = next(network.parameters()).device
    back = torch.cat([network(part.to(device)).cpu() for part in pictures.split(16)])
    found: np.ndarray = (back.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return found


def evaluate(network: CodecNetwork, heads: np.ndarray) -> dict[str, float]:
    """Structural error, PSNR in dB, and sharpness as a share of the input's, on held-out heads."""
    back = there_and_back(network, heads)
    apart = heads.astype(np.float32) - back
    psnr = 10 * np.log10(255**2 / np.square(apart).mean((1, 2, 3)))
    ratio = np.median([sharpness(b) / sharpness(h) for h, b in zip(heads, back, strict=True)])
    tensors = (torch.from_numpy(p).permute(0, 3, 1, 2).float() / 255 for p in (back, heads))
    return {
        "loss": round(float(dssim(*tensors)), 5),
        "psnr": round(float(psnr.mean()), 2),
        "sharpness": round(float(ratio), 3),
    }


def sharpness(picture: np.ndarray) -> float:
    """Variance of the Laplacian of a picture's luma."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def write(trainer: Trainer, own: Path, heads: np.ndarray) -> None:
    """Put the average weights and their card into models/codec."""
    facts: dict[str, Any] = {
        "what": "Pictures of heads to latents (32 channels at an eighth of the side) and back",
        "network": "faceswap_cli.networks.generator.codec.CodecNetwork",
        "config": asdict(trainer.model.config),
        "licence": "MIT",
        "data": [
            "Face Research Lab London Set, DeBruine & Jones 2017, and Young Adult White Faces, DeBruine "
            "(CC BY 4.0)",
            "Portraits of members of the US Congress (public domain)",
            "SFHQ galleries, people invented by text-to-image networks (MIT; StyleGAN2's were left out)",
            "Portraits from Pixabay, uploaded before 2019 (CC0)",
        ],
        "kept_back": "A tenth of each set by sha256 of the file's name.",
        "teacher": "Latents of taef2, a small autoencoder for the latents of an image model (MIT, "
        "madebyollin/taesd); the pictures it was trained on are not stated.",
        "heads": len(np.load(own)["names"]),
        "steps": trainer.step,
        "batch": SETTINGS.batch,
        "seed": SETTINGS.seed,
        "trained": f"{time.strftime('%Y-%m')}, {trainer.seconds / 60:.0f} minutes on a CPU",
        "figures": {f"{len(heads)} held-out heads at 128 px": evaluate(trainer.ema, heads)},
        "limits": "Fine texture is smoothed; lettering and small patterns do not come back.",
        "remake": "scripts/data/base_sets.py, scripts/data/head_crops.py, scripts/train/codec.py, as its "
        "first lines say",
    }
    print(zoo.write(ROOT / "models" / "codec", trainer.ema, facts).facts)


if __name__ == "__main__":
    main()
