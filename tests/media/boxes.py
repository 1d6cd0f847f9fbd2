"""Boxes put into an MP4's description of its video, as cameras and editors do."""

from __future__ import annotations

import struct
from pathlib import Path

PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def box(name: bytes, *parts: bytes, version: int | None = None) -> bytes:
    """A box; with a version a full one."""
    body = b"".join(parts) if version is None else struct.pack(">I", version << 24) + b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


SPHERICAL = box(
    b"sv3d",
    box(b"svhd", b"camera\0", version=0),
    box(b"proj", box(b"prhd", bytes(12), version=0), box(b"equi", bytes(16), version=0)),
)
DOLBY_VISION = box(b"dvvC", bytes([1, 0, 8 << 1, 0x01 << 3 | 0b101, 2 << 4]), bytes(19))


def with_box(path: Path, codec: bytes, added: bytes) -> Path:
    """The file with a box in the entry of its video's codec; its index must stand behind its samples."""
    data = bytearray(path.read_bytes())
    entry = data.index(codec, data.index(b"stsd")) - 4
    end = entry + int.from_bytes(data[entry : entry + 4], "big")
    places, start = [entry], 0
    for name in PARENTS:
        start = data.index(name, start)
        places.append(start - 4)
    assert data.index(b"moov") > data.index(b"mdat")
    for place in places:
        size = int.from_bytes(data[place : place + 4], "big") + len(added)
        data[place : place + 4] = size.to_bytes(4, "big")
    data[end:end] = added
    path.write_bytes(data)
    return path
