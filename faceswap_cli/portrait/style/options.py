"""How pictures are turned into another kind."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.options import LOOK, OptionGroup, option


@dataclass(frozen=True)
class StyleOptions(OptionGroup):
    """How pictures are turned."""

    back: bool = option(False, group=LOOK, help="From B to A, of a run that learnt both ways.")
    strength: float = option(1.0, 0, 2, group=LOOK, help="How much of the change is made.")
    detail: float = option(
        1.0, 0, 1, group=LOOK, help="How much of the detail that is finer than the network sees stays."
    )
