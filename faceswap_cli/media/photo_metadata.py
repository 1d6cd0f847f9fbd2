"""Put an EXIF block and a colour profile into an encoded JPEG, PNG or WebP file."""

from __future__ import annotations

import struct
import zlib

from faceswap_cli.media.photo_header import webp_chunks, webp_size

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
    # After the JFIF segment, which has to come first where there is one.
    place = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
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


def _webp(data: bytes, exif: bytes | None, icc: bytes | None) -> bytes:
    chunks = dict(webp_chunks(data))
    width, height, alpha = webp_size(chunks)
    flags = (0x20 if icc else 0) | (0x10 if alpha else 0) | (0x08 if exif else 0)
    header = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    # The extended format wants this order: header, profile, pixels, EXIF.
    body = _riff(b"VP8X", header)
    if icc is not None:
        body += _riff(b"ICCP", icc)
    for name in (b"ALPH", b"VP8 ", b"VP8L"):
        if name in chunks:
            body += _riff(name, chunks[name])
    if exif is not None:
        body += _riff(b"EXIF", exif)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _riff(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
