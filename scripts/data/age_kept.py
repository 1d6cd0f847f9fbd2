#!/usr/bin/env python3
"""Photos that neither the estimator nor the ageing was made from, as a folder for `faceswap evaluate age`.

    python -m scripts.data.age_kept DATA utkface_16plus.tar congress_pd.tar london_ccby.tar -o KEPT
    faceswap evaluate age KEPT -o page.html

DATA is what `scripts/data/age_data.py` wrote of the same tars.
"""

from __future__ import annotations

import argparse
import csv
import io
import tarfile
from pathlib import Path

import numpy as np

from faceswap_cli.files import make_folder, write_bytes, write_text
from scripts.data.age_faces import Faces, read_faces

DECADES = range(20, 80, 10)

COLUMNS = ("file", "age", "sex", "id")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--each", type=int, default=10, help="faces of each decade, from 20 to 79")
    options = parser.parse_args()
    faces = read_faces(options.data, [path.stem for path in options.sets])
    make_folder(options.output)
    rows = []
    for path in options.sets:
        mine = [i for i in chosen(faces, options.each) if faces.facts[i]["set"] == path.stem]
        with tarfile.open(path) as tar:
            members = {Path(m.name).name: m for m in tar.getmembers() if m.isfile()}
            for i in mine:
                name = str(faces.facts[i]["name"])
                file = tar.extractfile(members[name])
                assert file is not None
                write_bytes(options.output / name, file.read())
                sex = "f" if faces.female[i] > 0.5 else "m"
                rows.append((name, f"{faces.age[i]:g}", sex, str(faces.person[i])))
    table = io.StringIO()
    csv.writer(table).writerows([COLUMNS, *rows])
    write_text(options.output / "labels.csv", table.getvalue())
    print(f"{len(rows)} faces")


def chosen(faces: Faces, each: int) -> list[int]:
    """Kept faces, as many women as men of each decade, one of a person; the same at every call."""
    which = np.random.default_rng(0).permutation(faces.where("kept"))
    found: list[int] = []
    for decade in DECADES:
        for sex in (0.0, 1.0):
            cell = [i for i in which if decade <= faces.age[i] < decade + 10 and faces.female[i] == sex]
            _, first = np.unique(faces.person[cell], return_index=True)
            found += [int(cell[k]) for k in sorted(first)[: each // 2]]
    return sorted(found)


if __name__ == "__main__":
    main()
