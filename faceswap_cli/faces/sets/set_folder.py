"""The folder a face set is extracted into: whether it may be used, and leaving nothing behind in it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.records import CROPS, INDEX
from faceswap_cli.files import LOCK


def is_outside(files: Sequence[Path], output: Path) -> list[Path]:
    """Files that don't lie in the face set: it may be a folder inside the input folder."""
    folder = output.resolve()
    outside = [file for file in files if not file.resolve().is_relative_to(folder)]
    if not outside:
        raise UserError(f"all inputs lie in the face set {output} itself", "Choose another output folder")
    return outside


def check_set_folder(output: Path) -> tuple[bool, bool]:
    """Whether the set is new, and whether its folder is.

    Raises:
        UserError: the folder holds other things.
    """
    if not output.exists():
        return True, True
    if (output / INDEX).exists():
        return False, False
    if not output.is_dir():
        raise UserError(f"{output} is a file, not a folder for a face set", "Choose another folder")
    there = {entry.name for entry in output.iterdir() if not entry.name.startswith(".")}
    crops = output / CROPS
    if there - {CROPS} or (crops.is_dir() and any(crops.iterdir())):
        raise UserError(f"{output} holds other files and is no face set", "Choose a new or empty folder")
    return True, False


def remove_partial_crops(output: Path, made: bool) -> None:
    """Remove what a run that found nothing has made."""
    if (output / CROPS).is_dir() and any((output / CROPS).iterdir()):
        return  # something was found before the trouble: it can be gone on with
    for name in (INDEX, LOCK):
        (output / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        (output / CROPS).rmdir()
        if made:
            output.rmdir()
