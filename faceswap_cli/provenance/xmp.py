"""What a file says of itself in words: IPTC's digital source type, as XMP in photos, GIF, MP4 and MOV.

XMP (ISO 16684-1, and Adobe's XMP Specification Part 3 for where each format keeps it) is what photo tools,
news agencies and social networks read. Matroska has no place for it and gets a tag that means the same.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from av.error import FFmpegError

from faceswap_cli.errors import UserError
from faceswap_cli.media.open import open_video
from faceswap_cli.media.photo_header import jpeg_segments, png_chunks, webp_chunks
from faceswap_cli.media.photo_metadata import with_xmp
from faceswap_cli.media.tiff import tiff_value

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = SOURCE_TYPES + "compositeWithTrainedAlgorithmicMedia"
"""A picture that a trained network changed."""
GENERATED = SOURCE_TYPES + "trainedAlgorithmicMedia"
"""A picture that a trained network made."""

MATROSKA_TAG = "DIGITAL_SOURCE_TYPE"

_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_PNG = b"XML:com.adobe.xmp\0"
_GIF = b"\x21\xff\x0bXMP DataXMP"
_TIFF_TAG = 700

_BOXES = (".mp4", ".m4v", ".mov")
_LONGEST = 1 << 20  # bytes of a packet that are read: others' may hold thumbnails

_WORD = re.compile(rf"DigitalSourceType\s*(?:=\s*[\"']|>\s*)({re.escape(SOURCE_TYPES)}\w+)")


def packet(source_type: str, tool: str) -> bytes:
    """An XMP packet in UTF-8.

    Args:
        source_type: one of IPTC's digital source types.
        tool: what made the file.
    """
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'Iptc4xmpExt:DigitalSourceType="{source_type}" xmp:CreatorTool="{tool}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def put(path: Path, xmp: bytes) -> bool:
    """Write a packet into a file that has none; False if its format has no place for it.

    Args:
        path: a finished file, which nobody else has seen yet; its suffix names its format.
        xmp: from `packet`.
    """
    suffix = path.suffix.lower()
    if suffix in _BOXES:
        with path.open("ab") as file:  # the last box, so that no other has to be moved
            file.write(struct.pack(">I4s", 24 + len(xmp), b"uuid") + _UUID + xmp)
    elif suffix == ".gif":
        _put_gif(path, xmp)
    elif suffix in PHOTOS:
        path.write_bytes(with_xmp(path.read_bytes(), PHOTOS[suffix], xmp))
    else:
        return False
    return True


PHOTOS = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".png": "png",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
"""Photos that hold XMP, by suffix."""

VIDEOS = (*_BOXES, ".gif", ".mkv")
"""Videos that hold it, or (Matroska) the same in other words."""


def _put_gif(path: Path, xmp: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(-1, 2)
        assert file.read(1) == b"\x3b", "a GIF ends with its trailer"
        file.seek(-1, 2)
        # A reader that skips blocks by their lengths takes the text for such, and is caught by this ramp.
        file.write(_GIF + xmp + b"\x01" + bytes(range(255, -1, -1)) + b"\0" + b"\x3b")


def source_type(path: Path) -> str | None:
    """The digital source type that a file says it is of; None if it says none.

    Raises:
        UserError: it can't be read.
    """
    with path.open("rb") as file:
        start = file.read(16)
    try:
        texts = list(_texts(path, start))
    except (LookupError, struct.error, ValueError):
        texts = []  # what is broken is told by whoever reads its pictures
    for text in texts:
        if found := _WORD.search(text.decode("utf-8", "replace")):
            return found[1]
    return None


def _texts(path: Path, start: bytes) -> Iterator[bytes]:
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        yield from _boxes(path)
    elif start.startswith(b"\x1aE\xdf\xa3"):
        yield from _tags(path)
    elif start.startswith(b"GIF8"):
        data = path.read_bytes()
        place = data.rfind(_GIF)
        if place >= 0:
            yield data[place + len(_GIF) : place + _LONGEST]
    else:
        yield from _photo_texts(path, start)


def _photo_texts(path: Path, start: bytes) -> Iterator[bytes]:
    if start.startswith(b"\xff\xd8"):
        data = path.read_bytes()
        yield from (part[len(_JPEG) :] for _, part in jpeg_segments(data) if part.startswith(_JPEG))
    elif start.startswith(b"\x89PNG"):
        for name, part in png_chunks(path.read_bytes()):
            if name == b"iTXt" and part.startswith(_PNG):
                yield part
    elif start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        yield from (part for name, part in webp_chunks(path.read_bytes()) if name == b"XMP ")
    elif start[:4] in (b"II*\0", b"MM\0*"):
        yield tiff_value(path.read_bytes(), _TIFF_TAG) or b""


def _boxes(path: Path) -> Iterator[bytes]:
    """XMP among the outermost boxes of an MP4 or MOV file."""
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            before = 8
            if length == 1:
                (length,) = struct.unpack(">Q", file.read(8))
                before = 16
            if length < before:  # 0: to the end of the file
                return
            if name == b"uuid" and length >= before + 16 and file.read(16) == _UUID:
                yield file.read(min(length - before - 16, _LONGEST))
                return
            here = file.tell()
            after = here - before if name != b"uuid" or length < before + 16 else here - before - 16
            file.seek(after + length)


def _tags(path: Path) -> Iterator[bytes]:
    """Matroska's tag, written as XMP would have it."""
    try:
        with open_video(path) as container:
            said = {key.upper(): text for key, text in container.metadata.items()}
    except (FFmpegError, UserError):
        return
    if value := said.get(MATROSKA_TAG):
        yield f'DigitalSourceType="{value}"'.encode()
