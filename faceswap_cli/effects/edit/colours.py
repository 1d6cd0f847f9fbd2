"""Colours by name, of each part that can have another one; all others are written #rrggbb."""

from __future__ import annotations

import re
from dataclasses import dataclass

from faceswap_cli.errors import UserError


@dataclass(frozen=True)
class NamedColour:
    """A colour as parts of faces have it in an evenly lit picture.

    Attributes:
        lab: CIELAB, on average over the part.
        spread: standard deviation of its lightness.
    """

    lab: tuple[float, float, float]
    spread: float


HAIR: dict[str, NamedColour] = {
    "black": NamedColour((13, 1, 1), 6),
    "dark-brown": NamedColour((21, 5, 7), 8),
    "brown": NamedColour((30, 8, 13), 10),
    "light-brown": NamedColour((42, 8, 19), 11),
    "auburn": NamedColour((29, 20, 18), 10),
    "red": NamedColour((40, 27, 31), 12),
    "dark-blond": NamedColour((50, 5, 23), 12),
    "blond": NamedColour((63, 4, 27), 14),
    "platinum": NamedColour((75, 1, 12), 13),
    "grey": NamedColour((56, 0, 2), 14),
    "white": NamedColour((78, 0, 3), 12),
    "blue": NamedColour((36, 4, -34), 12),
    "green": NamedColour((44, -27, 18), 12),
    "pink": NamedColour((62, 38, -1), 13),
    "purple": NamedColour((34, 27, -27), 11),
}
"""Of hair and brows: measured on hair in portraits, and set by eye."""

LIPS: dict[str, NamedColour] = {
    "nude": NamedColour((62, 18, 16), 6),
    "rose": NamedColour((54, 34, 10), 7),
    "coral": NamedColour((58, 40, 26), 7),
    "red": NamedColour((42, 52, 26), 8),
    "berry": NamedColour((35, 38, 6), 7),
    "plum": NamedColour((29, 28, -4), 6),
    "brown": NamedColour((38, 22, 18), 6),
}
"""Of lips, painted."""

IRIS: dict[str, NamedColour] = {
    "dark-brown": NamedColour((20, 8, 9), 6),
    "brown": NamedColour((32, 14, 20), 8),
    "hazel": NamedColour((42, 6, 24), 9),
    "green": NamedColour((46, -7, 14), 9),
    "grey": NamedColour((52, -2, -3), 10),
    "blue": NamedColour((47, -3, -17), 10),
}
"""Of irises."""

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def find_colour(text: str, names: dict[str, NamedColour], spread: float) -> NamedColour:
    """The colour that a text names.

    Args:
        text: one of the names, or #rrggbb.
        names: of the part.
        spread: of colours that have no name.

    Raises:
        UserError: it is neither.
    """
    if text in names:
        return names[text]
    if _HEX.fullmatch(text):
        return NamedColour(_lab(text), spread)
    raise UserError(f"{text} is no colour here", f"Use one of {', '.join(names)}, or one like #a0522d")


def _lab(text: str) -> tuple[float, float, float]:
    """CIELAB (D65) of #rrggbb in sRGB."""
    r, g, b = (_linear(int(text[k : k + 2], 16) / 255) for k in (1, 3, 5))
    x = (0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.950456
    y = 0.212671 * r + 0.715160 * g + 0.072169 * b
    z = (0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.088754
    fx, fy, fz = (_root(value) for value in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(value: float) -> float:
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


def _root(value: float) -> float:
    return float(value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116)
