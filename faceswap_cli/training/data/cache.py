"""Prepared samples on disk, so that only the first start of a training decodes, aligns and parses.

```
FACES/cache/
  .lock                          held by the process that writes here
  128-9f86d081884c7d65/          the resolution, and a fingerprint of all that the samples depend on
    wide.npy target.npy ...      the columns of `dataset.prepare`, one row a face
    manifest.json                size and CRC-32 of each
```
Arrays are read memory-mapped: what is touched comes into memory, and leaves it when something else needs the
room. They hold pictures of the faces. Removing the folder at any moment is safe, it is made anew.

A folder gets its name by one rename, after everything in it is on the disk, so one that was cut off is never
taken for whole. Sizes and checksums are compared at every start: CRC-32 finds what disks do to files, at
about 3 GB/s; it is no seal against a person, who could as well change the crops.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.faces.geometry import FACE_SIDE
from faceswap_cli.faces.landmarks.dense_states import STATES
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet
from faceswap_cli.faces.sets.records import format_record
from faceswap_cli.files import locked, make_folder, plain_error, sync_file, sync_folder
from faceswap_cli.limits import read_json
from faceswap_cli.training.data.dataset import (
    MOST_FACES,
    Faces,
    check_enough,
    choose_records,
    faces_from_columns,
    load_faces,
    prepare_all,
    wide_side,
)
from faceswap_cli.training.data.sampling import TRAITS

FOLDER = "cache"
MANIFEST = "manifest.json"
VERSION = 6
"""Of what `dataset.prepare` makes of a crop: raise it with every change of that."""

MOST_MAPPED = 20_000
"""Of a larger face set so many faces are taken, evenly spread, where samples are read from the disk. Memory
is no reason any more; preparing so many takes minutes, and the disk 4 GB at 128 px, 13 GB at 256 px."""

SPARE = 256 * 2**20
"""Bytes that must stay free on the disk, for checkpoints."""

BLOCK = 2**20

_NAME = re.compile(r"^\.?(\d+)-[0-9a-f]{16}(\.part)?$")

Columns = dict[str, tuple[tuple[int, ...], type[np.generic]]]
"""Shape and type of each array, by name."""


class _NoCacheError(Exception):
    """Why samples can't be kept on the disk."""


class _DamageError(Exception):
    """What is wrong with a cache that is there."""


def load_cached_faces(
    face_set: FaceSet,
    resolution: int,
    parser: FaceParser | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
    most: int = MOST_FACES,
) -> Faces:
    """A face set's samples, memory-mapped from its cache, which is made where there is none.

    Where none can be made (read-only folder, full disk), that is said and the samples are kept in memory.

    Args:
        face_set: the person's crops.
        resolution: side R of the network's pictures.
        parser: tells what stands before the faces; None: nothing does.
        progress: called with faces done and faces in all, while they are prepared.
        say: called with a line about anything unusual.
        most: of a larger set so many faces are taken, evenly spread.

    Raises:
        UserError: see `check_enough`; or a crop is damaged.
    """
    check_enough(face_set, 1)
    records = choose_records(face_set, most)
    name = f"{resolution}-{cache_fingerprint(face_set, records, resolution, parser)}"
    place = face_set.path / FOLDER / name
    columns = _columns(resolution, face_set.side, len(records))
    if place.exists():
        try:
            return _mapped(place, columns)
        except _DamageError as error:
            say(f"the samples in {place} are damaged ({error}): made anew")
    try:
        with ExitStack() as stack:
            _enter(stack, place.parent)
            _tidy(place)
            rows = stack.enter_context(closing(prepare_all(face_set, records, resolution, parser)))
            _write(place, columns, rows, progress)
            return _mapped(place, columns)
    except (_NoCacheError, _DamageError) as error:
        say(f"samples of {face_set.path} are kept in memory, not in its cache: {error}")
        return load_faces(face_set, resolution, parser, progress)


def cache_fingerprint(
    face_set: FaceSet, records: Sequence[FaceRecord], resolution: int, parser: FaceParser | None
) -> str:
    """16 hex digits that change when the samples would: other faces, crops, sizes, weights or code.

    Sorting a face set leaves it as it is: the same crops, though in files of other names.
    """
    depends = [VERSION, FACE_SIDE, cv2.__version__, resolution, face_set.side, face_set.crop_size]
    digest = hashlib.sha256(json.dumps([*depends, parser.mark if parser else None]).encode())
    for record in records:
        try:
            state = face_set.crop_path(record).stat()
            file = f"{state.st_size} {state.st_mtime_ns} "
        except OSError:  # reading it will say so
            file = "gone "
        digest.update((file + format_record(record)).encode())
    return digest.hexdigest()[:16]


def _columns(resolution: int, side: float, count: int) -> Columns:
    """What `dataset.prepare` gives, stacked."""
    wide, plain = wide_side(resolution, side), (count, resolution, resolution)
    return {
        "wide": ((count, wide, wide, 3), np.uint8),
        "target": ((*plain, 3), np.uint8),
        "mask": (plain, np.uint8),
        "weight": (plain, np.uint8),
        "free": (plain, np.uint8),
        "mean": ((count, 3), np.float32),
        "std": ((count, 3), np.float32),
        "traits": ((count, TRAITS), np.float32),
        "in_view": ((count,), np.float32),
        "states": ((count, len(STATES)), np.float32),
    }


