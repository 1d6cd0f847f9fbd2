"""The losses of a generator of pictures and its discriminator, each a phase.

Relativistic pairs with R1 and R2 (Huang et al., The GAN is dead; long live the GAN, 2024), the slopes on
every fourth sample, which is what "lazy" is on a CPU. Pictures may be grown by stages, see `stage_at`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.generator.discriminator import GrownDiscriminator
from faceswap_cli.networks.generator.style import StyleGenerator
from faceswap_cli.training.data.differentiable_augment import augment_pictures
from faceswap_cli.training.engine.collapse_detection import CollapseSign
from faceswap_cli.training.engine.parallel import ProcessGroup, Share
from faceswap_cli.training.engine.trainer import Batch, TrainingPhase
from faceswap_cli.training.objectives.adversarial import relativistic_pair_loss, squared_slopes
from faceswap_cli.training.runs.settings import GeneratorSettings

SLOPED = 4
"""Every Nth sample has its slope taken."""

MIXED = 0.5
"""Share of the generated pictures whose layers take two styles (style mixing)."""

YOUNG = 1000
"""Steps in which a new generator's pictures may be alike: measured, they differ after some 250."""

OVERWHELMED = CollapseSign(
    "discriminator",
    "the discriminator tells every picture, and the generator learns nothing from it any more. Go back by "
    "--rollback, and go on at half the --learning-rate",
    below=0.02,
)
MODE_COLLAPSE = CollapseSign(
    "alike",
    "the generator has collapsed: its pictures are all alike. Go back by --rollback, go on at half the "
    "--learning-rate",
    above=0.8,
    from_step=YOUNG,
)


class GrowthStage(NamedTuple):
    """Side of the pictures in pixels, and how much of the newest stage is seen."""

    side: int
    fade: float


@dataclass(frozen=True)
class PictureBatch:
    """Pictures of a step.

    Attributes:
        input: (B, C, S, S) in [-1, 1], real ones.
        noise: (B, N), made into others.
        seed: (B,) of all that is random on the way.
    """

    input: Tensor
    noise: Tensor
    seed: Tensor

    def part(self, share: Share) -> PictureBatch:
        """An equal part of it."""
        return PictureBatch(share.of(self.input), share.of(self.noise), share.of(self.seed))

    def random(self, phase: int) -> torch.Generator:
        """Random numbers of one phase."""
        return torch.Generator().manual_seed(int(self.seed[0]) * 2 + phase)


def stage_at(settings: GeneratorSettings, resolution: int, progress: float) -> GrowthStage:
    """How far pictures have grown: each stage fades in during its first half.

    Args:
        settings: whose `grow` says from where.
        resolution: of whole pictures.
        progress: of the run, 0..1.
    """
    side = settings.first_side(resolution)
    stages = [side]
    while stages[-1] < resolution:
        stages.append(2 * stages[-1])
    if len(stages) == 1:
        return GrowthStage(resolution, 1.0)
    at = min(progress / settings.grow_until, 1.0) * len(stages)
    place = min(int(at), len(stages) - 1)
    return GrowthStage(stages[place], 1.0 if place == 0 else min(2 * (at - place), 1.0))


def generator_phases(
    model: StyleGenerator, discriminator: GrownDiscriminator, settings: GeneratorSettings, team: ProcessGroup
) -> list[TrainingPhase]:
    """The generator's phase, and the discriminator's after it."""
    del team  # nothing is compared over the whole batch
    losses = GeneratorLosses(model, discriminator, settings)
    return [
        TrainingPhase("generator", list(model.parameters()), losses.generator, optimiser=plain_adam),
        TrainingPhase(
            "discriminator", list(discriminator.parameters()), losses.discriminator, optimiser=plain_adam
        ),
    ]


def plain_adam(parameters: list[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """Adam without momentum, as GANs want it."""
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(0.0, 0.99), fused=True)


class GeneratorLosses:
    """The losses of one step.

    Args:
        model: the generator.
        judge: the discriminator.
        settings: of the run.
    """

    def __init__(self, model: StyleGenerator, judge: GrownDiscriminator, settings: GeneratorSettings) -> None:
        self.model, self.judge, self.settings = model, judge, settings
        self.colours = model.config.domain == "pixels"
        self.drawn: deque[Tensor] = deque()

    def generator(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Pass for real."""
        [samples] = batch
        stage = stage_at(self.settings, self.model.config.drawn_side, progress)
        real, random = shrink(samples.input, stage), samples.random(0)
        styles = self._mixed(samples.noise, random)
        fake = self.model.draw(styles, stage.side, stage.fade, random)
        self.judge.requires_grad_(False)  # its own turn comes
        with torch.no_grad():
            told = self._judge(real, stage, random)
        loss = relativistic_pair_loss(self._judge(fake, stage, random), told)
        self.judge.requires_grad_(True)
        self.drawn.append(fake.detach())
        spread = fake.detach().std(0).mean() / real.std(0).mean().clamp(min=1e-4)
        return {"generator": loss, "alike": F.relu(1 - spread)}

    def discriminator(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Tell real from generated pictures, and keep the slope low at both."""
        [samples] = batch
        stage = stage_at(self.settings, self.model.config.drawn_side, progress)
        real, fake = shrink(samples.input, stage), self.drawn.popleft()
        random = samples.random(1)
        told = [self._judge(pictures, stage, random) for pictures in (real, fake)]
        loss = relativistic_pair_loss(*told)
        slopes = torch.stack([self._slope(some[::SLOPED], stage, random) for some in (real, fake)])
        return {"discriminator": loss, "slope": self.settings.slope * slopes.sum()}

    def _judge(self, pictures: Tensor, stage: GrowthStage, random: torch.Generator) -> Tensor:
        found: Tensor = self.judge(self._augment(pictures, random), stage.fade)
        return found

    def _augment(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        return augment_pictures(pictures, self.settings.augment, self.colours, random)

    def _slope(self, pictures: Tensor, stage: GrowthStage, random: torch.Generator) -> Tensor:
        seen = self._augment(pictures, random).detach().requires_grad_(True)
        return squared_slopes(self.judge(seen, stage.fade).sum(), seen).mean()

    def _mixed(self, noise: Tensor, random: torch.Generator) -> Tensor:
        """(B, layers, S) styles, of some pictures from two noises (Karras et al., CVPR 2019, section 3.1)."""
        styles, count = self.model.styles(noise), self.model.layers
        from_layer = torch.randint(1, count, (len(noise), 1), generator=random)
        mixed = torch.rand(len(noise), 1, generator=random) < MIXED
        other = ((torch.arange(count) >= from_layer) & mixed).to(noise.device)
        return torch.where(other[..., None], styles.roll(1, 0)[:, None], styles[:, None])


def shrink(pictures: Tensor, stage: GrowthStage) -> Tensor:
    """Pictures at a stage's side; while it fades in, partly of half the side."""
    found = F.adaptive_avg_pool2d(pictures, stage.side) if pictures.shape[-1] > stage.side else pictures
    if stage.fade < 1:
        coarse = F.interpolate(F.avg_pool2d(found, 2), scale_factor=2, mode="nearest")
        found = stage.fade * found + (1 - stage.fade) * coarse
    return found
