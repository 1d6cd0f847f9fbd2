#!/usr/bin/env python3
"""Split picture sets for `scripts/train/base.py`: what may be trained on, and the tenth that is held out.

    python -m scripts.data.base_sets congress_pd.tar ... --leave-out sfhq_under18.txt -o PICTURES
    faceswap extract PICTURES/own/SET -o FACES/own-SET --max-faces 1        for each set, own and held

Each tar holds pictures and, where anything is known of them, a `labels.csv` with the columns `file`, and
`age`, `approx_age`, `estimated_age` or `upstream`. Left out are pictures of whoever is, or is listed as,
under 18, and those that the generator StyleGAN2 drew, whose licence is not free. Held out is every picture
the SHA-256 of whose name is 0 modulo 10.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import tarfile
from pathlib import Path

from faceswap_cli.files import make_folder, write_bytes

PICTURES = (".jpg", ".jpeg", ".png")
AGES = ("age", "approx_age", "estimated_age")
ADULT = 18
RESTRICTED = "stylegan2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path, help="tars of pictures")
    parser.add_argument("--leave-out", type=Path, help="list of file names that are not used, one a line")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    listed = names_in(options.leave_out) if options.leave_out else frozenset()
    for path in options.sets:
        own, held = split(path, options.output, listed)
        print(f"{path.name}: {own} to train on, {held} held out", flush=True)


def names_in(path: Path) -> frozenset[str]:
    """The first word of each line that is no comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line.split("\t")[0] for line in lines if line and not line.startswith("#"))


def split(path: Path, output: Path, listed: frozenset[str]) -> tuple[int, int]:
    """Write a set's pictures; how many to train on, and how many held out."""
    counts = {"own": 0, "held": 0}
    with tarfile.open(path) as tar:
        members = {Path(m.name).name: m for m in tar.getmembers() if m.isfile()}
        rows = labels_of(tar, members)
        for name in sorted(members):
            if (
                Path(name).suffix.lower() not in PICTURES
                or name in listed
                or not is_usable(rows.get(name, {}))
            ):
                continue
            part = "held" if is_held_out(name) else "own"
            folder = output / part / path.stem
            make_folder(folder)
            file = tar.extractfile(members[name])
            assert file is not None
            write_bytes(folder / name, file.read())
            counts[part] += 1
    return counts["own"], counts["held"]


def labels_of(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> dict[str, dict[str, str]]:
    """The rows of `labels.csv` by file name; none if the set has none."""
    file = tar.extractfile(members["labels.csv"]) if "labels.csv" in members else None
    return (
        {} if file is None else {row["file"]: row for row in csv.DictReader(io.TextIOWrapper(file, "utf-8"))}
    )


def is_usable(row: dict[str, str]) -> bool:
    """Whether what is known of a picture allows its use."""
    ages = [float(row[name]) for name in AGES if row.get(name, "").replace(".", "", 1).isdigit()]
    return row.get("upstream") != RESTRICTED and all(age >= ADULT for age in ages)


def is_held_out(name: str) -> bool:
    """Whether a picture is one of the tenth that is never trained on."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0


if __name__ == "__main__":
    main()
