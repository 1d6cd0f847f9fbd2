"""Pictures as the encoder would see them, had the face had another pose or expression.

A picture is bent so that its landmarks lie where they would (`faces.attributes.changed`), by a thin-plate
spline (Bookstein, Principal warps, 1989). What was bent away is asked for again: so what attributes mean is
learnt from true pictures. T is the number of `networks.conditions.TRAITS`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.faces.attributes import attributes, changed
from faceswap_cli.faces.geometry import crop_matrix, invert, transform

REPOSED = 0.6
"""Share of the pictures that are bent."""

SPREAD = (0.6, 0.5, 0.0, 1.2, 1.2, 1.2, 1.2)
"""Standard deviation of each attribute's change, in its unit; a head's tilt is taken away by alignment."""

EACH = 0.6
"""How likely each attribute of a bent picture is another."""

MOST_TURNED = 1.2
"""Yaw and pitch up to which a head is turned: further, half of it was never seen."""

COARSE = 17
"""Nodes along a side at which the spline is worked out."""

STIFF = 1e-3
"""How little the spline follows single points, as a share of the kernel's unit."""


def changes(traits: Tensor, generator: torch.Generator) -> Tensor:
    """What is to be added to faces' traits (B, T) for their pictures to be bent; rows of 0: nothing."""
    drawn = torch.randn(traits.shape, generator=generator) * torch.tensor(SPREAD)
    drawn = drawn * (torch.rand(traits.shape, generator=generator) < EACH)
    drawn = drawn * (torch.rand(len(traits), 1, generator=generator) < REPOSED)
    turned, limit = traits[:, :2], traits[:, :2].abs().clamp(min=MOST_TURNED)
    drawn[:, :2] = (turned + drawn[:, :2]).clamp(-limit, limit) - turned
    return drawn


def bent(points: Tensor, traits: Tensor, change: Tensor, size: int, wide: int) -> tuple[Tensor, Tensor]:
    """Where bent pictures are read.

    Args:
        points: (B, 68, 2) landmarks in the wide pictures' pixels.
        traits: (B, T) of them.
        change: (B, T) of their traits.
        size: side R of the network's square, which lies in the middle of the wide picture, in pixels.
        wide: side of the wide picture in pixels.

    Returns:
        (B, R, R, 2) in grid_sample's coordinates of the wide picture with align_corners, and the traits
        (B, T) of the bent faces.
    """
    axis = torch.linspace(-(size - 1) / (wide - 1), (size - 1) / (wide - 1), size)
    plain = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    grids, seen = plain.repeat(len(points), 1, 1, 1), traits.clone()
    for row in change.any(1).nonzero()[:, 0].tolist():
        there, then = _moved(points[row].numpy(), change[row].numpy(), size, wide)
        grids[row] = _read_at(there, then, size) / ((wide - 1) / 2) - 1
        seen[row] = torch.from_numpy(attributes(then[: len(points[row])]))
    return grids, seen


def _moved(
    points: NDArray[np.float32], change: NDArray[np.float32], size: int, wide: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Landmarks and the frame's edge in the wide picture, and where alignment puts them in the square."""
    new = changed(points, change)
    align = np.vstack([crop_matrix(new, size), [0, 0, 1]])
    before = np.vstack([invert(crop_matrix(points, size)), [0, 0, 1]])
    middle = np.eye(3)
    middle[:2, 2] = -(wide - size) / 2
    matrix = (align @ before @ middle)[:2]
    steps = np.linspace(0, wide - 1, 5)
    edge = [(x, y) for x in steps for y in steps if {x, y} & {0.0, wide - 1.0}]
    there = np.vstack([points, edge])
    return there, transform(np.vstack([new, edge]), matrix)


def _read_at(values: NDArray[np.float64], places: NDArray[np.float64], size: int) -> Tensor:
    """The spline through `values` (N, 2) at `places` (N, 2), for each pixel of a square: (size, size, 2)."""
    count = len(places)
    rows = np.hstack([np.ones((count, 1)), places / size])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(places / size, places / size) + STIFF * np.eye(count)
    system[:count, count:], system[count:, :count] = rows, rows.T
    solved = np.linalg.solve(system, np.vstack([values, np.zeros((3, 2))]))
    axis = np.linspace(0, size - 1, COARSE) / size
    nodes = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    found = _kernel(nodes, places / size) @ solved[:count] + solved[count] + nodes @ solved[count + 1 :]
    coarse = torch.from_numpy(found.reshape(COARSE, COARSE, 2)).float().permute(2, 0, 1)[None]
    fine = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)
    return fine[0].permute(1, 2, 0)


def _kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """r^2 log r of the distances between two rows of points."""
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    found: NDArray[np.float64] = 0.5 * squared * np.log(squared + 1e-12)
    return found
