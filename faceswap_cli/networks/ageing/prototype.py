"""Ageing without a network: what the mean face of one age has that the mean face of another has not.

After B. Tiddeman, M. Burt and D. Perrett, Prototyping and transforming facial textures for perception
research, IEEE Computer Graphics and Applications 2001: shapes and textures of many faces are averaged by age
in the shape of the mean face, and the difference of two averages is carried to the shape of another face.
Averages of colours are soft, so, as there, the strength of fine detail is averaged too, band by band.

Colours are logarithms relative to the face's own skin, so what is carried are ratios: nobody's skin becomes
lighter or darker as a whole.

Coordinates are face units, see `faces.geometry`, in squares around the same middle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap_cli.networks.ageing.ageing import MOST_FLOW, MOST_GAIN
from faceswap_cli.networks.ageing.change import BANDS, LUMA, Change, blur

POINTS = 68

REACH = 0.35
"""How far a landmark moves what is around it, face units."""

SLACK = 0.02
"""Variance of the landmarks' noise, in parts of that of their moves: what is carried stays smooth."""

DARK = 0.03
"""Added before logarithms, so that the noise of black pixels stays small."""

MOST_LOG = 0.7
"""No place becomes lighter or darker than by exp of this."""

COLOURED = 0.06
"""Mean distance of red and blue from luma, as logarithms, from which a picture is fully coloured: grey
pictures stay grey."""

LIGHTEST, DARKER = 0.7, 0.5
"""Hair of this luma doesn't become lighter any more; hair whose logarithm is less by this does so fully."""


@dataclass(frozen=True)
class PrototypeConfig:
    """What rebuilds an AgePrototype.

    Attributes:
        ages: of the averages, years, rising.
        size: side of the averaged colours in pixels.
        detail: side of the averaged strengths of detail in pixels.
        side: of both in face units.
        colours, gains, shapes: how much of the difference of two averages is carried.
    """

    ages: tuple[float, ...] = (16.0, 24.0, 32.0, 40.0, 48.0, 56.0, 64.0, 72.0, 80.0)
    size: int = 64
    detail: int = 32
    side: float = 2.75
    colours: float = 1.0
    gains: float = 1.0
    shapes: float = 1.0


class Difference(NamedTuple):
    """What B faces' target ages have that their source ages have not.

    Attributes:
        colour: (B, 3, size, size) logarithms of luma, and of red and blue relative to it.
        gain: (B, len(BANDS), detail, detail) logarithms of the strength of detail.
        shape: (B, 68, 2) face units.
        hair: (B,) logarithms of hair's luma.
    """

    colour: Tensor
    gain: Tensor
    shape: Tensor
    hair: Tensor


class AgePrototype(nn.Module):
    """The averages, and how their differences are carried to a face.

    Buffers: averages by sex (men first) and then by age, as Difference describes them, and `mean` (68, 2),
    the shape they are in.
    """

    colour: Tensor
    gain: Tensor
    shape: Tensor
    hair: Tensor
    mean: Tensor

    def __init__(self, config: PrototypeConfig) -> None:
        super().__init__()
        self.config = config
        many = 2 * len(config.ages)
        self.register_buffer("colour", torch.zeros(many, 3, config.size, config.size))
        self.register_buffer("gain", torch.zeros(many, len(BANDS), config.detail, config.detail))
        self.register_buffer("shape", torch.zeros(many, POINTS, 2))
        self.register_buffer("hair", torch.zeros(many))
        self.register_buffer("mean", torch.zeros(POINTS, 2))

    def between(self, source: Tensor, target: Tensor, female: Tensor) -> Difference:
        """What is carried.

        Args:
            source, target: (B,) years; beyond the averages' ages the nearest is taken.
            female: (B,) 0..1; between them both sexes' averages are mixed.
        """
        weights = self._weights(target, female) - self._weights(source, female)
        config = self.config

        def mixed(part: Tensor, amount: float) -> Tensor:
            return amount * torch.einsum("bk,k...->b...", weights, part)

        return Difference(
            mixed(self.colour, config.colours),
            mixed(self.gain, config.gains),
            mixed(self.shape, config.shapes),
            mixed(self.hair, config.colours),
        )

    def _weights(self, ages: Tensor, female: Tensor) -> Tensor:
        """(B,) and (B,) to (B, 2 * ages): how much of each average stands for a face."""
        hats = hat_weights(ages, self.config.ages)
        return torch.cat([hats * (1 - female[:, None]), hats * female[:, None]], 1)

    def forward(
        self, crops: Tensor, side: float, landmarks: Tensor, hair: Tensor, which: Difference
    ) -> Change:
        """Carry differences to faces.

        Args:
            crops: (B, 3, S, S) RGB in [0, 1].
            side: theirs in face units.
            landmarks: (B, 68, 2) face units, from the crops' middle.
            hair: (B, 1, S, S) in [0, 1], where hair is.
            which: see `between`.
        """
        size = crops.shape[-1]
        places = grid(size, side).to(crops)
        carry = Field(landmarks, places)
        inside = 2 / self.config.side * (places + carry(self.mean - landmarks)).view(-1, size, size, 2)
        colour, gain = (
            F.grid_sample(part, inside, padding_mode="zeros", align_corners=False)
            for part in (which.colour, which.gain)
        )
        flow = -carry(which.shape).view(-1, size, size, 2).permute(0, 3, 1, 2)
        smooth = blur(crops, BANDS[1] * size / side).clamp(min=0)
        residual = self._recoloured(smooth, colour * (1 - hair), which.hair, hair) - smooth
        gain = torch.expm1(gain * (1 - hair)).clamp(-1, MOST_GAIN)
        return Change(residual, gain, flow.clamp(-MOST_FLOW, MOST_FLOW))

    def _recoloured(self, picture: Tensor, colour: Tensor, lift: Tensor, hair: Tensor) -> Tensor:
        """(B, 3, S, S) after a change of colours (B, 3, S, S), and of hair's luma (B,) where hair is.

        Hair that becomes lighter loses as much of its colour: what is averaged is dark hair with grey in it.
        """
        logs = mean_colours(picture)
        luma = logs[:, :1]
        room = ((math.log(LIGHTEST) - luma) / DARKER).clamp(0, 1)
        lift = lift.clamp(-MOST_LOG, MOST_LOG)[:, None, None, None] * hair
        lift = torch.where(lift > 0, lift * room, lift)
        chroma = logs[:, 1:] * torch.exp(-lift.clamp(min=0))
        change = colour.clamp(-MOST_LOG, MOST_LOG)
        coloured = (logs[:, 1:].abs().mean((1, 2, 3), keepdim=True) / COLOURED).clamp(max=1)
        return paint(torch.cat([luma + lift + change[:, :1], chroma + coloured * change[:, 1:]], 1))


