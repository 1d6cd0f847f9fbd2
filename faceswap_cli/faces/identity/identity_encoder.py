"""Who a face is: 128 numbers whose distance tells people apart. See docs/faces.md for how surely.

A face is cut out as a *chip* of 150 x 150 pixels, framed as the network has learned it, see `chip_matrix`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from faceswap_cli import zoo
from faceswap_cli.device import pick_device
from faceswap_cli.faces import geometry
from faceswap_cli.faces.batches import stack_batches
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.perception.identity import IdentityNetwork, build_identity_network

WEIGHTS = "identity"
"""The network's folder in `models/`."""

NUMBERS = 128
"""Length of a descriptor."""

THRESHOLD = 0.5
"""Faces closer than this are taken for one person's. The network was trained for 0.6, at which 15 to 40 times
as many strangers are taken for each other (docs/faces.md); poor faces need more, see
`track_embedding.allowed_distance`."""

CHIP = 150
"""Side of a chip in pixels."""

CHIP_SIDE, CHIP_CENTRE = 1.982, (0.013, 0.052)
"""Side and middle of a chip in face units: our mean face laid onto the frame that dlib 19-20 cuts for this
network (68 landmarks, padding 0.25), by least squares; 1.3 of 150 pixels are left between the two shapes."""

STEADY = np.array([*range(27, 55), *range(60, 65)])
"""Landmarks that a chip is placed by: nose, eyes and upper lip, which move little with the expression."""

BATCH = 32
"""Chips that go through the network together: 60 MB of activations."""


def load_identity_network(device: str) -> IdentityNetwork:
    """The bundled network on a torch device, in evaluation mode and frozen; loaded once.

    Raises:
        UserError: the weights are missing or damaged.
    """
    network: IdentityNetwork = zoo.shared_network(WEIGHTS, build_identity_network, device)
    return network


class IdentityEncoder:
    """Describes faces so that those of one person lie close together. The network is loaded on first use.

    Args:
        device: a `--device` value.

    Raises:
        UserError: the device is not here; on first use, the weights are missing or damaged.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = str(pick_device(device))

    def embed(self, image: Image, landmarks: Sequence[ArrayLike]) -> FloatArray:
        """Descriptors of faces in one picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (68, 2) pixels of `image` for each of N faces.

        Returns:
            (N, 128) float32, compared by `identity_distance`.
        """
        return self.embed_chips(cut_chip(image, one) for one in landmarks)

    def embed_chips(self, chips: Iterable[Image]) -> FloatArray:
        """Descriptors of chips, from as many pictures as you like.

        Args:
            chips: N pictures of (150, 150, 3) uint8 RGB, see `cut_chip`; an (N, 150, 150, 3) array will do.
                An iterator is read a batch at a time, so that few are in memory at once.

        Returns:
            (N, 128) float32.
        """
        found = [self._forward(batch) for batch in stack_batches(chips, BATCH)]
        return np.concatenate([np.zeros((0, NUMBERS), np.float32), *found])

    def _forward(self, chips: NDArray[np.uint8]) -> FloatArray:
        # As the array lies, it is a channels-last tensor already.
        pictures = torch.from_numpy(chips).to(self._device).permute(0, 3, 1, 2)
        network = self._network  # loaded outside: training goes backwards through the same one
        with torch.inference_mode():
            descriptors = network(pictures.float())
        return np.asarray(descriptors.cpu().numpy(), np.float32)

    @cached_property
    def _network(self) -> IdentityNetwork:
        return load_identity_network(self._device)


def cut_chip(image: Image, landmarks: ArrayLike) -> Image:
    """The chip (150, 150, 3) of a face with `landmarks` (68, 2) in `image` (H, W, 3) uint8 RGB."""
    return geometry.warp(image, chip_matrix(landmarks), CHIP)


def chip_matrix(landmarks: ArrayLike) -> NDArray[np.float64]:
    """The similarity (2, 3) from the picture's pixels to the chip's.

    The mean face is laid onto the landmarks and the result inverted, not the other way round: least
    squares shrinks what it maps where the shapes differ, as in a turned head, and the network has seen turned
    heads large (the other way round its descriptors of them differ by up to 0.24).
    """
    mean = (geometry.MEAN_FACE - CHIP_CENTRE) * (CHIP / CHIP_SIDE) + (CHIP - 1) / 2
    points = np.asarray(landmarks, np.float64)
    return geometry.invert(geometry.fit_similarity(mean[STEADY], points[STEADY]))


def identity_distance(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Euclidean distances of descriptors: (..., 128) against (..., 128), broadcast."""
    apart = np.linalg.norm(np.asarray(a, np.float64) - np.asarray(b, np.float64), axis=-1)
    return np.asarray(apart, np.float64)
