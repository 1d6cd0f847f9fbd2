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
STEREOSCOPIC = box(b"st3d", b"\2", version=0)
SPHERICAL_XML = box(
    b"uuid",
    bytes.fromhex("ffcc8263f8554a938814587a02521fdd"),
    b'<?xml version="1.0"?><rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    b'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/">'
    b"<GSpherical:Spherical>true</GSpherical:Spherical><GSpherical:Stitched>true</GSpherical:Stitched>"
    b"<GSpherical:StitchingSoftware>x</GSpherical:StitchingSoftware>"
    b"<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>"
    b"<GSpherical:StereoMode>top-bottom</GSpherical:StereoMode></rdf:SphericalVideo>",
)
DOLBY_VISION = box(b"dvvC", bytes([1, 0, 8 << 1, 0x01 << 3 | 0b101, 2 << 4]), bytes(19))


def with_box(path: Path, codec: bytes, added: bytes) -> Path:
    """The file with a box in the entry of its video's codec; its index must stand behind its samples."""
    data = path.read_bytes()
    return _with(path, added, PARENTS, data.index(codec, data.index(b"stsd")) - 4)


def with_box_of_track(path: Path, added: bytes) -> Path:
    """The file with a box in its first track; its index must stand behind its samples."""
    data = path.read_bytes()
    return _with(path, added, PARENTS[:1], data.index(b"trak", data.index(b"moov")) - 4)


def _with(path: Path, added: bytes, parents: tuple[bytes, ...], last: int) -> Path:
    """The file with a box at the end of the box at `last`, which lies in these."""
    data = bytearray(path.read_bytes())
    end = last + int.from_bytes(data[last : last + 4], "big")
    places = [last, *(data.rindex(name, 0, last) - 4 for name in parents)]
    assert data.index(b"moov") > data.index(b"mdat")
    for place in places:
        size = int.from_bytes(data[place : place + 4], "big") + len(added)
        data[place : place + 4] = size.to_bytes(4, "big")
    data[end:end] = added
    path.write_bytes(data)
    return path
