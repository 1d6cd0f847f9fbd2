"""How much a file may claim or hold before it is refused, and reading files within that.

Every limit is far above honest use and keeps a crafted file of a few bytes from taking the machine's memory.
Each can be raised by an environment variable: FACESWAP_MAX_VIDEO_PIXELS=400000000.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from faceswap_cli.errors import UserError

MILLION, MIB = 10**6, 2**20

LIMITS = {
    "photo_pixels": 150 * MILLION,
    "photo_bytes": 512 * MIB,
    "video_pixels": 100 * MILLION,
    "frames": 10 * MILLION,
    "index_bytes": 1024 * MIB,
    "line_bytes": 1 * MIB,
    "card_bytes": 16 * MIB,
    "log_bytes": 256 * MIB,
    "weights_bytes": 4096 * MIB,
    "points_bytes": 128 * MIB,
}
"""Pixels of a photo or of a video's frame, a photo's file, frames of a video, a face set's index, a line of
it, a JSON file or list, a log or journal, a file of weights, a table of points."""


def variable(name: str) -> str:
    """The environment variable that raises a limit."""
    return f"FACESWAP_MAX_{name.upper()}"


def limit(name: str) -> int:
    """A limit of LIMITS, or what the environment says instead.

    Raises:
        UserError: the environment's is no number.
    """
    told = os.environ.get(variable(name), "").replace("_", "")
    if not told:
        return LIMITS[name]
    if not told.isascii() or not told.isdigit() or len(told) > 18:
        raise UserError(f"{variable(name)}={told} is no number", f"Give one such as {LIMITS[name]}")
    return int(told)


def check_limit(name: str, value: int, what: str) -> None:
    """Raise a UserError if a file goes beyond a limit.

    Args:
        name: of the limit.
        value: what the file holds or claims.
        what: names the file and what of it is too much: "x.png has 999 pixels".
    """
    if value > (most := limit(name)):
        raise UserError(
            f"{what}: more than {most:,} are not read",
            f"Make it smaller, or set {variable(name)}={value} if you trust the file",
        )


def check_regular(path: Path) -> int:
    """The size of a file in bytes.

    Raises:
        UserError: it is a pipe or a device, which could be read for ever.
        OSError: it is not there.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise UserError(f"{path} can't be read: it is no regular file", "Copy what it holds into one first")
    return state.st_size


def read_limited(path: Path, name: str) -> bytes:
    """A whole file, unless it is too large.

    Args:
        path: the file.
        name: of the limit.

    Raises:
        UserError: it is too large, or no regular file.
        OSError: it can't be read.
    """
    check_limit(name, check_regular(path), f"{path} has {path.stat().st_size:,} bytes")
    return path.read_bytes()


def parse_json(text: str | bytes) -> Any:
    """Strict JSON: no NaN, no infinity, no whole number beyond 64 bits. Too deep is a ValueError, too.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path, name: str = "card_bytes") -> Any:
    """A file of strict JSON.

    Raises:
        ValueError: it is no JSON, or no UTF-8.
        UserError: it is too large, or no regular file.
        OSError: it can't be read.
    """
    return parse_json(read_limited(path, name).decode("utf-8"))


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**64:
        raise ValueError(f"{text[:24]} is too large")
    return value