def _mapped(place: Path, columns: Columns) -> Faces:
    """The arrays of a cache, checked and mapped. Copy-on-write: nothing that writes to them reaches the disk.

    Raises:
        _DamageError: what is wrong.
    """
    try:
        told = read_json(place / MANIFEST)["files"]
        for name in columns:
            file = place / f"{name}.npy"
            size, checksum = told[file.name]
            if file.stat().st_size != size:
                raise _DamageError(f"{file.name} has {file.stat().st_size} bytes, not {size}")
            if _checksum(file) != checksum:
                raise _DamageError(f"the checksum of {file.name} does not match")
        arrays = [np.load(place / f"{name}.npy", mmap_mode="c") for name in columns]
    except OSError as error:
        raise _DamageError(f"{Path(error.filename or place).name}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, EOFError, UserError) as error:
        raise _DamageError(f"{type(error).__name__}: {error}") from error
    for (name, (shape, kind)), array in zip(columns.items(), arrays, strict=True):
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != kind:
            raise _DamageError(f"{name}.npy is of another shape")
    return faces_from_columns([np.asarray(array) for array in arrays])


def _checksum(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found = zlib.crc32(block, found)
    return found


def _enter(stack: ExitStack, folder: Path) -> None:
    """Make the cache's folder and keep others out of it."""
    try:
        make_folder(folder)
        stack.enter_context(locked(folder))
    except UserError as error:
        raise _NoCacheError(error.message) from error


def _tidy(place: Path) -> None:
    """Remove what is out of date at this resolution, and what a killed process left of any."""
    for other in place.parent.iterdir():
        found = _NAME.match(other.name)
        if found and (found[1] == place.name.split("-")[0] or found[2]):
            if other.is_dir() and not other.is_symlink():
                shutil.rmtree(other, ignore_errors=True)
            else:
                with suppress(OSError):
                    other.unlink()


def _write(
    place: Path,
    columns: Columns,
    rows: Iterator[list[NDArray[np.generic]]],
    progress: Callable[[int, int], None],
) -> None:
    """Write a whole cache beside its place, and rename it.

    Raises:
        _NoCacheError: the disk is full, or the like.
        UserError: a crop is damaged (from `rows`).
    """
    temporary = place.with_name(f".{place.name}.part")
    total, needed = columns["mean"][0][0], sum(_bytes(column) for column in columns.values())
    with ExitStack() as stack:
        stack.enter_context(_said_plainly(place))
        stack.callback(shutil.rmtree, temporary, ignore_errors=True)
        if shutil.disk_usage(place.parent).free < needed + SPARE:
            raise _NoCacheError(f"it would take {needed / 1e6:.0f} MB, and the disk is nearly full")
        temporary.mkdir()
        files = [stack.enter_context(_Column(temporary, name, *columns[name])) for name in columns]
        for number, row in enumerate(rows):
            for file, values in zip(files, row, strict=True):
                file.add(values)
            progress(number + 1, total)
        told = {file.path.name: file.finished() for file in files}
        manifest = temporary / MANIFEST
        manifest.write_text(json.dumps({"version": VERSION, "files": told}, indent=1), encoding="utf-8")
        sync_file(manifest)
        sync_folder(temporary)
        temporary.rename(place)
        sync_folder(place.parent)


def _bytes(column: tuple[tuple[int, ...], type[np.generic]]) -> int:
    return math.prod(column[0]) * np.dtype(column[1]).itemsize


@contextmanager
def _said_plainly(place: Path) -> Iterator[None]:
    """What the system has against writing, as _NoCacheError. Errors of crops are UserErrors, and pass."""
    try:
        yield
    except OSError as error:
        raise _NoCacheError(plain_error(error, place).message) from error


class _Column:
    """A .npy file that is written row by row. Not through a memory map, where a full disk is a crash."""

    def __init__(self, folder: Path, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> None:
        self.path = folder / f"{name}.npy"
        self.row = (shape[1:], np.dtype(kind))
        self._file: BinaryIO = self.path.open("wb")
        self._checksum = 0
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header,
            {
                "descr": np.lib.format.dtype_to_descr(np.dtype(kind)),
                "fortran_order": False,
                "shape": shape,
            },
        )
        self._add(header.getvalue())

    def __enter__(self) -> _Column:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # whoever gave up cares no more whether the last bytes could be written
            self._file.close()

    def add(self, values: NDArray[np.generic]) -> None:
        """Append a row."""
        assert (values.shape, values.dtype) == self.row, self.path.name
        self._add(values.tobytes())

    def _add(self, data: bytes) -> None:
        self._checksum = zlib.crc32(data, self._checksum)
        self._file.write(data)

    def finished(self) -> tuple[int, int]:
        """Flush to the disk; size and checksum."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell(), self._checksum
