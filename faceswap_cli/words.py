"""Words of messages."""

from __future__ import annotations


def plural(number: int, what: str) -> str:
    """A number of things: "1 face", "2 faces"."""
    return f"{number} {what}" + ("" if number == 1 else "s")
