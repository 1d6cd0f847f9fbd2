"""The folder of an unfinished conversion: what is done stays done, whatever happens to the process.

    .OUTPUT.faceswap/
        .lock            held by the process that works here
        faces.jsonl      a header line, then one line for every few frames: the faces found
        who.jsonl        a header line, then one line: which tracks are the wanted person
        segments.jsonl   a header line, then one line for every finished segment
        000000.nut ...   finished segments
        .joined.part.*   the output, while it is put together

Each journal begins with a fingerprint of everything its lines depend on. One that doesn't match is thrown
away, never mixed. Lines are appended and flushed to the disk; a torn or damaged line and all behind it
count as not written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from faceswap_cli import files

KINDS: dict[str, tuple[frozenset[str], ...]] = {
    "faces": (frozenset({"frames"}), frozenset({"end", "damage"})),
    "who": (frozenset({"verdicts"}),),
    "segments": (frozenset({"file", "frames", "bytes"}), frozenset({"end", "damage"})),
}
"""The keys that the lines of each journal have, one set for each kind of line."""


def fingerprint(*parts: Any) -> str:
    """A short hash of plain JSON values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Journal:
    """Lines of JSON on disk that belong to one fingerprint.

    Attributes:
        discarded: an older journal with another fingerprint stood here and was thrown away.
    """

    def __init__(self, path: Path, mark: str, kinds: Collection[frozenset[str]] = ()) -> None:
        """Open the journal at `path`; make it, or empty it, when it isn't marked with `mark`.

        A line that has not all keys of one of the `kinds` is damaged; without kinds any JSON object will do.
        """
        self.path = path
        self._mark = mark
        self._kinds = kinds
        self.discarded = path.exists() and not self._marked()
        if self.discarded or not path.exists():
            files.write_text(path, json.dumps({"fingerprint": mark}) + "\n")
        self._mend()

    def _marked(self) -> bool:
        with self.path.open("rb") as file:
            first = file.readline()
        with contextlib.suppress(ValueError, AttributeError):
            return bool(json.loads(first).get("fingerprint") == self._mark)
        return False

    def _mend(self) -> None:
        """Cut the file off before its first line that is damaged, or was being written when the power went.

        Nothing behind such a line counts: it would belong to other frames than it seems to.
        """
        with self.path.open("r+b") as file:
            file.readline()
            end = file.tell()
            while line := file.readline():
                if not self._sound(line):
                    file.truncate(end)
                    return
                end = file.tell()

    def _sound(self, line: bytes) -> bool:
        try:
            entry = json.loads(line)
        except ValueError:
            return False
        whole = isinstance(entry, dict) and line.endswith(b"\n")
        return whole and (not self._kinds or any(kind <= entry.keys() for kind in self._kinds))

    def read(self) -> Iterator[dict[str, Any]]:
        """The lines after the header, one at a time."""
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                yield json.loads(line)

    def append(self, lines: Iterable[dict[str, Any]]) -> None:
        """Add lines and flush them to the disk."""
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        with files.said_plainly(self.path), self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def cut(self, count: int) -> None:
        """Keep only the first `count` lines after the header."""
        with self.path.open("r+b") as file:
            for _ in range(count + 1):
                file.readline()
            file.truncate(file.tell())


class WorkFolder:
    """The work folder of one output; a context manager that holds its lock."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(f".{output.name}.faceswap")
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> WorkFolder:
        files.make_folder(self.path)
        self._lock.enter_context(files.locked(self.path))
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.close()

    def journal(self, name: str, mark: str) -> Journal:
        """The journal `name`.jsonl, emptied when it isn't marked with `mark`."""
        return Journal(self.path / f"{name}.jsonl", mark, KINDS.get(name, ()))

    def remove(self) -> None:
        """Throw the folder away: the output is done."""
        shutil.rmtree(self.path, ignore_errors=True)
