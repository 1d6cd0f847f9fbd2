"""A live picture in the terminal, and the keys that are pressed meanwhile."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.style import Style
from rich.text import Text

from faceswap_cli.cli import console

if TYPE_CHECKING:
    from faceswap_cli.generation.lab.cells import Cells


LONGEST_WAIT = 0.2
"""Seconds that are waited for a key at once."""


class Screen:
    """Call `show` inside the block. It takes the whole terminal, and leaves what it showed last."""

    def __init__(self) -> None:
        self._live = Live(console=console.out(), screen=False, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return console.out().size.width, console.out().size.height

    def show(self, picture: Cells | Sequence[str], lines: Sequence[str]) -> None:
        """Draw a picture, and lines of text below it."""
        rows = [Text(row) for row in picture] if isinstance(picture, Sequence) else _coloured(picture)
        width = self.size[0]
        self._live.update(Group(*rows, *(Text(line[:width]) for line in lines)), refresh=True)


def is_possible() -> bool:
    """Whether there is a terminal to draw in and to press keys in."""
    return console.out().is_terminal and sys.stdin.isatty()


def has_colours() -> bool:
    """Whether cells can be coloured, and Braille be written."""
    out = console.out()
    is_unicode = out.encoding.lower().replace("-", "").startswith("utf")
    return out.color_system is not None and not out.no_color and is_unicode


def _coloured(cells: Cells) -> list[Text]:
    """Rows in which neighbours of the same colours are one piece."""
    rows = []
    for text, inks, papers in zip(cells.text, cells.ink.tolist(), cells.paper.tolist(), strict=True):
        row, start = Text(), 0
        pairs = [(tuple(ink), tuple(paper)) for ink, paper in zip(inks, papers, strict=True)]
        for end in range(1, len(text) + 1):
            if end == len(text) or pairs[end] != pairs[start]:
                ink, paper = pairs[start]
                style = Style(color=f"rgb{ink}".replace(" ", ""), bgcolor=f"rgb{paper}".replace(" ", ""))
                row.append(text[start:end], style)
                start = end
        rows.append(row)
    return rows


class Keys:
    """Keys as they are pressed, without a line's end. Ask inside `read_keys`."""

    def __init__(self) -> None:
        self._waiting = ""

    def pressed(self, seconds: float = 0.0) -> str:
        """The next key, or "" when none comes within some time."""
        import select

        if not self._waiting:
            # Not infinite: a signal's handler only notes that it came.
            ready, _, _ = select.select([sys.stdin], [], [], min(seconds, LONGEST_WAIT))
            read = os.read(sys.stdin.fileno(), 64).decode(errors="ignore") if ready else ""
            self._waiting = "" if read.startswith("\x1b") else read  # an arrow key is several characters
        key, self._waiting = self._waiting[:1], self._waiting[1:]
        return key


class WindowsKeys(Keys):
    """The same where there are no terminals as POSIX has them."""

    def pressed(self, seconds: float = 0.0) -> str:
        """The next key, or "" when none comes within some time."""
        import msvcrt

        until = time.monotonic() + min(seconds, LONGEST_WAIT)
        while not msvcrt.kbhit():  # type: ignore[attr-defined]
            if time.monotonic() >= until:
                return ""
            time.sleep(0.01)
        return str(msvcrt.getwch())  # type: ignore[attr-defined]


@contextlib.contextmanager
def read_keys() -> Iterator[Keys]:
    """Within the block the terminal gives each key at once and does not show it."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield WindowsKeys()
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield Keys()
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
