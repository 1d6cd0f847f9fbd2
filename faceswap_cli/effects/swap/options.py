"""How a swapped face is put into a frame."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.compositing.looks import BlendName, ColourName
from faceswap_cli.effects.options import BlendOptions
from faceswap_cli.options import LOOK, option


@dataclass(frozen=True)
class SwapOptions(BlendOptions):
    """How faces are put into frames."""

    mask: str = option(
        "hull+model+occlusion", group=LOOK,
        help="With --run: where the new face shows, one or several joined by +: hull (around the landmarks), "
        "model (the network's own mask), parsed (skin up to the hair, as a face parser sees it), occlusion "
        "(not over hands, microphones, hair and frames of glasses before the face); both is hull+model.",
    )  # fmt: skip
    colour: str = option(
        "rct", group=LOOK, choices=tuple(map(str, ColourName)),
        help="With --run: colour match inside the mask: rct (mean and contrast), lct and mkl (all "
        "covariances), hist, idt and sot (whole distributions), seamless (none, but --blend poisson) "
        "or none.",
    )  # fmt: skip
    blend: str = option(
        "alpha", group=LOOK, choices=tuple(map(str, BlendName)),
        help="With --run: how the new face is put in: alpha, pyramid (detail over a narrow edge, colours "
        "over a wide one) or poisson (seamless clone: the frame's colours at the mask's edge are led "
        "into the face).",
    )  # fmt: skip
    detail: float = option(
        1.0, 0.0, 1.0, group=LOOK,
        help="With --run: how much of the finest detail (pores, lashes, hairs) comes from the crops that the "
        "run was trained on, where they fit what is drawn; 0 is none. Not live.",
    )  # fmt: skip
    # A network trained on pixel differences draws softer than what it saw: 0.3 and 0.6 raised a small model's
    # Laplacian variance from 0.30 to 0.37 and 0.45 of the original's, without visible halos.
    sharpen: float = option(
        0.5, 0.0, 1.0, group=LOOK, help="With --run: unsharp mask on the new face; 0 is none."
    )

    def check(self) -> None:
        """Raise a UserError for the first value that can't be."""
        from faceswap_cli.compositing.masks import parse_mask

        parse_mask(self.mask)
        super().check()

    @property
    def seamless(self) -> bool:
        """Whether colours are led in from the mask's border."""
        return self.blend == "poisson" or self.colour == "seamless"
