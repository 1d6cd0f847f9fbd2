"""Tells when an adversarial training has collapsed, by figures that stay beyond a bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REPORTS = 30
"""So many reports in a row make a collapse; one is about a second or a step, whichever is longer."""


@dataclass(frozen=True)
class CollapseSign:
    """A loss term, or a figure that is measured, that tells of a collapse.

    Attributes:
        term: its name.
        above, below: a value beyond either is a sign.
        message: what a person should know.
        from_step: step before which it is no sign: pictures of a new generator are alike, too.
    """

    term: str
    message: str
    above: float = float("inf")
    below: float = float("-inf")
    from_step: int = 0

    def shows_in(self, losses: Mapping[str, Any]) -> bool:
        """Whether it is there; False where there is no such term."""
        value = losses.get(self.term)
        return isinstance(value, int | float) and (value > self.above or value < self.below)


class CollapseDetector:
    """Call it with each report's losses and the latest measures, and its step.

    Args:
        signs: what is looked for; nothing is ever said without.
    """

    def __init__(self, signs: Sequence[CollapseSign] = ()) -> None:
        self._signs = signs
        self._in_a_row = [0] * len(signs)

    def __call__(self, losses: Mapping[str, Any], step: int) -> str | None:
        """What a person should know, once for each collapse."""
        told = None
        for number, sign in enumerate(self._signs):
            shows = step >= sign.from_step and sign.shows_in(losses)
            self._in_a_row[number] = self._in_a_row[number] + 1 if shows else 0
            if self._in_a_row[number] == REPORTS:
                told = sign.message
        return told
