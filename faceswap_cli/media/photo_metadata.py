"""What a photo carries beside its pixels: read from one file, and written into another as far as it fits.

Pillow reads and writes the blocks; here is what of them is still true of a changed picture, what each format
can hold, and how one more XMP packet gets into a finished file.
"""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from dataclasses import dataclass, fields
from typing import Any

from PIL import Image as Pillow
from PIL import TiffTags
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from faceswap_cli.media.exif import correct_exif
from faceswap_cli.media.photo_header import jpeg_segments, png_chunks, webp_chunks, webp_size
from faceswap_cli.media.photoshop import IPTC, correct_resources, resources
from faceswap_cli.media.tiff import tiff_value, with_entry
from faceswap_cli.media.tiff_metadata import directories, exif_of_tiff, iptc_of_tiff
from faceswap_cli.media.xmp_packet import correct_packet, merge_packets, with_our_words

_TEXT_ROOM = 16 << 20  # characters, of all of a PNG's texts

# A JPEG segment's length is 16 bits and counts itself.
_JPEG_ROOM = 65533

_XMP_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_PNG = b"XML:com.adobe.xmp\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
NAMES = {
    "exif": "EXIF",
    "icc": "colour profile",
    "xmp": "XMP",
    "iptc": "IPTC data",
    "dpi": "resolution (DPI)",
    "gamma": "gamma and primaries (gAMA, cHRM)",
    "texts": "texts",
    "comment": "comment",
}
"""In words for the user."""

_HELD = {
    "jpeg": {"exif", "icc", "xmp", "iptc", "dpi", "comment"},
    "png": {"exif", "icc", "xmp", "dpi", "gamma", "texts"},
    "tiff": {"exif", "icc", "xmp", "iptc", "dpi"},
    "webp": {"exif", "icc", "xmp"},
    "bmp": {"dpi"},
}


@dataclass(frozen=True)
class Metadata:
    """What a photo carries beside its pixels.

    Attributes:
        exif: the EXIF block from its TIFF header on; of a TIFF its own tags that are such.
        icc: the colour profile.
        xmp: the XMP packet.
        iptc: Photoshop's resources, IPTC's captions and copyright among them.
        dpi: pixels an inch, across and down.
        gamma: PNG's chunks that say what its numbers mean: gAMA, cHRM, sRGB, cICP.
        texts: PNG's texts, by keyword.
        comment: JPEG's.
        other: names of what no format gets from us.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    gamma: tuple[tuple[bytes, bytes], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    comment: bytes | None = None
    other: tuple[str, ...] = ()


def read_metadata(image: Pillow.Image, form: str, data: bytes) -> Metadata:
    """What a photo carries.

    Args:
        image: opened by Pillow, before its pixels are decoded.
        form: as in PhotoHeader.
        data: the whole file.
    """
    info, other = image.info, []
    exif = info.get("exif")
    exif = exif.removeprefix(b"Exif\0\0") if isinstance(exif, bytes) else None
    texts: list[tuple[str, str]] = []
    gamma: list[tuple[bytes, bytes]] = []
    iptc: bytes | None = None
    if form == "jpeg":
        iptc = correct_resources(
            b"".join(one[14:] for _, one in jpeg_segments(data) if one.startswith(_PHOTOSHOP))
        )
        other = _other_segments(data)
    elif form == "tiff":
        exif, iptc = exif_of_tiff(image), iptc_of_tiff(image)
    elif form == "png":
        gamma = [
            (name, body) for name, body in png_chunks(data) if name in (b"gAMA", b"cHRM", b"sRGB", b"cICP")
        ]
        texts, other = _texts(data)
    xmp = info.get("xmp")
    return Metadata(
        exif or None,
        info.get("icc_profile") or None,
        xmp.encode() if isinstance(xmp, str) else xmp or None,
        iptc,
        _dpi(image, form),
        tuple(gamma),
        tuple(texts),
        info.get("comment") if form == "jpeg" else None,
        tuple(dict.fromkeys(other)),
    )


def _other_segments(data: bytes) -> list[str]:
    names = []
    for marker, body in jpeg_segments(data):
        if marker == 0xEB and b"jumb" in body[:32]:
            names.append("Content Credentials")
        if marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xmp/extension/\0"):
            names.append("extended XMP")
        if marker == 0xE2 and body.startswith(b"MPF\0"):
            names.append("second picture (preview or gain map)")
    return names


def _texts(data: bytes) -> tuple[list[tuple[str, str]], list[str]]:
    """PNG's texts, but for those that are something else in disguise, and the names of these."""
    texts, other, room = [], [], _TEXT_ROOM
    for name, body in png_chunks(data):
        if name not in (b"tEXt", b"zTXt", b"iTXt") or body.startswith(_XMP_PNG):
            other += ["Content Credentials"] if name == b"caBX" else []
            continue
        with contextlib.suppress(ValueError, zlib.error, UnicodeDecodeError, IndexError):
            keyword, text = _text(name, body)
            room -= len(text)
            if room < 0:  # a few bytes can unpack to many
                return [], [*other, NAMES["texts"]]
            if keyword.startswith("Raw profile type"):
                other.append(keyword.removeprefix("Raw profile type ").upper() + " as text")
            elif keyword.lower() != "thumbnail":
                texts.append((keyword, text))
    return texts, other


