"""A face set on disk: crops that one can look at and delete by hand, and one index beside them.

```
FACES/
  crops/clip_000042_0.jpg    one aligned face each (RGB JPEG, quality 95, S x S)
  faces.jsonl                where each came from, see `records`
  .lock                      held by the process that adds to it
```
Deleting a crop's file removes that face from the set. A sorted crop's file has its rank before its name, see
`crop_files`; the index keeps the name alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TextIO

import cv2
import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.crop_files import crop_files, is_ranked
from faceswap_cli.faces.sets.records import (
    CROPS,
    INDEX,
    FaceRecord,
    Header,
    Index,
    Source,
    format_header,
    format_index,
    format_record,
    format_source,
    parse_index,
    with_tracks,
)
from faceswap_cli.files import ESCAPED, locked, make_folder, said_plainly, sync_folder, write_text
from faceswap_cli.limits import check_limit, check_regular, limit, read_limited
from faceswap_cli.media.frame import Image
from faceswap_cli.media.photo_header import photo_header

__all__ = ["FaceRecord", "FaceSet", "FaceSetWriter", "Header", "Source"]

JPEG_QUALITY = 95

CHOSEN = frozenset({"only", "not"})
"""Settings of sets that hold the faces of certain people only: digests of those people's photos."""


class FaceSet:
    """A face set, opened for reading.

    Attributes:
        path: its folder.
        header: what holds for all of it.
        records: the faces whose crop is still there, by source, frame and place in the frame.
        deleted: the faces whose crop the user has deleted.
        sources: the videos and photos they came from, by id.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self.path = path
        self.header = index.header
        self.sources = index.sources
        self._files = there = crop_files(path)
        everything = [record for records in index.records.values() for record in records]
        self.records = [record for record in everything if record.crop in there]
        self.deleted = [record for record in everything if record.crop not in there]

    @classmethod
    def open(cls, path: Path | str) -> FaceSet:
        """Open the face set in folder `path`.

        Raises:
            UserError: there is none, it is of another version, or its index is damaged.
        """
        return cls(Path(path), read_index(Path(path)))

    @property
    def crop_size(self) -> int:
        """Side S of the crops in pixels."""
        return self.header.crop_size

    @property
    def side(self) -> float:
        """Side of the crops in face units, see `geometry`."""
        return self.header.side

    def __len__(self) -> int:
        return len(self.records)

    @property
    def is_sorted(self) -> bool:
        """Whether crops' files have ranks."""
        return any(is_ranked(self.crop_file(record)) for record in self.records)

    def crop_file(self, record: FaceRecord) -> str:
        """The name of a crop's file in `crops/`: the crop's own, or that with a rank before it."""
        return self._files.get(record.crop, record.crop)

    def crop_path(self, record: FaceRecord) -> Path:
        """The file of a face's crop."""
        return self.path / CROPS / self.crop_file(record)

    def crop(self, record: FaceRecord) -> Image:
        """A face's crop: (S, S, 3) uint8 RGB.

        Raises:
            UserError: the file is gone, damaged, or no longer S x S.
        """
        path = self.crop_path(record)
        with _reading(path):
            data = np.frombuffer(read_limited(path, "photo_bytes"), np.uint8)
            header = photo_header(path)
        size = self.crop_size
        # Before it is decoded: it could be of any size.
        if header is not None and (header.width, header.height) != (size, size):
            raise UserError(
                f"{path} is {header.width} x {header.height} pixels, not {size} x {size}",
                "Crops may be deleted but not resized: delete this one",
            )
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size and header else None
        if image is None or image.shape[:2] != (size, size):
            raise UserError(f"{path} is not a picture", "Delete it to remove this face from the set")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]

    def tracks(self) -> dict[tuple[int, int], list[FaceRecord]]:
        """The faces by (source id, track number), each in the order of time."""
        tracks: dict[tuple[int, int], list[FaceRecord]] = {}
        for record in self.records:
            tracks.setdefault((record.source, record.track), []).append(record)
        return tracks


