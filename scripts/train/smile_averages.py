#!/usr/bin/env python3
"""What a smile does to light on a face, and what is seen between parted lips: averages, no network.

    python -m scripts.train.smile_averages SETS OUT

SETS holds london_ccby.tar, congress_pd.tar and pixabay_cc0.tar. OUT becomes models/smile. A tenth of each
set, by sha256 of the file's name, is left out. Light is the median over people who are seen both neutral and
smiling (London); the inside of mouths is the median over all that are open.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow

from faceswap_cli import zoo
from faceswap_cli.effects.reenact.smile_averages import (
    INSIDE,
    measure_inside,
    measure_light,
    tidy_inside,
    tidy_light,
)
from faceswap_cli.faces.detection.photo_faces import find_in_photo
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.media.frame import Image

LARGEST = 720
"""Height that pictures are brought to, pixels."""

OPEN_MOUTHS = {"london_ccby": 122, "congress_pd": 260, "pixabay_cc0": 144}
"""Pictures of each set that are looked at, at most."""

FACTS = {
    "what": "Averages for faces that are edited: what a smile does to the light on a face, and what is seen "
    "between parted lips. No network.",
    "licence": "CC BY 4.0",
    "data": [
        "Face Research Lab London Set, DeBruine & Jones 2017 (CC BY 4.0)",
        "Portraits of members of the US Congress (public domain)",
        "Portraits from Pixabay, uploaded before 2019 (CC0)",
    ],
    "kept_back": "A tenth of each set by sha256 of the file's name.",
    "limits": "Averages: folds are soft, teeth are nobody's. Adults only, most of them lit from the front.",
    "remake": "scripts/train/smile_averages.py, as its first lines say",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    analyser = build_analyser("auto", "auto", "cpu", thorough=True)
    lights: dict[str, dict[str, tuple[NDArray[np.float32], float]]] = {}
    insides = []
    for name, most in OPEN_MOUTHS.items():
        looked = 0
        for file, image in read_set(options.sets / f"{name}.tar", most):
            face = largest_face(image, analyser)
            if face is None or face.dense is None or face.expression is None:
                continue
            looked += 1
            inside = measure_inside(image, face.dense)
            if inside is not None:
                insides.append(inside)
            if name == "london_ccby":
                person, _, expression = Path(file).stem.partition("_")
                lights.setdefault(person, {})[expression] = measure_light(image, face.dense, face.expression)
        print(name, looked, "faces,", len(insides), "open mouths so far", file=sys.stderr, flush=True)
    changes = []
    for both in lights.values():
        if {"neutral", "smiling"} <= both.keys():
            (calm, little), (smiling, much) = both["neutral"], both["smiling"]
            if much - little > 0.3:
                changes.append((smiling - calm) / (much - little))
    tensors = {
        "light": torch.from_numpy(tidy_light(np.stack(changes))).half(),
        "inside": torch.from_numpy(tidy_inside(np.stack(insides))).half(),
    }
    counts = {"people": len(changes), "mouths": len(insides), "config": {"inside": list(INSIDE)}, "steps": 0}
    figures = [
        f"light: the median over {len(changes)} people's change from neutral to smiling, per unit of a smile",
        f"inside: the median over {len(insides)} open mouths",
    ]
    facts = {**FACTS, **counts, "figures": figures}
    print(zoo.write(options.out, tensors, facts))


def read_set(path: Path, most: int) -> Iterator[tuple[str, Image]]:
    """Up to so many pictures of a set, evenly over it, without those kept back."""
    with tarfile.open(path) as tar:
        files = sorted(one.name for one in tar.getmembers() if one.name.endswith((".jpg", ".png")))
        files = [one for one in files if int(hashlib.sha256(Path(one).name.encode()).hexdigest(), 16) % 10]
        places = np.linspace(0, len(files) - 1, min(most, len(files))).astype(int)
        for name in [files[k] for k in np.unique(places)]:
            found = tar.extractfile(name)
            assert found is not None
            picture = Pillow.open(io.BytesIO(found.read())).convert("RGB")
            picture.thumbnail((LARGEST, LARGEST))
            yield Path(name).name, np.ascontiguousarray(np.asarray(picture))


def largest_face(image: Image, analyser: FaceAnalyser) -> Face | None:
    """The largest face of a picture."""
    found = find_in_photo(image, analyser)
    return max(found, key=lambda face: float(face.box[2] - face.box[0]), default=None)


if __name__ == "__main__":
    main()