def _text(name: bytes, body: bytes) -> tuple[str, str]:
    keyword, _, rest = body.partition(b"\0")
    if name == b"tEXt":
        return keyword.decode("latin-1"), rest.decode("latin-1")
    if name == b"zTXt":
        return keyword.decode("latin-1"), _unpacked(rest[1:]).decode("latin-1")
    packed = rest[0]
    text = rest[2:].split(b"\0", 2)[2]
    return keyword.decode("latin-1"), (_unpacked(text) if packed else text).decode()


def _unpacked(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, 1 << 20)


def _dpi(image: Pillow.Image, form: str) -> tuple[float, float] | None:
    said = image.info.get("dpi")
    if form == "jpeg" and image.info.get("jfif_unit") not in (1, 2):
        return None  # Pillow makes one up
    if form == "tiff" and 282 not in image.tag_v2:  # type: ignore[attr-defined]
        return None
    if not said or not all(1 <= float(one) < 1e6 for one in said):
        return None
    return float(said[0]), float(said[1])


def fit_metadata(metadata: Metadata, form: str, grey: bool) -> tuple[Metadata, list[str]]:
    """What of it is true of an upright, changed picture and fits into a format; and what is lost.

    Args:
        metadata: of the source.
        form: as in PhotoHeader.
        grey: the written picture has no colour.
    """
    # The profile names its colour space at byte 16; a CMYK profile on RGB pixels would spoil them.
    one_channel = grey and form not in ("webp", "bmp")
    profile = metadata.icc and metadata.icc[16:20] == (b"GRAY" if one_channel else b"RGB ")
    true = {
        "exif": correct_exif(metadata.exif) if metadata.exif else None,
        "icc": metadata.icc if profile else None,
        "xmp": correct_packet(metadata.xmp) if metadata.xmp else None,
    }
    if form == "tiff" and true["exif"] and directories(true["exif"]) is None:
        true["exif"] = None
    if form == "jpeg":  # what can't be split over segments must fit into one
        if true["xmp"] and with_our_words(true["xmp"]) + len(_XMP_JPEG) > _JPEG_ROOM:
            true["xmp"] = None
        for name, head in (("exif", 6), ("iptc", len(_PHOTOSHOP)), ("comment", 0)):
            if len(true.get(name, getattr(metadata, name)) or b"") + head > _JPEG_ROOM:
                true[name] = None
    kept: dict[str, Any] = {}
    lost = []
    for field in fields(Metadata):
        if field.name == "other":
            continue
        before = getattr(metadata, field.name)
        kept[field.name] = true.get(field.name, before) if field.name in _HELD[form] else field.default
        if before and not kept[field.name]:
            lost.append(NAMES[field.name])
    return Metadata(**kept), [*lost, *metadata.other]


def save_arguments(metadata: Metadata, form: str) -> dict[str, Any]:
    """What Pillow's `save` is told to write it; of what `fit_metadata` left."""
    told: dict[str, Any] = {}
    if metadata.icc:
        told["icc_profile"] = metadata.icc
    if metadata.exif and form != "tiff":
        told["exif"] = b"Exif\0\0" + metadata.exif
    if metadata.dpi:  # JPEG knows whole numbers only
        told["dpi"] = tuple(round(one) for one in metadata.dpi) if form == "jpeg" else metadata.dpi
    if form == "jpeg":
        told |= {"comment": metadata.comment} if metadata.comment else {}
        told |= {"extra": _segment(0xED, _PHOTOSHOP + metadata.iptc)} if metadata.iptc else {}
    if form in ("jpeg", "webp") and metadata.xmp:
        told["xmp"] = metadata.xmp
    if form == "png":
        told["pnginfo"] = _png_info(metadata)
    if form == "tiff":
        told["tiffinfo"] = _tiff_tags(metadata)
    return told


