"""What a TIFF tells of its picture: its own tags, and the directories of EXIF and GPS below them."""

from __future__ import annotations

import struct
import warnings
from typing import Any

from PIL import Image as Pillow
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from faceswap_cli.media.photoshop import IPTC, correct_resources, resource, resources
from faceswap_cli.media.tiff import with_directory

_TIFF_KEPT = (269, 270, 271, 272, 282, 283, 285, 286, 287, 296, 297, 305, 306, 315, 316, 33432, 34665, 34853)
"""Tags of a TIFF that tell of the picture and not of how it is stored, EXIF and GPS among them."""

_DAMAGED = b"damaged"
"""EXIF that there is, and that nobody can read."""

_DIRECTORIES = (34665, 34853)  # EXIF's own, and GPS


def exif_of_tiff(image: Pillow.Image) -> bytes | None:
    """A TIFF's own tags that tell of the picture, as an EXIF block; None if there are none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            before, kept = image.getexif(), Pillow.Exif()
            for tag in _TIFF_KEPT:
                if tag in before:
                    kept[tag] = before.get_ifd(tag) if tag in _DIRECTORIES else before[tag]
            if not set(kept) - {282, 283, 296}:
                return None
            return kept.tobytes()[6:]
    except Exception:  # Pillow's parsers raise what comes on damaged blocks; the photo may be whole
        return _DAMAGED


def iptc_of_tiff(image: Pillow.Image) -> bytes | None:
    """Photoshop's resources in a TIFF, with IPTC's among them wherever they stand; None if there are none."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    block, own = tags.get(34377), tags.get(33723)
    found = correct_resources(bytes(block)) if isinstance(block, bytes) else None
    if isinstance(own, tuple):
        numbers = all(isinstance(n, int) for n in own)
        own = struct.pack(f"{tags._endian}{len(own)}I", *own) if numbers else None
    if own and IPTC not in dict(resources(found or b"")):
        found = (found or b"") + resource(IPTC, bytes(own))
    return found


def with_directories(data: bytes, exif: bytes) -> bytes:
    """A TIFF file with the EXIF and GPS of a block, which Pillow does not write beside compressed pixels."""
    for tag, below in (directories(exif) or {}).items():
        if tag and below:
            data = with_directory(data, tag, below)
    return data


def directories(exif: bytes) -> dict[int, dict[int, Any]] | None:
    """What a TIFF gets of an EXIF block: the first directory's tags by 0, and those of EXIF and GPS; None if
    any of it can't be read, which Pillow only warns of.
    """
    block = Pillow.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            block.load(exif)
            kept = {tag: block[tag] for tag in _TIFF_KEPT if tag in block and tag not in _DIRECTORIES}
            below = {tag: dict(block.get_ifd(tag)) for tag in _DIRECTORIES}
            for one in (kept, *below.values()):
                trial = ImageFileDirectory_v2()
                trial.update(one)
                trial.tobytes(8)
    except Exception:  # Pillow's parsers raise what comes on damaged blocks
        return None
    return {0: kept, **below}
