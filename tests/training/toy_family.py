"""A family that has nothing to do with faces: points on a ring, drawn by a generator against a critic.

It is as small as a family can be and still have two phases, something trained aside, and a sampler, measures
and a preview of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from faceswap_cli.training.engine.parallel import WHOLE
from faceswap_cli.training.engine.trainer import TrainingPhase
from faceswap_cli.training.family import DataSource, Family, TrainingData, new_plain_model
from faceswap_cli.training.runs.settings import TrainSettings


@dataclass(frozen=True)
class RingConfig:
    hidden: int = 8


class RingNetwork(nn.Sequential):
    def __init__(self, config):
        super().__init__(nn.Linear(2, config.hidden), nn.Tanh(), nn.Linear(config.hidden, 2))
        self.config = config


@dataclass(frozen=True)
class RingSettings(TrainSettings):
    family: str = "ring"
    radius: float = 1.0


@dataclass(frozen=True)
class Points:
    input: torch.Tensor
    real: torch.Tensor

    def part(self, share):
        return Points(share.of(self.input), share.of(self.real))


class RingData(TrainingData):
    held_out = "as many points as one likes"
    closed = began = False

    def __init__(self, settings):
        self.radius = settings.radius

    def batches(self, settings, share=WHOLE):
        def batch(generator, progress):
            angle = 6.2832 * torch.rand(settings.batch, generator=generator)
            real = self.radius * torch.stack([angle.cos(), angle.sin()], 1)
            return [Points(torch.randn(settings.batch, 2, generator=generator), real).part(share)]

        return batch

    def begin(self, trainer, say):
        self.began = True
        say("a new ring")

    @torch.inference_mode()
    def measure(self, model):
        noise = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
        return {"loss": float((model(noise).norm(dim=1) - self.radius).abs().mean())}

    def write_preview(self, path, model, progress):
        cv2.imwrite(str(path), np.full((8, 8, 3), round(255 * progress), np.uint8))

    def close(self):
        self.closed = True


class RingSource(DataSource):
    def __init__(self):
        self.loaded = []

    def load(self, request):
        self.loaded.append(RingData(request.settings))
        return self.loaded[-1]


def ring_phases(model, critic, settings, team):
    def generator(batch, progress):
        return {"fool": F.softplus(-critic(model(batch[0].input))).mean()}

    def discriminator(batch, progress):
        fake = model(batch[0].input).detach()
        return {"critic": (F.softplus(critic(fake)) + F.softplus(-critic(batch[0].real))).mean()}

    return [
        TrainingPhase("generator", list(model.parameters()), generator),
        TrainingPhase("critic", list(critic.parameters()), discriminator),
    ]


RING = Family(
    name="ring",
    config=RingConfig,
    network=RingNetwork,
    sizes={"small": RingSettings(batch=4, warm_up=2)},
    source=lambda path, others: RingSource(),
    new_model=new_plain_model,
    phases=ring_phases,
    new_aside=lambda model, settings: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)),
)
