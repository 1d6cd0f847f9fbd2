#!/usr/bin/env python3
"""Where the faces that `scripts/data/age_data.py` wrote may change: a mask beside each part of
crops, for `scripts/train/age.py`.

    python -m scripts.data.ageing_masks DATA

It goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.faces.age.mask import ageing_mask
from faceswap_cli.faces.parsing.face_parser import SIDE as PARSED
from faceswap_cli.faces.parsing.face_parser import SIZE, FaceParser
from faceswap_cli.files import atomic_output
from scripts.data.age_data import SIDE
from scripts.data.age_data import SIZE as CROP

SHRINK = 0.985
"""The picture's edge is kept out of the mask by so much of its way from the picture's middle."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    network = FaceParser()
    for path in sorted(options.data.glob("*/*.json")):
        output = path.with_suffix(".mask.npy")
        if output.exists():
            continue
        crops = np.load(path.with_suffix(".crops.npy"), mmap_mode="r")
        corners = [np.array(fact["corners"]) for fact in json.loads(path.read_text(encoding="utf-8"))]
        masks = np.concatenate([masks_of(network, crops[i : i + 32]) for i in range(0, len(crops), 32)])
        seen = np.stack([inside(one) for one in corners])
        with atomic_output(output) as temporary, temporary.open("wb") as file:
            np.save(file, np.rint(masks * seen * 255).astype(np.uint8))
        print(output, flush=True)


def to_parsed() -> np.ndarray:
    """From a crop's pixels to the parser's: both squares have one middle."""
    scale = SIZE / CROP * SIDE / PARSED
    shift = (SIZE - 1) / 2 - scale * (CROP - 1) / 2
    return np.array([[scale, 0, shift], [0, scale, shift]])


def masks_of(network: FaceParser, crops: np.ndarray) -> np.ndarray:
    small = [
        cv2.warpAffine(np.asarray(crop), to_parsed(), (SIZE, SIZE), flags=cv2.INTER_AREA) for crop in crops
    ]
    return ageing_mask(network.probabilities(small))


def inside(corners: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE) 1 where the crop shows the picture that it was cut from."""
    matrix = to_parsed()
    places = corners.mean(0) + (corners - corners.mean(0)) * SHRINK
    places = places @ matrix[:, :2].T + matrix[:, 2]
    drawn = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(drawn, np.rint(places).astype(np.int32), 255)
    return cv2.GaussianBlur(cv2.erode(drawn, np.ones((7, 7), np.uint8)).astype(np.float32) / 255, (0, 0), 1.5)


if __name__ == "__main__":
    main()