class FaceSetWriter:
    """Adds to a face set, batch by batch, so that it can be stopped anywhere. A context manager.

    Args:
        path: the set's folder, which must exist if there is to be no new one.
        header: of a new set; must equal that of a set that is already there.
        threads: how many crops are compressed at once.

    Raises:
        UserError: the folder can't be written, or holds a set with other settings, or something else.
    """

    def __init__(self, path: Path, header: Header, threads: int = 2) -> None:
        self.path = path
        make_folder(path / CROPS)
        with ExitStack() as stack:
            stack.enter_context(locked(path))
            self.index = _index_to_go_on_with(path, header)
            if CHOSEN & header.settings.keys():
                _remove_dropped(path, self.index)
            with said_plainly(path / INDEX):
                self._file = (path / INDEX).open("a", encoding="utf-8", errors=ESCAPED)
            self._lock = stack.pop_all()
        self._pool = ThreadPoolExecutor(threads)

    def __enter__(self) -> FaceSetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._file.close()
        self._lock.close()

    def add_source(self, source: Source) -> Source:
        """The source as the set knows it: with its number and a prefix of its own if it is new.

        A file that was moved or renamed is known, and its new path is written down.

        Raises:
            UserError: the set knows another file of that path, that is, it was changed since.
        """
        for known in self.index.sources.values():
            if known.path == source.path:
                if (known.size, known.mtime_ns) != (source.size, source.mtime_ns):
                    raise UserError(
                        f"{source.path} was changed since its faces were put into {self.path}",
                        "Extract into a new folder, or put the old file back",
                    )
                return known
        if (moved := self._moved(source)) is not None:
            return moved
        used = {known.prefix.casefold() for known in self.index.sources.values()}
        prefix, number = source.prefix, 2
        while prefix.casefold() in used:
            prefix, number = f"{source.prefix}~{number}", number + 1
        return replace(source, id=max(self.index.sources, default=-1) + 1, prefix=prefix)

    def _moved(self, source: Source) -> Source | None:
        """The source that was read from another path, where it is no more, and is this file; None if none is.

        Of a name, a length and a time that are those of a file that is gone it is. Renamed, it is if nothing
        else is of that length and time: what came out of an archive has one time, and may have one length.
        """
        gone = [
            known
            for known in self.index.sources.values()
            if (known.size, known.mtime_ns) == (source.size, source.mtime_ns)
            and not Path(known.path).exists()
        ]
        named = [known for known in gone if known.name == source.name] or gone
        if len(named) != 1:
            return None
        known = replace(named[0], name=source.name, path=source.path)
        with said_plainly(self.path / INDEX):
            self._file.write(format_source(known))
            self._file.flush()
            os.fsync(self._file.fileno())
        self.index.sources[known.id] = known
        return known

    def add(self, source: Source, faces: Sequence[tuple[FaceRecord, Image]]) -> None:
        """Write crops, then commit their lines together with how far their source has been seen.

        Raises:
            UserError: the disk is full or can't be written.
        """
        folder = self.path / CROPS
        list(self._pool.map(lambda one: _write_crop(folder / one[0].crop, one[1]), faces))
        source = replace(source, faces=len(self.index.records.get(source.id, [])) + len(faces))
        with said_plainly(self.path / INDEX):
            if faces:
                sync_folder(folder)
            self._file.write("".join(format_record(record) for record, _ in faces) + format_source(source))
            self._file.flush()
            os.fsync(self._file.fileno())
        self.index.sources[source.id] = source
        self.index.records.setdefault(source.id, []).extend(record for record, _ in faces)

    def finish(
        self, source: Source, tracks: Mapping[str, int], dropped: Collection[str] = frozenset()
    ) -> None:
        """Set the tracks of a source and write the index anew, without superseded lines.

        Args:
            source: it is complete now.
            tracks: of all its faces, by crop name.
            dropped: names of crops that do not come into the set after all: first their lines go, then
                their files. What a crash leaves of those is removed when the set is opened again.
        """
        records = self.index.records.get(source.id, [])
        records = with_tracks(records, [tracks[record.crop] for record in records])
        records = [record for record in records if record.crop not in dropped]
        self.index.records[source.id] = records
        self.index.sources[source.id] = replace(source, faces=len(records), complete=True)
        self._file.close()
        write_text(self.path / INDEX, format_index(self.index))
        with said_plainly(self.path / INDEX):
            self._file = (self.path / INDEX).open("a", encoding="utf-8", errors=ESCAPED)
            for crop in dropped:
                (self.path / CROPS / crop).unlink(missing_ok=True)


