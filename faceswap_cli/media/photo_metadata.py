"""Put an EXIF block, a colour profile and an XMP packet into an encoded photo."""

from __future__ import annotations

import struct
import zlib

from faceswap_cli.media.photo_header import webp_chunks, webp_size
from faceswap_cli.media.tiff import with_entry

# A JPEG segment's length is 16 bits and counts itself.
_JPEG_ROOM = 65533

METADATA_FORMATS = ("jpeg", "png", "webp")


def with_metadata(data: bytes, form: str, exif: bytes | None, icc: bytes | None) -> bytes:
    """An encoded photo with the blocks put in, as far as its format takes them.

    Args:
        data: the whole file, as an encoder without metadata wrote it.
        form: one of METADATA_FORMATS; any other format is given back as it is.
        exif: the EXIF block from its TIFF header on.
        icc: the colour profile.
    """
    if exif is None and icc is None:
        return data
    put = {"jpeg": _jpeg, "png": _png, "webp": _webp}.get(form)
    return put(data, exif, icc) if put else data


def with_xmp(data: bytes, form: str, xmp: bytes) -> bytes:
    """An encoded photo with an XMP packet put in; it must not have one.

    Args:
        data: the whole file.
        form: "tiff" or one of METADATA_FORMATS.
        xmp: the packet, less than 60,000 bytes.
    """
    if form == "jpeg":
        place = _behind_header(data)
        return data[:place] + _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) + data[place:]
    if form == "png":
        text = _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
        return data[:33] + text + data[33:]
    if form == "tiff":
        return with_entry(data, 700, xmp)
    assert form == "webp"
    chunks = dict(webp_chunks(data))
    return _webp(data, chunks.get(b"EXIF"), chunks.get(b"ICCP"), xmp)


def _behind_header(data: bytes) -> int:
    """Behind a JPEG's JFIF segment, which comes first where there is one, and EXIF, which comes next."""
    place = 2
    for marker, start in ((0xE0, b"JFIF\0"), (0xE1, b"Exif\0\0")):
        if data[place : place + 2] == bytes([0xFF, marker]) and data[place + 4 :].startswith(start):
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place


def _jpeg(data: bytes, exif: bytes | None, icc: bytes | None) -> bytes:
    segments = b""
    # EXIF can't be split over segments; one that is too long is left out.
    if exif is not None and len(exif) + 6 <= _JPEG_ROOM:
        segments += _segment(0xE1, b"Exif\0\0" + exif)
    if icc is not None:
        room = _JPEG_ROOM - 14
        parts = [icc[start : start + room] for start in range(0, len(icc), room)]
        if len(parts) < 256:
            for number, part in enumerate(parts, 1):
                segments += _segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part)
    place = _behind_header(data)
    return data[:place] + segments + data[place:]


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _png(data: bytes, exif: bytes | None, icc: bytes | None) -> bytes:
    chunks = b""
    if icc is not None:
        chunks += _chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc))
    if exif is not None:
        chunks += _chunk(b"eXIf", exif)
    # Right behind the header chunk: 8 bytes of signature, 25 of header.
    return data[:33] + chunks + data[33:]


def _chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def _webp(data: bytes, exif: bytes | None, icc: bytes | None, xmp: bytes | None = None) -> bytes:
    chunks = dict(webp_chunks(data))
    width, height, alpha = webp_size(chunks)
    flags = (0x20 if icc else 0) | (0x10 if alpha else 0) | (0x08 if exif else 0) | (0x04 if xmp else 0)
    header = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    # The extended format wants this order: header, profile, pixels, EXIF, XMP.
    body = _riff(b"VP8X", header)
    if icc is not None:
        body += _riff(b"ICCP", icc)
    for name in (b"ALPH", b"VP8 ", b"VP8L"):
        if name in chunks:
            body += _riff(name, chunks[name])
    if exif is not None:
        body += _riff(b"EXIF", exif)
    if xmp is not None:
        body += _riff(b"XMP ", xmp)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _riff(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
