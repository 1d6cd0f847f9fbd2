"""Augmentation that gradients go through, for both of a GAN's networks.

S. Zhao et al., Differentiable augmentation for data-efficient GAN training, NeurIPS 2020: real and generated
pictures are changed alike, so that the discriminator can't learn few pictures by heart, and the generator
does not learn the change.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHIFT = 0.125
"""Most translation, of the side."""

CUT = 0.4
"""Side of the square that is cut out, of the picture's."""


def augment_pictures(pictures: Tensor, share: float, colours: bool, random: torch.Generator) -> Tensor:
    """Shift, cut into, and recolour some of (B, C, S, S) pictures in [-1, 1].

    Args:
        pictures: real or generated ones.
        share: of them that are changed.
        colours: whether their first three channels are colours that may change.
        random: on the CPU.
    """
    if share <= 0:
        return pictures
    chosen = (torch.rand(len(pictures), 1, 1, 1, generator=random) < share).to(pictures)
    changed = _recolour(pictures, random) if colours else pictures
    changed = _cut(_shift(changed, random), random)
    return chosen * changed + (1 - chosen) * pictures


def _recolour(x: Tensor, random: torch.Generator) -> Tensor:
    """Brightness, saturation and contrast; a fourth channel stays."""
    colour, rest = x[:, :3], x[:, 3:]

    def rand() -> Tensor:
        return torch.rand(len(x), 1, 1, 1, generator=random).to(x)

    colour = colour + (rand() - 0.5) * 0.6
    grey = colour.mean(1, keepdim=True)
    colour = (colour - grey) * (rand() * 1.5 + 0.25) + grey
    mean = colour.mean((1, 2, 3), keepdim=True)
    colour = (colour - mean) * (rand() * 0.6 + 0.7) + mean
    return torch.cat([colour, rest], 1)


def _shift(x: Tensor, random: torch.Generator) -> Tensor:
    """By whole pixels; what comes in is the edge, repeated."""
    count, _, side, _ = x.shape
    most = max(1, round(SHIFT * side))
    moved = torch.randint(-most, most + 1, (2, count, 1, 1), generator=random).to(x.device)
    at = torch.arange(side, device=x.device)
    rows = (at[None, :, None] + moved[0]).clamp(0, side - 1).expand(count, side, side)
    columns = (at[None, None, :] + moved[1]).clamp(0, side - 1).expand(count, side, side)
    batch = torch.arange(count, device=x.device)[:, None, None]
    moved_pictures: Tensor = x.permute(0, 2, 3, 1)[batch, rows, columns].permute(0, 3, 1, 2)
    return moved_pictures


def _cut(x: Tensor, random: torch.Generator) -> Tensor:
    """Set a square to the middle value."""
    count, _, side, _ = x.shape
    half = CUT * side / 2
    centre = torch.rand(2, count, 1, generator=random).to(x) * side
    at = torch.arange(side, device=x.device) + 0.5
    rows, columns = ((at[None] - centre).abs() < half).to(x)
    mask = 1 - rows[:, None, :, None] * columns[:, None, None, :]
    found: Tensor = x * mask
    return found
