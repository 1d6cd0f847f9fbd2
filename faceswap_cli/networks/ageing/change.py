"""A change of a face that was found in a small crop, and how it is carried to a picture of any size.

Where the skin goes, how much of the picture's own detail is kept or strengthened, and what is added: so the
picture's own pores and hairs stay, and where the mask is 0 nothing changes at all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""


BANDS = (0.012, 0.03, 0.075)
"""Widths of the Gaussians, in face units, between which the bands of detail lie: finer than the first, from
the first to the second, from the second to the third."""


MOST_DETAIL = 0.1
"""Detail is counted up to about so much of the picture's range: lines and pores, and not the edges of head,
lips and eyes, beside which a gain would draw bright rims."""


USUAL = (0.02, 0.03, 1.0)
"""Standard deviations that the bands of a clean, sharp portrait have at most (the astronaut's .014 and .023).
What a picture has beyond that in the finer two is noise, which must not grow with the lines. For a face as
light as USUAL_LIGHT; a darker one has less, and the same noise."""


USUAL_LIGHT = 0.55
"""Mean luma of a face in even light, of 1."""


MOST_LOOKED_AT = 40_000
"""Pixels of a picture that noise is measured in, about: more say the same."""


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


def carry_change(
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
    moved = shift_image(pictures, flow * mask, side, sampling)
    added = residual
    light = (moved * moved.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    for number, band in enumerate(split_bands(light, size / side)):
        detail = MOST_DETAIL * torch.tanh(band / MOST_DETAIL)
        if noisy:
            detail = _without_noise(detail, mask, USUAL[number] * _lightness(light, mask))
        added = added + gain[:, number : number + 1] * detail
    return torch.where(mask > 0, moved + mask * added, pictures)


def _lightness(light: Tensor, mask: Tensor) -> Tensor:
    """(B, 1, 1, 1) mean luma inside the masks, in parts of the usual, 1 at most."""
    area = mask.sum((1, 2, 3), keepdim=True).clamp_min(1e-3)
    return ((light * mask).sum((1, 2, 3), keepdim=True) / area / USUAL_LIGHT).clamp(0.05, 1)


def _without_noise(band: Tensor, mask: Tensor, usual: Tensor) -> Tensor:
    """A band (B, 1, H, W) without what is small enough to be noise.

    By soft thresholds (D. Donoho, De-noising by soft-thresholding, 1995). The level is the lower quartile's:
    hair and beards, which are half of some faces, are no noise.
    """
    step = max(1, int((band[0].numel() / MOST_LOOKED_AT) ** 0.5))
    pairs = zip(band[..., ::step, ::step], mask[..., ::step, ::step], strict=True)
    inside = [values[shown > 0.5].abs() for values, shown in pairs]
    quartiles = [_quartile(values) for values in inside]
    least = 2 * (torch.stack(quartiles).view(-1, 1, 1, 1) / 0.3186 - usual).clamp_min(0)
    # Where there is much noise nobody knows what of the rest is none.
    trust = (usual / (least / 2 + usual)).square()
    return trust * (band - band.clamp(-least, least))


def _quartile(values: Tensor) -> Tensor:
    """The lower quartile of some values; 0 of none."""
    return values.kthvalue(1 + values.numel() // 4).values if values.numel() else values.sum()


def shift_image(pictures: Tensor, flow: Tensor, side: float, sampling: str = "bilinear") -> Tensor:
    """Pictures (B, 3, H, W) whose pixels come from where `flow` (B, 2, H, W), in face units, says."""
    height, width = pictures.shape[-2:]
    x, y = (
        (2 * torch.arange(length, dtype=flow.dtype, device=flow.device) + 1) / length - 1
        for length in (width, height)
    )
    x = flow[:, 0] * (2 / side) + x
    y = flow[:, 1] * (2 * width / (side * height)) + y[:, None]
    grid = torch.stack([x, y], dim=3)
    return F.grid_sample(pictures, grid, mode=sampling, padding_mode="border", align_corners=False)


def split_bands(pictures: Tensor, scale: float) -> list[Tensor]:
    """The bands of detail of (B, C, H, H) pictures with `scale` pixels to a face unit, finest first."""
    found, finer = [], pictures
    for width in BANDS:
        coarser = blur(pictures, width * scale)
        found.append(finer - coarser)
        finer = coarser
    return found


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """(B, C, H, W) under a Gaussian of `sigma` pixels; edges are drawn out.

    Wide ones work on a smaller picture, whose making and enlarging blur as well: that much less is left.
    """
    factor = int(sigma / _COARSE)
    if factor > 1:
        height, width = pictures.shape[-2:]
        small = F.avg_pool2d(_divisible(pictures, factor), factor)
        # A box of `factor` pixels has a variance of (factor^2 - 1) / 12, linear interpolation of twice that.
        left = math.sqrt(sigma**2 - (factor**2 - 1) / 4) / factor
        large = F.interpolate(blur(small, left), scale_factor=factor, mode="bilinear", align_corners=False)
        return large[..., :height, :width]
    reach = max(1, round(3 * sigma))
    if pictures.device.type == "cpu" and not pictures.requires_grad:
        return _blurred_by_opencv(pictures, sigma, reach)
    place = torch.arange(-reach, reach + 1, dtype=pictures.dtype, device=pictures.device)
    weights = torch.exp(-0.5 * (place / max(sigma, 1e-3)).square())
    weights = weights / weights.sum()
    channels = pictures.shape[1]
    across = weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    x = F.pad(pictures, (reach, reach, reach, reach), mode="replicate")
    # Not in the 8 bits of bfloat16, in which a training may compute: bands are small differences of blurs.
    with torch.autocast(pictures.device.type, enabled=False):
        x = F.conv2d(x, across, groups=channels)
        return F.conv2d(x, across.transpose(2, 3), groups=channels)


def _blurred_by_opencv(pictures: Tensor, sigma: float, reach: int) -> Tensor:
    """The same, several times as quick as torch's convolutions of single channels."""
    planes = pictures.contiguous().view(-1, *pictures.shape[-2:]).numpy()
    side = (2 * reach + 1, 2 * reach + 1)
    done = [
        cv2.GaussianBlur(plane, side, max(sigma, 1e-3), borderType=cv2.BORDER_REPLICATE) for plane in planes
    ]
    return torch.from_numpy(np.stack(done)).view(pictures.shape)


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
