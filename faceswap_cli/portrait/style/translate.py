"""A picture of any size in another style: the change is found at the network's size, and laid on the picture.

The network sees the picture with its shorter side at the size that it was trained on. What it changes is
enlarged and added, so that detail finer than it can draw stays the picture's own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import FineImage, Image
from faceswap_cli.networks.style.translation import MULTIPLE, StyleModel, Translator


@dataclass(frozen=True)
class StyleChange:
    """What is changed of a picture.

    Attributes:
        small: (h, w, 3) uint8 the picture as the network saw it.
        change: (h, w, 3) levels that are added.
    """

    small: Image
    change: NDArray[np.float32]


def lay_change(
    image: Image | FineImage, found: StyleChange, strength: float, detail: float
) -> NDArray[np.float32]:
    """A picture (H, W, 3) in 0..255 with what was changed of it.

    Args:
        image: the picture.
        found: what is changed.
        strength: how much of it is made.
        detail: how much of what is finer than the network sees stays, 0..1.
    """
    size = image.shape[1::-1]
    ground = image.astype(np.float32)
    if detail < 1:
        coarse = cv2.resize(found.small.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
        ground = np.float32(detail) * ground + np.float32(1 - detail) * coarse
    change = found.change.astype(np.float32) * np.float32(strength)
    enlarged = cv2.resize(change, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(ground + enlarged, 0, 255), np.float32)


@dataclass(frozen=True)
class StyleTranslator:
    """A trained translator.

    Attributes:
        network: from one kind to the other, in eval mode.
        resolution: shorter side of the pictures that it sees, in pixels.
        cache_key: what its pictures depend on.
    """

    network: Translator
    resolution: int
    cache_key: str

    def __call__(self, image: Image, strength: float = 1.0, detail: float = 1.0) -> Image:
        """A picture in the other style.

        Args:
            image: (H, W, 3) uint8 RGB.
            strength: how much of the change is made.
            detail: how much of what is finer than the network sees stays, 0..1.
        """
        found = lay_change(image, self.find_change(image), strength, detail)
        return np.rint(found).astype(np.uint8)

    def find_change(self, image: Image) -> StyleChange:
        """What the network changes of a picture (H, W, 3) uint8 RGB."""
        height, width = image.shape[:2]
        scale = self.resolution / min(height, width)
        size = tuple(max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in (width, height))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
        seen = small.astype(np.float32) / np.float32(127.5) - 1
        return StyleChange(small, (self._run(seen) - seen) * np.float32(127.5))

    def _run(self, small: NDArray[np.float32]) -> NDArray[np.float32]:
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            made = self.network(torch.from_numpy(small).permute(2, 0, 1)[None].to(device))
        return np.asarray(made[0].clamp(-1, 1).permute(1, 2, 0).cpu().numpy(), np.float32)


def load_style(run: Path, device: str, back: bool = False) -> StyleTranslator:
    """The translator of a run folder.

    Args:
        run: folder of `faceswap train --family style`.
        device: a `--device` value.
        back: from B to A.

    Raises:
        UserError: it holds none, or not this way; nothing was trained yet; the device is not here.
    """
    from faceswap_cli.device import pick_device
    from faceswap_cli.training.runs.folder import load_network, open_run

    model, checkpoint, _ = load_network(open_run(run), pick_device(device), StyleModel)
    network = model.to_a if back else model.to_b
    if network is None:
        raise UserError(
            f"{run} goes from A to B alone (method cut)", "Leave --back out, or train with method=cycle"
        )
    key = hashlib.sha256(f"{checkpoint.path.name} {back}".encode()).hexdigest()
    return StyleTranslator(network.requires_grad_(False), model.config.resolution, key)
