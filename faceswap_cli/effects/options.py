"""What effects can be told: every one, and those that put a drawn face in the place of another."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.compositing.looks import KeptPart
from faceswap_cli.options import LOOK, TIME, OptionGroup, option


@dataclass(frozen=True)
class EffectOptions(OptionGroup):
    """How an effect is done.

    Attributes:
        batch: faces drawn at once, at most.
    """

    smoothing: float = option(
        1.0, 0.0, 5.0, group=TIME, medium="video",
        help="Steadiness of landmarks, masks and colour over time; 0 is none.",
    )  # fmt: skip
    batch: int = 8


@dataclass(frozen=True)
class BlendOptions(EffectOptions):
    """How a drawn face is put in the place of a frame's. Lengths are in face widths."""

    erode: float = option(
        0.0, -0.2, 0.4, group=LOOK, help="How far the mask's edge is moved inwards, in face widths."
    )
    feather: float = option(
        0.08, 0.0, 0.5, group=LOOK, help="Width of the mask's soft edge, in face widths."
    )  # fmt: skip
    grain: float = option(
        1.0, 0.0, 1.0, group=LOOK, help="How much of the grain that the new face lacks is added."
    )
    keep: tuple[str, ...] = option(
        (), group=LOOK, choices=tuple(map(str, KeptPart)),
        help="A part of the face in the picture that stays as it is; may be given several times.",
    )  # fmt: skip
    defocus: float = option(
        1.0, 0.0, 1.0, group=LOOK,
        help="How much of the old face's softness the new one gets, where it is sharper.",
    )  # fmt: skip
    motion_blur: float = option(
        1.0, 0.0, 1.0, group=TIME, medium="video",
        help="How much of the old face's motion blur the new one gets.",
    )  # fmt: skip
    expression: float = option(
        1.0, 0.0, 2.0, group=LOOK, help="How strong the drawn expression is, 1: as in the picture."
    )
    yaw: float = option(
        0.0, -20.0, 20.0, group=LOOK,
        help="Degrees by which the drawn head is turned further, to the picture's right above 0.",
    )  # fmt: skip
