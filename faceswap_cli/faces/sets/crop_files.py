"""Crops as files: what they are called, which are there.

A crop is *named* once, when it is extracted, and its face's line in the index says that name for ever. Its
*file* may carry a rank before the name, `000012@clip_000042_0.jpg`, so that any file manager shows the crops
in an order that was asked for (see `order`). Because the name can be read off the file, the index need not
know the ranks: each rename is whole by itself, and a sort that is killed half-way leaves a set in which
every face is still there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.records import CROPS

_RANK = re.compile(r"^\d{6,}@(?=.)")
"""What stands before a sorted crop's name. Extraction puts no @ into names, so there is no doubt."""


def crop_name(file: str) -> str:
    """A crop's name, from its file's."""
    return _RANK.sub("", file)


def ranked_name(name: str, rank: int) -> str:
    """The file name that sorts a crop at place `rank`, from 0."""
    return f"{rank:06d}@{name}"


def is_ranked(file: str) -> bool:
    """Whether a file's name has a rank."""
    return bool(_RANK.match(file))


def crop_files(path: Path) -> dict[str, str]:
    """The files of the crops in face set folder `path`, by crop name.

    One listing is far faster than asking for each. Of a crop that is there twice (somebody copied it) the
    file that comes first counts.

    Raises:
        UserError: the folder can't be read.
    """
    there: dict[str, str] = {}
    for file in sorted(_listed(path / CROPS), reverse=True):
        there[crop_name(file)] = file
    return there


def check_single(path: Path) -> None:
    """Raise a UserError if a crop of face set folder `path` is there twice: which one is meant?"""
    seen: dict[str, str] = {}
    for file in sorted(_listed(path / CROPS)):
        name = crop_name(file)
        if name in seen:
            raise UserError(
                f"{path / CROPS} holds one crop twice: {seen[name]} and {file}", "Delete one of them"
            )
        seen[name] = file


def rename_crops(path: Path, files: Iterable[tuple[str, str]]) -> int:
    """Rename crops in face set folder `path`.

    Args:
        path: the set's folder, locked, and without crops that are there twice.
        files: old and new file name of each; both of the same crop, so that no two can meet.

    Returns:
        How many have a new name now. One that was deleted meanwhile is passed over.
    """
    renamed = 0
    for old, new in files:
        if old == new:
            continue
        try:
            (path / CROPS / old).rename(path / CROPS / new)
        except FileNotFoundError:
            continue
        renamed += 1
    return renamed


def _listed(folder: Path) -> list[str]:
    if folder.is_symlink():  # crops are moved, renamed and removed: only inside of the set
        raise UserError(f"{folder} is a link to another folder", "Copy the crops into the set")
    try:
        return [entry.name for entry in os.scandir(folder)] if folder.is_dir() else []
    except OSError as error:
        raise UserError(
            f"{folder} can't be read: {error.strerror or error}",
            "Check that it is there, and its permissions",
        ) from error
