"""The one place that knows rich: progress lines, tables, and where words go.

Results go to stdout, progress and warnings to stderr, so that output can be piped. Rich is imported with the
first word that is said: help needs none of it.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import ProgressColumn

_UNHEARD: list[str] = []


@functools.cache
def out() -> Console:
    """Where results go."""
    return _open(stderr=False)


@functools.cache
def err() -> Console:
    """Where everything else goes."""
    return _open(stderr=True)


def _open(stderr: bool) -> Console:
    from rich.console import Console

    # A name may hold ":-1:", which rich would make a picture of.
    return Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)


def prepare() -> None:
    """Let what an encoding lacks, or a name has of bytes that are no text, be written escaped."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def unheard() -> bool:
    """Whether something could not be written where results go, since this was last asked."""
    was = bool(_UNHEARD)
    _UNHEARD.clear()
    return was


def say(text: str) -> None:
    """A line of result."""
    _print(out(), _escape(text))


def say_json(data: Any) -> None:
    """What is readable for programs as well, on stdout."""
    from rich.json import JSON

    _print(out(), JSON.from_data(data))


def tell(text: str) -> None:
    """A line about what is going on."""
    _print(err(), _escape(text))


def warn(text: str) -> None:
    """Something a person should know, though the work goes on."""
    _print(err(), f"[yellow]note:[/] {_escape(text)}")


def _escape(text: str) -> str:
    """A text without what rich would take for its own."""
    from rich.markup import escape

    return escape(text)


def _print(console: Console, what: RenderableType) -> None:
    """Print. A full disk below a stream doesn't end the work: it is told, and no more is written there."""
    try:
        console.print(what)
    except BrokenPipeError:
        raise
    except OSError as error:
        # What the stream still holds would fail again when it is closed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), console.file.fileno())
        if console is not err():
            _UNHEARD.append(str(error))
            _print(
                err(), f"[red]error:[/] standard output can't be written: {error.strerror}; the work goes on"
            )


def hush() -> None:
    """Say nothing from now on, but why the work failed: one of several processes speaks for all."""
    out().quiet = err().quiet = True


def fail(text: str) -> None:
    """Why the work ended."""
    err().quiet = False
    _print(err(), f"[red]error:[/] {_escape(text)}")


def format_duration(seconds: float) -> str:
    """Seconds in words a person can read at a glance: "45 s", "3 min 20 s", "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def print_table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A plain table on stdout."""
    from rich.table import Table

    made = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*(_escape(str(cell)) for cell in row))
    _print(out(), made)


class Bar:
    """One live progress line on stderr; where stderr is no terminal, a plain line every tenth of the way.

    Use as a context manager and call `update`.
    """

    def __init__(self, label: str) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        columns: list[ProgressColumn] = [
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[text]}", markup=False),
        ]
        self._progress = Progress(*columns, console=err(), transient=False, refresh_per_second=4)
        self._label = label
        self._task = self._progress.add_task(label, total=None, text="")
        self._told = -1

    def __enter__(self) -> Bar:
        if err().is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if err().is_terminal:
            self._progress.stop()

    def update(self, done: float, total: float | None, text: str, label: str | None = None) -> None:
        """Show how far it is.

        Args:
            done: in any unit.
            total: in the same unit, or None when nobody knows.
            text: rate, losses, time left.
            label: replaces the line's name.
        """
        if label is not None and label != self._label:
            self._label, self._told = label, -1
        self._progress.update(self._task, completed=done, total=total, text=text, description=self._label)
        if err().is_terminal:
            return
        tenth = int(10 * done / total) if total else int(done // 1000)
        if tenth > self._told:
            self._told = tenth
            share = f"{100 * done / total:3.0f}%" if total else f"{done:.0f}"
            tell(f"{self._label} {share} {text}")

    def note(self, text: str) -> None:
        """A lasting line above the bar."""
        _print(self._progress.console, f"[yellow]note:[/] {_escape(text)}")
