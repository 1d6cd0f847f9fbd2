#!/usr/bin/env python3
"""Faces for `scripts/train/edit.py`: aligned crops, masks, points, and what is known of them.

    python -m scripts.data.edit_faces own/*/*.jpg -o OWN.npz --leave-out sfhq_under18.txt

What is known of a picture comes from the `labels.csv` beside it where there is one (a column `sex`), or from
the first or last letter of its name (Canada's: 095m.jpg). Faces that are turned away, look under 20 or have
no large face are left out.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.effects.edit.shape_road import see_shape
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.age.mask import ageing_mask
from faceswap_cli.faces.detection.photo_faces import find_in_photo
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.files import atomic_output
from faceswap_cli.media.photo import read_photo

SIZE, SIDE = 160, 2.75
"""Side of the crops in pixels and in face units."""

LARGEST = 720
"""Height that pictures are brought to at most."""

TURNED, YOUNGEST = 35.0, 20.0
"""Yaw in degrees, and years that a face looks, beyond which it is left out."""

SEXES = {"f": 1.0, "female": 1.0, "woman": 1.0, "m": 0.0, "male": 0.0, "man": 0.0}
"""1 of women; where nothing is known -1 is written."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--labels", type=Path, nargs="*", default=(), help="labels.csv of the sets")
    parser.add_argument("--leave-out", type=Path, help="names of files, one a line")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    left = set(options.leave_out.read_text(encoding="utf-8").split()) if options.leave_out else set()
    sexes, upstream = read_labels(options.labels)
    analyser = build_analyser("auto", "auto", "cpu", thorough=False)
    parser_net, ages, identity = FaceParser(), AgeEstimator(), IdentityEncoder()
    rows: dict[str, list[object]] = {}
    for count, path in enumerate(options.pictures):
        if path.name in left or upstream.get(path.name) == "stylegan2":
            continue
        image = read_photo(path).image
        if image.shape[0] > LARGEST:
            scale = LARGEST / image.shape[0]
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        image = np.ascontiguousarray(image)
        faces = find_in_photo(image, analyser)
        face = max(faces, key=lambda one: float(one.box[3] - one.box[1]), default=None)
        if face is None or face.dense is None or face.expression is None:
            continue
        if abs(estimate_pose(face.landmarks)[0]) > TURNED:
            continue
        [age] = ages.estimate(image, [face.landmarks])
        if age.age < YOUNGEST:
            continue
        found = parser_net.probabilities([parser_net.crop(image, face.landmarks)])
        shape = see_shape(face.dense, face.expression)
        matrix = crop_matrix(face.landmarks, SIZE, SIDE)
        row = {
            "names": path.name,
            "crops": warp(image, matrix, SIZE),
            "masks": np.rint(ageing_mask(found)[0] * 255).astype(np.uint8),
            "glasses": np.float32(found[0, parser_net_class("glasses")].mean()),
            "points": (face.dense[:, :2] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32),
            "heads": shape.head.astype(np.float32),
            "expressions": shape.expression.astype(np.float32),
            "identities": identity.embed(image, [face.landmarks])[0],
            "ages": np.float32(age.age),
            "said": np.float32(age.female),
            "female": np.float32(sexes.get(path.name, told_by_name(path))),
            "units": np.float32(np.hypot(*matrix[0, :2])),
        }
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
        if count % 100 == 0:
            print(count, len(options.pictures), file=sys.stderr, flush=True)
    with atomic_output(options.output) as temporary, temporary.open("wb") as file:
        np.savez(file, **{name: np.array(values) for name, values in rows.items()})


def parser_net_class(name: str) -> int:
    from faceswap_cli.networks.perception.parsing import CLASSES

    return list(CLASSES).index(name)


def told_by_name(path: Path) -> float:
    """What the last letter of a name says."""
    return SEXES.get(path.stem[-1], -1.0) if path.stem[:-1].isdigit() else -1.0


def read_labels(files: list[Path]) -> tuple[dict[str, float], dict[str, str]]:
    """Of each file its sex, and what it was made by, as far as tables say so."""
    sexes, made = {}, {}
    for table in files:
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if "sex" in row:
                    sexes[row["file"]] = SEXES.get(row["sex"], -1.0)
                made[row["file"]] = row.get("upstream", "")
    return sexes, made


if __name__ == "__main__":
    main()
