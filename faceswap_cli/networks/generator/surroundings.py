"""What lies around an invented face: hair, ears, neck and clothes of a stock of pictures, in the mean shape.

Statistics and small networks draw a face, but hair as haze or weaving. So a stock of synthetic people's hair
and clothes is kept as pictures, with nothing of their faces: a drawn head takes those of the head that is
most like its own draft, and their skin takes on its tone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

MOST_TONE = 2.5
"""Times by which skin is made lighter or darker at most."""

LEAST_TONE = 0.02
"""Of a colour in [0, 1] that is divided by."""


class Surroundings:
    """A stock of them; see the module.

    Args:
        tensors: `pictures` (N bytes) WebP files one after another; `ends` (D, 2) where both of each end,
            the picture with its share of a person, and two masks side by side, cover and skin; `looks` (D,
            A) what was read of their heads, each by its weight, and `slope` (A, K) how that goes with the
            coefficients of a texture; `tones` (D, 2, 3) of their skin in [0, 1], left and right in the
            picture; `face` (S, S) in 0..255 where a head's tone is read.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._files = tensors["pictures"].to(torch.uint8).numpy()
        self._ends: list[list[int]] = tensors["ends"].long().tolist()
        self._looks, self._slope = tensors["looks"], tensors["slope"]
        self._tones = tensors["tones"]
        self._face = tensors["face"] / 255
        self._load = cache(self._decode)

    def __len__(self) -> int:
        return len(self._ends)

    def choose(self, coefficients: Tensor) -> list[int]:
        """Those whose heads look most like drafts, of which textures' coefficients (B, K) tell: sex, age,
        skin, light, and hair."""
        looks = coefficients.float().cpu() @ self._slope.T
        found: list[int] = torch.cdist(looks, self._looks).argmin(1).tolist()
        return found

    def lay_around(self, heads: Tensor, chosen: list[int]) -> Tensor:
        """Heads with other surroundings.

        Args:
            heads: (B, 4, S, S) in the mean shape, colours times the share of a person, and this, in [0, 1].
            chosen: which of the stock, for each.
        """
        found = []
        for head, number in zip(heads, chosen, strict=True):
            picture, cover, skin = (one.to(head) for one in self._load(number, head.shape[-1]))
            gain = (
                read_tone(head, self._face.to(head)) / self._tones[number].to(head).clamp(min=LEAST_TONE)
            ).clamp(1 / MOST_TONE, MOST_TONE)
            across = torch.linspace(0, 1, head.shape[-1], device=head.device)
            gain = gain[0][:, None, None] * (1 - across) + gain[1][:, None, None] * across
            colour = (picture[:3] * (1 + skin * (gain - 1))).clamp(0, 1) * picture[3:]
            found.append(torch.lerp(head, torch.cat([colour, picture[3:]]), cover))
        return torch.stack(found)

    def _decode(self, number: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """The picture (4, side, side), its cover and its skin (1, side, side), in [0, 1]."""
        start = self._ends[number - 1][1] if number else 0
        middle, end = self._ends[number]
        decoded = [
            np.asarray(cv2.imdecode(self._files[a:b], cv2.IMREAD_UNCHANGED), np.uint8)
            for a, b in ((start, middle), (middle, end))
        ]
        picture, cover, skin = (
            _resized(one, side) for one in (decoded[0], *np.array_split(decoded[1][..., 0], 2, axis=1))
        )
        if len(picture) == 3:  # WebP leaves out a share that is 1 everywhere
            picture = torch.cat([picture, torch.ones_like(picture[:1])])
        return picture[[2, 1, 0, 3]], cover, skin


def _resized(picture: NDArray[np.uint8], side: int) -> Tensor:
    """(channels, side, side) in [0, 1] a picture (H, W) or (H, W, channels)."""
    large = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC).reshape(side, side, -1)
    return torch.from_numpy(large.astype(np.float32) / 255).permute(2, 0, 1)


def read_tone(head: Tensor, face: Tensor) -> Tensor:
    """(2, 3) mean colours of the skin of a head (4, S, S) left and right, where `face` (T, T) is."""
    where = F.interpolate(face[None, None], head.shape[-2:], mode="bilinear", align_corners=False)[0]
    half = head.shape[-1] // 2
    sides = []
    for part in (slice(None, half), slice(half, None)):
        weight = where[..., part]
        sides.append(
            (head[:3, :, part] * weight).sum((1, 2)) / (head[3:, :, part] * weight).sum().clamp(min=1e-3)
        )
    return torch.stack(sides)
