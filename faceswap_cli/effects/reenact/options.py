"""How a photo's face is put onto a target's."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.effects.options import BlendOptions
from faceswap_cli.options import LOOK, option


@dataclass(frozen=True)
class ReenactOptions(BlendOptions):
    """See `render` and `composite`.

    Attributes:
        refine: "on": the network of `refine` mends light, mouth and lids. No weights come with the tool yet.
        light: how much of the scene's light and tone the face is given, 0..1.
        folds: how much of the folds of the target's expression the face is given, 0..1.
    """

    shape: float = option(
        0.6, 0.0, 1.0, group=LOOK,
        help="Without --run: whose shape eyes, nose and mouth have, 0 that of the face in the picture, 1 "
        "that of the photo given by --face.",
    )  # fmt: skip
    refine: str = "off"
    light: float = 1.0
    folds: float = 1.0
