"""How a photo is animated."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.options import LOOK, option

REGIONS = ("mouth", "eyes", "brows", "pose")
"""What can follow the driver."""


@dataclass(frozen=True)
class AnimateOptions(EffectOptions):
    """See `motion` and `render`."""

    region: tuple[str, ...] = option(
        ("all",), group=LOOK, choices=("all", *REGIONS),
        help="What follows the driver; may be given several times: mouth (with jaw and cheeks), eyes (lids "
        "and gaze), brows, pose (turn and place of the head).",
    )  # fmt: skip
    strength: float = option(
        1.0, 0.0, 2.0, group=LOOK, help="How far the driver's motion is followed, 1: as it is."
    )
    yaw_limit: float = option(
        25.0, 0.0, 40.0, group=LOOK,
        help="Degrees by which the head is turned from how it is on the photo, at most; up to 15 stay clean.",
    )  # fmt: skip
    neutral: str = option(
        "auto", group=LOOK, metavar="auto|FRAME",
        help="The driver's calm face: auto (the median over the whole clip), or the number of a frame, from "
        "0.",
    )  # fmt: skip

    @property
    def regions(self) -> frozenset[str]:
        """What follows the driver, each by its name."""
        return frozenset(REGIONS if "all" in self.region or not self.region else self.region)
