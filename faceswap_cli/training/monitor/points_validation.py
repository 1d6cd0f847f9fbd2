"""How near generated points are to the data: divergence, modes covered, share that lies on the data.

All is measured on samples of one fixed size, because the size decides what two samples of the very same
distribution differ by: that is the floor, and no generator can be expected to go below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from faceswap_cli.networks.points.networks import PointGenerator, draw_noise
from faceswap_cli.training.data.points import PointData
from faceswap_cli.training.engine.collapse_detection import CollapseSign
from faceswap_cli.training.engine.early_stopping import LOSS_GAIN
from faceswap_cli.training.monitor.figures import Figure
from faceswap_cli.training.objectives.gan import OVERWHELMED

SAMPLE = 1000
"""Points on each side of a comparison."""

WINDOW = 1.25
"""Half the side of the square that is compared and shown; data lie in [-1, 1]. What is outside counts as at
its rim."""

CELLS = 32
"""The divergence is one of histograms of so many cells a side."""

PAIRS = 16
"""Of real samples, whose mean divergence is the floor."""

FINE, REFERENCE, NEAR = 256, 20_000, 0.99
"""A point is near the data if it lies as near to REFERENCE real points as NEAR of other real points do.
Looked up on a map of FINE pixels a side."""

PARTS, ROUNDS = 12, 10
"""Data in one piece are cut into so many parts, by so many rounds of k-means."""

FAIR = 0.25
"""A mode is covered if it gets this part of the points that it gets in the data."""

COLLAPSED, ARRIVED = 0.5, 0.15
"""With less than this share of the modes covered, a generator has collapsed, once so many of its points are
near the data. It never has many there: it wanders from mode to mode."""

POINT_FIGURES = (
    Figure(
        "loss",
        "Jensen-Shannon divergence",
        "1000 generated and 1000 real points, in bits (thick); the sum of the training losses (thin)",
        tile="divergence",
        word="divergence",
        gain=LOSS_GAIN["loss"],
    ),
    Figure(
        "covered",
        "Modes covered",
        "share of the data's parts",
        tile="modes covered",
        best=1,
        unit="share",
        low=0,
    ),
    Figure("near", "Near the data", "share of the points", tile="near the data", best=1, unit="share", low=0),
)

POINT_SIGNS = (
    CollapseSign(
        "collapsed",
        "the generator has collapsed onto a few modes; --loss r3, or --r1 1 with any loss, helps",
        above=0.5,
    ),
    OVERWHELMED,
)


class PointValidator:
    """Call `measure` with a generator.

    Args:
        data: that it learns.
        noise: kind of what it is given, see `draw_noise`.
    """

    def __init__(self, data: PointData, noise: str) -> None:
        self.noise = noise
        generator = torch.Generator().manual_seed(2)
        self.real = _histogram(data.draw(SAMPLE, generator))
        pairs = [[_histogram(data.draw(SAMPLE, generator)) for _ in range(2)] for _ in range(PAIRS)]
        self.floor = float(np.mean([js_divergence(one, other) for one, other in pairs]))
        reference, others = data.draw(REFERENCE, generator), data.draw(SAMPLE, generator)
        self.distance = _distance_map(reference)
        self.reach = max(float(np.quantile(self._distances(others), NEAR)), 1.5)
        self.modes = data.modes if data.modes is not None else cut_into_parts(reference[:SAMPLE])
        self.shares = self._shares(reference)

    @torch.no_grad()
    def measure(self, model: PointGenerator) -> dict[str, Any]:
        """js, js_floor (bits), modes, modes_of, near and covered (0..1), collapsed; loss is js."""
        noise = draw_noise(
            self.noise, SAMPLE, model.config.noise_dimensions, torch.Generator().manual_seed(1)
        )
        points = model(noise)
        near = torch.from_numpy(self._distances(points) <= self.reach)
        js = js_divergence(_histogram(points), self.real)
        shares = self._shares(points[near]) * float(near.double().mean())
        modes = int((shares >= FAIR * self.shares).sum())
        figures = {
            "loss": js,
            "js": js,
            "js_floor": self.floor,
            "modes": modes,
            "modes_of": len(self.modes),
            "covered": modes / len(self.modes),
            "near": float(near.double().mean()),
        }
        return figures | {"collapsed": has_collapsed(figures)}

    def _distances(self, points: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
        x, y = _cells(points, FINE).T.numpy()
        found: np.ndarray[Any, np.dtype[np.float32]] = self.distance[y, x]
        return found

    def _shares(self, points: Tensor) -> Tensor:
        nearest = torch.cdist(points, self.modes).argmin(1)
        return torch.bincount(nearest, minlength=len(self.modes)) / max(len(points), 1)


def describe_state(figures: Mapping[str, Any]) -> str:
    """What measures mean, in a few words."""
    modes = f"{figures['modes']} of {figures['modes_of']} modes"
    if has_collapsed(figures):
        return f"mode collapse: {modes}"
    if figures["near"] < 0.5:
        return f"not on the data yet ({figures['near']:.0%} near it)"
    if figures["js"] <= 2 * figures["js_floor"]:
        return f"matches the data: {modes}"
    return f"covers {modes}"


def has_collapsed(figures: Mapping[str, Any]) -> bool:
    """Whether points lie on the data, but on few of its parts."""
    return bool(figures["near"] >= ARRIVED and figures["covered"] < COLLAPSED)


def js_divergence(one: Tensor, other: Tensor) -> float:
    """Jensen-Shannon divergence of two histograms that each sum to 1, in bits: 0 when alike, 1 when apart."""
    middle = (one + other) / 2
    return float((_divergence(one, middle) + _divergence(other, middle)) / 2)


def _divergence(one: Tensor, other: Tensor) -> Tensor:
    there = one > 0
    return (one[there] * (one[there] / other[there]).log2()).sum()


def _cells(points: Tensor, cells: int) -> Tensor:
    """(B, 2) points to (B, 2) columns and rows; rows count upwards."""
    return ((points + WINDOW) / (2 * WINDOW) * cells).long().clamp(0, cells - 1)


def _histogram(points: Tensor) -> Tensor:
    column, row = _cells(points, CELLS).T
    return torch.bincount(row * CELLS + column, minlength=CELLS**2).double() / len(points)


def _distance_map(points: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(FINE, FINE) distance to the nearest of the points, in pixels."""
    free = np.ones((FINE, FINE), np.uint8)
    x, y = _cells(points, FINE).T.numpy()
    free[y, x] = 0
    return cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)  # type: ignore[return-value]


def cut_into_parts(points: Tensor) -> Tensor:
    """(M, 2) middles of up to PARTS parts of the points: k-means, begun with points far from each other."""
    middles = points[:1]
    while len(middles) < PARTS:
        distance = torch.cdist(points, middles).min(1).values
        if distance.max() <= 0:
            break
        middles = torch.cat([middles, points[distance.argmax()][None]])
    for _ in range(ROUNDS):
        nearest = torch.cdist(points, middles).argmin(1)
        groups = [points[nearest == number] for number in range(len(middles))]
        middles = torch.stack([group.mean(0) for group in groups if len(group)])
    return middles
