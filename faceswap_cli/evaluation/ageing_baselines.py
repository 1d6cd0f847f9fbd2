"""Two ways of ageing a portrait that age nobody: they prove the measures.

`copy_input` shows what a figure is worth that costs nothing: likeness, sharpness and sex are perfect.
`InvisibleNoise` moves the estimator's answer by decades and changes nothing that anybody sees.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.evaluation.ageing import AgedPortrait, LabelledPortrait
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.geometry import crop_matrix, invert, warp
from faceswap_cli.media.frame import Image

LEAST, MOST = 160, 1024
"""Sides in pixels of the square that a face is changed in: as many as it has in the photo, between these."""

NOISE, STEPS = 2, 4
"""Levels of 255 by which noise may change a pixel, and in how many steps it is found."""


def copy_input(portrait: LabelledPortrait, target: float) -> AgedPortrait:
    """The photo as it is."""
    return AgedPortrait(portrait.image, np.zeros(portrait.image.shape[:2], np.bool_))


class InvisibleNoise:
    """Noise of NOISE levels that brings the estimator to any age: the sign of its gradient, some steps of it
    (A. Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018)."""

    def __init__(self) -> None:
        self._estimator = AgeEstimator()

    def __call__(self, portrait: LabelledPortrait, target: float) -> AgedPortrait:
        """See ageing.Way."""
        square = SquareMethod(portrait, self._estimator.side)
        crop = to_tensor(square.crop)
        noise = torch.zeros_like(crop)
        for step in range(STEPS):
            noise.requires_grad_(True)
            off = (self._estimator.look(crop + noise, square.side).age - target).abs().sum()
            [slope] = torch.autograd.grad(off, noise)
            by = NOISE / 255 / (1 + step)
            noise = (noise.detach() - by * slope.sign()).clamp(-NOISE / 255, NOISE / 255)
        levels = (255 * noise[0].permute(1, 2, 0)).round().numpy()
        return square.added(levels)


class SquareMethod:
    """An aligned square of `side` face units around a portrait's face, as fine as the photo is there."""

    def __init__(self, portrait: LabelledPortrait, side: float) -> None:
        self.image, self.side = portrait.image, side
        scale = float(np.hypot(*crop_matrix(portrait.face.landmarks, MOST, side)[0, :2]))
        self.size = int(np.clip(round(MOST / scale / 2) * 2, LEAST, MOST))
        self.matrix = crop_matrix(portrait.face.landmarks, self.size, side)
        self.crop = warp(portrait.image, self.matrix, self.size)

    def added(self, levels: NDArray[np.float32]) -> AgedPortrait:
        """The photo with levels of 255 (S, S, 3) added; each of its pixels gets those of the nearest one in
        the square, since between pixels noise would cancel out."""
        height, width = self.image.shape[:2]

        def back(values: NDArray[np.float32]) -> NDArray[np.float32]:
            found = cv2.warpAffine(values, invert(self.matrix), (width, height), flags=cv2.INTER_NEAREST)
            return np.asarray(found, np.float32)

        where = back(np.ones((self.size, self.size), np.float32)) > 0
        new = np.clip(np.rint(self.image + back(levels)), 0, 255)
        return AgedPortrait(new.astype(np.uint8), where)


def to_tensor(image: Image) -> Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
