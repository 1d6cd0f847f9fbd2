#!/usr/bin/env python3
"""Cut the faces that `scripts/data/age_data.py` found out of their pictures again, finer and with a mask of
their skin, for `scripts/train/age_lines.py`.

    python -m scripts.data.age_data utkface_16plus.tar congress_pd.tar london_ccby.tar pixabay_cc0.tar \\
        sfhq_synthetic_mit.tar -o DATA
    python -m scripts.data.line_faces DATA *.tar -o FACES --leave-out sfhq_under18.txt --apart-from STILLS

Blurred faces, small ones, and those of anybody who is or may be under 18 are left out. Of sets that tell no
ages, faces are as old as the age estimator says.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.age.skin import skin_area
from faceswap_cli.faces.geometry import fit_similarity
from faceswap_cli.faces.parsing.face_parser import SIDE as PARSED_SIDE
from faceswap_cli.faces.parsing.face_parser import SIZE as PARSED
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.files import atomic_output, make_folder, write_text
from scripts.data.age_data import SIDE as FOUND_SIDE
from scripts.data.age_data import SIZE as FOUND
from scripts.data.age_data import pictures
from scripts.data.age_faces import hashed, read_faces
from scripts.data.age_invented import Known

SIZE, SIDE = 288, 2.8
"""What is kept of a face, in pixels and face units."""

SPLIT = ("congress_pd", "london_ccby", "utkface_16plus")
"""Sets that are split by person, as for the age estimator; of the others a tenth is kept by name."""

LEAST_UNIT = 60.0
"""Pixels to a face unit that a picture must have."""

LEAST_SHARP = 0.0065
"""Standard deviation of the finest detail of the skin, of luma's logarithm, under which a face is blurred."""

ADULT, SPAN = 21.0, 45.0
"""Faces of unknown age are taken from so many years on. Of labelled ones from 18 on; all that are older than
SPAN, and of the younger ones every YOUNG-th."""

YOUNG = 3


