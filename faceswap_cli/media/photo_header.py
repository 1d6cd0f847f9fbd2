"""What a photo file says before its pixels are decoded, and the EXIF and ICC blocks it carries."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.limits import read_limited
from faceswap_cli.media.exif import read_orientation
from faceswap_cli.media.orientation import Orientation, from_exif

_PNG = b"\x89PNG\r\n\x1a\n"
_ICC_JPEG = b"ICC_PROFILE\0"
_LARGEST_ICC = 16 << 20
# JPEG's start-of-frame markers: all of C0..CF but DHT, JPG and DAC.
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class PhotoHeader:
    """A photo before decoding.

    Attributes:
        format: "jpeg", "png", "webp", "tiff" or "bmp".
        width: pixels across as stored.
        height: pixels down as stored.
        bit_depth: bits a sample.
        grey: True if it has no colour.
        alpha: True if it has transparency.
        exif: the EXIF block (starting at its TIFF header), or None.
        icc: the ICC colour profile, or None.
    """

    format: str
    width: int
    height: int
    bit_depth: int = 8
    grey: bool = False
    alpha: bool = False
    exif: bytes | None = None
    icc: bytes | None = None

    @property
    def orientation(self) -> Orientation:
        """How the stored picture is turned upright."""
        return from_exif(read_orientation(self.exif)) if self.exif else Orientation()


def photo_header(path: Path) -> PhotoHeader | None:
    """Read a photo's header; None if the file is not a photo of a kind we know.

    Raises:
        UserError: it is a photo, but broken off, too large, or of a kind that can't be read (HEIC, AVIF).
    """
    with path.open("rb") as file:
        start = file.read(16)
    if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"):
        raise UserError(f"{path}: HEIC and AVIF photos can't be read", "Convert it to JPEG or PNG first")
    for signature, read in _READERS:
        if start.startswith(signature) and (signature != b"RIFF" or start[8:12] == b"WEBP"):
            try:
                return read(read_limited(path, "photo_bytes"))
            except (LookupError, struct.error, ValueError, zlib.error) as error:
                raise UserError(
                    f"{path} is broken off or damaged", "Copy or download the photo again"
                ) from error
    return None


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and payload of each segment of a JPEG file, up to and including its start of scan."""
    position = 2
    while True:
        while data[position] != 0xFF or data[position + 1] in (0x00, 0xFF):
            position += 1
        marker = data[position + 1]
        if marker == 0x01 or 0xD0 <= marker <= 0xD9:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        yield marker, data[position + 4 : position + 2 + length]
        if marker == 0xDA:
            return
        position += 2 + length


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and payload of each chunk of a PNG file; ValueError if it breaks off or a checksum is wrong."""
    position = len(_PNG)
    while True:
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise ValueError("the file ends inside a chunk")
        # libpng would find this too, but print its own words on stderr.
        if zlib.crc32(data[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ValueError("a chunk is damaged")
        yield name, data[position + 8 : end - 4]
        if name == b"IEND":
            return
        position = end


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and payload of each chunk of a WebP file; ValueError if it is broken off before its end."""
    end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    if end > len(data):
        raise ValueError("the file is shorter than it says")
    position = 12
    while position + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, position)
        yield name, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _jpeg(data: bytes) -> PhotoHeader:
    frame: tuple[int, int, int, int] | None = None
    exif: bytes | None = None
    profile: dict[int, bytes] = {}
    for marker, payload in jpeg_segments(data):
        if marker in _SOF:
            frame = struct.unpack_from(">BHHB", payload)
        elif marker == 0xE1 and payload.startswith(b"Exif\0\0") and exif is None:
            exif = payload[6:]
        elif marker == 0xE2 and payload.startswith(_ICC_JPEG):
            profile[payload[12]] = payload[14:]
    if frame is None:
        raise ValueError("no start of frame")
    depth, height, width, components = frame
    icc = b"".join(profile[number] for number in sorted(profile)) or None
    return PhotoHeader("jpeg", width, height, depth, components == 1, False, exif, icc)


def _png(data: bytes) -> PhotoHeader:
    fields: tuple[int, int, int, int] | None = None
    exif: bytes | None = None
    icc: bytes | None = None
    transparent = False
    for name, payload in png_chunks(data):
        if name == b"IHDR":
            fields = struct.unpack_from(">IIBB", payload)
        elif name == b"eXIf":
            exif = payload
        elif name == b"iCCP":
            # A limit, so that a few hostile bytes can't unpack to gigabytes.
            icc = zlib.decompressobj().decompress(payload[payload.index(b"\0") + 2 :], _LARGEST_ICC)
        elif name == b"tRNS":
            transparent = True
    if fields is None:
        raise ValueError("no header chunk")
    width, height, depth, colour = fields
    return PhotoHeader(
        "png", width, height, depth, colour in (0, 4), transparent or colour in (4, 6), exif, icc
    )


def _webp(data: bytes) -> PhotoHeader:
    chunks: dict[bytes, bytes] = {}
    for name, payload in webp_chunks(data):
        chunks.setdefault(name, payload)
    exif = chunks.get(b"EXIF")
    if exif is not None:
        exif = exif.removeprefix(b"Exif\0\0")
    width, height, alpha = webp_size(chunks)
    return PhotoHeader("webp", width, height, 8, False, alpha, exif, chunks.get(b"ICCP"))


def webp_size(chunks: dict[bytes, bytes]) -> tuple[int, int, bool]:
    """Width, height and whether there is alpha, from a WebP file's chunks."""
    if extended := chunks.get(b"VP8X"):
        width = int.from_bytes(extended[4:7], "little") + 1
        return width, int.from_bytes(extended[7:10], "little") + 1, bool(extended[0] & 0x10)
    if lossless := chunks.get(b"VP8L"):
        bits = int.from_bytes(lossless[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    width, height = struct.unpack_from("<HH", chunks.get(b"VP8 ", b""), 6)
    return width & 0x3FFF, height & 0x3FFF, False


def _tiff(data: bytes) -> PhotoHeader:
    order = "<" if data[:2] == b"II" else ">"
    (offset,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    fields: dict[int, int] = {}
    for entry in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, entry)
        if kind in (3, 4):  # SHORT and LONG; lists of more than fit here are kept elsewhere in the file
            code, size = ("H", 2) if kind == 3 else ("I", 4)
            place = entry + 8
            if number * size > 4:
                (place,) = struct.unpack_from(f"{order}I", data, entry + 8)
            (fields[tag],) = struct.unpack_from(f"{order}{code}", data, place)
    # 256 width, 257 height, 258 bits, 262 photometric (0 and 1 are grey), 338 extra samples (alpha).
    # A TIFF's orientation (274) is put upright by OpenCV itself, so there is none left for us.
    return PhotoHeader(
        "tiff", fields[256], fields[257], fields.get(258, 1), fields.get(262, 2) in (0, 1), 338 in fields
    )


def _bmp(data: bytes) -> PhotoHeader:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return PhotoHeader("bmp", width, abs(height))


_READERS = (
    (b"\xff\xd8\xff", _jpeg),
    (_PNG, _png),
    (b"RIFF", _webp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"BM", _bmp),
)
