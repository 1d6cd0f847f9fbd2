"""Work that is easily checked, and some that goes wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.pipeline.executors.base import TaskRange


@dataclass(frozen=True)
class Letters:
    """Reads a text; a piece is a range of its letters. What goes wrong does so at letter 3.

    Attributes:
        source: the text's file.
        wrong: "error" (the user's), "bug", "killed" (always) or "killed once".
        mark: a file that is made when it went wrong.
    """

    source: Path
    wrong: str = ""
    mark: Path = Path("unused")

    def reading(self, source: Path) -> Letters:
        return replace(self, source=source)

    def __call__(self, piece: TaskRange) -> Generator[int | tuple[int, str]]:
        text = self.source.read_text()
        for place in range(piece[0], piece[1] + 1):
            if place == 3:
                self._go_wrong()
            yield 1
            yield place, text[place]

    def _go_wrong(self) -> None:
        if self.wrong == "error":
            raise UserError("letter 3 is bad", "Take another")
        if self.wrong == "bug":
            raise ValueError("nobody thought of that")
        if self.wrong == "killed" or (self.wrong == "killed once" and not self.mark.exists()):
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


TEXT = "who reads this?"
PIECES = [(0, 4), (5, 5), (6, 11), (12, len(TEXT) - 1)]


def text_of(reports: list[object]) -> str:
    """The letters that came, in order; as many frames as letters must have been told of."""
    letters = [report for report in reports if isinstance(report, tuple)]
    assert sum(report for report in reports if isinstance(report, int)) == len(letters)
    return "".join(letter for _, letter in sorted(letters))
