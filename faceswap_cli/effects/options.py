"""What every effect can be told."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.options import TIME, OptionGroup, option


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
