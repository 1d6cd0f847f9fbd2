"""The folder of an unfinished conversion: what is done stays done, whatever happens to the process.

    .OUTPUT.faceswap/
        .lock            held by the process that works here
        frames.jsonl     a header line, then one line for every few frames: their times and shots
        faces.jsonl      a header line, then one line for every few frames: the faces found
        who.jsonl        a header line, then one line: who the tracks are
        ages.jsonl       a header line, then one line: how old they look
        segments.jsonl   a header line, then one line for every finished segment
        000000.nut ...   finished segments
        .joined.part.*   the output, while it is put together

Journals: see `faceswap_cli.journal`.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from faceswap_cli import files
from faceswap_cli.errors import UserError
from faceswap_cli.journal import Journal


class ResumeDir:
    """The work folder of one output; a context manager that holds its lock."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(files.hidden_name(output.name, ".faceswap"))
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> ResumeDir:
        files.make_folder(self.path)
        self._lock.enter_context(files.locked(self.path))
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.close()

    def journal(self, name: str, key: str) -> Journal:
        """The journal `name`.jsonl, emptied when its lines depend on something else than `key`."""
        return Journal(self.path / f"{name}.jsonl", key)

    def remove(self) -> None:
        """Throw the folder away: the output is done."""
        shutil.rmtree(self.path, ignore_errors=True)


def not_whole_error(folder: Path, what: str) -> UserError:
    """The error of unfinished work in which something is missing that should be there."""
    return UserError(
        f"the unfinished work in {folder} is not whole: {what}", "Delete it, then run this again"
    )
