"""What is still wrong with a face that was put together from a photo's pixels, said as a change.

The network sees the face as it would be pasted, the frame under it, and the geometry of both; it never draws
a face. It says how the light must change (lightness finely, colour coarsely), and paints only where the photo
has no pixels to give: between lips, on lids that shut, where hair hid the skin. So the photo's detail stays
the photo's own, at any resolution. A U-Net (O. Ronneberger et al., MICCAI 2015) with FiLM at its bottom (E.
Perez et al., AAAI 2018), by which it is told both expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.swap.blocks import Residual, activation, initialise_weights

PICTURES = 15
"""Channels of the input, see `effects.reenact.refine`."""

MOST_LIGHT, MOST_COLOUR = 0.45, 0.12
"""Limits of the logarithm of a gain, for all channels alike and for each against the others."""


@dataclass(frozen=True)
class RefinerConfig:
    """What rebuilds a RefinerNetwork.

    Attributes:
        size: side of the picture in pixels, a multiple of 32.
        side: the same in face units.
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of the resolution.
        expressions: coefficients of an expression; it is told the photo's and the target's.
    """

    size: int = 128
    side: float = 2.25
    widths: tuple[int, ...] = (24, 48, 80, 112)
    expressions: int = 26


class Refinement(NamedTuple):
    """A change to B faces.

    Attributes:
        light: (B, 1, S / 2, S / 2) logarithm of the gain of all channels.
        colour: (B, 3, S / 8, S / 8) logarithm of each channel's further gain.
        paint: (B, 3, S, S) in [0, 1].
        weight: (B, 1, S, S) in [0, 1] how much of the paint is to be seen where paint may be.
    """

    light: Tensor
    colour: Tensor
    paint: Tensor
    weight: Tensor


class RefinerNetwork(nn.Module):
    """See the module. Its heads begin at zero: an untrained one changes nothing."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(4 * PICTURES, widths[0], 3, padding=1), activation()
        )
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), activation(), Residual(b), activation())
            for a, b in pairwise(widths)
        )
        self.told = nn.Sequential(
            nn.Linear(2 * config.expressions, 64), activation(), nn.Linear(64, 2 * widths[-1])
        )
        self.bottom = nn.Sequential(Residual(widths[-1]), activation(), Residual(widths[-1]), activation())
        self.lift = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(
            nn.Sequential(activation(), Residual(width), activation()) for width in widths[:-1]
        )
        self.light = nn.Conv2d(widths[0], 1, 3, padding=1)
        self.colour = nn.Conv2d(widths[2], 3, 3, padding=1)
        self.paint = nn.Conv2d(widths[0], 16, 3, padding=1)
        initialise_weights(self)
        for head in (self.light, self.colour, self.paint, self.told[-1]):
            nn.init.zeros_(head.weight)  # type: ignore[arg-type]
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        assert self.paint.bias is not None
        with torch.no_grad():
            self.paint.bias[-4:] = -4.0  # at first hardly any paint is seen

    def forward(self, pictures: Tensor, expressions: Tensor) -> Refinement:
        """Pictures (B, PICTURES, S, S) and (B, 2, E) coefficients of the photo and of the target."""
        x = self.enter(pictures)
        steps = [x]
        for down in self.down:
            x = down(x)
            steps.append(x)
        scale, shift = self.told(expressions.flatten(1))[..., None, None].chunk(2, 1)
        x = self.bottom(x * (1 + scale) + shift)
        colour: Tensor | None = None
        for place in range(len(self.up) - 1, -1, -1):
            x = F.interpolate(self.lift[place](x), scale_factor=2.0, mode="nearest") + steps[place]
            x = self.up[place](x)
            if place == 2:
                colour = self.colour(x)
        assert colour is not None
        painted = F.pixel_shuffle(self.paint(x), 2)
        # Paint is said against what is there: at first it is the drawn face.
        base = pictures[:, :3].clamp(0.02, 0.98)
        return Refinement(
            MOST_LIGHT * torch.tanh(self.light(x)),
            MOST_COLOUR * torch.tanh(colour),
            torch.sigmoid(torch.logit(base) + painted[:, :3]),
            torch.sigmoid(painted[:, 3:]),
        )


def apply_refinement(drawn: Tensor, change: Refinement, paintable: Tensor) -> tuple[Tensor, Tensor]:
    """A drawn face as it is to be, (B, 3, H, W) in [0, 1], and how much of each pixel is paint, (B, 1, H, W).

    Args:
        drawn: (B, 3, H, W) in [0, 1], of any size: the change is enlarged to it.
        change: what the network said.
        paintable: (B, 1, H, W) in [0, 1] where paint may be.
    """
    size = drawn.shape[-2:]

    def enlarged(part: Tensor) -> Tensor:
        if part.shape[-2:] == size:
            return part
        return F.interpolate(part, size=size, mode="bilinear", align_corners=False)

    gain = enlarged(change.light) + enlarged(change.colour)
    lit = ((drawn + DARKEST) * gain.exp() - DARKEST).clamp(0, 1)
    share = enlarged(change.weight) * paintable
    return lit + share * (enlarged(change.paint) - lit), share


DARKEST = 4 / 255
"""Added before a gain, as in `effects.reenact.light`: black stays black, and has no colour to speak of."""


def build_refiner_network(config: Mapping[str, Any]) -> RefinerNetwork:
    """The network from a card's configuration, freshly initialised."""
    return RefinerNetwork(RefinerConfig(**{**config, "widths": tuple(config["widths"])}))
