"""Points of the plane, drawn by a generator against a discriminator: the family `points`.

It has nothing to do with faces. It is there to see how adversarial training goes, by the same loop, losses,
checkpoints and measures; `faceswap lab` shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from faceswap_cli.networks.points.config import PointsConfig
from faceswap_cli.networks.points.networks import PointDiscriminator, PointGenerator, draw_noise
from faceswap_cli.training.data.point_files import read_points
from faceswap_cli.training.data.points import SHAPES, PointData, point_batches
from faceswap_cli.training.engine.parallel import WHOLE, Share
from faceswap_cli.training.engine.trainer import Batches
from faceswap_cli.training.family import DataSource, Family, LoadRequest, TrainingData, new_plain_model
from faceswap_cli.training.monitor.points_preview import write_points_preview
from faceswap_cli.training.monitor.points_validation import POINT_FIGURES, POINT_SIGNS, PointValidator
from faceswap_cli.training.objectives.points import point_phases
from faceswap_cli.training.runs.settings import PointsSettings

SHOWN = 500
"""Points of each kind in a picture."""


class PointsData(TrainingData):
    """A distribution in the plane.

    Attributes:
        data: the distribution.
        figures: what was measured last.
        real: (SHOWN, 2) of its points.
        noise: (SHOWN, N) what the generator makes points of to be shown.
    """

    held_out = "1000 points drawn for it"
    remedy = "another loss, or more R1, may"

    def __init__(self, data: PointData, settings: PointsSettings) -> None:
        self.data, self.settings = data, settings
        self.figures: dict[str, Any] = {}
        generator = torch.Generator().manual_seed(3)
        self.real: Tensor = data.draw(SHOWN, generator)
        dimensions = PointsConfig(**settings.network).noise_dimensions
        self.noise: Tensor = draw_noise(settings.noise, SHOWN, dimensions, generator)
        self._validator: PointValidator | None = None

    def batches(self, settings: PointsSettings, share: Share = WHOLE) -> Batches:
        """See `point_batches`."""
        return point_batches(self.data, settings, share)

    def prepare_measures(self) -> None:
        """Find the floor and the modes."""
        self._validator = PointValidator(self.data, self.settings.noise)

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """See `PointValidator.measure`."""
        assert isinstance(model, PointGenerator) and self._validator is not None
        self.figures = self._validator.measure(model)
        return self.figures

    @torch.no_grad()
    def write_preview(self, path: Path, model: nn.Module, progress: float) -> None:
        """Real and generated points."""
        del progress
        write_points_preview(path, self.real, model(self.noise))


class PointsSource(DataSource):
    """A shape by its name, or a file, see `point_files`.

    Args:
        data: the name, the path, or the data themselves.
        others: nothing.
    """

    def __init__(self, data: Path | PointData, others: Sequence[Path] = ()) -> None:
        assert not others
        if isinstance(data, Path):
            data = SHAPES.get(str(data)) or read_points(data)
        self.data = data

    @property
    def names(self) -> dict[str, str]:
        """A run is gone on with on the same data."""
        return {"data": self.data.name}

    def load(self, request: LoadRequest) -> TrainingData:
        """All is there."""
        for note in self.data.notes:
            request.say(note)
        return PointsData(self.data, request.settings)


def new_point_discriminator(model: PointGenerator, settings: PointsSettings) -> nn.Module:
    """The discriminator, on the model's device."""
    del settings
    return PointDiscriminator(model.config).to(next(model.parameters()).device)


FAMILY = Family(
    config=PointsConfig,
    network=PointGenerator,
    sizes={"small": PointsSettings()},
    source=PointsSource,
    new_model=new_plain_model,
    phases=point_phases,
    new_aside=new_point_discriminator,
    place=lambda model, device: model.to(device),
    figures=POINT_FIGURES,
    collapse_signs=POINT_SIGNS,
    resolution=lambda model: 0,
    least_batch=2,
    refuses=frozenset(
        {"sources", "adapt", "size", "resolution", "checkpointing", "compiled", "adult_confirmed", "held_out"}
    ),
)
