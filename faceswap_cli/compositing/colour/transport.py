"""Maps that match whole distributions of colours, not only their means and spreads.

All work on samples of colours, in steps: along some axes the samples are moved so that their quantiles there
become the target's. The maps of all steps, applied one after the other to the nodes of a table, make the
`Lookup` that a crop goes through.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from faceswap_cli.compositing.colour.linear import least_motion, limit_gain
from faceswap_cli.compositing.colour.spaces import FLOOR, FloatImage, Matrix, Space, from_space, to_space
from faceswap_cli.compositing.colour.stats import ColourStats
from faceswap_cli.compositing.colour.transforms import Lookup

NODES = 17
"""Nodes of the table along each of red, green and blue: of the size film tables have."""

LEVELS = np.linspace(0.02, 0.98, 25)
"""Quantiles that are matched. What lies beyond the outer ones moves along with them."""

STEPS = 10
"""Steps of `idt` and `sot`."""


@cache
def _steps(method: str) -> tuple[Matrix, ...]:
    """For each step of a method the directions (D, 3), unit rows, along which quantiles are matched.

    hist: once, along the axes of the colour space, which is histogram matching channel by channel.
    idt: along three perpendicular directions, turned at random from step to step. F. Pitie et al.,
        N-dimensional probability density function transfer and its application to colour transfer, ICCV 2005.
    sot: along many directions at once, of which the mean motion is taken. N. Bonneel et al., Sliced and
        Radon Wasserstein barycenters of measures, 2015.
    """
    if method == "hist":
        return (np.eye(3),)
    random = np.random.default_rng(0)  # the same directions in every frame of every run
    turns = [np.linalg.qr(random.standard_normal((3, 3)))[0] for _ in range(2 * STEPS)]
    if method == "idt":
        return (np.eye(3), *turns[: STEPS - 1])
    return tuple(np.concatenate(turns[2 * i : 2 * i + 2]) for i in range(STEPS))


def lookup(method: str, space: Space, source: ColourStats, target: ColourStats) -> Lookup:
    """The table that gives the source's colours the target's distribution."""
    moving = source.sample.astype(np.float64)
    goal = _with_limits(space, source, target)
    grid = to_space(_grid(), space).reshape(-1, 3).astype(np.float64) - source.mean
    for axes in _steps(method):
        # Of D directions every axis of the space gets its share three times over D.
        share = 3 / len(axes)
        maps = [_quantile_map(moving @ axis, source.shares, goal @ axis, target.shares) for axis in axes]
        moving = moving + share * _motion(moving, axes, maps)
        grid = grid + share * _motion(grid, axes, maps)
    colours = (grid + target.mean).astype(np.float32).reshape(NODES, NODES * NODES, 3)
    moved = from_space(colours, space).reshape(_grid().shape) - _grid()
    return Lookup(_smooth(moved))


def _with_limits(space: Space, source: ColourStats, target: ColourStats) -> Matrix:
    """The target's sample, stretched where matching it would break the limits of contrast."""
    floor = np.eye(3) * FLOOR[space] ** 2
    here, there = source.cov + floor, target.cov + floor
    allowed = limit_gain(least_motion(here, there))
    # Less floor under the sample itself: it is to be stretched from what it is to what is allowed.
    stretch = least_motion(target.cov + floor / 100, allowed @ here @ allowed.T)
    return np.asarray(target.sample @ stretch.T)


def _quantile_map(
    values: Matrix, shares: FloatImage, goal: Matrix, goal_shares: FloatImage
) -> tuple[Matrix, Matrix]:
    """Where along an axis the quantiles of `values` are, and how far each has to go."""
    here, there = _quantiles(values, shares), _quantiles(goal, goal_shares)
    return here, there - here


def _quantiles(values: Matrix, shares: FloatImage) -> Matrix:
    """Weighted quantiles at LEVELS."""
    order = np.argsort(values, kind="stable")
    weights = shares[order].astype(np.float64)
    below = np.cumsum(weights) - weights / 2
    return np.interp(LEVELS, below / weights.sum(), values[order])


def _motion(points: Matrix, axes: Matrix, maps: Sequence[tuple[Matrix, Matrix]]) -> Matrix:
    """The mean over axes of how far each point (N, 3) has to go along it."""
    total = np.zeros_like(points)
    for axis, (here, step) in zip(axes, maps, strict=True):
        total += np.interp(points @ axis, here, step)[:, None] * axis
    return total


@cache
def _grid() -> FloatImage:
    """(N, N, N, 3) the colours of the table's nodes."""
    axis = np.linspace(0, 1, NODES, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def _smooth(table: FloatImage) -> FloatImage:
    """A table averaged over neighbouring nodes: jumps between near colours would show as grain."""
    for axis in range(3):
        padded = np.pad(table, [(1, 1) if a == axis else (0, 0) for a in range(4)], mode="edge")
        parts = [np.take(padded, range(k, k + NODES), axis) for k in range(3)]
        table = (parts[0] + 2 * parts[1] + parts[2]) / np.float32(4)
    return np.asarray(table, np.float32)
