"""What a drawn face is compared by: structure, pixels and mask, more where expression is."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.augment import Samples
from faceswap_cli.training.objectives.weights import LossWeights

WINDOW = 9
SIGMA = 1.5
"""Side and spread of the SSIM window in pixels; 1.5 as in the paper, cut at 3 sigma."""

TWO_WINDOWS = 256
"""Side in pixels from which on structure is compared at two sizes."""


def face_loss(drawn: Rendered, samples: Samples, weights: LossWeights) -> dict[str, Tensor]:
    """Weighted loss terms of one person's part of a batch; their sum is minimised."""
    image, target = drawn.image, samples.target
    mask = samples.mask * samples.free  # the label of the mask is the whole face all the same
    emphasis = mask * (1 + weights.features * samples.weight)
    difference = (image - target) * emphasis
    return {
        "dssim": weights.dssim * structure(image * mask, target * mask),
        # Absolute, not squared: squares favour the blurred mean of what is uncertain.
        "pixel": weights.pixel * difference.abs().mean(),
        "edge": weights.edge * gradient_difference(difference),
        "mask": weights.mask * F.mse_loss(drawn.mask, samples.mask),
    }


def gradient_difference(difference: Tensor) -> Tensor:
    """Mean absolute gradient of a difference of pictures (B, C, H, W), both directions added."""
    across = (difference[..., :, 1:] - difference[..., :, :-1]).abs().mean()
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    return across + down


def structure(a: Tensor, b: Tensor) -> Tensor:
    """`dssim`; of large pictures the mean with that at half their size, as if by a window twice as wide.

    A window of 9 pixels sees a pore at 256 px and no longer an eye (Wang, Simoncelli and Bovik, Multiscale
    structural similarity, 2003).
    """
    fine = dssim(a, b)
    if a.shape[-1] < TWO_WINDOWS:
        return fine
    return (fine + dssim(F.avg_pool2d(a, 2), F.avg_pool2d(b, 2))) / 2


def dssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural dissimilarity (1 - SSIM) / 2 of (B, C, H, W) pictures in [0, 1], their mean.

    Wang et al., Image quality assessment: from error visibility to structural similarity, 2004. The
    statistics are taken at every second pixel: neighbouring windows overlap almost wholly, and the
    filter's cost falls to about a third.
    """
    # The variances are only ever added, so their two filters are one; and what is known of b alone stands
    # apart, so that no gradient is computed for it.
    mean_b = _filtered(b)
    mean_a, squares, product = _filtered(torch.cat([a, torch.addcmul(b * b, a, a), a * b], 1)).chunk(3, 1)
    means, mean_squares = mean_a * mean_b, torch.addcmul(mean_b * mean_b, mean_a, mean_a)
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * means + c1) * (2 * (product - means) + c2)
    ssim = ssim / ((mean_squares + c1) * (squares - mean_squares + c2))
    return (1 - ssim).mean() / 2


def _filtered(x: Tensor) -> Tensor:
    """Separable Gaussian, valid region, stride 2. In float32: the variances are small differences."""
    channels = x.shape[1]
    kernel = _kernel(x.device).to(torch.float32)
    with torch.autocast(x.device.type, enabled=False):
        x = F.conv2d(
            x.float(), kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), stride=(2, 1), groups=channels
        )
        return F.conv2d(
            x, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), stride=(1, 2), groups=channels
        )


@lru_cache
def _kernel(device: torch.device) -> Tensor:
    axis = torch.arange(WINDOW, device=device) - (WINDOW - 1) / 2
    kernel = torch.exp(-(axis**2) / (2 * SIGMA**2))
    return kernel / kernel.sum()
