#!/usr/bin/env python3
"""Find and align the faces of labelled picture sets, for `scripts/train/age_estimator.py`. It goes on where
it was stopped.

    python -m scripts.data.age_data utkface_16plus.tar congress_pd.tar london_ccby.tar -o DATA

Each tar holds pictures and, where anything is known of them, a `labels.csv` with the columns `file`, `age`
or `approx_age`, `sex`, where only a range of years is known `least` and `most`, and, where it is known who is
who, `id`; other columns are kept as they are. Every picture's most central face is kept as
an aligned crop of SIZE pixels and SIDE face units, in parts of PART pictures that training maps into memory.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.faces.age.labels import LABELS
from faceswap_cli.faces.detection.boxes import suppress
from faceswap_cli.faces.detection.retina_network import RetinaNetwork
from faceswap_cli.faces.face import Detection, Face
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.geometry import crop_matrix, transform, warp
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, cut_chip
from faceswap_cli.files import atomic_output, make_folder, write_text
from faceswap_cli.media.frame import Frame, Image

SIZE, SIDE = 192, 2.8
"""What is kept of a face, in pixels and face units: the estimator's square with room to turn and shift it
in."""

PART = 450
"""Pictures in a part."""

SURE = 0.9
"""Least score of the detector at that; what it is less sure of is looked for again, in the picture alone."""

ACROSS, CELL = 3, 213
"""The detector is shown ACROSS x ACROSS pictures at once, each shrunk or enlarged to CELL pixels: in sets of
portraits a face is large enough in that, and it costs a ninth."""


@dataclass(frozen=True)
class Picture:
    """A picture of a set and the row of its labels."""

    name: str
    image: Image
    row: dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path, help="tars of pictures with labels.csv")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    finder = Finder()
    for path in options.sets:
        folder = options.output / path.stem
        make_folder(folder)
        source = pictures(path)
        number = 0
        while part := list(islice(source, PART)):
            if not (folder / f"{number:03d}.json").exists():
                lost = write_part(finder, part, folder, number)
                print(f"{path.name} part {number}: {len(part) - lost} faces, {lost} not found", flush=True)
            number += 1


def pictures(path: Path) -> Iterator[Picture]:
    """The pictures of a tar in the order of their labels, or of the tar where it has none; damaged ones are
    passed over."""
    with tarfile.open(path) as tar:
        members = {Path(m.name).name: m for m in tar.getmembers() if m.isfile()}
        labels = tar.extractfile(members[LABELS]) if LABELS in members else None
        rows = csv.DictReader(io.TextIOWrapper(labels, "utf-8")) if labels else ({"file": n} for n in members)
        for row in rows:
            file = tar.extractfile(members[row["file"]])
            assert file is not None
            image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                yield Picture(row["file"], np.ascontiguousarray(image[..., ::-1]), row)


def write_part(finder: Finder, part: list[Picture], folder: Path, number: int) -> int:
    """Write crops, descriptors and facts of a part's faces; how many pictures showed none. Facts come last:
    a part with facts is whole."""
    crops, facts = [], []
    chips = []
    for start in range(0, len(part), ACROSS**2):
        some = part[start : start + ACROSS**2]
        for picture, face in zip(some, finder.find([p.image for p in some]), strict=True):
            if face is None:
                continue
            matrix = crop_matrix(face.landmarks, SIZE, SIDE)
            crops.append(warp(picture.image, matrix, SIZE))
            chips.append(cut_chip(picture.image, face.landmarks))
            facts.append(facts_of(picture, face, matrix))
    descriptors = finder.identity.embed_chips(chips)
    for name, values in (("crops", np.stack(crops)), ("identity", descriptors)):
        with atomic_output(folder / f"{number:03d}.{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, values)
    write_text(folder / f"{number:03d}.json", json.dumps(facts))
    return len(part) - len(facts)


def facts_of(picture: Picture, face: Face, matrix: np.ndarray) -> dict[str, object]:
    """Labels as numbers where there are any, the picture's corners in the crop, and how fine its detail
    is."""
    row = picture.row
    age = (row.get("age") or row.get("approx_age") or "").replace("NA", "")
    height, width = picture.image.shape[:2]
    edge = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    return {
        "name": picture.name,
        "age": float(age) if age else None,
        "exact": "approx_age" not in row,
        "female": row["sex"].lower().startswith("f") if row.get("sex") else None,
        "person": row.get("id"),
        "row": row,
        "score": round(float(face.score), 4),
        "corners": np.round(transform(edge, matrix), 2).tolist(),
        "scale": round(float(np.hypot(*matrix[0, :2])), 4),
    }


class Finder:
    """The most central face of each picture, by the project's own stage."""

    def __init__(self) -> None:
        self.stage: FaceAnalyser = build_analyser(device="cpu", thorough=True)
        self.network = RetinaNetwork()
        self.identity = IdentityEncoder()

    def find(self, images: list[Image]) -> list[Face | None]:
        """Up to ACROSS x ACROSS pictures' faces: looked at together, then by itself where that showed
        none."""
        board = np.full((ACROSS * CELL, ACROSS * CELL, 3), 127, np.uint8)
        scales = [CELL / max(image.shape[:2]) for image in images]
        for k, (image, scale) in enumerate(zip(images, scales, strict=True)):
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:CELL, :CELL]
            y, x = divmod(k, ACROSS)
            board[y * CELL : y * CELL + small.shape[0], x * CELL : x * CELL + small.shape[1]] = small
        found: list[list[Detection]] = [[] for _ in images]
        for d in suppress(self.network.find([board], 1.0, SURE)[0]):
            x, y = ((d.box[:2] + d.box[2:]) / 2 // CELL).astype(int).clip(0, ACROSS - 1)
            if (k := int(y * ACROSS + x)) < len(images):
                corner = np.array([x, y], np.float32) * CELL
                box = (d.box - np.tile(corner, 2)) / scales[k]
                points = (d.points - corner) / scales[k]
                found[k].append(Detection(box.astype(np.float32), points.astype(np.float32), d.score))
        frames = [Frame(k, 0.0, image) for k, image in enumerate(images)]
        faces = self.stage.describe(frames, found)
        return [
            central(frame.image, seen) or central(frame.image, self.stage.find([frame])[0])
            for frame, seen in zip(frames, faces, strict=True)
        ]


def central(image: Image, faces: list[Face]) -> Face | None:
    """The face nearest to the picture's middle, for its size; None if there is none."""
    middle = np.array(image.shape[1::-1]) / 2

    def apart(face: Face) -> float:
        box = face.box
        return float(np.linalg.norm((box[:2] + box[2:]) / 2 - middle) / max(box[3] - box[1], 1.0))

    return min(faces, key=apart, default=None)


if __name__ == "__main__":
    main()
