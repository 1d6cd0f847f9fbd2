"""What our training is measured against: the same network trained by a plain loop, as other tools train it.

"Plain" means, and nothing else differs:

- samples one by one, drawn evenly, recoloured, jittered, turned, warped and mirrored by OpenCV and numpy
  on the CPU, in the loop and not beside it, by the same recipe and strengths as `training/data/augment.py`;
- the batch then stacked, NCHW, and sent to the device; the network in NCHW as torch builds it;
- float32 all through: no autocast;
- the same losses with the same weights, each written as its paper has it: SSIM at every pixel, its Gaussian
  11 x 11 and not separated, five filters one after the other, and the masked terms each for itself;
- Adam as torch gives it, neither fused nor compiled.

The plain loop keeps no average of the weights and clips no gradient, since most such loops do neither: it is
spared that work. A critic, if settings ask for one, is left out. Used by `scripts/bench/train.py --plain`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.augment import (
    GAIN,
    NODES,
    RECOLOUR_GAIN,
    SHIFT,
    TINT,
    TURN,
    WARP,
    ZOOM,
    Samples,
)
from faceswap_cli.training.data.dataset import OPPONENT, Faces
from faceswap_cli.training.families import build_model
from faceswap_cli.training.objectives.weights import LossWeights
from faceswap_cli.training.runs.settings import TARGET, SwapSettings

Picture = NDArray[np.float32]
WINDOW, SIGMA = 11, 1.5
"""Of SSIM, as in the paper."""


@dataclass(frozen=True)
class Stored:
    """A face set as other tools hold it: a list of pictures each, (H, W, C) uint8."""

    faces: list[tuple[NDArray[np.uint8], ...]]
    mean: Picture
    std: Picture


class PlainLoop:
    """The network, its optimiser and its samples."""

    def __init__(self, settings: SwapSettings, people: dict[str, Faces], device: torch.device) -> None:
        self.settings, self.device = settings, device
        torch.manual_seed(settings.seed)
        self.model: FaceModel = build_model(settings.family, settings.network).to(device)
        self.people = {identity: stored(faces) for identity, faces in people.items()}
        self.optimiser = torch.optim.Adam(
            self.model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99)
        )
        self.random = np.random.default_rng(settings.seed)

    def batch(self) -> list[Samples]:
        """Samples of everybody, on the device."""
        light = self.people[TARGET]
        return [
            self._samples(identity, person, None if identity == TARGET else light)
            for identity, person in self.people.items()
        ]

    def update(self, batch: Sequence[Samples]) -> float:
        """One step; reading the loss waits for the device, as a loop that prints it does."""
        self.optimiser.zero_grad()
        drawn = self.model([(samples.identity, samples.input) for samples in batch])
        costs = [plain_loss(d, s, self.settings.loss) for d, s in zip(drawn, batch, strict=True)]
        loss = torch.stack(costs).mean()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def _samples(self, identity: str, person: Stored, light: Stored | None) -> Samples:
        rows = [one_sample(person, light, self.random) for _ in range(self.settings.batch)]
        columns = [
            torch.from_numpy(np.stack(column).transpose(0, 3, 1, 2).copy()).to(self.device)
            for column in zip(*rows, strict=True)
        ]
        return Samples(identity, *columns)


def stored(faces: Faces) -> Stored:
    """Samples as lists of pictures."""
    columns = (faces.wide, faces.target, faces.mask, faces.weight, faces.free)
    pictures = [column.permute(0, 2, 3, 1).cpu().contiguous().numpy() for column in columns]
    return Stored(list(zip(*pictures, strict=True)), faces.mean.cpu().numpy(), faces.std.cpu().numpy())


def one_sample(person: Stored, light: Stored | None, random: np.random.Generator) -> list[Picture]:
    """Input, target, mask, weight and free of one sample, each (R, R, C) float32 in [0, 1]."""
    index = int(random.integers(len(person.faces)))
    wide, target, *masks = (values.astype(np.float32) / 255 for values in person.faces[index])
    if light is not None:
        other = int(random.integers(len(light.faces)))
        wide, target = (
            recoloured(x, person.mean[index], person.std[index], light.mean[other], light.std[other])
            for x in (wide, target)
        )
    jitter = (1 + GAIN * random.uniform(-1, 1)) * (1 + TINT * random.uniform(-1, 1, 3))
    wide, target = (np.clip(x * jitter.astype(np.float32), 0, 1) for x in (wide, target))
    found = [warped(wide, target.shape[0], random), target, *masks]
    return [np.ascontiguousarray(x[:, ::-1]) for x in found] if random.random() < 0.5 else found


def recoloured(picture: Picture, mean: Picture, std: Picture, to_mean: Picture, to_std: Picture) -> Picture:
    """Another face's mean and contrast along the opponent axes."""
    gain = np.clip(to_std / np.maximum(std, 1e-3), *RECOLOUR_GAIN)
    values: Picture = (((picture @ OPPONENT.T) - mean) * gain + to_mean) @ OPPONENT
    return values


def warped(wide: Picture, size: int, random: np.random.Generator) -> Picture:
    """The network's square out of the wide picture, turned, zoomed, shifted and warped."""
    angle = math.radians(TURN * random.uniform(-1, 1))
    zoom = 1 + ZOOM * random.uniform(-1, 1)
    shift = SHIFT * size * random.uniform(-1, 1, 2)
    axis = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    x, y = np.meshgrid(axis, axis)
    cos, sin = np.float32(math.cos(angle) * zoom), np.float32(math.sin(angle) * zoom)
    nodes = random.normal(0, WARP * size, (2, NODES, NODES)).astype(np.float32)
    moved_x, moved_y = (cv2.resize(node, (size, size), interpolation=cv2.INTER_CUBIC) for node in nodes)
    middle = (wide.shape[0] - 1) / 2
    map_x = (cos * x - sin * y + moved_x + (middle + shift[0])).astype(np.float32)
    map_y = (sin * x + cos * y + moved_y + (middle + shift[1])).astype(np.float32)
    return cv2.remap(wide, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def plain_loss(drawn: Rendered, samples: Samples, weights: LossWeights) -> Tensor:
    """The sum of the terms of `training/objectives/losses.py`."""
    image, target = drawn.image, samples.target
    mask = samples.mask * samples.free
    emphasis = mask * (1 + weights.features * samples.weight)
    structure = (1 - ssim(image * mask, target * mask)) / 2
    pixel = ((image - target).abs() * emphasis).mean()
    a, b = image * emphasis, target * emphasis
    across = ((a[..., :, 1:] - a[..., :, :-1]) - (b[..., :, 1:] - b[..., :, :-1])).abs().mean()
    down = ((a[..., 1:, :] - a[..., :-1, :]) - (b[..., 1:, :] - b[..., :-1, :])).abs().mean()
    of_mask = F.mse_loss(drawn.mask, samples.mask)
    return (
        weights.dssim * structure
        + weights.pixel * pixel
        + weights.edge * (across + down)
        + weights.mask * of_mask
    )


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of (B, 3, H, W) pictures in [0, 1] (Wang et al. 2004)."""
    axis = torch.arange(WINDOW, device=a.device) - (WINDOW - 1) / 2
    line = torch.exp(-(axis**2) / (2 * SIGMA**2))
    window = (line[:, None] * line[None]) / line.sum() ** 2
    window = window.expand(3, 1, WINDOW, WINDOW)

    def mean(x: Tensor) -> Tensor:
        return F.conv2d(x, window, groups=3)

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()
