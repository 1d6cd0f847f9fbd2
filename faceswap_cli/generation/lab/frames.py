"""What can be seen of two networks at one step, as arrays: for the terminal, the page and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.networks.points.networks import PointDiscriminator, PointGenerator, spread_noise
from faceswap_cli.training.engine.loop import Tick
from faceswap_cli.training.engine.trainer import Trainer
from faceswap_cli.training.families.points import PointsData
from faceswap_cli.training.monitor.points_validation import WINDOW
from faceswap_cli.training.objectives.adversarial import LOSSES
from faceswap_cli.training.objectives.points import PointLosses

Floats = NDArray[np.float32]

FIELD = 32
"""Places a side at which the discriminator is asked."""

SHEET, THREAD = 15, 120
"""Places a side of the generator's sheet of two-dimensional noise; along its thread of one-dimensional."""

ARROWS = 80
"""Of the points that are shown, so many have an arrow."""


@dataclass(frozen=True)
class Frame:
    """Both networks at one step. Places are in the plane, which reaches from -WINDOW to WINDOW.

    Attributes:
        step: updates so far.
        fake: (N, 2) generated points, always of the same noise.
        field: (FIELD, FIELD) in [0, 1] how real the discriminator finds a place, 0.5 where it can't tell;
            the first row is the lowest.
        arrows: (ARROWS, 2) where the loss pushes the first of the points, with its strength.
        sheet: (SHEET, SHEET, 2) or (THREAD, 2) the places of a regular grid of noise.
        losses: terms, a mean since the frame before.
        figures: what was measured last, see `PointValidator.measure`; may be empty.
        note: something a person should read; "": nothing.
        steps_per_second: while it trained.
    """

    step: int
    fake: Floats
    field: Floats
    arrows: Floats
    sheet: Floats
    losses: Mapping[str, float]
    figures: Mapping[str, Any]
    note: str
    steps_per_second: float


class FrameMaker:
    """Looks at a trainer's networks and changes nothing.

    Args:
        trainer: of the family `points`.
        data: that it learns.
    """

    def __init__(self, trainer: Trainer, data: PointsData) -> None:
        self.trainer, self.data, self.settings = trainer, data, data.settings
        assert isinstance(trainer.model, PointGenerator) and isinstance(trainer.aside, PointDiscriminator)
        self.judge = trainer.aside
        self.losses = PointLosses(trainer.model, trainer.aside, data.settings)
        self.dimensions = trainer.model.config.noise_dimensions
        side = SHEET if self.dimensions == 2 else THREAD
        self.regular = spread_noise(data.settings.noise, side, self.dimensions)
        axis = (torch.arange(FIELD) + 0.5) / FIELD * 2 * WINDOW - WINDOW
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        self.places = torch.stack([columns, rows], -1).reshape(-1, 2)

    def frame(self, tick: Tick) -> Frame:
        """The networks as they are after a report."""
        with torch.no_grad():
            fake, sheet = self.trainer.ema(self.data.noise), self.trainer.ema(self.regular)
            field = self._field(fake)
        side = (SHEET, SHEET, 2) if self.dimensions == 2 else (THREAD, 2)
        samples = self.settings.batch * (self.settings.discriminator_updates + 1)
        return Frame(
            step=tick.step,
            fake=fake.numpy().copy(),
            field=field,
            arrows=self._arrows(fake),
            sheet=sheet.reshape(side).numpy().copy(),
            losses=dict(tick.losses),
            figures=dict(self.data.figures),
            note=tick.note or "",
            steps_per_second=tick.images_per_second / samples,
        )

    def _field(self, fake: Tensor) -> Floats:
        """Scores between 0 and 1.

        With gan and r3 it is the probability that the loss is about: of being real, or more real than the
        middle between the two kinds. The scores of the others have a scale of their own.
        """
        scores = self.judge(self.places)
        if LOSSES[self.settings.loss].relative:
            scores = scores - (self.judge(self.data.real).mean() + self.judge(fake).mean()) / 2
        if self.settings.loss == "wgan-gp":
            scores = scores / scores.std().clamp(min=1e-6)
        found: Floats = torch.sigmoid(2 * scores if self.settings.loss in ("ls", "hinge") else scores).numpy()
        return found.reshape(FIELD, FIELD)

    def _arrows(self, fake: Tensor) -> Floats:
        """Down the generator's loss."""
        points = fake[:ARROWS].clone().requires_grad_(True)
        loss = self.losses.fooling(points, self.data.real[:ARROWS])
        (gradient,) = torch.autograd.grad(loss, points)
        found: Floats = (-gradient * len(points)).numpy()
        return found
