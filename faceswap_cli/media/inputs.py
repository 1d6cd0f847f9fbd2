"""Which photos and videos the user means by the files and folders named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from faceswap_cli.errors import UserError

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
PHOTO_SUFFIXES = frozenset(
    {*JPEG_SUFFIXES, ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif", ".hif"}
)
RAW_SUFFIXES = frozenset(
    {".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".srw", ".orf", ".rw2", ".raf", ".pef", ".3fr"}
    | {".iiq", ".erf", ".kdc", ".dcr", ".mos", ".mrw", ".x3f"}
)
"""Of what cameras write before it is a picture."""
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".m2ts", ".mts"}
    | {".wmv", ".flv", ".3gp", ".ogv", ".mxf", ".gif", ".nut", ".vob"}
)


def find_media(inputs: Sequence[Path]) -> list[Path]:
    """Every photo and video in the given files and folders, each once.

    A file that is named is taken whatever its suffix; a folder gives the files in it and below it that have
    a photo's or a video's suffix, in natural order (2 before 10), hidden ones left out.

    Raises:
        UserError: an input does not exist, or a folder holds nothing to use, or nothing was given.
    """
    found: dict[Path, None] = {}
    for entry in map(Path, inputs):
        if entry.is_dir():
            inside = _inside(entry)
            if not inside:
                raise UserError(
                    f"no photo or video in {entry}", "Choose a folder with some, or name the files"
                )
            found.update(dict.fromkeys(inside))
        elif entry.exists():
            found[entry] = None
        else:
            raise UserError(f"no such file or folder: {entry}", "Check the path")
    if not found:
        raise UserError("no photo or video was given", "Name files or folders")
    return list(found)


def find_photos(inputs: Sequence[Path]) -> list[Path]:
    """Every photo in the given files and folders; see `find_media`.

    Raises:
        UserError: an input does not exist, or a folder holds no photo.
    """
    found = []
    for entry in inputs:
        inside = [path for path in find_media([entry]) if path.suffix.lower() not in VIDEO_SUFFIXES]
        if not inside:
            raise UserError(f"no photo in {entry}", "Choose a folder with some, or name the files")
        found += inside
    return list(dict.fromkeys(found))


def describe_left_out(
    inputs: Sequence[Path],
    output: Path | None = None,
    known: frozenset[str] = PHOTO_SUFFIXES | VIDEO_SUFFIXES,
) -> str | None:
    """What lies in the given folders and is not among what `find_media` gives, in words; None if nothing.

    Args:
        inputs: files and folders.
        output: a folder that may lie in one of them and doesn't count.
        known: suffixes of what is used.
    """
    own = output.resolve() if output else None
    left: Counter[str] = Counter()
    for folder in (entry for entry in map(Path, inputs) if entry.is_dir()):
        for path in folder.rglob("*"):
            if any(part.startswith(".") for part in path.relative_to(folder).parts):
                continue
            if own is not None and path.resolve().is_relative_to(own):
                continue
            if path.is_dir():
                left["folder that is a link"] += path.is_symlink()
            elif path.suffix.lower() not in known or not path.is_file():
                left[_kind(path)] += 1
    return describe_counts(+left)


def describe_counts(left: Counter[str]) -> str | None:
    """ "3 files left out: 2 .txt, 1 .psd"; None for nothing."""
    if not left:
        return None
    kinds = ", ".join(f"{number} {kind}" for kind, number in left.most_common())
    return f"{left.total()} {'file' if left.total() == 1 else 'files'} left out: {kinds}"


def _kind(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return "link to nowhere"
    suffix = path.suffix.lower()
    return f"{suffix} (camera raw)" if suffix in RAW_SUFFIXES else suffix or "without suffix"


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sorts like people do: numbers in names by their value, letters without regard to case."""
    parts = re.split(r"([0-9]+)", str(path).casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def _inside(folder: Path) -> list[Path]:
    wanted = PHOTO_SUFFIXES | VIDEO_SUFFIXES
    files = (
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in wanted
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    return sorted(files, key=lambda path: (natural_key(path.relative_to(folder)), str(path)))