def read_index(path: Path) -> Index:
    """Read the index of the face set in folder `path`.

    Raises:
        UserError: see `records.parse_index`.
    """
    file = path / INDEX
    if not path.is_dir():
        raise UserError(f"there is no face set {path}", "Make one with `faceswap extract INPUT -o FACES`")
    if not file.is_file():
        raise UserError(
            f"{path} is not a face set: it has no {INDEX}", "Make one with `faceswap extract INPUT -o FACES`"
        )
    try:
        with _reading(file):
            check_limit("index_bytes", check_regular(file), f"{file} has {file.stat().st_size:,} bytes")
            with file.open(encoding="utf-8", newline="\n") as text:
                return parse_index(_lines(text, file), file)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file} is damaged: it is not text", "Restore it from a copy, or extract again"
        ) from error


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, one at a time; none may be longer than any of ours."""
    most = limit("line_bytes")
    while line := text.readline(most + 1):
        check_limit("line_bytes", len(line), f"{path} has a line of {len(line):,} characters")
        yield line


def _index_to_go_on_with(path: Path, header: Header) -> Index:
    """The set's index, new or as it is, with nothing in the file that does not count."""
    file = path / INDEX
    for left in path.glob(f".{file.stem}.*.part*"):  # from a run that was killed just then
        left.unlink(missing_ok=True)
    if not file.exists() or not file.stat().st_size:
        write_text(file, format_header(header))
        return Index(header, {}, {})
    index = read_index(path)
    _check_same(index.header, header, path)
    if index.dropped:
        write_text(file, format_index(index))
    return index


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about reading `path` into a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path} can't be read: {error.strerror or error}", "Check that it is there, and its permissions"
        ) from error


def _write_crop(path: Path, image: Image) -> None:
    """Write a crop to the disk for good: its line in the index, written later, promises that it is there."""
    with said_plainly(path):
        fine, data = cv2.imencode(
            ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )
        assert fine
        # Not through a link that somebody put there: it could lead to any file.
        with open(path, "wb", opener=_no_link) as file:
            file.write(data.tobytes())
            file.flush()
            os.fsync(file.fileno())


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


def _remove_dropped(path: Path, index: Index) -> None:
    """Remove crops of finished sources that the index doesn't know: their dropping was cut off."""
    known = {record.crop for records in index.records.values() for record in records}
    prefixes = [re.escape(source.prefix) for source in index.sources.values() if source.complete]
    if prefixes:
        ours = re.compile(rf"(?:{'|'.join(prefixes)})_\d{{6,}}_\d+\.jpg")
        for name in crop_files(path):
            if name not in known and ours.fullmatch(name):
                (path / CROPS / name).unlink(missing_ok=True)


def _check_same(there: Header, wanted: Header, path: Path) -> None:
    """Raise a UserError that names the first setting in which the set and the command differ."""
    old = {"crop-size": str(there.crop_size), "side": str(there.side), **there.settings}
    new = {"crop-size": str(wanted.crop_size), "side": str(wanted.side), **wanted.settings}
    for name in [*old, *new]:
        if old.get(name) == new.get(name):
            continue
        if name in CHOSEN:
            made = f"with other photos for --{name}" if name in old else f"without --{name}"
            instead = "Give the same photos again" if name in old else f"Leave --{name} out"
            raise UserError(f"{path} was made {made}", f"{instead}, or use another folder")
        instead = (
            "Use another folder" if name == "side" else f"Use --{name} {old.get(name)}, or another folder"
        )
        raise UserError(f"{path} was made with {name} {old.get(name)}, not {new.get(name)}", instead)
