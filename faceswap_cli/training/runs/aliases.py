"""What earlier versions wrote, in today's words: the one table of names that have changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMAT, VERSION = "faceswap-run", 3

FORMATS: Mapping[tuple[str, int], Mapping[str, Any]] = {
    (FORMAT, VERSION): {},
    ("faceswap-run", 2): {},
    ("faceswap-ageing-run", 1): {"family": "age"},
}
"""Forms of run.json that are read, and settings that they left unsaid."""

SETTINGS: Mapping[str, str] = {"architecture": "family"}
"""Names of settings, then and now."""

SIZES: Mapping[str, str] = {"base": "medium"}
"""Names of sizes."""


def read_settings(card: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run.json of any known version.

    Raises:
        OtherVersionError: this version doesn't know it.
        ValueError: it is another kind of file.
        KeyError, TypeError, AttributeError: it is damaged.
    """
    form = card["format"], card["version"]
    if form not in FORMATS:
        if card["format"] in {name for name, _ in FORMATS}:
            raise OtherVersionError(form[1])
        raise ValueError("it is another kind of file")
    renamed = {SETTINGS.get(name, name): value for name, value in card["settings"].items()}
    return {**FORMATS[form], **renamed}


class OtherVersionError(Exception):
    """A run of a version that this one doesn't know."""
