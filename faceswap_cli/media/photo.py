"""Photos in and out, keeping what is not the face: transparency, greyness, metadata, sampling and quality."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from faceswap_cli.errors import UserError
from faceswap_cli.files import atomic_output
from faceswap_cli.limits import check_limit
from faceswap_cli.media.frame import Image
from faceswap_cli.media.inputs import VIDEO_SUFFIXES
from faceswap_cli.media.open import check_readable
from faceswap_cli.media.photo_header import PhotoHeader, header_of, open_photo, photo_format, webp_chunks
from faceswap_cli.media.photo_metadata import NAMES, Metadata, fit_metadata, read_metadata, save_arguments
from faceswap_cli.media.tiff_metadata import with_directories

# What each suffix is written as, and whether that keeps transparency.
_SUFFIXES = {
    ".jpg": ("jpeg", False),
    ".jpeg": ("jpeg", False),
    ".png": ("png", True),
    ".webp": ("webp", True),
    ".tif": ("tiff", True),
    ".tiff": ("tiff", True),
    ".bmp": ("bmp", False),
}

_WITHOUT_LOSS = ("raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "zstd", "lzma")
"""TIFF's compressions, as Pillow calls them."""


@dataclass(frozen=True)
class Encoding:
    """How a photo was stored, as far as that says how its pixels are stored again.

    Attributes:
        lossless: every pixel is as it was put in.
        sampling: of a JPEG's colour: 0 full, 1 half as wide, 2 half as wide and high.
        tables: a JPEG's quantisation of luma and of chroma, 64 steps each: its quality.
        progressive: a JPEG's order.
        compression: of a TIFF, in Pillow's words.
    """

    lossless: bool = True
    sampling: int = 0
    tables: tuple[list[int], list[int]] | None = None
    progressive: bool = False
    compression: str = "tiff_adobe_deflate"


@dataclass(frozen=True)
class Photo:
    """A decoded photo, upright.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8, 255 opaque; None if it has no transparency.
        grey: True if the file holds no colour (`image` then has three equal channels).
        bit_depth: bits a sample in the file; `image` has 8 whatever this is.
        metadata: what it carries beside its pixels.
        format: "jpeg", "png", "webp", "tiff", "bmp", "avif" or "heif".
        encoding: how it was stored.
        note: what was lost in reading, in words for the user; "" if nothing was.
    """

    image: Image
    alpha: NDArray[np.uint8] | None = None
    grey: bool = False
    bit_depth: int = 8
    metadata: Metadata = Metadata()  # noqa: RUF009 - it is frozen
    format: str = "png"
    encoding: Encoding = Encoding()
    note: str = ""


def read_photo(path: Path) -> Photo:
    """Read a photo.

    Raises:
        UserError: it is missing, damaged, no photo of a kind we know, holds several pictures, or is too
            large, see `limits`.
    """
    path = Path(path)
    check_readable(path)
    name = photo_format(path)
    if name is None:
        hint = "Give a JPEG, PNG, WebP, TIFF, BMP or AVIF file"
        if path.suffix.lower() in VIDEO_SUFFIXES:
            hint = "It is named like a video: give a photo, or use the command for videos"
        raise UserError(f"{path} is not a photo that can be read", hint)
    with open_photo(path, name) as (image, data):
        header = header_of(path, image, data)
        _check(path, header)
        encoding = _encoding(image, header, data)
        metadata = read_metadata(image, header.format, data)
        note = ""
        if header.bit_depth > 8:
            note = f"{path.name} has {header.bit_depth} bits a sample; 8 are kept"
        stored = _rounded(path, data) if _needs_rounding(image, header) else _eight_bits(path, image)
    colour, alpha, grey = _split(header.orientation.apply(stored))
    return Photo(colour, alpha, grey, header.bit_depth, metadata, header.format, encoding, note)


def write_photo(
    path: Path,
    image: Image,
    like: Photo | None = None,
    quality: int = 95,
    seal: Callable[[Path], None] | None = None,
) -> None:
    """Write a photo, whole or not at all.

    Args:
        path: its suffix chooses the format.
        image: (H, W, 3) uint8 RGB, upright.
        like: the photo it was made from. Its transparency is kept where the format can, its greyness too, and
            its metadata, all but what a changed picture makes untrue; see `what_is_lost`. A JPEG becomes one
            of the same sampling and quality, a picture stored without loss a WebP without loss.
        quality: 0-100, for JPEG and WebP, where the source says none.
        seal: what is done to the finished file before it gets its name.

    Raises:
        UserError: the suffix is none we write, or the file can't be written.
    """
    path = Path(path)
    form, keeps_alpha = check_photo_suffix(path)
    pixels = _joined(image, like, form, keeps_alpha)
    told = _how(form, like, quality)
    metadata = fit_metadata(like.metadata, form, like.grey)[0] if like is not None else Metadata()
    told |= save_arguments(metadata, form)
    encoded = io.BytesIO()
    try:
        pixels.save(encoded, form, **told)
    except (OSError, ValueError, SystemError, OverflowError) as error:
        raise _too_large(path, image) from error
    data = encoded.getvalue()
    if form == "tiff" and metadata.exif:
        data = with_directories(data, metadata.exif)
    with atomic_output(path) as temporary:
        temporary.write_bytes(data)
        if seal is not None:
            seal(temporary)


