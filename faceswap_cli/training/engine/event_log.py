"""`log.jsonl`: what happened in a run, a JSON object a line, appended over all its starts.

A process may die in the middle of a line, and a run that goes on from a checkpoint does some steps a second
time. Reading allows for both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.limits import parse_json, read_limited


def append_event(path: Path, line: Mapping[str, Any]) -> None:
    """Append a line. NaN and infinity are not JSON and are written as null; floats get 6 decimals.

    Raises:
        OSError: it can't be written.
    """
    text = json.dumps(_plain(line)) + "\n"
    with path.open("ab+") as file:
        # What a killed process left of a line must not spoil this one.
        if file.tell():
            file.seek(-1, 2)
            text = text if file.read(1) == b"\n" else "\n" + text
        file.write(text.encode())


def read_events(path: Path, until: int | None = None) -> list[dict[str, Any]]:
    """The whole lines of a log that tell of the run as it is now, oldest first.

    Damaged lines are skipped. Where the run went back to an earlier step, what was told of later ones is
    dropped: those steps were lost, and done again.

    Args:
        path: a file that may not be there.
        until: the last step that counts, that of the checkpoint that is gone on with; None: all.
    """
    try:
        text = read_limited(path, "log_bytes").decode("utf-8", errors="replace")
    except (OSError, UserError):
        return []
    found: list[dict[str, Any]] = []
    for raw in text.splitlines():
        line = _parsed(raw)
        if line is None:
            continue
        while found and found[-1]["step"] > line["step"]:
            found.pop()
        found.append(line)
    return [line for line in found if until is None or line["step"] <= until]


def _parsed(raw: str) -> dict[str, Any] | None:
    try:
        line = parse_json(raw)
    except ValueError:
        return None
    whole = isinstance(line, dict) and type(line.get("step")) is int
    return line if whole else None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
