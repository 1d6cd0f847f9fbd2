"""One more entry in a TIFF file's directory, and reading one."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

_BYTES, _LONG = 1, 4  # types of entries
_SIZES = {1: 1, 2: 1, 7: 1}


def with_entry(data: bytes, tag: int, value: bytes) -> bytes:
    """A TIFF file with an entry of bytes in its first directory, which is written anew at its end.

    Args:
        data: the whole file.
        tag: the entry's number; one that is there is replaced.
        value: more than four bytes.
    """
    assert len(value) > 4, "what is shorter stands in the entry itself"
    order, entries, link = _directory(data)
    start = len(data) + len(data) % 2  # values and directories begin at even places
    place = start + len(value) + len(value) % 2
    entry = struct.pack(f"{order}HHII", tag, _BYTES, len(value), start)
    return _with_directory(data, start, value.ljust(place - start, b"\0"), place, [*entries, entry], link)


def with_directory(data: bytes, tag: int, fields: Mapping[int, Any]) -> bytes:
    """A TIFF file with a directory below its first one, such as EXIF's or GPS's: Pillow can't write these
    beside compressed pixels.

    Args:
        data: the whole file.
        tag: of the entry that says where it is.
        fields: of it, as Pillow gives and takes them.
    """
    order, entries, link = _directory(data)
    below = ImageFileDirectory_v2(prefix=b"II" if order == "<" else b"MM")
    below.update(fields)
    start = len(data) + len(data) % 2
    body = below.tobytes(start)
    place = start + len(body) + len(body) % 2
    entry = struct.pack(f"{order}HHII", tag, _LONG, 1, start)
    return _with_directory(data, start, body.ljust(place - start, b"\0"), place, [*entries, entry], link)


def tiff_value(data: bytes, tag: int) -> bytes | None:
    """The bytes of an entry in the first directory; None if there is none.

    Raises:
        struct.error: the file is broken off.
    """
    order, entries, _ = _directory(data)
    for entry in entries:
        number, kind, count, start = struct.unpack(f"{order}HHII", entry)
        if number == tag and kind in _SIZES and count > 4:
            return data[start : start + count]
    return None


def _with_directory(
    data: bytes, start: int, value: bytes, place: int, entries: list[bytes], link: bytes
) -> bytes:
    """A file with a value at `start` and behind it, at `place`, its first directory; the last of two entries
    with one number counts.
    """
    order = "<" if data[:2] == b"II" else ">"
    numbered = {struct.unpack_from(f"{order}H", entry)[0]: entry for entry in entries}
    kept = [numbered[number] for number in sorted(numbered)]
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept) + link
    head = data[:4] + struct.pack(f"{order}I", place)
    return head + data[8:].ljust(start - 8, b"\0") + value + directory


def _directory(data: bytes) -> tuple[str, list[bytes], bytes]:
    """Byte order, entries and the link to the next directory."""
    order = "<" if data[:2] == b"II" else ">"
    (offset,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    first = offset + 2
    entries = [data[first + 12 * n : first + 12 * (n + 1)] for n in range(count)]
    link = data[first + 12 * count : first + 12 * count + 4]
    if len(link) < 4:
        raise struct.error("the directory breaks off")
    return order, entries, link
