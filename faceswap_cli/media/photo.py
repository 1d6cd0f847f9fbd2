"""Photos in and out, keeping what is not the face: transparency, greyness, EXIF and the colour profile."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.files import atomic_output
from faceswap_cli.limits import check_limit
from faceswap_cli.media.exif import made_true
from faceswap_cli.media.frame import Image
from faceswap_cli.media.open import check_readable
from faceswap_cli.media.photo_header import PhotoHeader, photo_header
from faceswap_cli.media.photo_metadata import METADATA_FORMATS, with_metadata

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


@dataclass(frozen=True)
class Photo:
    """A decoded photo, upright.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8, 255 opaque; None if it has no transparency.
        grey: True if the file holds no colour (`image` then has three equal channels).
        bit_depth: bits a sample in the file; `image` has 8 whatever this is.
        exif: the file's EXIF block as it is, or None.
        icc: its ICC colour profile, or None.
        format: "jpeg", "png", "webp", "tiff" or "bmp".
        note: what was lost in reading, in words for the user; "" if nothing was.
    """

    image: Image
    alpha: NDArray[np.uint8] | None = None
    grey: bool = False
    bit_depth: int = 8
    exif: bytes | None = None
    icc: bytes | None = None
    format: str = "png"
    note: str = ""


def read_photo(path: Path) -> Photo:
    """Read a photo.

    Raises:
        UserError: it is missing, damaged, no photo of a kind we know, or is too large, see `limits`.
    """
    path = Path(path)
    check_readable(path)
    header = photo_header(path)
    if header is None:
        raise UserError(f"{path} is not a photo that can be read", "Give a JPEG, PNG, WebP, TIFF or BMP file")
    _check_size(path, header)
    stored = _decode(path)
    note = ""
    if stored.dtype == np.uint16:
        note = f"{path.name} has {header.bit_depth} bits a sample; 8 are kept"
        stored = ((stored.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if stored.dtype != np.uint8:
        raise UserError(f"{path} holds {stored.dtype} pixels", "Convert it to 8 or 16 bits a sample first")
    if stored.ndim == 3 and stored.shape[2] == 1:
        stored = stored[:, :, 0]
    upright = header.orientation.apply(stored)
    colour, alpha = _split(upright)
    return Photo(
        colour, alpha, upright.ndim == 2, header.bit_depth, header.exif, header.icc, header.format, note
    )


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
        like: the photo it was made from. Its transparency is kept where the format can, its greyness too;
            its EXIF (upright, without the old thumbnail) and colour profile are kept in JPEG, PNG and WebP.
        quality: 0-100, for JPEG and WebP.
        seal: what is done to the finished file before it gets its name.

    Raises:
        UserError: the suffix is none we write, or the file can't be written.
    """
    path = Path(path)
    form, keeps_alpha = check_photo_suffix(path)
    pixels = _joined(image, like, keeps_alpha)
    parameters = {
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        # Above 100 OpenCV writes WebP without loss.
        "webp": [cv2.IMWRITE_WEBP_QUALITY, max(1, quality)],
    }
    try:
        with _quiet():
            done, encoded = cv2.imencode(f".{form}", pixels, parameters.get(form, []))
    except cv2.error as error:
        raise _too_large(path, image) from error
    if not done:
        raise _too_large(path, image)
    data = encoded.tobytes()
    if like is not None:
        exif = made_true(like.exif) if like.exif else None
        data = with_metadata(data, form, exif, _fitting(like))
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
    if like.exif and (form not in METADATA_FORMATS or made_true(like.exif) is None):
        lost.append("EXIF")
    if like.icc and (form not in METADATA_FORMATS or _fitting(like) is None):
        lost.append("colour profile")
    return lost


def _check_size(path: Path, header: PhotoHeader) -> None:
    if header.width < 1 or header.height < 1:
        raise UserError(f"{path} is damaged: it says it has no pixels", "Copy or download the photo again")
    size = f"{header.width} x {header.height}"
    check_limit("photo_pixels", header.width * header.height, f"{path} has {size} pixels")


def _decode(path: Path) -> NDArray[Any]:
    # From memory, because OpenCV can't open every file name on every system.
    try:
        with _quiet():
            stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError) as error:
        raise UserError(f"{path} can't be decoded", "Convert it to PNG or JPEG first") from error
    if stored is None:
        raise UserError(f"{path} is damaged and can't be decoded", "Copy or download the photo again")
    return stored


def _split(stored: NDArray[np.uint8]) -> tuple[Image, NDArray[np.uint8] | None]:
    """RGB and alpha of an array with OpenCV's channels: grey, BGR or BGRA."""
    # By OpenCV: numpy takes ten times as long to turn channels round.
    if stored.ndim == 2:
        return _converted(stored, cv2.COLOR_GRAY2RGB), None
    if stored.shape[2] == 4:
        return _converted(stored, cv2.COLOR_BGRA2RGB), np.ascontiguousarray(stored[:, :, 3])
    return _converted(stored, cv2.COLOR_BGR2RGB), None


def _joined(image: Image, like: Photo | None, keeps_alpha: bool) -> NDArray[np.uint8]:
    """OpenCV's grey, BGR or BGRA of what is to be written."""
    alpha = like.alpha if like is not None and keeps_alpha else None
    if alpha is not None and alpha.shape == image.shape[:2]:
        return np.dstack([image[:, :, ::-1], alpha])
    if like is not None and like.grey:
        # Luma, not one channel: whatever colour was put on the face must not change its brightness.
        return _converted(image, cv2.COLOR_RGB2GRAY)
    return _converted(image, cv2.COLOR_RGB2BGR)


def _converted(pixels: NDArray[np.uint8], way: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, way), np.uint8)


def _fitting(like: Photo) -> bytes | None:
    """The source's colour profile, unless it describes other channels than are written."""
    if like.icc is None:
        return None
    # The profile names its colour space at byte 16; a CMYK profile on RGB pixels would spoil them.
    fits = {b"GRAY"} if like.grey else {b"RGB "}
    return like.icc if like.icc[16:20] in fits else None


def _too_large(path: Path, image: Image) -> UserError:
    height, width = image.shape[:2]
    return UserError(
        f"{path}: {width} x {height} pixels can't be written as {path.suffix}", "Use .png or .tif"
    )


_QUIET = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV and the libraries in it from printing their own warnings: the user gets one line, from us.

    libjpeg and libpng write straight to the process's stderr, so that is where they have to be stopped.
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
