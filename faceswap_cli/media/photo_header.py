"""What a photo file says before its pixels are decoded. Pillow reads it; what it must not be asked is here.

Also the parts that JPEG, PNG and WebP files are made of, for those who change a finished file.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow
from PIL import PngImagePlugin

from faceswap_cli.errors import UserError
from faceswap_cli.limits import read_limited
from faceswap_cli.media.exif import read_orientation
from faceswap_cli.media.inputs import RAW_SUFFIXES
from faceswap_cli.media.orientation import Orientation, from_exif

_PNG = b"\x89PNG\r\n\x1a\n"
# JPEG's start-of-frame markers: all of C0..CF but DHT, JPG and DAC.
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

# How large a picture may be is said by `limits`, in one place; Pillow would warn at other sizes.
Pillow.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20  # a profile may be as long; more would be a few hostile bytes grown

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (_PNG, "PNG"),
    (b"RIFF", "WEBP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
)
_AVIF, _HEIC = (b"avif", b"avis"), (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

_RAW = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"\0MRM")
"""How cameras' raw files begin that are neither TIFF nor (Canon's CR3) a film with one small picture."""

_MOST_PAGES = 10_000
_MANY = ("Multi-Frame Image",)


@dataclass(frozen=True)
class PhotoHeader:
    """A photo before decoding.

    Attributes:
        format: "jpeg", "png", "webp", "tiff", "bmp", "avif" or "heif".
        width: pixels across as stored.
        height: pixels down as stored.
        bit_depth: bits a sample.
        grey: True if it has no colour.
        alpha: True if it has transparency.
        orientation: how the stored picture is turned upright.
        pictures: how many it holds: more than one if it is animated, has pages, or several views.
        raw: True if it is what a camera writes before it is a picture.
    """

    format: str
    width: int
    height: int
    bit_depth: int = 8
    grey: bool = False
    alpha: bool = False
    orientation: Orientation = Orientation()  # noqa: RUF009 - it is frozen
    pictures: int = 1
    raw: bool = False


def photo_format(path: Path) -> str | None:
    """Pillow's name of a photo's format, by its first bytes; None if it is none that we know.

    Raises:
        UserError: it needs a package that is not installed, or is a camera's raw file.
    """
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(_RAW) or start[4:12] == b"ftypcrx ":
        raise UserError(
            f"{path} is a camera's raw file, not yet a picture", "Develop it to JPEG, PNG or TIFF"
        )
    if start[4:8] == b"ftyp":
        brands = [start[8:12], *(start[at : at + 4] for at in range(16, min(64, _length(start)), 4))]
        if any(brand in _AVIF for brand in brands):
            return "AVIF"
        if start[8:12] in _HEIC:
            _register_heif(path)
            return "HEIF"
        return None
    for signature, name in _SIGNATURES:
        if start.startswith(signature) and (name != "WEBP" or start[8:12] == b"WEBP"):
            return name
    return None


def _length(start: bytes) -> int:
    return int.from_bytes(start[:4], "big")


def _register_heif(path: Path) -> None:
    try:
        import pi_heif
    except ImportError as error:
        raise UserError(
            f"{path}: HEIC photos need another package", "pip install 'faceswap-cli[heic]'"
        ) from error
    pi_heif.register_heif_opener()


@contextlib.contextmanager
def open_photo(path: Path, name: str) -> Iterator[tuple[Pillow.Image, bytes]]:
    """A photo opened by Pillow, not decoded yet, and the whole file; whatever goes wrong is a UserError.

    Args:
        path: of the file.
        name: from `photo_format`: nothing else is tried.
    """
    data = read_limited(path, "photo_bytes")
    try:
        with warnings.catch_warnings(), contextlib.ExitStack() as stack:
            warnings.simplefilter(
                "ignore"
            )  # of Pillow's, about blocks that are damaged: what is lost is told
            image = stack.enter_context(Pillow.open(io.BytesIO(data), formats=[name]))
            if name in _CHECKED:
                _CHECKED[name](data)
            yield image, data
    except (UserError, AssertionError):
        raise
    except MemoryError as error:
        raise UserError(f"{path} can't be decoded: not enough memory", "Close other programs") from error
    except Exception as error:  # Pillow's parsers raise what comes on damaged files: any of a dozen kinds
        if name == "TIFF":  # it may hold anything: Pillow says the same of what it does not know
            reason = f"{path} is damaged, or a TIFF of a kind that is not read, such as floating point"
            raise UserError(reason, "Save it as PNG, or as TIFF with 8 or 16 bits") from error
        raise UserError(f"{path} is broken off or damaged", "Copy or download the photo again") from error


def photo_header(path: Path) -> PhotoHeader | None:
    """Read a photo's header; None if the file is not a photo of a kind we know.

    Raises:
        UserError: it is a photo, but broken off, too large, or needs a package that is not installed.
    """
    name = photo_format(path)
    if name is None:
        return None
    with open_photo(path, name) as (image, data):
        return header_of(path, image, data)


def header_of(path: Path, image: Pillow.Image, data: bytes) -> PhotoHeader:
    """The header of a photo that `open_photo` opened, and its file."""
    form = (image.format or "").lower().replace("mpo", "jpeg")
    tags = dict(getattr(image, "tag_v2", {}))
    # TIFF and HEIC are turned upright in decoding.
    exif = image.info.get("exif") if form not in ("tiff", "heif") else None
    orientation = from_exif(read_orientation(exif.removeprefix(b"Exif\0\0"))) if exif else Orientation()
    return PhotoHeader(
        form,
        *image.size,
        bit_depth=_bit_depth(form, image, tags, data),
        grey=image.mode in ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I", "F"),
        alpha="A" in image.mode or "a" in image.mode or "transparency" in image.info,
        orientation=orientation,
        pictures=_pictures(form, image),
        raw=form == "tiff" and _is_raw(path, tags),
    )


def _bit_depth(form: str, image: Pillow.Image, tags: dict[int, object], data: bytes) -> int:
    if form == "tiff":
        bits = tags.get(258, 1)
        return max(bits) if isinstance(bits, tuple) else int(str(bits))
    if form == "heif":
        return int(image.info.get("bit_depth") or 8)
    if form == "avif":  # the box of AV1's settings: its third byte says whether there are 10 or 12
        settings = data[(place := data.find(b"av1C")) : place + 8] if b"av1C" in data[:65536] else bytes(8)
        return 12 if settings[6] & 0x20 else 10 if settings[6] & 0x40 else 8
    if form == "png":
        raw = str([tile.args for tile in getattr(image, "tile", [])])
        return 16 if ";16" in raw else 8
    return 8


def _check_png(data: bytes) -> None:
    for _ in png_chunks(data):
        pass


def _check_webp(data: bytes) -> None:
    for _ in webp_chunks(data):
        pass


_CHECKED = {"PNG": _check_png, "WEBP": _check_webp}
"""Formats whose files say of themselves whether they are whole, where Pillow does not look."""


def _pictures(form: str, image: Pillow.Image) -> int:
    frames = int(getattr(image, "n_frames", 1))
    if form == "tiff":
        return _pages(image, min(frames, _MOST_PAGES))
    if form == "jpeg":
        entries = getattr(image, "mpinfo", {}).get(0xB002, [])
        views = [e for e in entries if str(e["Attribute"]["MPType"]).startswith(_MANY)]
        return max(1, len(views))
    # HEIC: bursts have several of one rank; thumbnails and depth are not counted by Pillow's plugin.
    return frames


def _pages(image: Pillow.Image, frames: int) -> int:
    """A TIFF's pictures that are no smaller copy of another."""
    pages = 0
    for number in range(frames):
        image.seek(number)
        pages += not int(image.tag_v2.get(254, 0)) & 1  # type: ignore[attr-defined]
    image.seek(0)
    return max(1, pages)


def _is_raw(path: Path, tags: dict[int, object]) -> bool:
    # A DNG's version; a mosaic of filters, or linear raw; a small picture with the true ones below it.
    preview = bool(int(str(tags.get(254, 0))) & 1) and 330 in tags
    return 50706 in tags or tags.get(262) in (32803, 34892) or preview or path.suffix.lower() in RAW_SUFFIXES


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
