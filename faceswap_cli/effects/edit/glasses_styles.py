"""The glasses that can be put on, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """What glasses look like; lengths in face units (about 9 cm).

    Attributes:
        half: width and height of half a lens.
        corner: exponent of its outline: 2 an ellipse, larger squarer.
        drop: how much narrower it is below than above, as a share.
        rim: thickness of the frame.
        colour: of the frame, RGB in 0..1.
        lens: what of the light passes above and below, RGB.
        shine: of the frame, 0..1: how metal it is.
    """

    half: tuple[float, float]
    corner: float
    drop: float
    rim: float
    colour: tuple[float, float, float]
    lens: tuple[tuple[float, float, float], tuple[float, float, float]]
    shine: float = 0.35


CLEAR = ((0.97, 0.98, 0.97), (0.98, 0.985, 0.98))
_DARK = ((0.07, 0.07, 0.075), (0.2, 0.2, 0.2))

STYLES: dict[str, Style] = {
    "square": Style((0.275, 0.195), 4.2, 0.06, 0.034, (0.05, 0.045, 0.045), CLEAR),
    "round": Style((0.25, 0.235), 2.1, 0.0, 0.015, (0.42, 0.36, 0.26), CLEAR, 0.8),
    "thin": Style((0.28, 0.165), 3.4, 0.05, 0.012, (0.3, 0.3, 0.32), CLEAR, 0.8),
    "tortoise": Style((0.265, 0.215), 2.8, 0.08, 0.032, (0.24, 0.13, 0.07), CLEAR, 0.4),
    "sunglasses": Style((0.3, 0.225), 3.2, 0.12, 0.032, (0.045, 0.045, 0.05), _DARK),
}
"""By name."""

NONE = "none"
