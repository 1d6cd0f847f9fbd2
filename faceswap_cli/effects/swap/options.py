"""How a swapped face is put into a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from faceswap_cli.compositing.blend import BLENDS
from faceswap_cli.compositing.colour import COLOUR, SEAMLESS
from faceswap_cli.compositing.masks import parse_mask
from faceswap_cli.effects.base import EffectOptions
from faceswap_cli.errors import UserError


@dataclass(frozen=True)
class SwapOptions(EffectOptions):
    """How faces are put into frames.

    Attributes:
        mask: hull (around the landmarks), model (the network's own), parsed (the face parser's region),
            occlusion (not what stands before the face), or several joined by "+"; see `masks`.
        colour: rct, lct, mkl, hist, idt, sot, seamless or none; see `colour`.
        blend: alpha, pyramid or poisson; see `blend`.
        erode: how far the mask's edge is moved inwards, in face widths, -0.2..0.4.
        feather: width of the mask's soft edge, in face widths, 0..0.5.
        sharpen: unsharp mask on the drawn face, 0 (none) to 1. A network trained on pixel differences
            draws softer than what it saw: 0.3 and 0.6 raised a small model's Laplacian variance from 0.30 to
            0.37 and 0.45 of the original's, without visible halos.
        grain: how much of the grain that the drawn face lacks is added, 0 (none) to 1; see `grain`.
        defocus: how much of the covered face's softness the drawn one is given, 0 (none) to 1; see `focus`.
        motion_blur: how much of the covered face's motion blur, 0 (none) to 1.
        expression: how far the drawn expression is from rest, 1: as it is, 0..2; see `steer`.
        yaw: degrees by which the drawn head is turned further to the picture's right, -20..20; likewise.
    """

    RANGES: ClassVar[dict[str, tuple[float, float]]] = {
        **EffectOptions.RANGES,
        "erode": (-0.2, 0.4),
        "feather": (0.0, 0.5),
        "sharpen": (0.0, 1.0),
        "grain": (0.0, 1.0),
        "defocus": (0.0, 1.0),
        "motion_blur": (0.0, 1.0),
        "expression": (0.0, 2.0),
        "yaw": (-20.0, 20.0),
    }

    mask: str = "hull+model+occlusion"
    colour: str = "rct"
    blend: str = "alpha"
    erode: float = 0.0
    feather: float = 0.08
    sharpen: float = 0.5
    grain: float = 1.0
    defocus: float = 1.0
    motion_blur: float = 1.0
    expression: float = 1.0
    yaw: float = 0.0

    def check(self) -> None:
        """Raise a UserError for the first value that can't be."""
        parse_mask(self.mask)
        if self.colour not in COLOUR:
            raise UserError(f"--colour {self.colour} is none of {', '.join(COLOUR)}")
        if self.blend not in BLENDS:
            raise UserError(f"--blend {self.blend} is none of {', '.join(BLENDS)}")
        super().check()

    @property
    def seamless(self) -> bool:
        """Whether colours are led in from the mask's border."""
        return self.blend == "poisson" or self.colour == SEAMLESS
