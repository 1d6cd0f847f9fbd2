"""The two things in an EXIF block that a changed picture makes untrue: its orientation and its thumbnail."""

from __future__ import annotations

import struct

_ORIENTATION, _THUMBNAIL, _THUMBNAIL_LENGTH = 0x0112, 0x0201, 0x0202


def read_orientation(exif: bytes) -> int:
    """EXIF's orientation value, 1 (upright) if it says nothing that can be understood.

    Args:
        exif: the block from its TIFF header on.
    """
    try:
        order = _order(exif)
        entry = _entries(exif, order, _first(exif, order))[0].get(_ORIENTATION)
        return int(struct.unpack_from(f"{order}H", exif, entry + 8)[0]) if entry is not None else 1
    except (struct.error, ValueError):
        return 1


def correct_exif(exif: bytes) -> bytes | None:
    """The block for an upright, changed picture: orientation 1, and the old picture's thumbnail blanked.

    The thumbnail would show the face as it was before. Nothing moves, so every other entry stays as it is.
    None if the block can't be understood: better no EXIF than a thumbnail we could not find.
    """
    block = bytearray(exif)
    try:
        order = _order(exif)
        entries, link = _entries(exif, order, _first(exif, order))
        if (entry := entries.get(_ORIENTATION)) is not None:
            struct.pack_into(f"{order}H", block, entry + 8, 1)
        (second,) = struct.unpack_from(f"{order}I", exif, link)
        if second:
            _blank_thumbnail(block, order, _entries(exif, order, second)[0])
            struct.pack_into(f"{order}I", block, link, 0)
    except (struct.error, ValueError):
        return None
    return bytes(block)


def _blank_thumbnail(block: bytearray, order: str, entries: dict[int, int]) -> None:
    place, length = entries.get(_THUMBNAIL), entries.get(_THUMBNAIL_LENGTH)
    if place is None or length is None:
        return
    (start,) = struct.unpack_from(f"{order}I", block, place + 8)
    (size,) = struct.unpack_from(f"{order}I", block, length + 8)
    stop = min(start + size, len(block))
    block[start:stop] = bytes(max(0, stop - start))


def _order(exif: bytes) -> str:
    if exif[:4] == b"II*\0":
        return "<"
    if exif[:4] == b"MM\0*":
        return ">"
    raise ValueError("no TIFF header")


def _first(exif: bytes, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", exif, 4)[0])


def _entries(exif: bytes, order: str, offset: int) -> tuple[dict[int, int], int]:
    """Where each tag of a directory has its entry, and where its link to the next directory is."""
    (count,) = struct.unpack_from(f"{order}H", exif, offset)
    places = [offset + 2 + 12 * number for number in range(count)]
    tags = {int(struct.unpack_from(f"{order}H", exif, place)[0]): place for place in places}
    return tags, offset + 2 + 12 * count
