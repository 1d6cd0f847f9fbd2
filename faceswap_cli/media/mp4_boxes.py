"""What an MP4 or MOV claims to hold, before FFmpeg makes room for it.

A few bytes can claim a thousand million samples, and FFmpeg makes an index entry of 24 bytes for each. Every
sample takes at least a byte of the file, so a claim of more samples than that is a lie.

Boxes as ISO/IEC 14496-12 has them: length, four letters, content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from faceswap_cli.errors import UserError

INSIDE = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"}
"""Boxes that hold boxes, on the way to those that claim."""

FIRST = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp")
"""Boxes that an MP4 or MOV begins with."""

MOST_BOXES = 500_000
"""Twenty hours in fragments of a second have as many."""


def check_sample_counts(path: Path) -> None:
    """Raise a UserError if a file is MP4 or MOV and claims more samples than it has bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(8)[4:] not in FIRST:
            return
        for boxes, (name, start) in enumerate(_boxes(file, 0, size)):
            if boxes > MOST_BOXES or _samples(file, name, start) > size:
                raise UserError(
                    f"{path} claims more than it holds: it is damaged", "Copy or download the video again"
                )


def sample_descriptions(path: Path) -> bytes:
    """The first bytes of what an MP4 or MOV says of each of its streams' codecs; nothing for other files."""
    found = b""
    with path.open("rb") as file:
        if file.read(8)[4:] not in FIRST:
            return b""
        for boxes, (name, start) in enumerate(_boxes(file, 0, path.stat().st_size)):
            if boxes > MOST_BOXES or len(found) > 1 << 20:
                break
            if name == b"stsd":
                file.seek(start)
                found += file.read(4096)
    return found


def dolby_vision_profile(path: Path) -> int | None:
    """The profile of Dolby Vision in an MP4 or MOV; None if it says none, and for other files."""
    described = sample_descriptions(path)
    for name in (b"dvcC", b"dvvC"):  # a version of two bytes, then seven bits of profile
        place = described.find(name)
        if 0 <= place < len(described) - 6:
            return described[place + 6] >> 1
    return None


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Name and begin of the content of each box between two places, and of those inside of some."""
    ends = [end]
    while ends:
        if start + 8 > ends[-1]:
            start = ends.pop()
            continue
        file.seek(start)
        length, name = struct.unpack(">I4s", file.read(8))
        content = start + 8
        if length == 1:
            large = file.read(8)
            length, content = int.from_bytes(large, "big"), content + 8
        stop = ends[-1] if length == 0 else start + length
        if stop < content or stop > ends[-1]:  # what is damaged in other ways is FFmpeg's to judge
            stop = ends[-1]
        yield name, content
        if name in INSIDE and len(ends) <= len(INSIDE):
            ends.append(stop)
            start = content
        else:
            start = stop


def _samples(file: BinaryIO, name: bytes, start: int) -> int:
    """How many bytes of samples a box claims, at the least."""
    if name not in (b"stsz", b"stz2", b"trun"):
        return 0
    file.seek(start + 4)
    first, second = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    if name == b"trun":  # its count comes first; a sample without fields of its own still is one
        return int(first)
    return int(second * max(first, 1)) if name == b"stsz" else int(second)
