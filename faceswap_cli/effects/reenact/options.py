"""How a photo's face is put onto a target's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from faceswap_cli.effects.base import EffectOptions


@dataclass(frozen=True)
class ReenactOptions(EffectOptions):
    """See `render` and `composite`.

    Attributes:
        shape: of eyes, nose and mouth: 0 the target's, 1 the photo's.
        expression: how far the target's motion is followed, 1: as it is, 0..2.
        light: how much of the scene's light and tone the face is given, 0..1.
        erode: how far the mask's edge is moved inwards, in face widths, -0.2..0.4.
        feather: width of the mask's soft edge, in face widths, 0..0.5.
        grain: how much of the grain that the drawn face lacks is added, 0 (none) to 1; see `grain`.
        defocus: how much of the covered face's softness the drawn one is given, 0 (none) to 1.
        motion_blur: how much of the covered face's motion blur, 0 (none) to 1.
    """

    RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        **EffectOptions.RANGES,
        "shape": (0.0, 1.0),
        "expression": (0.0, 2.0),
        "light": (0.0, 1.0),
        "erode": (-0.2, 0.4),
        "feather": (0.0, 0.5),
        "grain": (0.0, 1.0),
        "defocus": (0.0, 1.0),
        "motion_blur": (0.0, 1.0),
    }

    shape: float = 0.6
    expression: float = 1.0
    light: float = 1.0
    erode: float = 0.0
    feather: float = 0.08
    grain: float = 1.0
    defocus: float = 1.0
    motion_blur: float = 1.0
