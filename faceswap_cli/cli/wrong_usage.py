"""What is said of a command line that can't be read: which command was meant, what a missing option is."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from faceswap_cli.media.inputs import PHOTO_SUFFIXES
from faceswap_cli.options import Declaration, describe_allowed

OTHER_WORDS = {
    "swap": "convert", "faceswap": "convert", "merge": "convert", "face-swap": "convert",
    "deepfake": "convert",
    "deage": "age", "de-age": "age", "aging": "age", "ageing": "age", "older": "age", "younger": "age",
    "webcam": "live", "camera": "live", "stream": "live",
    "puppet": "animate", "talk": "animate", "reenact": "animate",
    "invent": "generate", "sample": "generate",
    "sort": "faces", "sheet": "faces", "filter": "faces",
    "export": "models", "check": "doctor", "info": "doctor",
    "detect": "extract", "align": "extract", "faceset": "extract",
    "learn": "train", "fit": "train", "test": "evaluate", "benchmark": "evaluate",
}  # fmt: skip
"""Names that other tools, and people, have for commands; those that aren't there yet are passed over."""


def suggest_command(path: str, words: Sequence[str], names: Iterable[str]) -> str:
    """What is said of a word that is no command.

    Args:
        path: the commands before it, as in "faceswap convert".
        words: the word, and what follows it.
        names: of the commands there are.

    Returns:
        one line.
    """
    word, names = words[0], list(names)
    if "photo" in names and _is_file(word):
        path_of = Path(word)
        meant = "photo" if path_of.suffix.lower() in PHOTO_SUFFIXES or path_of.is_dir() else "video"
        what = "folder" if path_of.is_dir() else "file"
        return f"{word} is a {what}, not a command. Did you mean: {path} {meant} {shlex.join(words)}"
    other = OTHER_WORDS.get(word.lower())
    near = [other] if other in names else difflib.get_close_matches(word.lower(), names, 3, 0.6)
    if near:
        return f"There is no command {word!r}. Did you mean: {' or '.join(f'{path} {one}' for one in near)}"
    return f"There is no command {word!r}. There are: {', '.join(names)}"


def _is_file(word: str) -> bool:
    """Whether a word can only be a file's name."""
    return "/" in word or "\\" in word or (Path(word).suffix != "" and not word.startswith("-"))


READ_AS = {
    "Input should be a valid number": "it is no number",
    "Input should be a valid integer": "it is no whole number",
    "Input should be greater than or equal to": "the least is",
    "Input should be less than or equal to": "the most is",
    "Value error, ": "",
}
"""What newer releases of Typer say of a value, in pydantic's words, and what is said instead."""


def describe_bad_value(error: Any, declared: Mapping[str, Declaration]) -> str:
    """What is said of a value that an option does not take: which it takes.

    Args:
        error: Typer's own.
        declared: declarations by the names of parameters; others have Typer's words.

    Returns:
        one line.
    """
    param = error.param
    name = max(param.opts, key=len) if param is not None else "a value"
    if param is not None and param.name in declared:
        return f"{name} takes {describe_allowed(declared[param.name])}"
    text = str(error.message)
    for theirs, ours in READ_AS.items():
        if theirs in text:
            rest = text.replace(theirs, ours).partition(", unable to parse")[0]
            return f"{name}: {rest}"
    return f"{name}: {text}"


def describe_missing(error: Any) -> str:
    """What is said of an option that must be given and isn't: its name, and what it is for."""
    text = error.format_message().rstrip(".")
    told = (getattr(error.param, "help", None) or "").split(". ")[0].rstrip(".")
    return f"{text}: {told}" if told else text
