"""What an MP4 or MOV says of spherical (360°) and stereoscopic pictures: read, and put into a finished file.

FFmpeg's writer is not told of it through PyAV, nor of the light of HDR, which goes the same way. The
places are those of Google's Spherical Video RFCs: `st3d` and `sv3d` in the description of the codec
(version 2), XML in a `uuid` box of the track (version 1).

Boxes as ISO/IEC 14496-12 has them: length, four letters, content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from faceswap_cli.media.light_metadata import LightMetadata, light_boxes
from faceswap_cli.media.mp4_boxes import FIRST
from faceswap_cli.media.probe import SPHERICAL, STEREOSCOPIC

XML = bytes.fromhex("FFCC8263F8554A938814587A02521FDD")
"""The `uuid` of version 1."""

PROJECTION_SUFFIXES = (".mp4", ".m4v", ".mov")
"""Files that hold what is read here."""

_ENTRY_FIELDS = 78
"""Bytes of a picture codec's description before the boxes in it."""

_LONGEST_INDEX = 1 << 28
"""Bytes of an index that are read; twenty hours have less."""


@dataclass(frozen=True)
class Projection:
    """The boxes, as they are.

    Attributes:
        entry: those in the description of the codec.
        track: those in the track.
    """

    entry: bytes = b""
    track: bytes = b""

    def with_light(self, light: LightMetadata | None) -> Projection:
        """These boxes and those that say what HDR says of its light."""
        return self if light is None else replace(self, entry=self.entry + light_boxes(light))

    def said(self) -> set[str]:
        """Which of SPHERICAL and STEREOSCOPIC they say."""
        says = {SPHERICAL: b"sv3d" in self.entry or bool(self.track),
                STEREOSCOPIC: b"st3d" in self.entry or b"StereoMode" in self.track}  # fmt: skip
        return {name for name, there in says.items() if there}


class _Box(NamedTuple):
    """A box's name, and where it, its content and what follows it begin."""

    name: bytes
    start: int
    content: int
    end: int


def read_projection(path: Path, track: int) -> Projection:
    """What a file says of the pictures of a track; nothing if it is no MP4 or MOV.

    Args:
        path: of the file.
        track: its number in it (FFmpeg's `Stream.id`).
    """
    with path.open("rb") as file:
        place = _index_of(file)
        if place is None or place.end - place.start > _LONGEST_INDEX:
            return Projection()
        file.seek(place.start)
        index = file.read(place.end - place.start)
    way = _entry_of(index, track)
    if way is None:
        return Projection()
    held = _inside(index, way[-1], _ENTRY_FIELDS)
    entry = b"".join(_copy(index, box) for box in held if box.name in (b"st3d", b"sv3d"))
    beside = [box for box in _inside(index, way[1]) if box.name == b"uuid"]
    xml = (_copy(index, box) for box in beside if index.startswith(XML, box.content))
    return Projection(entry, b"".join(xml))


def write_projection(path: Path, track: int, projection: Projection) -> None:
    """Put boxes into a file that FFmpeg wrote, whose index stands behind its samples: these are not moved."""
    if projection == Projection():
        return
    with path.open("r+b") as file:
        place = _index_of(file)
        assert place is not None and place.end == path.stat().st_size, "the index is the last box"
        file.seek(place.start)
        index = bytearray(file.read())
        way = _entry_of(index, track)
        assert way is not None, "the track is there"
        _insert(index, way[:2], projection.track)
        _insert(index, way, projection.entry)  # it stands before the end of the track
        file.seek(place.start)
        file.write(index)


def _copy(index: bytes, box: _Box) -> bytes:
    """A box that says its own length: the last one of others may not."""
    return struct.pack(">I4s", 8 + box.end - box.content, box.name) + index[box.content : box.end]


def _insert(index: bytearray, way: Sequence[_Box], added: bytes) -> None:
    """Put boxes at the end of the last of some boxes, each of which holds the next."""
    for box in way:
        size = int.from_bytes(index[box.start : box.start + 4], "big") + len(added)
        index[box.start : box.start + 4] = size.to_bytes(4, "big")
    index[way[-1].end : way[-1].end] = added


def _index_of(file: BinaryIO) -> _Box | None:
    """Where the index of an MP4 or MOV stands in it."""
    start, end = 0, file.seek(0, 2)
    while start + 8 <= end:
        file.seek(start)
        box = next(_boxes(file.read(16), 0, end - start), None)
        if box is None or (start == 0 and box.name not in FIRST):
            return None
        if box.name == b"moov":
            return _Box(box.name, start, start + box.content, start + box.end)
        start += box.end
    return None


def _entry_of(index: bytes | bytearray, track: int) -> list[_Box] | None:
    """The boxes from an index down to the only codec's description of a track; None where there is none."""
    [whole] = _boxes(index, 0, len(index))
    for box in _inside(index, whole):
        way = [whole, box]
        if box.name != b"trak" or _track_number(index, box) != track:
            continue
        for name in (b"mdia", b"minf", b"stbl", b"stsd"):
            found = next((one for one in _inside(index, way[-1]) if one.name == name), None)
            if found is None:
                return None
            way.append(found)
        entries = list(_inside(index, way[-1], 8))
        return [*way, entries[0]] if len(entries) == 1 else None
    return None


def _track_number(index: bytes | bytearray, track: _Box) -> int | None:
    """A track's number, behind two times of 4 bytes or, in version 1 of the box, of 8."""
    head = next((one for one in _inside(index, track) if one.name == b"tkhd"), None)
    if head is None or head.end - head.content < 24:
        return None
    place = head.content + (20 if index[head.content] == 1 else 12)
    return int.from_bytes(index[place : place + 4], "big")


def _inside(index: bytes | bytearray, box: _Box, fields: int = 0) -> Iterator[_Box]:
    """The boxes in a box, behind so many bytes of fields."""
    return _boxes(index, box.content + fields, box.end)


def _boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[_Box]:
    """The boxes from one place to another; those behind a damaged one are not seen."""
    while start + 8 <= end:
        length, name = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if length == 1:
            length, content = int.from_bytes(data[content : content + 8], "big"), content + 8
        stop = end if length == 0 else start + length
        if stop < content or stop > end:
            return
        yield _Box(name, start, content, stop)
        start = stop
