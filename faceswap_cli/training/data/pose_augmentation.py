"""Samples in poses and expressions that nobody took a picture of, bent to them (`faces.landmarks.repose`).

Most pictures are portraits: they look ahead and smile. T is the number of `conditions.TRAITS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.faces.geometry import crop_matrix, invert, transform
from faceswap_cli.faces.identity.identity_encoder import chip_matrix
from faceswap_cli.faces.landmarks.dense import IBUG
from faceswap_cli.faces.landmarks.head_attributes import change_points, measure_points
from faceswap_cli.faces.landmarks.repose import fit_spline, frame_points
from faceswap_cli.training.data.conditioning import Conditioning

REPOSED = 0.5
"""Share of the pictures that are bent."""

SPREAD = (0.6, 0.5, 0.0, 1.2, 1.2, 1.2, 1.2)
"""Standard deviation of each attribute's change, in its unit; a head's tilt is taken away by alignment."""

EACH = 0.6
"""How likely each attribute of a bent picture is another."""

MOST_TURNED = 1.2
"""Yaw and pitch up to which a head is turned: further, half of it was never seen."""


def draw_changes(traits: Tensor, generator: torch.Generator) -> Tensor:
    """What is to be added to faces' traits (B, T) for their pictures to be bent; rows of 0: nothing."""
    drawn = torch.randn(traits.shape, generator=generator) * torch.tensor(SPREAD)
    drawn = drawn * (torch.rand(traits.shape, generator=generator) < EACH)
    drawn = drawn * (torch.rand(len(traits), 1, generator=generator) < REPOSED)
    turned, limit = traits[:, :2], traits[:, :2].abs().clamp(min=MOST_TURNED)
    drawn[:, :2] = (turned + drawn[:, :2]).clamp(-limit, limit) - turned
    return drawn


@dataclass(frozen=True)
class BentSamples:
    """How pictures are bent, and what of them is known then.

    Attributes:
        grid: (B, R, R, 2) in grid_sample's coordinates of the wide picture with align_corners.
        traits: (B, T).
        chip: (B, 2, 3), see Described.
    """

    grid: Tensor
    traits: Tensor
    chip: Tensor


def bend(known: Conditioning, change: Tensor, size: int, wide: int) -> BentSamples:
    """Bend pictures until their traits are others.

    Args:
        known: of B samples.
        change: (B, T) of their traits.
        size: side R of the network's square, which lies in the middle of the wide picture, in pixels.
        wide: side of the wide picture in pixels.
    """
    axis = torch.linspace(-(size - 1) / (wide - 1), (size - 1) / (wide - 1), size)
    grids = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).repeat(len(known), 1, 1, 1)
    traits, chips = known.traits.clone(), known.chip.clone()
    for row in change.any(1).nonzero()[:, 0].tolist():
        points = known.points[row].numpy().astype(np.float64)
        new = change_points(points, change[row].numpy())
        there, then = _moved(points[:, :2], new[:, :2], size, wide)
        grids[row] = torch.from_numpy(fit_spline(there, then, size)) / ((wide - 1) / 2) - 1
        # Flat points are read as alignment puts them; those with depth say the same wherever they lie.
        flat = points.shape[1] == 2
        traits[row] = torch.from_numpy(measure_points(then[: len(points)] if flat else new))
        chips[row] = torch.from_numpy(invert(chip_matrix(then[:IBUG])))
    return BentSamples(grids, traits, chips)


def _moved(
    points: NDArray[np.float64], new: NDArray[np.float64], size: int, wide: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (P, 2) and the frame's edge in the wide picture, and where alignment puts them in the square
    after they have moved to `new`."""
    align = np.vstack([crop_matrix(new[:IBUG], size), [0, 0, 1]])
    before = np.vstack([invert(crop_matrix(points[:IBUG], size)), [0, 0, 1]])
    middle = np.eye(3)
    middle[:2, 2] = -(wide - size) / 2
    matrix = (align @ before @ middle)[:2]
    edge = frame_points(wide)
    return np.vstack([points, edge]), transform(np.vstack([new, edge]), matrix)
