"""The two phases of a training on points: what discriminator and generator minimise.

Only losses that every adversarial training here may use stand behind them (`objectives.adversarial`).
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from faceswap_cli.networks.points.networks import PointDiscriminator, PointGenerator
from faceswap_cli.training.engine.parallel import ALONE, ProcessGroup
from faceswap_cli.training.engine.trainer import Batch, TrainingPhase
from faceswap_cli.training.objectives.adversarial import LOSSES, interpolation_penalty, squared_slopes
from faceswap_cli.training.runs.settings import PointsSettings

DISCRIMINATOR, GENERATOR = "discriminator", "generator"
"""Names of the phases."""

CRITIC = "critic"
"""The discriminator's term of a loss that has no least value, so that nobody takes its fall for a defeat."""

SQUARES = 0.99
"""Decay of the mean of squared gradients."""


class PointLosses:
    """The losses of one step."""

    def __init__(self, model: PointGenerator, judge: PointDiscriminator, settings: PointsSettings) -> None:
        self.model, self.judge, self.settings = model, judge, settings
        self.loss = LOSSES[settings.loss]

    def discriminator(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Tell real points from generated ones, not too steeply."""
        del progress
        samples, settings = batch[0], self.settings
        with torch.no_grad():
            fake = self.model(samples.input)
        # Both kinds in one pass: no layer looks from one sample to another.
        points = torch.cat([samples.real, fake]).requires_grad_(settings.r1 + settings.r2 > 0)
        scores = self.judge(points)
        own = self.loss.discriminator(*scores.chunk(2))
        terms = {DISCRIMINATOR if self.loss.bounded else CRITIC: own}
        if points.requires_grad:
            slopes = squared_slopes(scores.sum(), points).chunk(2)
            weights = {"r1": settings.r1, "r2": settings.r2}
            steep = zip(weights.items(), slopes, strict=True)
            terms |= {name: weight * slope.mean() for (name, weight), slope in steep if weight > 0}
        if settings.interpolation > 0:
            penalty = interpolation_penalty(self.judge, samples.real, fake, samples.between)
            terms["interpolation"] = settings.interpolation * penalty
        return terms

    def generator(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Make points that pass for real."""
        del progress
        samples = batch[1]
        self.judge.requires_grad_(False)  # its own turn has been: here its gradients would be waste
        loss = self.fooling(self.model(samples.input), samples.real)
        self.judge.requires_grad_(True)
        return {GENERATOR: loss}

    def fooling(self, fake: Tensor, real: Tensor) -> Tensor:
        """The generator's loss for its points (B, 2) beside as many real ones."""
        scores = self.judge(torch.cat([real, fake]) if self.loss.relative else fake)
        return self.loss.generator(*(scores.chunk(2) if self.loss.relative else (scores, scores)))


def point_phases(
    model: PointGenerator, judge: PointDiscriminator, settings: PointsSettings, team: ProcessGroup = ALONE
) -> list[TrainingPhase]:
    """The discriminator's phase, and the generator's after it."""
    del team  # nothing is compared over the whole batch
    losses, optimiser = PointLosses(model, judge, settings), partial(new_optimiser, settings)
    return [
        TrainingPhase(
            DISCRIMINATOR,
            list(judge.parameters()),
            losses.discriminator,
            optimiser=optimiser,
            rate=settings.discriminator_rate,
            updates=settings.discriminator_updates,
        ),
        TrainingPhase(GENERATOR, list(model.parameters()), losses.generator, optimiser=optimiser),
    ]


def new_optimiser(
    settings: PointsSettings, parameters: list[nn.Parameter], learning_rate: float
) -> Optimizer:
    """The optimiser that a run's settings name."""
    momentum = settings.momentum
    if settings.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=learning_rate, momentum=momentum, fused=True)
    if settings.optimiser == "rmsprop":
        return torch.optim.RMSprop(
            parameters, lr=learning_rate, alpha=SQUARES, momentum=momentum, foreach=True
        )
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(momentum, SQUARES), fused=True)
