"""Numbered pictures as a video: `frames/%05d.png`, or a folder of pictures in the order of their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from av.error import FFmpegError
from av.video.frame import VideoFrame

from faceswap_cli.errors import UserError
from faceswap_cli.media.inputs import JPEG_SUFFIXES, VIDEO_SUFFIXES, describe_counts, natural_key
from faceswap_cli.media.open import open_video
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.media.orientation_filters import orient_like
from faceswap_cli.media.photo_header import photo_header

SUFFIXES = (".png", ".tif", ".tiff", *JPEG_SUFFIXES, ".bmp", ".webp", ".dpx")

UPRIGHT = Orientation()

_NUMBER = re.compile(r"%(?:0(\d+))?d")


def is_sequence(path: Path) -> bool:
    """True if a path means many pictures: a folder, or a name with a number's place, such as %05d.

    A file that is there is a file, and a video's suffix means a video, whatever else is in the name.
    """
    return path.is_dir() or is_pattern(path)


def is_pattern(path: Path) -> bool:
    """True if a name has a number's place, and is neither a video's nor that of what is there already."""
    named = bool(_NUMBER.search(path.name)) and path.suffix.lower() not in VIDEO_SUFFIXES
    return named and not path.is_file() and not path.is_dir()


def find_pictures(path: Path) -> tuple[Path, ...]:
    """The pictures of a sequence, in order. Numbers may begin anywhere, and some may be missing.

    Raises:
        UserError: there is none.
    """
    if path.is_dir():
        inside = [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
        found = sorted(inside, key=natural_key)
    else:
        before, after = (re.escape(part) for part in _split(path.name))
        named = re.compile(rf"{before}(\d+){after}")
        folder = path.parent
        matches = [named.fullmatch(p.name) for p in folder.iterdir()] if folder.is_dir() else []
        found = [folder / m[0] for m in sorted(filter(None, matches), key=lambda m: int(m[1]))]
    if path.is_dir() and len(found) == 1 and (videos := videos_in(path)):
        raise UserError(f"{path} holds videos ({len(videos)}) and pictures ({len(found)}): which are meant?",
                        "Name the videos, or the pictures as in %05d.png")  # fmt: skip
    if not found:
        what = "is a folder without pictures" if path.is_dir() else "names no picture that is there"
        raise UserError(f"{path} {what}", "Give a video, a folder of pictures, or a name such as %05d.png")
    return tuple(found)


def videos_in(folder: Path) -> list[Path]:
    """The videos among a folder's files."""
    return [p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith(".")]


def describe_beside(path: Path, pictures: Sequence[Path]) -> str | None:
    """What lies in a folder of pictures and is none of them, in words; None if nothing."""
    if not path.is_dir():
        return None
    left = Counter(
        "folder" if p.is_dir() else p.suffix.lower() or "without suffix"
        for p in set(path.iterdir()) - set(pictures)
        if not p.name.startswith(".")
    )
    return describe_counts(left)


def read_pictures(
    files: Sequence[Path], first: int = 0, orientation: Orientation = UPRIGHT
) -> Iterator[VideoFrame]:
    """The pictures of the files from number `first` on; their timestamps are their numbers, from 0.

    Args:
        files: one picture each.
        first: number of the first that is wanted.
        orientation: how all of them are turned upright; those that say otherwise are turned to it.

    Raises:
        UserError: one can't be read, or is not as large as the first.
    """
    size: tuple[int, int] | None = None
    for number, file in enumerate(files):
        if number < first and size is not None:
            continue
        picture = orient_like(read_picture(file), orientation)
        size = size or (picture.width, picture.height)
        if (picture.width, picture.height) != size:
            was = f"{size[0]} x {size[1]}"
            raise UserError(f"{file} is {picture.width} x {picture.height}, {files[0].name} is {was}",
                            "The pictures of a video are all of one size")  # fmt: skip
        picture.pts = number
        if number >= first:
            yield picture


def read_picture(file: Path) -> VideoFrame:
    """One picture, as it is stored.

    Raises:
        UserError: it can't be read, or the file holds several.
    """
    if file.suffix.lower() in (".tif", ".tiff") and (header := photo_header(file)) is not None:
        if header.raw:
            raise UserError(f"{file} is a camera's raw file, not yet a picture", "Develop it first")
        if header.pictures > 1:
            raise UserError(f"{file} holds {header.pictures} pages, not one", "Save them one by one")
    try:
        with open_video(file) as container:
            for picture in container.decode(video=0):
                return picture
    except (FFmpegError, UserError, IndexError) as error:
        raise _unreadable(file) from error
    raise _unreadable(file)


def _unreadable(file: Path) -> UserError:
    return UserError(f"{file} is no picture that can be read", "Copy it again, or take it away")


def _split(name: str) -> tuple[str, str]:
    """What stands before and after the number's place."""
    match = _NUMBER.search(name)
    assert match is not None
    return name[: match.start()], name[match.end() :]


def picture_names(output: Path, sources: Sequence[Path], numbers: Sequence[int]) -> list[Path]:
    """Where the pictures of a result are written: each has a name of its own.

    Args:
        output: a name such as %05d.png, or a folder, in which they are called as in the source.
        sources: the source's pictures, if it has been a sequence itself; their numbers are kept, where their
            names tell them apart by one number. Else they are counted from 0.
        numbers: which frames of the source they are, describe_counts from 0.

    Raises:
        UserError: two would have the same name.
    """
    own = _numbers_of(sources) if sources else None
    place = _NUMBER.search(output.name)
    if place and is_pattern(output):
        before, after = _split(output.name)
        width = int(place[1] or 1)
        names = [f"{before}{own[n] if own else n:0{width}d}{after}" for n in numbers]
        folder = output.parent
    else:
        names = [f"{sources[n].stem}.png" if sources else f"{n:06d}.png" for n in numbers]
        folder = output
    # Some file systems take no notice of upper and lower case: what differs in that only is one file there.
    first: dict[str, int] = {}
    for name, number in zip(names, numbers, strict=True):
        other = first.setdefault(name.casefold(), number)
        if other != number:
            both = f"{sources[other].name} and {sources[number].name}"
            raise UserError(f"{both} would both become {folder / name}", "Rename one, or take it away")
    return [folder / name for name in names]


def _numbers_of(files: Sequence[Path]) -> list[int] | None:
    """The number by which the names differ; None if they differ by anything else, or by several."""
    parts = [re.split(r"(\d+)", file.stem) for file in files]
    if len({(len(part), *part[::2]) for part in parts}) != 1:
        return None
    columns = [[int(digits) for digits in column] for column in zip(*(p[1::2] for p in parts), strict=True)]
    differing = [column for column in columns if len(set(column)) > 1]
    if len(files) == 1:
        differing = columns[-1:]
    return differing[0] if len(differing) == 1 and len(set(differing[0])) == len(files) else None


def picture_suffix(output: Path) -> str | None:
    """The suffix of the pictures that an output means: .png for a folder; None if it means a video."""
    if is_pattern(output):
        return output.suffix.lower()
    return None if output.suffix else ".png"
