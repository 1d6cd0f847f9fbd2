"""The bin: where filtered crops go, and from where they can come back.

```
FACES/
  bin/000012@clip_000042_0.jpg    crops that were moved out of `crops/`
  bin.jsonl                       which crop lies where, and why
```
A crop whose file is not in `crops/` is out of the set, so moving the file is all that has to be done; the
index stays whole. A line of `bin.jsonl` is on the disk before its file is moved, and is dropped after the
file came back: interrupted at any moment, every crop is in one of the two places and is known there.
"""

from __future__ import annotations

import errno
import filecmp
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.crop_files import crop_files, crop_name
from faceswap_cli.faces.sets.faceset import read_index
from faceswap_cli.faces.sets.records import CROPS, is_crop_name
from faceswap_cli.files import atomic_output, make_folder, said_plainly, sync_folder, write_text
from faceswap_cli.limits import parse_json, read_limited
from faceswap_cli.media.photo_header import photo_header

BIN, LIST = "bin", "bin.jsonl"


@dataclass(frozen=True)
class TrashedCrop:
    """A crop in the bin.

    Attributes:
        crop: its name.
        file: where it lies: relative to the set's folder inside it, else absolute.
        why: what it failed.
    """

    crop: str
    file: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestoreResult:
    """What came back.

    Attributes:
        back: crops that are in the set again.
        there: crops that were in the set already, and differ: those in the bin stay there.
        gone: crops whose file is no longer in the bin.
    """

    back: int
    there: int
    gone: int


def move_to_trash(path: Path, files: Mapping[str, Sequence[str]], folder: Path | None = None) -> int:
    """Move crops out of a face set.

    Args:
        path: the set's folder, locked.
        files: file names in `crops/`, and why each is to go.
        folder: where they go; None for the set's own bin.

    Returns:
        How many were moved; one that was deleted meanwhile is passed over.

    Raises:
        UserError: the bin is the folder of the crops, or can't be written, or the disk is full.
    """
    folder = path / BIN if folder is None else folder
    if folder.resolve().is_relative_to((path / CROPS).resolve()):
        raise UserError(f"{folder} lies in the set's own {CROPS}", "Choose another folder for --bin")
    if not files:
        return 0
    make_folder(folder)
    targets = _free_names(path, list(files), folder)
    entries = [
        TrashedCrop(crop_name(file), _stored(path, targets[file]), tuple(why)) for file, why in files.items()
    ]
    _write(path, list(dict.fromkeys([*read_trash(path), *entries])))
    moved = sum(_move(path / CROPS / file, target) for file, target in targets.items())
    with said_plainly(folder):
        sync_folder(folder)
        sync_folder(path / CROPS)
    return moved


def restore(path: Path) -> RestoreResult:
    """Move everything in a face set's bins back into the set.

    Args:
        path: the set's folder, locked.

    Raises:
        UserError: the list is damaged, or a folder can't be written.
    """
    there = crop_files(path)
    counts = {"back": 0, "there": 0, "gone": 0}
    kept = []
    make_folder(path / CROPS)
    entries = read_trash(path)
    check_places(path, entries)
    for entry in entries:
        source = path / entry.file  # an absolute one stays absolute
        if not source.is_file():
            counts["gone"] += entry.crop not in there
        elif entry.crop not in there:
            file = source.name.removesuffix(crop_name(source.name)) + entry.crop  # its rank and its name
            counts["back"] += _move(source, path / CROPS / file)
            there[entry.crop] = file
        elif _same(source, path / CROPS / there[entry.crop]):
            with said_plainly(source):
                source.unlink()  # killed after it was copied: it is back already
        else:
            counts["there"] += 1
            kept.append(entry)
    with said_plainly(path / CROPS):
        sync_folder(path / CROPS)
    _write(path, kept)
    _tidy(path)
    return RestoreResult(**counts)


def read_trash(path: Path) -> list[TrashedCrop]:
    """What lies in a face set's bins.

    Raises:
        UserError: the list is damaged.
    """
    file = path / LIST
    if not file.exists():
        return []
    try:
        text = read_limited(file, "log_bytes").decode("utf-8")
        return [_entry(parse_json(line)) for line in text.splitlines()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} can't be read ({error})", f"Move the crops from the bin into {CROPS} by hand, delete it"
        ) from error


def check_places(path: Path, entries: Sequence[TrashedCrop]) -> None:
    """Raise a UserError if a file outside of the set is no crop of it: a list could name anybody's file."""
    outside = [Path(entry.file) for entry in entries if Path(entry.file).is_absolute()]
    size = read_index(path).header.crop_size if outside else 0
    for file in outside:
        header = photo_header(file) if file.is_file() else None
        if file.exists() and (header is None or (header.width, header.height) != (size, size)):
            raise UserError(f"{path / LIST} names {file}, which is no crop of this set", "Take its line out")


def _entry(told: Any) -> TrashedCrop:
    """A line of the list. What it names is moved and removed: only a crop, in a file called like it."""
    entry = TrashedCrop(str(told["crop"]), str(told["file"]), tuple(map(str, told["why"])))
    inside = Path(entry.file)
    named = crop_name(inside.name)
    of_crop = re.fullmatch(rf"{re.escape(Path(entry.crop).stem)}(~\d+)?\.jpg", named)
    if not is_crop_name(entry.crop) or not of_crop or ".." in inside.parts:
        raise ValueError(f"{entry.file!r} is no place of the crop {entry.crop!r}")
    return entry


def _write(path: Path, entries: Sequence[TrashedCrop]) -> None:
    if not entries:
        (path / LIST).unlink(missing_ok=True)
        return
    lines = [json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries]
    write_text(path / LIST, "".join(lines))


def _stored(path: Path, target: Path) -> str:
    """A place as the list keeps it: a set may be moved together with its own bin."""
    inside, target = path.resolve(), target.resolve()
    return target.relative_to(inside).as_posix() if target.is_relative_to(inside) else str(target)


def _free_names(path: Path, files: Sequence[str], folder: Path) -> dict[str, Path]:
    """Where each crop goes: nothing in the bin is written over, except what a killed run has copied."""
    taken = {entry.name for entry in folder.iterdir()}
    begun = {(entry.crop, entry.file) for entry in read_trash(path)}
    targets = {}
    for file in files:
        name, number = file, 2
        while name in taken:
            copied = (crop_name(file), _stored(path, folder / name)) in begun
            if copied and _same(path / CROPS / file, folder / name):
                break
            name, number = f"{Path(file).stem}~{number}.jpg", number + 1
        targets[file] = folder / name
    return targets


def _same(a: Path, b: Path) -> bool:
    """Whether two files have the same bytes; False if one is gone."""
    try:
        return filecmp.cmp(a, b, shallow=False)
    except OSError:
        return False


def _move(source: Path, target: Path) -> bool:
    """Move a file; whether it was there to be moved. Across devices it is copied first, then removed."""
    with said_plainly(target):
        try:
            source.replace(target)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with atomic_output(target) as temporary:
                shutil.copyfile(source, temporary)
            source.unlink()
    return True


def _tidy(path: Path) -> None:
    """Remove the set's own bin when it is empty."""
    folder = path / BIN
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
