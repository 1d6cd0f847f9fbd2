"""Tells when an adversarial training has collapsed: all faces alike, or a critic that can't be fooled."""

from __future__ import annotations

from collections.abc import Mapping

from faceswap_cli.training.objectives.gan import LEAST_VARIETY, VARIETY

REPORTS = 30
"""So many reports in a row make a collapse; one is about a second or a step, whichever is longer."""

ALIKE = VARIETY * LEAST_VARIETY / 2
"""Loss term `variety` from which drawn faces have less than a quarter of the real ones' variety."""

WON = 0.02
"""Loss of a critic that is hardly ever wrong; it is 0.69 for one that guesses."""


class CollapseDetector:
    """Call it with each report's losses. Of a model without a critic it never says anything."""

    def __init__(self) -> None:
        self._in_a_row = {"alike": 0, "won": 0}

    def __call__(self, losses: Mapping[str, float]) -> str | None:
        """What a person should know, once for each collapse."""
        signs = {"alike": losses.get("variety", 0.0) > ALIKE, "won": losses.get("critic", 1.0) < WON}
        told = None
        for sign, there in signs.items():
            self._in_a_row[sign] = self._in_a_row[sign] + 1 if there else 0
            if self._in_a_row[sign] == REPORTS:
                told = _WORDS[sign]
        return told


_WORDS = {
    "alike": "the generator has collapsed: it draws everybody alike. Go back by --rollback, go on at half "
    "the --learning-rate",
    "won": "the critic tells every drawn face, and the generator learns nothing from it any more. Go back by "
    "--rollback, and go on at half the --learning-rate",
}
