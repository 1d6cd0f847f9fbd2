"""What a conditional network is told about a face: who it is, pose, expression, light.

A *condition* is a row of numbers, each of about unit spread over many faces:

    identity    NUMBERS   the descriptor of `faces.identity`, its mean over many people taken off, scaled
    traits      TRAITS    head pose and expression, from landmarks, see `faces.landmarks.attributes`
    light       LIGHT     low-order numbers of the picture itself, see `measure_light`
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NUMBERS = 128
"""Length of an identity descriptor."""

TRAITS = ("yaw", "pitch", "roll", "mouth", "smile", "brows", "eyes")
"""Turn, nod, tilt; opening of the mouth, smile, height of the brows, opening of the eyes."""

EXPRESSION = slice(3, 7)
"""Those of TRAITS that are expression."""

LIGHT = 5
"""Lightness, warm-cool, magenta-green; how much lighter the right side is, and the lower half."""

ATTRIBUTES = len(TRAITS) + LIGHT
"""What is told of a face beside who it is."""

GAIN = 4.0
"""How much larger attributes are shown to a network than they are: few beside the descriptor's numbers, they
would be learnt last."""

SPREAD = 0.12
"""Standard deviation of a descriptor's number over people: where a network begins that has seen nobody."""

_OPPONENT = ((3**-0.5,) * 3, (2**-0.5, 0.0, -(2**-0.5)), (6**-0.5, -2 * 6**-0.5, 6**-0.5))
_USUAL, _SCALE = (0.85, 0.08, 0.0), (0.2, 0.07, 0.03)


def measure_light(pictures: Tensor) -> Tensor:
    """Low-order numbers of aligned faces' light.

    Args:
        pictures: (B, 3, R, R) in [0, 1].

    Returns:
        (B, LIGHT), each of about unit spread.
    """
    side = pictures.shape[-1]
    face = pictures[..., side // 5 : side - side // 8, side // 5 : side - side // 5]
    axes = torch.tensor(_OPPONENT, device=face.device, dtype=face.dtype)
    colour = (face.mean((2, 3))[:, None] * axes).sum(2)
    usual, scale = (torch.tensor(v, device=face.device, dtype=face.dtype) for v in (_USUAL, _SCALE))
    grey = face.mean(1)
    across, down = grey.shape[2] // 2, grey.shape[1] // 2
    right = grey[..., across:].mean((1, 2)) - grey[..., :across].mean((1, 2))
    below = grey[:, down:].mean((1, 2)) - grey[:, :down].mean((1, 2))
    return torch.cat([(colour - usual) / scale, torch.stack([right, below], 1) / 0.08], 1)


class IdentityEmbedding(nn.Module):
    """Somebody's descriptor (NUMBERS,), kept with the weights. Random until set."""

    embedding: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("embedding", torch.randn(NUMBERS) * SPREAD)


class Style(nn.Module):
    """A condition made into the vector that steers a decoder's layers.

    Args:
        length: of that vector.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, length: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(NUMBERS))
        self.register_buffer("spread", torch.full((NUMBERS,), SPREAD))
        self.mixed = nn.Sequential(
            nn.Linear(NUMBERS + ATTRIBUTES, length),
            nn.LeakyReLU(0.1),
            nn.Linear(length, length),
            nn.LeakyReLU(0.1),
        )

    def identity(self, embedding: Tensor) -> Tensor:
        """Descriptors (B, NUMBERS) as part of a condition."""
        return (embedding - self.mean) / self.spread

    def forward(self, embedding: Tensor, attributes: Tensor) -> Tensor:
        """Descriptors (B, NUMBERS) and attributes (B, ATTRIBUTES) to (B, length)."""
        style: Tensor = self.mixed(torch.cat([self.identity(embedding), GAIN * attributes], 1))
        return style


class Film(nn.Module):
    """Gain and shift of each channel by a style (Perez et al., FiLM: visual reasoning with a general
    conditioning layer, 2018)."""

    STRENGTH = 0.3
    """Of its first weights against He's: it begins as a gentle change."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.told = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(B, C, H, W) and (B, style) to (B, C, H, W)."""
        gain, shift = self.told(style)[..., None, None].chunk(2, 1)
        return torch.addcmul(shift, x, 1 + gain)

    def calm(self) -> None:
        """Make its first weights small."""
        with torch.no_grad():
            self.told.weight.mul_(self.STRENGTH)