def main() -> None:
    options = arguments()
    cv2.setNumThreads(1)
    make_folder(options.output)
    left_out = set(options.leave_out.read_text(encoding="utf-8").split()) if options.leave_out else set()
    maker = Maker(Known(options.apart_from), left_out)
    for path in options.sets:
        crops, masks, facts = [], [], []
        for crop, mask, fact in maker.faces(options.data, path):
            crops.append(crop)
            masks.append(mask)
            facts.append(fact)
        for name, values in (("crops", np.stack(crops)), ("masks", np.stack(masks))):
            with atomic_output(options.output / f"{path.stem}.{name}.npy") as part, part.open("wb") as file:
                np.save(file, values)
        write_text(options.output / f"{path.stem}.json", json.dumps(facts))
        old = sum(fact["age"] >= SPAN for fact in facts)
        print(f"{path.stem}: {len(facts)} faces, {old} of them {SPAN:.0f} or older", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that scripts/data/age_data.py wrote")
    parser.add_argument("sets", nargs="+", type=Path, help="the tars it read")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--leave-out", type=Path, help="names of pictures of the young, one a line")
    parser.add_argument("--apart-from", type=Path, help="folder of pictures that must not be among them")
    return parser.parse_args()


class Maker:
    """Finer crops of faces that were found.

    Args:
        known: pictures that must not be among them.
        left_out: names of others.
    """

    def __init__(self, known: Known, left_out: set[str]) -> None:
        self.known, self.left_out = known.bits, left_out
        self.parser, self.estimator = FaceParser(), AgeEstimator()

    def faces(self, data: Path, path: Path) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, Any]]]:
        """Crops (SIZE, SIZE, 3), masks (PARSED, PARSED) uint8 and facts of a set's faces that are good
        enough."""
        name = path.stem
        facts = self.facts(data, name)
        with tarfile.open(path) as tar:
            if not any(member.name.endswith("labels.csv") for member in tar.getmembers()):
                raise SystemExit(f"{path} has no labels.csv")
        for picture in pictures(path):
            fact = facts.get(picture.name)
            if fact is None or fact["unit"] < LEAST_UNIT:
                continue
            crop = cut(picture.image, np.array(fact.pop("corners")))
            if any(np.count_nonzero(hashed(crop) != other) <= 6 for other in self.known):
                continue
            if fact["age"] is None:
                said = self.adult(crop)
                if said is None:
                    continue
                fact["age"], fact["female"] = said
            mask = skin_area(self.parser.probabilities([self.parsed(crop)]))[0]
            if self.sharp(crop, mask) >= LEAST_SHARP:
                yield crop, np.rint(mask * 255).astype(np.uint8), fact

    def facts(self, data: Path, name: str) -> dict[str, dict[str, Any]]:
        """What is known of a set's faces that are learnt from or measured on, by their pictures' names."""
        faces = read_faces(data, SPLIT if name in SPLIT else (name,))
        found: dict[str, dict[str, Any]] = {}
        for number, fact in enumerate(faces.facts):
            if fact["set"] != name or fact["name"] in self.left_out or "stylegan2" in fact["row"].values():
                continue
            fold = faces.fold[number] if name in SPLIT else fold_of(fact["name"])
            age = None if np.isnan(faces.age[number]) else float(faces.age[number])
            if fold == "calibration" or (age is not None and (age < 18 or skipped(age, fact["name"]))):
                continue
            female = None if np.isnan(faces.female[number]) else float(faces.female[number])
            found[fact["name"]] = {
                "name": fact["name"], "set": name, "age": age, "female": female, "fold": fold,
                "unit": FOUND / FOUND_SIDE / fact["scale"], "corners": fact["corners"],
            }  # fmt: skip
        return found

    def adult(self, crop: np.ndarray) -> tuple[float, float] | None:
        """Age and sex as they look; None of those who may be under age."""
        said = self.estimator.estimate_crops([crop], SIDE)[0]
        return (said.age, said.female) if said.age >= ADULT and said.minor < 0.3 else None

    def parsed(self, crop: np.ndarray) -> np.ndarray:
        """A crop as the parser wants it."""
        scale = PARSED / SIZE * SIDE / PARSED_SIDE
        shift = (PARSED - 1) / 2 - scale * (SIZE - 1) / 2
        matrix = np.array([[scale, 0, shift], [0, scale, shift]])
        soft = cv2.GaussianBlur(crop, (0, 0), 0.4 / scale)
        return cv2.warpAffine(soft, matrix, (PARSED, PARSED))

    def sharp(self, crop: np.ndarray, mask: np.ndarray) -> float:
        """How fine the skin's detail is."""
        luma = np.log(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255 + 0.04)
        fine = luma - cv2.GaussianBlur(luma, (0, 0), 1.5)
        inside = cv2.resize(mask, (SIZE, SIZE)) > 0.9
        return float(np.median(np.abs(fine[inside])) / 0.6745) if inside.sum() > 500 else 0.0


def skipped(age: float, name: str) -> bool:
    """Whether a young face is one too many."""
    return age < SPAN and int(hashlib.sha256(name.encode()).hexdigest(), 16) // 10 % YOUNG > 0


def fold_of(name: str) -> str:
    """The fold of a picture of a set in which nobody is twice."""
    return "kept" if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0 else "train"


def cut(image: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE, 3): a face cut out again.

    Args:
        image: (H, W, 3) uint8 RGB, its picture.
        corners: (4, 2) of the picture, in the pixels of the crop that `age_data.py` made.
    """
    height, width = image.shape[:2]
    edge = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float)
    scale = SIZE / FOUND * FOUND_SIDE / SIDE
    wanted = (corners - (FOUND - 1) / 2) * scale + (SIZE - 1) / 2
    matrix = fit_similarity(edge, wanted)
    zoom = float(np.hypot(*matrix[0, :2]))
    soft = cv2.GaussianBlur(image, (0, 0), 0.4 / zoom) if zoom < 0.8 else image
    return cv2.warpAffine(soft, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


if __name__ == "__main__":
    main()