class Field:
    """Spreads what is known at landmarks smoothly over places: kriging with a Matern kernel, to nought far
    from all of them.

    Args:
        points: (B, K, 2) or (1, K, 2) face units.
        places: (P, 2) face units.
    """

    def __init__(self, points: Tensor, places: Tensor) -> None:
        near = _kernel(torch.cdist(points, points))
        near = near + SLACK * torch.eye(points.shape[1], dtype=points.dtype, device=points.device)
        self._inverse = torch.linalg.inv(near)
        self._across = _kernel(torch.cdist(places[None].expand(len(points), -1, -1), points))

    def __call__(self, values: Tensor) -> Tensor:
        """(B, K, C) at the points to (B, P, C) at the places."""
        spread: Tensor = self._across @ (self._inverse @ values)
        return spread


def _kernel(apart: Tensor) -> Tensor:
    far = apart / REACH
    return (1 + far) * torch.exp(-far)


def grid(size: int, side: float) -> Tensor:
    """(size * size, 2) middles of a square's pixels in face units from its middle, row by row."""
    line = ((torch.arange(size) + 0.5) / size - 0.5) * side
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2)


def hat_weights(ages: Tensor, knots: tuple[float, ...]) -> Tensor:
    """(B,) ages to (B, len(knots)): how much of each knot's average, by straight lines between them."""
    places = torch.tensor(knots, dtype=ages.dtype, device=ages.device)
    inside = ages.clamp(places[0], places[-1])[:, None]
    left = torch.cat([places[:1] - 1, places[:-1]])
    right = torch.cat([places[1:], places[-1:] + 1])
    return torch.minimum((inside - left) / (places - left), (right - inside) / (right - places)).clamp(0, 1)


def mean_colours(pictures: Tensor) -> Tensor:
    """Pictures (B, 3, H, W), not below 0, as logarithms (B, 3, H, W) of luma, and of red and blue relative
    to it."""
    luma = (pictures * torch.tensor(LUMA).to(pictures)[:, None, None]).sum(1, keepdim=True)
    logs = torch.log(torch.cat([luma, pictures[:, :1], pictures[:, 2:]], 1) + DARK)
    return torch.cat([logs[:, :1], logs[:, 1:] - logs[:, :1]], 1)


def paint(logs: Tensor) -> Tensor:
    """The pictures (B, 3, H, W) of `mean_colours`."""
    luma = torch.exp(logs[:, :1]) - DARK
    red, blue = (torch.exp(logs[:, :1] + logs[:, k : k + 1]) - DARK for k in (1, 2))
    green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.cat([red, green, blue], 1)


def build_age_prototype(config: Mapping[str, Any]) -> AgePrototype:
    """The averages from a card's configuration, all nought."""
    values = dict(config)
    values["ages"] = tuple(float(age) for age in values["ages"])
    return AgePrototype(PrototypeConfig(**values))
