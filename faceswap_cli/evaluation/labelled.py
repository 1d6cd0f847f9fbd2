"""Folders of photos of people whose ages are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.errors import UserError
from faceswap_cli.faces.age.labels import LABELS, from_name, read_labels
from faceswap_cli.media.inputs import find_media

ADULT = 18
"""Who is younger is left out: faces of children are neither aged nor judged."""


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo of one person, how old that one is on it, in years, and how female, 0..1, if it is told."""

    path: Path
    age: float
    female: float | None = None


def read_labelled(folder: Path) -> list[LabelledPhoto]:
    """The adults of a folder whose age is known, see `faces.age.labels`.

    Raises:
        UserError: there is no age, or labels.csv can't be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder", "Give a folder of photos")
    table = folder / LABELS
    known = read_labels(table) if table.is_file() else {}
    labels = [(path, known.get(path.name) or from_name(path.name)) for path in find_media([folder])]
    found = [LabelledPhoto(path, label.age, label.female) for path, label in labels if label]
    if not found:
        raise UserError(
            f"{folder} tells nobody's age",
            f"Put a {LABELS} with the columns file and age into it, or ages into the names: anna_age48.jpg",
        )
    adults = [one for one in found if one.age >= ADULT]
    if not adults:
        raise UserError(f"everybody in {folder} is under {ADULT}", "Give photos of adults")
    return adults