def check_photo_suffix(path: Path) -> tuple[str, bool]:
    """The format that `path` is written in, and whether it keeps transparency.

    Raises:
        UserError: the suffix is none of those we write.
    """
    known = _SUFFIXES.get(path.suffix.lower())
    if known is None:
        names = " ".join(_SUFFIXES)
        raise UserError(f"photos can't be written as '{path.suffix}' ({path})", f"Use one of {names}")
    return known


def what_is_lost(path: Path, like: Photo) -> list[str]:
    """What `write_photo` can't keep of the photo `like` when it writes `path`, in words for the user."""
    form, keeps_alpha = check_photo_suffix(path)
    lost = []
    if like.alpha is not None and not keeps_alpha and bool((like.alpha < 255).any()):
        lost.append("transparency")
    if form == "webp" and not like.encoding.lossless and like.encoding.sampling < 2 and not like.grey:
        lost.append("colour of full resolution")
    return [*lost, *fit_metadata(like.metadata, form, like.grey)[1]]


def describe_metadata(path: Path) -> list[str]:
    """What a photo carries beside its pixels, in words for the user; nothing if it is no photo we know."""
    name = photo_format(path)
    if name is None:
        return []
    with open_photo(path, name) as (image, data):
        metadata = read_metadata(image, header_of(path, image, data).format, data)
    return [*(said for field, said in NAMES.items() if getattr(metadata, field)), *metadata.other]


def _check(path: Path, header: PhotoHeader) -> None:
    if header.width < 1 or header.height < 1:
        raise UserError(f"{path} is damaged: it says it has no pixels", "Copy or download the photo again")
    size = f"{header.width} x {header.height}"
    check_limit("photo_pixels", header.width * header.height, f"{path} has {size} pixels")
    if header.raw:
        raise UserError(
            f"{path} is a camera's raw file, not yet a picture", "Develop it to JPEG, PNG or TIFF"
        )
    if header.pictures > 1:
        what = {"tiff": "pages", "jpeg": "views"}.get(header.format, "pictures")
        hint = {"png": "Use `convert video`", "webp": "Save it as GIF or animated PNG for `convert video`"}
        raise UserError(
            f"{path} holds {header.pictures} {what}, not one", hint.get(header.format, "Save them one by one")
        )


def _encoding(image: Pillow.Image, header: PhotoHeader, data: bytes) -> Encoding:
    if header.format == "webp":
        return Encoding(any(name == b"VP8L" for name, _ in webp_chunks(data)), 2)
    if header.format == "tiff":
        compression = str(image.info.get("compression", "raw"))
        if compression in _WITHOUT_LOSS:
            return Encoding(compression=compression)
        return Encoding(lossless="jpeg" not in compression)
    if header.format in ("avif", "heif"):
        return Encoding(False, 2)
    if header.format != "jpeg":
        return Encoding()
    sampling = JpegImagePlugin.get_sampling(image)
    # Turned by a quarter, colour of half the width would be one of half the height.
    if sampling < 0 or (sampling == 1 and header.orientation.transpose):
        sampling = 0
    return Encoding(False, sampling, _tables(image), bool(image.info.get("progressive")))


def _tables(image: Any) -> tuple[list[int], list[int]] | None:
    """A JPEG's quantisation, if it is of luma and chroma: where two chroma tables differ, the finer steps."""
    if image.mode not in ("L", "RGB"):
        return None
    tables = image.quantization
    own = [list(tables[layer[3]]) for layer in image.layer if layer[3] in tables]
    if not own or len(own) != len(image.layer):
        return None
    if len(own) == 1 or image.info.get("adobe_transform") == 0:  # which stores RGB
        finest = [min(steps) for steps in zip(*own, strict=True)]
        return finest, finest
    return own[0], [min(steps) for steps in zip(*own[1:], strict=True)]


