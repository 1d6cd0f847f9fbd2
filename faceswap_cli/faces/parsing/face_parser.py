"""Which part of a face each pixel shows, and from it two masks: the face's region, and what stands before it.

The network (`networks/perception/parsing.py`, weights `models/mask`) sees aligned crops of 2.75 face units,
the square that face sets store, at 128 pixels: brows to chin fill half of it, so that hair and hands beside
the face are in view. All masks here are in the pixels of that crop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.parsing.bundled_network import BundledNetwork
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.perception.parsing import CLASSES, ParsingConfig, ParsingNetwork, probabilities

NAME = "mask"
"""Of the weights in the zoo."""

SIZE, SIDE = 128, 2.75
"""Side of the parser's crops in pixels and in face units."""

FACE = ("skin", "brows", "eyes", "nose", "mouth")
"""Classes that a drawn face covers. Behind a clear lens the network says what is seen through it, so that the
new eyes appear there; frames and dark lenses are "glasses", and stay."""

MOST = 32
"""Crops that go through the network at once, at most."""


def build_parsing_network(config: Mapping[str, Any]) -> ParsingNetwork:
    """The network from its card's `config`."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    network = ParsingNetwork(ParsingConfig(**values))
    assert (network.config.size, network.config.side, network.config.classes) == (SIZE, SIDE, CLASSES)
    return network


class FaceParser(BundledNetwork[ParsingNetwork]):
    """Parses aligned crops; see `BundledNetwork`."""

    weights = NAME
    build = staticmethod(build_parsing_network)

    def crop(self, image: Image, landmarks: ArrayLike) -> Image:
        """Cut a face out of a frame as `probabilities` wants it.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (68, 2) frame pixels.
        """
        return warp(image, crop_matrix(landmarks, SIZE, SIDE), SIZE)

    def probabilities(self, crops: Sequence[Image]) -> FloatArray:
        """What each pixel shows.

        Args:
            crops: N pictures (SIZE, SIZE, 3) uint8 RGB, see `crop`.

        Returns:
            (N, classes, SIZE, SIZE) float32 that add up to 1 over the classes, in the order of CLASSES.
        """
        if not len(crops):
            return np.zeros((0, len(CLASSES), SIZE, SIZE), np.float32)
        parts = [self._run(np.stack(crops[i : i + MOST])) for i in range(0, len(crops), MOST)]
        return np.concatenate(parts)

    def _run(self, crops: NDArray[np.uint8]) -> FloatArray:
        batch = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)  # channels last in memory
        with torch.inference_mode():
            found = probabilities(self._network(batch.float() / 255))
        return np.asarray(found.float().cpu().numpy(), np.float32)


def swap_region(found: FloatArray) -> FloatArray:
    """The face's region: from the hair to the chin as far as it is seen, with the glasses on it.

    Args:
        found: (N, C, S, S) probabilities.

    Returns:
        (N, S, S) in [0, 1].
    """
    return class_share(found, (*FACE, "glasses"))


def occlusion(found: FloatArray) -> FloatArray:
    """Where nothing stands before the face: 1 free, 0 covered.

    Hands, microphones, hair, hats, frames of glasses and dark lenses cover it. So does "other": where the
    network takes a hand for background it is as much in the way, and where a face ends nothing is lost,
    because the hull ends there too. On pasted hands that halves what a swap paints over.

    Args:
        found: (N, C, S, S) probabilities.

    Returns:
        (N, S, S) in [0, 1].
    """
    return class_share(found, FACE)


def hair(found: FloatArray) -> FloatArray:
    """Where hair is, whoever's: (N, C, S, S) probabilities to (N, S, S) in [0, 1]."""
    return class_share(found, ("hair",))


def class_share(found: FloatArray, names: tuple[str, ...]) -> FloatArray:
    """How surely each pixel is one of some classes: (N, C, S, S) probabilities to (N, S, S) in [0, 1]."""
    total = found[:, [CLASSES.index(name) for name in names]].sum(1)
    return np.asarray(np.clip(total, 0, 1), np.float32)
