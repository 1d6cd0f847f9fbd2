"""What lies around an invented face: hair, ears, neck and clothes of a stock of pictures, in the mean shape.

Statistics and small networks draw a face, but hair as haze or weaving. So a stock of synthetic people's hair
and clothes is kept as pictures, without the middle of their faces: a drawn head takes those of the head that
is most like its own draft, and their skin takes on its tone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

LOOKS = (
    "female", "age", "skin", "light", "hair_light", "hair_red", "hair_yellow", "hair_length", "hair_amount",
)  # fmt: skip
"""What has to fit, see `generation.attributes.READ`."""

HAIR = tuple(name for name in LOOKS if name.startswith("hair_"))
"""Of these what is drawn by surroundings alone."""

VARIED = 0.8
"""Of what has to fit, how much chance has a say, so that not all blonde women have one head's hair."""

ASKED, DYED = 2.0, 1.6
"""How much what is asked for counts beside what a draft tells; and a colour of hair, which can be changed."""

COLOURS = ("hair_light", "hair_red", "hair_yellow")
"""Of LOOKS those that a change of hair's colour brings."""

MOST_DYED = (25.0, 20.0, 25.0)
"""CIELAB by which hair's colour is changed at most towards what is asked for."""

CACHED = 64
"""Decoded ones that are kept."""

DARK = 25.0
"""Lightness below which hair takes on a colour less."""

MOST_TONE = 2.5
"""Times by which skin is made lighter or darker at most."""

LEAST_TONE = 0.02
"""Of a colour in [0, 1] that is divided by."""


@dataclass(frozen=True)
class HeadSurroundings:
    """What a head has around it.

    Attributes:
        number: of the stock.
        dyed: by how much the colour of its hair is changed, CIELAB.
    """

    number: int
    dyed: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Surroundings:
    """A stock of them; see the module.

    Args:
        tensors: `pictures` (N bytes) WebP files one after another; `ends` (D, 2) where both of each end,
            the picture with its share of a person, and three masks side by side, cover, skin and hair;
            `looks` (D, A) what was read of their heads, LOOKS, from its `middle` (A,) in its `unit` (A,), the
            less the more it counts, and `slope` (A, K) how that goes with the coefficients of a texture;
            `tones` (D, 2, 3) of their skin in [0, 1], left and right in the picture; `face` (S, S) in 0..255
            where a head's tone is read.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._files = tensors["pictures"].to(torch.uint8).numpy()
        self._ends: list[list[int]] = tensors["ends"].long().tolist()
        self._looks, self._slope = tensors["looks"], tensors["slope"]
        self._middle, self._unit = tensors["middle"], tensors["unit"]
        self._tones = tensors["tones"]
        self._face = tensors["face"] / 255
        self._load = lru_cache(CACHED)(self._decode)

    def __len__(self) -> int:
        return len(self._ends)

    def usual(self, name: str) -> tuple[float, float]:
        """Mean and standard deviation of one of LOOKS in the stock, in its own unit."""
        number = LOOKS.index(name)
        values = self._middle[number] + self._unit[number] * self._looks[:, number]
        return float(values.mean()), float(values.std())

    def choose(
        self, coefficients: Tensor, seed: int | None = None, wanted: Mapping[str, float] = {}
    ) -> HeadSurroundings:
        """Those whose head looks most like a draft.

        Args:
            coefficients: (K,) of its texture, which tell how it looks.
            seed: of a little chance; None: without.
            wanted: how it shall look, by names of LOOKS, whatever the draft tells.
        """
        look, counts = self._slope @ coefficients.float().cpu(), torch.ones(len(LOOKS))
        for name, value in wanted.items():
            if name in LOOKS:
                number = LOOKS.index(name)
                look[number] = (value - self._middle[number]) / self._unit[number]
                counts[number] = DYED if name in COLOURS else ASKED
        if seed is not None:
            look = look + VARIED * torch.randn(len(look), generator=torch.Generator().manual_seed(seed))
        nearest = int((counts * (self._looks - look)).square().sum(1).argmin())
        own = dict(zip(LOOKS, (self._middle + self._unit * self._looks[nearest]).tolist(), strict=True))
        dyed = [
            float(np.clip(wanted.get(name, own[name]) - own[name], -most, most))
            for name, most in zip(COLOURS, MOST_DYED, strict=True)
        ]
        return HeadSurroundings(nearest, (dyed[0], dyed[1], dyed[2]))

    def lay_around(self, heads: Tensor, chosen: Sequence[HeadSurroundings]) -> Tensor:
        """Heads with other surroundings.

        Args:
            heads: (B, 4, S, S) in the mean shape, colours times the share of a person, and this, in [0, 1].
            chosen: which of the stock, for each.
        """
        found = []
        for head, one in zip(heads, chosen, strict=True):
            picture, cover, skin = (part.to(head) for part in self._load(one, head.shape[-1]))
            own = self._tones[one.number].to(head).clamp(min=LEAST_TONE)
            gain = (read_tone(head, self._face.to(head)) / own).clamp(1 / MOST_TONE, MOST_TONE)
            across = torch.linspace(0, 1, head.shape[-1], device=head.device)
            gain = gain[0][:, None, None] * (1 - across) + gain[1][:, None, None] * across
            colour = (picture[:3] * (1 + skin * (gain - 1))).clamp(0, 1) * picture[3:]
            found.append(torch.lerp(head, torch.cat([colour, picture[3:]]), cover))
        return torch.stack(found)

    def _decode(self, one: HeadSurroundings, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """The picture (4, side, side), its cover and its skin (1, side, side), in [0, 1]."""
        start = self._ends[one.number - 1][1] if one.number else 0
        middle, end = self._ends[one.number]
        decoded = [
            np.asarray(cv2.imdecode(self._files[a:b], cv2.IMREAD_UNCHANGED), np.uint8)
            for a, b in ((start, middle), (middle, end))
        ]
        masks = np.array_split(decoded[1][..., 0], 3, axis=1)
        picture, cover, skin, hair = (_resized(part, side) for part in (decoded[0], *masks))
        if len(picture) == 3:  # WebP leaves out a share that is 1 everywhere
            picture = torch.cat([picture, torch.ones_like(picture[:1])])
        picture = picture[[2, 1, 0, 3]]
        if any(one.dyed):
            picture = torch.cat([dye(picture[:3], hair, one.dyed), picture[3:]])
        return picture, cover, skin


def dye(picture: Tensor, hair: Tensor, change: tuple[float, float, float]) -> Tensor:
    """A picture (3, H, W) in [0, 1] whose hair (1, H, W) has another colour, by so much in CIELAB and less in
    its darks, so that strands stay."""
    lab = cv2.cvtColor(np.ascontiguousarray(picture.permute(1, 2, 0).numpy()), cv2.COLOR_RGB2Lab)
    light = np.clip(lab[..., :1] / DARK, 0, 1) * hair.permute(1, 2, 0).numpy()
    dyed = cv2.cvtColor(np.asarray(lab + light * np.array(change, np.float32), np.float32), cv2.COLOR_Lab2RGB)
    return torch.from_numpy(dyed).permute(2, 0, 1).clamp(0, 1)


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
