"""Ages that are known of the people on photos.

They come from a table `labels.csv` (columns `file`, `age` or `approx_age`, and `sex` where it is known), or
from the photos' names: `anna_age34.jpg`, `34_0_anna.jpg` (UTKFace's way: age, sex), or a name with one number
in it that can be an age.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.errors import UserError

LABELS = "labels.csv"
LARGEST_LABELS = 64 * 2**20
"""No table of ages is larger than this many bytes."""

YOUNGEST, OLDEST = 18.0, 100.0
"""Ages that are learnt from: of adults."""

_SAID = re.compile(r"age[ _-]?(\d{1,3})(?!\d)", re.IGNORECASE)
_UTKFACE = re.compile(r"^(\d{1,3})_([01])_")
_NUMBER = re.compile(r"(?<!\d)(\d{2})(?!\d)")


@dataclass(frozen=True)
class Label:
    """What is known of a photo's person.

    Attributes:
        age: years.
        female: 1, 0, or None where nobody says.
    """

    age: float
    female: float | None = None


def read_labels(file: Path) -> dict[str, Label]:
    """The ages in a table, by file name.

    Raises:
        UserError: it can't be read, or a column is missing.
    """
    try:
        if file.stat().st_size > LARGEST_LABELS:
            raise ValueError("it is too large")
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{file} can't be read ({error})", "Mend it or move it away") from error
    if rows and not ("file" in rows[0] and ("age" in rows[0] or "approx_age" in rows[0])):
        raise UserError(f"{file} lacks a column", "Its first line must name file and age")
    found = {}
    for row in rows:
        age = _years(row.get("age") or row.get("approx_age") or "")
        if age is not None:
            sex = (row.get("sex") or "").strip().lower()[:1]
            found[Path(row["file"] or "").name] = Label(age, {"f": 1.0, "m": 0.0}.get(sex))
    return found


def from_name(name: str) -> Label | None:
    """What a photo's name says of its person, if it says it clearly."""
    stem = Path(name).stem
    if said := _SAID.search(stem):
        return Label(float(said[1]))
    if said := _UTKFACE.match(stem):
        return Label(float(said[1]), float(said[2] == "1"))
    numbers = [float(one) for one in _NUMBER.findall(stem)]
    likely = [one for one in numbers if YOUNGEST <= one <= OLDEST]
    return Label(likely[0]) if len(numbers) == 1 and likely else None


def _years(text: str) -> float | None:
    try:
        age = float(text)
    except ValueError:
        return None
    return age if 0 < age < 130 else None
