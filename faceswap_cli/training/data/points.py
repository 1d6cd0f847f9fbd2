"""Points of the plane to learn from, and the batches that are drawn of them.

All data lie in [-1, 1] both ways. A shape is drawn anew for every batch; points of a file are drawn again and
again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from faceswap_cli.networks.points.config import PointsConfig
from faceswap_cli.networks.points.networks import draw_noise
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batches

if TYPE_CHECKING:
    from faceswap_cli.training.runs.settings import PointsSettings

Draw = Callable[[int, torch.Generator], Tensor]
"""How many, and their random numbers, to points (count, 2)."""

RADIUS, DEVIATION = 0.7, 0.05
"""Of the shapes' circles, and of the normal noise on every shape."""


@dataclass(frozen=True)
class PointData:
    """A distribution in the plane.

    Attributes:
        name: of the shape or of the file.
        draw: draws of it.
        modes: (M, 2) the middles of its parts where it has some; None: it is in one piece.
        notes: what a person should know of it.
    """

    name: str
    draw: Draw
    modes: Tensor | None = None
    notes: tuple[str, ...] = ()


def _around(middles: Tensor) -> Draw:
    """Each middle equally often, with normal noise."""

    def draw(count: int, generator: torch.Generator) -> Tensor:
        which = torch.randint(len(middles), (count,), generator=generator)
        return middles[which] + _jitter(count, generator)

    return draw


def _along(curve: Callable[[Tensor], Tensor]) -> Draw:
    """Evenly along a curve, with normal noise. The curve takes (B,) in [0, 1]."""

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return curve(torch.rand(count, generator=generator)) + _jitter(count, generator)

    return draw


def _jitter(count: int, generator: torch.Generator) -> Tensor:
    return DEVIATION * torch.randn(count, 2, generator=generator)


def _circle(share: Tensor) -> Tensor:
    angle = 2 * math.pi * share
    return RADIUS * torch.stack([angle.cos(), angle.sin()], 1)


def _line(share: Tensor) -> Tensor:
    return torch.stack([1.4 * share - 0.7, 0.8 * share - 0.4], 1)


def _spiral(share: Tensor) -> Tensor:
    # The root spreads the points evenly over the length.
    angle = 4 * math.pi * (0.04 + 0.96 * share).sqrt()
    return angle[:, None] / (4 * math.pi) * 0.85 * torch.stack([angle.cos(), angle.sin()], 1)


_EIGHT = _circle(torch.arange(8) / 8)
_GRID = torch.cartesian_prod(torch.linspace(-0.7, 0.7, 5), torch.linspace(-0.7, 0.7, 5))
_TWO = torch.tensor([[-0.55, 0.4], [0.55, -0.4]])


def _discs(count: int, generator: torch.Generator) -> Tensor:
    """Two discs that are far apart."""
    radius = 0.25 * torch.rand(count, generator=generator).sqrt()
    angle = 2 * math.pi * torch.rand(count, generator=generator)
    which = torch.randint(2, (count,), generator=generator)
    return _TWO[which] + radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)


SHAPES = {
    "ring": PointData("ring", _along(_circle)),
    "line": PointData("line", _along(_line)),
    "gaussians": PointData("gaussians", _around(_EIGHT), _EIGHT),
    "grid": PointData("grid", _around(_GRID), _GRID),
    "spiral": PointData("spiral", _along(_spiral)),
    "disjoint": PointData("disjoint", _discs, _TWO),
}
"""The names are also in `runs.settings.SHAPE_NAMES`, which the command line reads without torch."""


@dataclass(frozen=True)
class PointSamples:
    """What one phase is given.

    Attributes:
        input: (B, N) noise.
        real: (B, 2) points of the data.
        between: (B, 1) random shares, for penalties between real and generated points.
    """

    input: Tensor
    real: Tensor
    between: Tensor

    def part(self, share: Share) -> PointSamples:
        """An equal part of the samples."""
        return PointSamples(share.of(self.input), share.of(self.real), share.of(self.between))


def point_batches(data: PointData, settings: PointsSettings, share: Share = WHOLE) -> Batches:
    """Two sets of samples: for all updates of the discriminator, and for the generator's."""
    dimensions = PointsConfig(**settings.network).noise_dimensions

    def samples(count: int, generator: torch.Generator) -> PointSamples:
        noise = draw_noise(settings.noise, count, dimensions, generator)
        return PointSamples(noise, data.draw(count, generator), torch.rand(count, 1, generator=generator))

    def batch(generator: torch.Generator, progress: float) -> list[PointSamples]:
        del progress
        counts = (settings.batch * settings.discriminator_updates, settings.batch)
        return [samples(count, generator).part(share) for count in counts]

    return batch
