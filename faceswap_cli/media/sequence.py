"""Numbered pictures as a video: `frames/%05d.png`, or a folder of pictures in the order of their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from av.error import FFmpegError
from av.video.frame import VideoFrame

from faceswap_cli.errors import UserError
from faceswap_cli.media.inputs import natural_key
from faceswap_cli.media.open import open_video

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".webp", ".dpx")

_NUMBER = re.compile(r"%(?:0(\d+))?d")


def is_sequence(path: Path) -> bool:
    """True if a path means many pictures: a folder, or a name with a number's place, such as %05d."""
    return bool(_NUMBER.search(path.name)) or path.is_dir()


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
    if not found:
        what = "is a folder without pictures" if path.is_dir() else "names no picture that is there"
        raise UserError(f"{path} {what}", "Give a video, a folder of pictures, or a name such as %05d.png")
    return tuple(found)


def read_pictures(files: Sequence[Path], first: int = 0) -> Iterator[VideoFrame]:
    """The pictures of the files from number `first` on; their timestamps are their numbers, from 0.

    Raises:
        UserError: one can't be read, or is not as large as the first.
    """
    size: tuple[int, int] | None = None
    for number, file in enumerate(files):
        if number < first and size is not None:
            continue
        picture = read_picture(file)
        size = size or (picture.width, picture.height)
        if (picture.width, picture.height) != size:
            was = f"{size[0]} x {size[1]}"
            raise UserError(f"{file} is {picture.width} x {picture.height}, {files[0].name} is {was}",
                            "The pictures of a video are all of one size")  # fmt: skip
        picture.pts = number
        if number >= first:
            yield picture


def read_picture(file: Path) -> VideoFrame:
    """One picture, as it is stored."""
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
    """Where the pictures of a result are written.

    Args:
        output: a name such as %05d.png, or a folder, in which they are called as in the source.
        sources: the source's pictures, if it has been a sequence itself; their numbers are kept.
        numbers: which frames of the source they are, counted from 0.
    """
    kept = [re.findall(r"\d+", sources[n].stem)[-1:] if sources else [] for n in numbers]
    own = [int(digits[0]) if digits else n for digits, n in zip(kept, numbers, strict=True)]
    if place := _NUMBER.search(output.name):
        before, after = _split(output.name)
        width = int(place[1] or 1)
        return [output.with_name(f"{before}{number:0{width}d}{after}") for number in own]
    stems = [sources[n].stem if sources else f"{n:06d}" for n in numbers]
    return [output / f"{stem}.png" for stem in stems]


def picture_suffix(output: Path) -> str | None:
    """The suffix of the pictures that an output means: .png for a folder; None if it means a video."""
    if _NUMBER.search(output.name):
        return output.suffix.lower()
    return None if output.suffix else ".png"
