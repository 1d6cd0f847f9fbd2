"""Building blocks shared by the network families."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SLOPE = 0.1
"""Negative slope of every leaky ReLU, as in the 2018 autoencoder."""


def activation() -> nn.Module:
    """Leaky ReLU, in place: its input is not needed for its gradient."""
    return nn.LeakyReLU(SLOPE, inplace=True)


class Down(nn.Sequential):
    """Half the side: 3x3 convolution of stride 2."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(nn.Conv2d(channels, out, 3, stride=2, padding=1), activation())


class Up(nn.Sequential):
    """Twice the side: 4x4 transposed convolution of stride 2.

    Kernel 4 is a multiple of the stride, so every output pixel sees the same number of taps and no
    checkerboard is built in (Odena et al., Deconvolution and checkerboard artifacts, 2016). At the same
    width it costs less than half of a 3x3 convolution with pixel shuffle.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(nn.ConvTranspose2d(channels, out, 4, stride=2, padding=1), activation())


class Residual(nn.Module):
    """x + f(x) with two 3x3 convolutions (He et al. 2016), the second one starting at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = activation()
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in and out."""
        change: Tensor = self.second(self.act(self.first(x)))
        return x + change


class PixelNorm(nn.Module):
    """Each vector scaled to a mean square of 1 (Karras et al., Progressive growing of GANs, 2017)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C) in and out."""
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def build_encoder_blocks(width: int, squeeze: int) -> list[nn.Module]:
    """Layers from pictures (B, 3, R, R) in [-1, 1] to features (B, squeeze, R / 16, R / 16).

    The first halving only rearranges pixels; after it there are `width` channels, doubled by each halving.
    """
    return [
        nn.PixelUnshuffle(2),
        nn.Conv2d(12, width, 3, padding=1),
        activation(),
        Down(width, 2 * width),
        Down(2 * width, 4 * width),
        Down(4 * width, 8 * width),
        nn.Conv2d(8 * width, squeeze, 1),
        activation(),
    ]


def build_decoder_blocks(width: int, residuals: int, depth_to_space: bool) -> nn.Sequential:
    """From features (B, 8 * width, R / 16, R / 16) to logits (B, 4, R, R), RGB and mask.

    Args:
        width: channels at half resolution.
        residuals: residual blocks after each doubling but the last.
        depth_to_space: the last doubling rearranges 16 channels into 4 at full size (Shi et al., Real-time
            super-resolution by sub-pixel convolution, 2016); if not, it is a transposed convolution.
    """
    layers: list[nn.Module] = []
    for channels in (8 * width, 4 * width, 2 * width):
        layers.append(Up(channels, channels // 2))
        layers += [Residual(channels // 2) for _ in range(residuals)]
    if depth_to_space:
        return nn.Sequential(*layers, nn.Conv2d(width, 16, 3, padding=1), nn.PixelShuffle(2))
    return nn.Sequential(*layers, Up(width, width // 2), nn.Conv2d(width // 2, 4, 3, padding=1))


def initialise_weights(module: nn.Module) -> None:
    """He initialisation for leaky ReLU; the last convolution of a residual starts at zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            gain_fan = nn.init.calculate_gain("leaky_relu", SLOPE)
            fan_in = _fan_in(layer)
            with torch.no_grad():
                layer.weight.normal_(0.0, gain_fan / fan_in**0.5)
                if layer.bias is not None:
                    layer.bias.zero_()
    for layer in module.modules():
        if isinstance(layer, Residual):
            nn.init.zeros_(layer.second.weight)


def _fan_in(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> float:
    """Inputs that reach one output value."""
    if isinstance(layer, nn.Linear):
        return float(layer.in_features)
    taps = layer.kernel_size[0] * layer.kernel_size[1] * layer.in_channels / layer.groups
    if isinstance(layer, nn.ConvTranspose2d):  # only every stride-th tap meets an input pixel
        taps /= layer.stride[0] * layer.stride[1]
    return float(taps)