def _png_info(metadata: Metadata) -> PngInfo:
    info = PngInfo()
    for name, body in metadata.gamma:
        info.add(name, body)
    if metadata.xmp:
        info.add(b"iTXt", _XMP_PNG + bytes(4) + metadata.xmp)
    for keyword, text in metadata.texts:
        info.add_text(keyword, text)
    return info


def _tiff_tags(metadata: Metadata) -> ImageFileDirectory_v2:
    tags = ImageFileDirectory_v2()
    tags.update((directories(metadata.exif) or {}).get(0, {}) if metadata.exif else {})
    blocks = {
        700: metadata.xmp,
        34377: metadata.iptc,
        33723: dict(resources(metadata.iptc or b"")).get(IPTC),
    }
    for tag, block in blocks.items():
        if block:
            tags.tagtype[tag] = TiffTags.BYTE
            tags[tag] = block
    return tags


def with_xmp(data: bytes, form: str, xmp: bytes) -> bytes:
    """An encoded photo with an XMP packet put in, merged with the one that it has.

    Args:
        data: the whole file.
        form: "jpeg", "png", "webp" or "tiff".
        xmp: the packet, of no more than 1,500 bytes.
    """
    if form == "jpeg":
        return _jpeg_with_xmp(data, xmp)
    if form == "png":
        return _png_with_xmp(data, xmp)
    if form == "tiff":
        old = tiff_value(data, 700)
        return with_entry(data, 700, merge_packets(old, xmp) if old else xmp)
    assert form == "webp"
    return _webp_with_xmp(data, xmp)


def _jpeg_with_xmp(data: bytes, xmp: bytes) -> bytes:
    for _, body in jpeg_segments(data):
        if body.startswith(_XMP_JPEG):
            old = _segment(0xE1, body)
            new = merge_packets(body[len(_XMP_JPEG) :], xmp)
            assert len(new) + len(_XMP_JPEG) <= _JPEG_ROOM, "`fit_metadata` leaves room for our words"
            return data.replace(old, _segment(0xE1, _XMP_JPEG + new), 1)
    place = _behind_header(data)
    return data[:place] + _segment(0xE1, _XMP_JPEG + xmp) + data[place:]


def _behind_header(data: bytes) -> int:
    """Behind a JPEG's JFIF segment, which comes first where there is one, and EXIF, which comes next."""
    place = 2
    for marker, start in ((0xE0, b"JFIF\0"), (0xE1, b"Exif\0\0")):
        if data[place : place + 2] == bytes([0xFF, marker]) and data[place + 4 :].startswith(start):
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _png_with_xmp(data: bytes, xmp: bytes) -> bytes:
    for name, body in png_chunks(data):
        if name == b"iTXt" and body.startswith(_XMP_PNG):
            new = merge_packets(body[len(_XMP_PNG) + 4 :], xmp)
            return data.replace(_chunk(name, body), _chunk(name, _XMP_PNG + bytes(4) + new), 1)
    # Right behind the header chunk: 8 bytes of signature, 25 of header.
    return data[:33] + _chunk(b"iTXt", _XMP_PNG + bytes(4) + xmp) + data[33:]


def _chunk(name: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def _webp_with_xmp(data: bytes, xmp: bytes) -> bytes:
    chunks = dict(webp_chunks(data))
    if old := chunks.get(b"XMP "):
        xmp = merge_packets(old, xmp)
    width, height, alpha = webp_size(chunks)
    flags = 0x04 | (0x10 if alpha else 0)
    flags |= 0x02 if b"ANIM" in chunks else 0
    flags |= (0x20 if b"ICCP" in chunks else 0) | (0x08 if b"EXIF" in chunks else 0)
    header = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    # The extended format wants this order: header, profile, pixels, EXIF, XMP.
    order = (b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L", b"EXIF")
    body = io.BytesIO()
    body.write(_riff(b"VP8X", header))
    for name, payload in sorted(
        (one for one in webp_chunks(data) if one[0] in order), key=lambda one: order.index(one[0])
    ):
        body.write(_riff(name, payload))
    body.write(_riff(b"XMP ", xmp))
    whole = body.getvalue()
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WEBP" + whole


def _riff(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
