"""The keys of the window, each declared once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """One of them.

    Attributes:
        letters: any of these is it.
        shown: how it is written for people.
        name: what it does.
    """

    letters: str
    shown: str
    name: str


KEYS = (
    Key(" ", "space", "pause"),
    Key("m", "m", "mirror"),
    Key("b", "b", "side by side"),
    Key("n", "n", "next face"),
    Key("-", "-", "weaker"),
    Key("+=", "+", "stronger"),
    Key("c", "c", "learn anew"),
    Key("s", "s", "snapshot"),
    Key("h?", "h", "help"),
    Key("q\x1b", "q", "quit"),
)
