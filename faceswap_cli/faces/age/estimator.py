"""How old a face looks, how sure that is, and whether it looks like a woman's. See docs/age.md for how well.

Two ways in: `AgeEstimator.estimate` for pictures and their landmarks, and `AgeEstimator.look` for aligned
crops as tensors, through which gradients flow back to the pixels, so that a network which changes a face's
age can be trained against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.device import pick_device
from faceswap_cli.faces.batches import stack_batches
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.perception.age_estimator import AgeNetwork, AgeOutput, build_age_estimator

WEIGHTS = "age_estimator"
"""The network's folder in `models/`."""

BATCH = 32
"""Pictures that go through the network together: 0.2 GB of activations."""


def load_age_network(device: str, weights: str = WEIGHTS) -> AgeNetwork:
    """A bundled network on a torch device, in evaluation mode and frozen; loaded once.

    Raises:
        UserError: the weights are missing or damaged.
    """
    network: AgeNetwork = zoo.shared_network(weights, build_age_estimator, device)
    return network


@dataclass(frozen=True)
class AgeEstimate:
    """What is said of one face.

    Attributes:
        age: years that it looks.
        spread: standard deviation of the distribution over ages that the network answers with, years.
        female: 0..1, that it looks like a woman's.
        minor: 0..1, the share of that distribution below the years at which the estimator's adults begin.
    """

    age: float
    spread: float
    female: float
    minor: float


class AgeEstimator:
    """Says how old faces look. The network is loaded on first use.

    Args:
        device: a `--device` value.
        weights: the network's folder in `models/`.
        adult: years, as the network sees them, from which on somebody is no minor.

    Raises:
        UserError: the device is not here; on first use, the weights are missing or damaged.
    """

    def __init__(self, device: str = "cpu", weights: str = WEIGHTS, adult: float = 18.0) -> None:
        self._device = str(pick_device(device))
        self._weights, self._adult = weights, adult

    @cached_property
    def network(self) -> AgeNetwork:
        """The network, in evaluation mode and frozen."""
        return load_age_network(self._device, self._weights)

    @property
    def size(self) -> int:
        """Side of the network's picture in pixels."""
        return self.network.config.size

    @property
    def side(self) -> float:
        """Side of the network's picture in face units."""
        return self.network.config.side

    def estimate(self, image: Image, landmarks: Sequence[ArrayLike]) -> list[AgeEstimate]:
        """Ages of the faces in one picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (68, 2) pixels of `image` for each face.
        """
        return self.estimate_crops((self.crop(image, one) for one in landmarks), self.side)

    def crop(self, image: Image, landmarks: ArrayLike) -> Image:
        """The network's picture (size, size, 3) of a face with `landmarks` (68, 2) in `image` (H, W, 3)."""
        return warp(image, crop_matrix(landmarks, self.size, self.side), self.size)

    def estimate_crops(self, crops: Iterable[Image], side: float) -> list[AgeEstimate]:
        """Ages of aligned crops, from as many pictures as you like.

        Args:
            crops: pictures (S, S, 3) uint8 RGB of one size, see `geometry.align`. An iterator is read a batch
                at a time.
            side: theirs in face units.
        """
        return [one for batch in stack_batches(crops, BATCH) for one in self._some(batch, side)]

    def _some(self, crops: NDArray[np.uint8], side: float) -> list[AgeEstimate]:
        # As the array lies, it is a channels-last tensor already.
        pictures = torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2)
        with torch.inference_mode():
            out = self.look(pictures.float() / 255, side)
            columns = (out.age, out.spread, out.female.sigmoid(), self.network.below(out.logits, self._adult))
        rows = torch.stack(columns, 1).cpu().tolist()
        return [AgeEstimate(*row) for row in rows]

    def look(self, crops: Tensor, side: float) -> AgeOutput:
        """What the network says of aligned crops, differentiable down to their pixels.

        Args:
            crops: (B, 3, S, S) RGB in [0, 1], on the estimator's device.
            side: theirs in face units. Where it is less than the network's the crops' edge is drawn out,
                which the network has learned to look past.
        """
        return self.network(frame_for_estimator(crops, side, self.size, self.side))  # type: ignore[no-any-return]


def frame_for_estimator(crops: Tensor, side: float, size: int, wanted: float) -> Tensor:
    """Aligned crops resampled to another square around the same middle; differentiable.

    Args:
        crops: (B, 3, S, S).
        side: theirs in face units.
        size: side of the result in pixels.
        wanted: side of the result in face units.

    Returns:
        (B, 3, size, size).
    """
    if crops.shape[-1] == size and side == wanted:
        return crops
    # First to the right number of pixels for a face unit, low-passed where that means fewer, then cut.
    whole = max(2, round(size * side / wanted))
    if whole < crops.shape[-1]:
        crops = F.interpolate(crops, (whole, whole), mode="bilinear", align_corners=False, antialias=True)
    theta = torch.zeros(len(crops), 2, 3, dtype=crops.dtype, device=crops.device)
    theta[:, 0, 0] = theta[:, 1, 1] = wanted / side
    grid = F.affine_grid(theta, [len(crops), 3, size, size], align_corners=False)
    return F.grid_sample(crops, grid, mode="bilinear", padding_mode="border", align_corners=False)
