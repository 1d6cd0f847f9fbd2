"""How far a generator's pictures are from real ones, and whether it copies them.

Sliced Wasserstein distance of patches over a Laplacian pyramid (T. Karras et al., Progressive growing of
GANs, ICLR 2018, section 5): it takes no network that could have been trained on the same pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.networks.generator.style import StyleGenerator
from faceswap_cli.training.data.latents import decode_drawn
from faceswap_cli.training.data.picture_set import to_tensor

PATCH, PATCHES = 5, 16
"""Side of a patch, and patches taken of each picture on each level."""

DIRECTIONS = 128
MEASURED = 192
"""Pictures that are compared."""

SMALL = 16
"""Side of pictures whose distance tells copies."""


class GeneratorValidator:
    """Compares generated with real pictures.

    Args:
        own: (N, S, S, C) uint8 that are learnt from.
        kept: (M, S, S, C) uint8 that are not.
    """

    def __init__(self, own: NDArray[np.uint8], kept: NDArray[np.uint8]) -> None:
        spread = np.linspace(0, len(own) - 1, min(len(own), MEASURED)).astype(int)
        self._own, self._kept = to_tensor(own[spread]), to_tensor(kept[:MEASURED])
        self._small = _shrunk(to_tensor(own))
        self._floor = max(sliced_distance(self._kept, self._own), 1e-6)
        self._usual = max(_nearest(_shrunk(self._kept), self._small, skip_itself=kept is own), 1e-6)

    def measure(self, model: StyleGenerator) -> dict[str, float]:
        """Both figures, by name."""
        random = torch.Generator().manual_seed(1)
        device = next(model.parameters()).device
        noise = torch.randn(len(self._kept), model.config.inputs, generator=random)
        with torch.inference_mode():
            parts = (noise[k : k + 32].to(device) for k in range(0, len(noise), 32))
            drawn = [model.draw(model.styles(part), noise=random) for part in parts]
            pictures = [decode_drawn(model, part).cpu() for part in drawn]
        made = torch.cat(pictures).clamp(-1, 1)
        return {
            "loss": sliced_distance(made, self._kept) / self._floor,
            "copied": _nearest(_shrunk(made), self._small) / self._usual,
        }


def sliced_distance(a: Tensor, b: Tensor) -> float:
    """Sliced Wasserstein distance of two sets of pictures (N, C, S, S), a mean over levels."""
    random = torch.Generator().manual_seed(0)
    found = []
    for one, other in zip(_levels(a), _levels(b), strict=True):
        patches = [_patches(pictures, random) for pictures in (one, other)]
        mean, scale = patches[1].mean(0), patches[1].std(0).clamp(min=1e-3)
        directions = F.normalize(torch.randn(patches[0].shape[1], DIRECTIONS, generator=random), dim=0)
        cast = [((part - mean) / scale) @ directions for part in patches]
        steps = torch.linspace(0, 1, 256)
        quantiles = [torch.quantile(part[:16384], steps, dim=0) for part in cast]
        found.append(float((quantiles[0] - quantiles[1]).abs().mean()))
    return float(np.mean(found))


def _levels(pictures: Tensor) -> Iterator[Tensor]:
    """A Laplacian pyramid, down to 16 pixels."""
    while pictures.shape[-1] > 16:
        small = F.avg_pool2d(pictures, 2)
        yield pictures - F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
        pictures = small
    yield pictures


def _patches(pictures: Tensor, random: torch.Generator) -> Tensor:
    """(N * PATCHES, C * PATCH * PATCH) at random places."""
    side = pictures.shape[-1] - PATCH + 1
    whole = F.unfold(pictures, PATCH)
    at = torch.randint(side * side, (len(pictures), PATCHES), generator=random)
    return torch.cat([one[:, places].T for one, places in zip(whole, at, strict=True)])


def _shrunk(pictures: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(pictures, SMALL).flatten(1)


def _nearest(pictures: Tensor, known: Tensor, skip_itself: bool = False) -> float:
    """Median distance to the nearest of the known pictures."""
    apart = torch.cdist(pictures, known)
    if skip_itself:
        apart = apart + torch.where(apart < 1e-4, torch.inf, 0.0)
    return float(apart.min(1).values.median())
