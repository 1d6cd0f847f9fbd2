"""The folder of an unfinished conversion: what is done stays done, whatever happens to the process.

    .OUTPUT.faceswap/
        .lock            held by the process that works here
        frames.jsonl     a header line, then one line for every few frames: their times and shots
        faces.jsonl      a header line, then one line for every few frames: the faces found
        who.jsonl        a header line, then one line: who the tracks are
        segments.jsonl   a header line, then one line for every finished segment
        000000.nut ...   finished segments
        .joined.part.*   the output, while it is put together

Each journal begins with a fingerprint of everything its lines depend on. One that doesn't match is thrown
away, never mixed. Lines are appended and flushed to the disk; each begins with a checksum over itself and all
lines before it, so that one that is torn, changed or lost counts as not written, and all behind it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from faceswap_cli import files
from faceswap_cli.limits import limit, parse_json


def fingerprint(*parts: Any) -> str:
    """A short hash of plain JSON values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Journal:
    """Lines of JSON on disk that belong to one fingerprint.

    Attributes:
        discarded: an older journal with another fingerprint stood here and was thrown away.
    """

    def __init__(self, path: Path, mark: str) -> None:
        """Open the journal at `path`; make it, or empty it, when it isn't marked with `mark`."""
        self.path = path
        header = _Line({"fingerprint": mark}, 0)
        self.discarded = path.exists() and not self._begins_with(header.text)
        if self.discarded or not path.exists():
            files.write_bytes(path, header.text)
        self._sum = self._mended()

    def _begins_with(self, header: bytes) -> bool:
        with self.path.open("rb") as file:
            return file.readline(len(header) + 1) == header

    def _mended(self, most: int | None = None) -> int:
        """Cut the file off before its first line that is damaged, or lacks the line before it.

        Args:
            most: keep so many lines after the header, at most.

        Returns:
            The checksum of the last line that stays.
        """
        total, end = 0, 0
        with self.path.open("r+b") as file:
            for count, line in enumerate(_lines(file)):
                entry = _read(line, total)
                if entry is None or (most is not None and count > most):
                    file.truncate(end)
                    break
                total, end = entry.sum, end + len(line)
        return total

    def read(self) -> Iterator[dict[str, Any]]:
        """The lines after the header, one at a time."""
        with self.path.open("rb") as file:
            lines = _lines(file)
            next(lines, None)
            for line in lines:
                yield parse_json(line[_MARK:])

    def append(self, lines: Iterable[dict[str, Any]]) -> None:
        """Add lines and flush them to the disk."""
        text, total = b"", self._sum
        for entry in lines:
            line = _Line(entry, total)
            text, total = text + line.text, line.sum
        with files.said_plainly(self.path), self.path.open("ab") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._sum = total

    def cut(self, count: int) -> None:
        """Keep only the first `count` lines after the header."""
        self._sum = self._mended(count)


_MARK = 9
"""Characters of a line's checksum: eight hexadecimal digits and a space."""


class _Line:
    """A line of a journal.

    Attributes:
        sum: CRC-32 over it and all lines before it.
        text: as it is written.
    """

    def __init__(self, entry: dict[str, Any], before: int) -> None:
        body = json.dumps(entry, separators=(",", ":")).encode()
        self.sum = zlib.crc32(body, before)
        self.text = b"%08x %s\n" % (self.sum, body)


def _read(line: bytes, before: int) -> _Line | None:
    """A line as it was written after those of the checksum `before`; None if it is not that."""
    with contextlib.suppress(ValueError):
        entry = parse_json(line[_MARK:])
        if isinstance(entry, dict) and (found := _Line(entry, before)).text == line:
            return found
    return None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file. One that is longer than any of ours comes in parts, which are no lines."""
    most = limit("card_bytes")
    return iter(lambda: file.readline(most), b"")


class WorkFolder:
    """The work folder of one output; a context manager that holds its lock."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(files.hidden_name(output.name, ".faceswap"))
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> WorkFolder:
        files.make_folder(self.path)
        self._lock.enter_context(files.locked(self.path))
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.close()

    def journal(self, name: str, mark: str) -> Journal:
        """The journal `name`.jsonl, emptied when it isn't marked with `mark`."""
        return Journal(self.path / f"{name}.jsonl", mark)

    def remove(self) -> None:
        """Throw the folder away: the output is done."""
        shutil.rmtree(self.path, ignore_errors=True)
