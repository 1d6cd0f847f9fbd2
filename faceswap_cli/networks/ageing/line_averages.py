"""Wrinkles, folds and bags by age: what skin's lines are on average, in the shape of the mean face.

Lines of many faces (see `compositing/skin_detail.find_lines`) are averaged by age, as prototypes are
(networks/ageing/prototype.py). What differs between two ages is carried to a face by its landmarks and
multiplied onto its skin. An average is nobody's: no line of any single person is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.ageing.prototype import POINTS, Field, grid, hat_weights

COARSE = 48
"""Side in pixels of the squares in which shapes are brought to each other: they differ smoothly."""


@dataclass(frozen=True)
class LineConfig:
    """What rebuilds LineAverages.

    Attributes:
        ages: of the averages, years, rising.
        size: side of the averages in pixels.
        side: in face units.
    """

    ages: tuple[float, ...] = (22.0, 34.0, 46.0, 58.0, 70.0, 80.0)
    size: int = 192
    side: float = 2.4


class LineAverages(nn.Module):
    """Buffers: `lines` (ages, size, size) logarithms of luma, and `mean` (68, 2) face units, the shape that
    they are in."""

    lines: Tensor
    mean: Tensor

    def __init__(self, config: LineConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("lines", torch.zeros(len(config.ages), config.size, config.size))
        self.register_buffer("mean", torch.zeros(POINTS, 2))

    def forward(self, landmarks: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """What faces get when they become as old as the target.

        Args:
            landmarks: (B, 68, 2) face units from the aligned square's middle.
            source, target: (B,) years.

        Returns:
            (B, size, size) logarithms of luma, to be drawn where skin is.
        """
        config = self.config
        weights = hat_weights(target, config.ages) - hat_weights(source, config.ages)
        lines = torch.einsum("bk,kij->bij", weights, self.lines)
        places = grid(COARSE, config.side).to(landmarks)
        moved = Field(landmarks, places)(self.mean - landmarks).view(-1, COARSE, COARSE, 2)
        moved = F.interpolate(moved.permute(0, 3, 1, 2), (config.size, config.size), mode="bicubic")
        inside = grid(config.size, config.side).to(landmarks).view(config.size, config.size, 2)
        where = (inside + moved.permute(0, 2, 3, 1)) * (2 / config.side)
        carried = F.grid_sample(lines[:, None], where, padding_mode="zeros", align_corners=False)
        return carried[:, 0]


def build_line_averages(config: Mapping[str, Any]) -> LineAverages:
    """The averages from a card's configuration, all nought."""
    values = dict(config)
    values["ages"] = tuple(float(age) for age in values["ages"])
    return LineAverages(LineConfig(**values))
