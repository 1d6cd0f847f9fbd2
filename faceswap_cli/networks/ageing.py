"""A face older or younger: a network that answers with a change to the picture, not with a picture.

What is said is where the skin goes (a coarse flow), how much of its own fine detail is kept or strengthened
(gains), and what is added (a residual). So a change that was found in a small crop is carried to a picture of
any size (`carried`), where the picture's own pores and hairs stay, and where the mask is 0 nothing changes at
all. The residual follows FRAN (G. Zoss et al., Production-ready face re-aging for visual effects, SIGGRAPH
Asia 2022); ages enter by FiLM (E. Perez et al., AAAI 2018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.blocks import activation, initialise

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""

BANDS = (0.012, 0.03, 0.075)
"""Widths of the Gaussians, in face units, between which the bands of detail lie: finer than the first, from
the first to the second, from the second to the third."""

MOST_FLOW = 0.08
"""How far the skin can move, face units."""

MOST_HUE = 0.025
"""How far colours move without regard to what they were. Most of the change of colour is in their saturation:
hair goes grey, and nothing turns blue."""

MOST_SATURATION = 0.5
"""Colours lose up to all of their saturation, or gain up to this share of it."""

ANSWERS = 4 + len(BANDS)
"""Brightness, saturation, two of hue, and the gains."""

MOST_DETAIL = 0.1
"""Detail is counted up to about so much of the picture's range: lines and pores, and not the edges of head,
lips and eyes, beside which a gain would draw bright rims."""

USUAL = (0.02, 0.03, 1.0)
"""Standard deviations that the bands of a clean, sharp portrait have at most (the astronaut's .014 and .023).
What a picture has beyond that in the finer two is noise, which must not grow with the lines."""

MOST_GAIN = 1.5
"""A band is changed by -1 (gone) to +1.5 (two and a half times as strong) of itself."""

LEAST_AGE, MOST_AGE = 16.0, 80.0
"""Ages that are drawn: of younger people there are no pictures to learn from, of older ones few."""


_COARSE = 3.0
"""Gaussians of at least twice so many pixels are computed on a smaller picture, on which they have about as
many: a fiftieth of the time on large faces, off by 0.0003 of the picture's range on average."""


class Change(NamedTuple):
    """How B pictures change.

    Attributes:
        residual: (B, 3, S, S) added, in units of the picture's range 0..1.
        gain: (B, len(BANDS), S, S) what is added of each band of detail, in parts of itself.
        flow: (B, 2, S, S) where each pixel comes from, relative to itself: (x, y) in face units.
    """

    residual: Tensor
    gain: Tensor
    flow: Tensor


class Ager(Protocol):
    """Says how faces change between two ages: a network, or a method without one."""

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        ...

    @property
    def side(self) -> float:
        """Side of the crops in face units."""
        ...

    def __call__(self, crops: Tensor, source: Tensor, target: Tensor) -> Change:
        """(B, 3, S, S) RGB in [0, 1], ages (B,) as they are and as they shall be, in years."""
        ...


@dataclass(frozen=True)
class AgeingConfig:
    """What rebuilds an AgeingNetwork.

    Attributes:
        size: side of its crops in pixels, a multiple of 32.
        side: side of its crops in face units, see `faces.geometry`.
        widths: channels of the coarse part at 1/4, 1/8, 1/16 and 1/32 of the side.
        fine: channels of the fine part, at 1/2 of the side.
        ages: length of the vector that stands for the two ages.
    """

    size: int = 160
    side: float = 2.75
    widths: tuple[int, int, int, int] = (32, 64, 96, 128)
    fine: int = 24
    ages: int = 64


class AgeingNetwork(nn.Module):
    """A U-Net on the picture at half its side, and a shallow part that adds what is finer.

    The fine part begins by adding nothing, so that the coarse one can be trained first, on small pictures.
    """

    def __init__(self, config: AgeingConfig) -> None:
        super().__init__()
        self.config = config
        self.ages = AgeVector(config.ages)
        self.coarse = Coarse(config.widths, config.ages)
        self.fine = Fine(config.widths[0], config.fine, config.ages)
        initialise(self)
        for layer in (*self.coarse.lasts(), self.fine.last):
            nn.init.zeros_(layer.weight)
        for part in self.modules():
            if isinstance(part, Film):
                nn.init.zeros_(part.both.weight)

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.config.size

    @property
    def side(self) -> float:
        """Side of the crops in face units."""
        return self.config.side

    def forward(self, crops: Tensor, source: Tensor, target: Tensor, coarse_only: bool = False) -> Change:
        """See Ager. With `coarse_only` the crops are of half the size, and so is the change."""
        ages = self.ages(source, target)
        x = crops * 2 - 1
        features, small, flow = self.coarse(x if coarse_only else F.avg_pool2d(x, 2), ages)
        if coarse_only:
            return _bounded(small, flow, crops)
        return _bounded(_twice(small) + self.fine(x, features, ages), flow, crops)


CENTRES, APART = (10.0, 90.0, 9), 10.0
"""First, last and number of the years that `bumps` are around, and their width."""


def bumps(age: Tensor, around: tuple[float, float, int] = CENTRES, width: float = APART) -> Tensor:
    """Years (B,) as smooth marks (B, N), each near 1 around its own year."""
    first, last, count = around
    centres = torch.linspace(first, last, count, device=age.device, dtype=age.dtype)
    return torch.exp(-0.5 * ((age[:, None] - centres) / width).square())


class AgeVector(nn.Module):
    """Two ages (B,) in years to (B, ages): marks of each and of their difference through two layers."""

    def __init__(self, ages: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(27, ages), activation(), nn.Linear(ages, ages), activation())

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """(B,) and (B,) to (B, ages)."""
        step = bumps(target - source, (-70.0, 70.0, 9), 17.5)
        vector: Tensor = self.layers(torch.cat([bumps(source), bumps(target), step], 1))
        return vector


class Film(nn.Module):
    """Features scaled and shifted, channel by channel, as a vector says."""

    def __init__(self, channels: int, ages: int) -> None:
        super().__init__()
        self.both = nn.Linear(ages, 2 * channels)

    def forward(self, x: Tensor, ages: Tensor) -> Tensor:
        """(B, C, H, W) and (B, ages)."""
        scale, shift = self.both(ages)[..., None, None].chunk(2, 1)
        modulated: Tensor = x * (1 + scale) + shift
        return modulated


class Block(nn.Module):
    """x + f(x) with two 3x3 convolutions and the ages between them."""

    def __init__(self, channels: int, ages: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = Film(channels, ages)
        self.act = activation()
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, ages: Tensor) -> Tensor:
        """(B, C, H, W) in and out."""
        change: Tensor = self.second(self.act(self.film(self.first(x), ages)))
        return x + change


class Coarse(nn.Module):
    """The U-Net; its skips are added. The first halving only rearranges pixels."""

    def __init__(self, widths: tuple[int, int, int, int], ages: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, widths[0], 3, padding=1), activation())
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), activation()) for a, b in pairwise(widths)
        )
        self.inwards = nn.ModuleList(Block(w, ages) for w in widths)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.outwards = nn.ModuleList(Block(w, ages) for w in widths[:-1])
        self.flow = nn.Conv2d(widths[1], 2, 3, padding=1)
        self.last = nn.Conv2d(widths[0], ANSWERS, 3, padding=1)

    def lasts(self) -> tuple[nn.Conv2d, nn.Conv2d]:
        """The layers that answer."""
        return self.flow, self.last

    def forward(self, x: Tensor, ages: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, S, S) to features (B, widths[0], S / 2, S / 2), answers (B, ANSWERS, S, S) and a flow
        (B, 2, S / 4, S / 4), all without bounds."""
        x = self.inwards[0](self.stem(x), ages)
        seen = []
        for down, block in zip(self.down, self.inwards[1:], strict=True):  # type: ignore[arg-type]
            seen.append(x)
            x = block(down(x), ages)
        flow = x
        for level in reversed(range(len(self.up))):
            x = seen[level] + _twice(self.up[level](x))
            x = self.outwards[level](x, ages)
            if level == 1:
                flow = self.flow(x)
        # Drawn at half the side: what is said pixel by pixel begins as a chequered pattern.
        return x, _twice(self.last(x)), flow


class Fine(nn.Module):
    """What is finer than the coarse part sees: one block at half the side."""

    def __init__(self, features: int, width: int, ages: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1), activation())
        self.join = nn.Conv2d(features, width, 1)
        self.blocks = nn.ModuleList(Block(width, ages) for _ in range(2))
        self.spread = nn.Sequential(nn.Conv2d(width, 32, 3, padding=1), nn.PixelShuffle(2), activation())
        self.last = nn.Conv2d(8, ANSWERS, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor, ages: Tensor) -> Tensor:
        """(B, 3, S, S) and features (B, C, S / 4, S / 4) to answers (B, ANSWERS, S, S)."""
        x = self.stem(x) + _twice(self.join(features))
        for block in self.blocks:
            x = block(x, ages)
        values: Tensor = self.last(self.spread(x))
        return values


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _bounded(values: Tensor, flow: Tensor, crops: Tensor) -> Change:
    """The change of crops (B, 3, S, S) from answers (B, ANSWERS, S, S) and a coarse flow, without bounds."""
    bound = torch.tanh(values)
    gain = torch.where(bound > 0, MOST_GAIN * bound, bound)[:, 4:]
    saturation = torch.where(bound > 0, MOST_SATURATION * bound, bound)[:, 1:2]
    red, blue = (MOST_HUE * bound[:, 2:4]).chunk(2, 1)
    weights = crops.new_tensor(LUMA).view(1, 3, 1, 1)
    colour = crops - (crops * weights).sum(1, keepdim=True)
    # What red and blue gain green loses, so that the brightness is as it was.
    hue = torch.cat([red, -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1], blue], 1)
    flow = F.interpolate(flow, crops.shape[-2:], mode="bicubic", align_corners=False)
    return Change(bound[:, :1] + saturation * colour + hue, gain, MOST_FLOW * torch.tanh(flow))


def carried(
    pictures: Tensor,
    change: Change,
    mask: Tensor,
    side: float,
    sampling: str = "bilinear",
    noisy: bool = False,
) -> Tensor:
    """Pictures with a change that was found at any size.

    Args:
        pictures: (B, 3, H, W) RGB in [0, 1], of the square that the change was found in; other than square
            only if the change is as large.
        change: for crops of S pixels, on the same device.
        mask: (B, 1, H, W) in [0, 1]. Where it is 0 the result is the picture, bit for bit.
        side: W in face units.
        sampling: how what moves is sampled: "bilinear", or "bicubic", which keeps it sharp and takes longer.
        noisy: look for noise, and leave it as strong as it is.

    Returns:
        (B, 3, H, W), not clipped.
    """
    size = pictures.shape[-1]
    residual, gain, flow = (_sized(part, size) for part in change)
    moved = shifted(pictures, flow * mask, side, sampling)
    added = residual
    light = (moved * moved.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    for number, band in enumerate(bands(light, size / side)):
        detail = MOST_DETAIL * torch.tanh(band / MOST_DETAIL)
        if noisy:
            detail = _without_noise(detail, mask, USUAL[number])
        added = added + gain[:, number : number + 1] * detail
    return torch.where(mask > 0, moved + mask * added, pictures)


def _without_noise(band: Tensor, mask: Tensor, usual: float) -> Tensor:
    """A band (B, 1, H, W) without what is small enough to be noise.

    By soft thresholds (D. Donoho, De-noising by soft-thresholding, 1995). The level is the lower quartile's:
    hair and beards, which are half of some faces, are no noise.
    """
    inside = [values[shown > 0.5].abs() for values, shown in zip(band, mask, strict=True)]
    quartiles = [_quartile(values) for values in inside]
    least = 2 * (torch.stack(quartiles) / 0.3186 - usual).clamp_min(0).view(-1, 1, 1, 1)
    return band - band.clamp(-least, least)


def _quartile(values: Tensor) -> Tensor:
    """The lower quartile of some values, of a part of them where they are many."""
    if not values.numel():
        return values.sum()
    return values[:: 1 + values.numel() // 100_000].quantile(0.25)


def shifted(pictures: Tensor, flow: Tensor, side: float, sampling: str = "bilinear") -> Tensor:
    """Pictures (B, 3, H, W) whose pixels come from where `flow` (B, 2, H, W), in face units, says."""
    base = torch.eye(2, 3, dtype=pictures.dtype, device=pictures.device).expand(len(pictures), 2, 3)
    grid = F.affine_grid(base, list(pictures.shape), align_corners=False)
    height, width = pictures.shape[-2:]
    whole = torch.tensor([side, side * (height / width)], dtype=flow.dtype, device=flow.device)
    grid = grid + flow.permute(0, 2, 3, 1) * (2 / whole)
    return F.grid_sample(pictures, grid, mode=sampling, padding_mode="border", align_corners=False)


def bands(pictures: Tensor, scale: float) -> list[Tensor]:
    """The bands of detail of (B, C, H, H) pictures with `scale` pixels to a face unit, finest first."""
    found, finer = [], pictures
    for width in BANDS:
        coarser = blurred(pictures, width * scale)
        found.append(finer - coarser)
        finer = coarser
    return found


def blurred(pictures: Tensor, sigma: float) -> Tensor:
    """(B, C, H, W) under a Gaussian of `sigma` pixels; edges are drawn out.

    Wide ones work on a smaller picture, whose making and enlarging blur as well: that much less is left.
    """
    factor = int(sigma / _COARSE)
    if factor > 1:
        height, width = pictures.shape[-2:]
        small = F.avg_pool2d(_divisible(pictures, factor), factor)
        # A box of `factor` pixels has a variance of (factor^2 - 1) / 12, linear interpolation of twice that.
        left = math.sqrt(sigma**2 - (factor**2 - 1) / 4) / factor
        large = F.interpolate(blurred(small, left), scale_factor=factor, mode="bilinear", align_corners=False)
        return large[..., :height, :width]
    reach = max(1, round(3 * sigma))
    place = torch.arange(-reach, reach + 1, dtype=pictures.dtype, device=pictures.device)
    weights = torch.exp(-0.5 * (place / max(sigma, 1e-3)).square())
    weights = weights / weights.sum()
    channels = pictures.shape[1]
    across = weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    x = F.pad(pictures, (reach, reach, reach, reach), mode="replicate")
    x = F.conv2d(x, across, groups=channels)
    return F.conv2d(x, across.transpose(2, 3), groups=channels)


def _divisible(pictures: Tensor, factor: int) -> Tensor:
    """Pictures with their right and lower edges drawn out until their sides are multiples of `factor`."""
    height, width = pictures.shape[-2:]
    more = (0, -width % factor, 0, -height % factor)
    return F.pad(pictures, more, mode="replicate") if any(more) else pictures


def _sized(part: Tensor, size: int) -> Tensor:
    if part.shape[-1] == size:
        return part
    smaller = size < part.shape[-1]
    return F.interpolate(
        part, (size, size), mode="bilinear" if smaller else "bicubic", align_corners=False, antialias=smaller
    )


def build(config: Mapping[str, Any]) -> AgeingNetwork:
    """The network from a card's configuration, freshly initialised."""
    values = dict(config)
    values["widths"] = tuple(int(width) for width in values["widths"])
    return AgeingNetwork(AgeingConfig(**values))