def _how(form: str, like: Photo | None, quality: int) -> dict[str, Any]:
    """What Pillow is told of how to store the pixels."""
    encoding = like.encoding if like is not None else Encoding()
    if form == "jpeg":
        told: dict[str, Any] = {"subsampling": encoding.sampling}
        if encoding.tables is not None:
            return told | {"qtables": list(encoding.tables), "progressive": encoding.progressive}
        return told | {"quality": quality}
    if form == "webp":
        # "exact" keeps the colours of what is wholly transparent, too.
        lossless = like is not None and encoding.lossless
        return {"lossless": lossless, "quality": 80 if lossless else max(1, quality), "exact": True}
    return {"compression": encoding.compression} if form == "tiff" else {}


def _needs_rounding(image: Pillow.Image, header: PhotoHeader) -> bool:
    """True where Pillow would cut samples of 16 bits off at 8, and not round them."""
    if header.format == "png":
        return header.bit_depth > 8
    associated = 1 in getattr(image, "tag_v2", {}).get(338, ())
    return header.format == "tiff" and header.bit_depth > 8 and not associated


def _rounded(path: Path, data: bytes) -> NDArray[np.uint8]:
    """The pixels of a photo of more than 8 bits: grey, RGB or RGBA."""
    try:
        with _quiet():
            stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise UserError(f"{path} can't be decoded", "Convert it to PNG or JPEG first") from error
    if stored is None:
        raise UserError(f"{path} is damaged and can't be decoded", "Copy or download the photo again")
    if stored.dtype != np.uint16:
        raise UserError(f"{path} holds {stored.dtype} pixels", "Convert it to 8 or 16 bits a sample first")
    eight = ((stored.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if eight.ndim == 3 and eight.shape[2] > 2:
        way = cv2.COLOR_BGRA2RGBA if eight.shape[2] == 4 else cv2.COLOR_BGR2RGB
        return np.asarray(cv2.cvtColor(eight, way), np.uint8)
    return eight[:, :, 0] if eight.ndim == 3 and eight.shape[2] == 1 else eight


def _eight_bits(path: Path, image: Pillow.Image) -> NDArray[np.uint8]:
    """The pixels as Pillow decodes them: grey, grey and alpha, RGB or RGBA."""
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise UserError(f"{path} holds {image.mode} pixels", "Convert it to 8 or 16 bits a sample first")
    clear = "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    grey = image.mode in ("1", "L", "LA", "La")
    mode = ("LA" if clear else "L") if grey else ("RGBA" if clear else "RGB")
    with _quiet():
        return np.array(image.convert(mode), np.uint8)  # its own, to be drawn on


def _split(stored: NDArray[np.uint8]) -> tuple[Image, NDArray[np.uint8] | None, bool]:
    """RGB, alpha, and whether it is grey, of an array of grey, grey and alpha, RGB or RGBA."""
    alpha = None
    if stored.ndim == 3 and stored.shape[2] in (2, 4):
        alpha, stored = np.ascontiguousarray(stored[:, :, -1]), stored[:, :, :-1]
    if stored.ndim == 2 or stored.shape[2] == 1:
        return _converted(stored, cv2.COLOR_GRAY2RGB), alpha, True
    return np.ascontiguousarray(stored), alpha, False


def _joined(image: Image, like: Photo | None, form: str, keeps_alpha: bool) -> Pillow.Image:
    """What is to be written, as Pillow's grey, grey and alpha, RGB or RGBA."""
    alpha = like.alpha if like is not None and keeps_alpha else None
    # Luma, not one channel: whatever colour was put on the face must not change its brightness.
    grey = like is not None and like.grey and form not in ("webp", "bmp")
    pixels = _converted(image, cv2.COLOR_RGB2GRAY) if grey else image
    if alpha is not None and alpha.shape == image.shape[:2]:
        pixels = np.dstack([pixels, alpha])
    return Pillow.fromarray(np.ascontiguousarray(pixels))


def _converted(pixels: NDArray[np.uint8], way: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), way), np.uint8)


def _too_large(path: Path, image: Image) -> UserError:
    height, width = image.shape[:2]
    return UserError(
        f"{path}: {width} x {height} pixels can't be written as {path.suffix}", "Use .png or .tif"
    )


_QUIET = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV, Pillow and the libraries in them from printing warnings: the user gets one line, from us.

    libjpeg, libpng and libtiff write straight to the process's stderr: that is where they have to be stopped.
    """
    with _QUIET, contextlib.ExitStack() as stack:
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        stack.callback(cv2.utils.logging.setLogLevel, level)
        with contextlib.suppress(OSError):  # there is no stderr
            kept = os.dup(2)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, 2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        yield
