"""Photoshop's resources, in which JPEG and TIFF keep IPTC's captions and copyright (Adobe's file formats)."""

from __future__ import annotations

import struct

IPTC = 0x0404
"""The resource's number."""

# Of Photoshop's resources: thumbnails, which show the old face, and second copies of EXIF and XMP.
_STALE_RESOURCES = (0x0409, 0x040C, 0x0422, 0x0423, 0x0424)


def correct_resources(block: bytes) -> bytes | None:
    """A block of resources without those that a changed picture makes untrue; None if none are left."""
    kept = b"".join(resource(n, body) for n, body in resources(block) if n not in _STALE_RESOURCES)
    return kept or None


def resources(block: bytes) -> list[tuple[int, bytes]]:
    """Number and content of each of Photoshop's resources (Adobe's file format specification)."""
    found, place = [], 0
    while block[place : place + 4] == b"8BIM" and place + 12 <= len(block):
        number, name = struct.unpack_from(">HB", block, place + 4)
        place += 6 + (1 + name + 1) // 2 * 2
        length = int.from_bytes(block[place : place + 4], "big")
        if place + 4 + length > len(block):
            break
        found.append((number, block[place + 4 : place + 4 + length]))
        place += 4 + length + length % 2
    return found


def resource(number: int, body: bytes) -> bytes:
    """One resource, as it is stored."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + b"\0" * (len(body) % 2)
