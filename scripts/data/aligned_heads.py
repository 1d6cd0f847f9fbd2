#!/usr/bin/env python3
"""Heads moved into one mean shape, cut out of their background, to train the invented faces on.

    python -m scripts.data.aligned_heads own.npz -o aligned.npz

own.npz is what `scripts/data/head_crops.py` wrote. What is found in each crop is kept beside it
(own-looked.npz). Left out are heads that are turned far, reach beyond their photo, or wear what hides the
face: a mean of sunglasses and skin is neither.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.dense import MIRROR_DENSE
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.parsing.person_segmenter import PersonSegmenter
from faceswap_cli.generation.aligned import cut_out, move_into
from faceswap_cli.networks.perception.parsing import CLASSES

MOST_POSE = (24.0, 22.0, 20.0)
MOST_GLASSES, MOST_COVERED = 0.035, 0.02
"""Shares of the parser's picture that frames and dark lenses, and what stands before the face, may take."""

MOST_STRETCHED = 0.05
"""Share of the side that a crop may reach beyond its photo."""

LEAST_COLOUR = 25
"""Mean saturation below which a photo is grey."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("heads", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    loaded = np.load(options.heads)
    looked = options.heads.with_name(f"{options.heads.stem}-looked.npz")
    if not looked.exists():
        np.savez(looked, **look_at(loaded["crops"], loaded["landmarks"]))
    align(loaded["crops"], loaded["names"], dict(np.load(looked)), options.output)


def look_at(crops: np.ndarray, landmarks: np.ndarray) -> dict[str, np.ndarray]:
    """Of each crop the dense points, the parser's answer and the share of a person."""
    landmarker, parser, segmenter = CompactLandmarker(), FaceParser(), PersonSegmenter()
    dense, parse, person = [], [], []
    for number, (crop, own) in enumerate(zip(crops, landmarks, strict=True)):
        [points] = landmarker.follow(crop, [own])
        dense.append(points.dense)
        parse.append((parser.probabilities([parser.crop(crop, points.landmarks)])[0] * 255).astype(np.uint8))
        person.append((segmenter.share(crop) * 255).astype(np.uint8))
        if number % 200 == 0:
            print(number, "heads looked at", flush=True)
    return {"dense": np.stack(dense), "parse": np.stack(parse), "person": np.stack(person)}


def align(crops: np.ndarray, names: np.ndarray, looked: dict[str, np.ndarray], output: Path) -> None:
    """Save `textures` (N, SIDE, SIDE, 4) uint8, `points` (N, 222, 2) in -1..1, `mean`, `rows` and `names`."""
    size = crops.shape[1]
    rows = np.flatnonzero(
        [is_plain(crop, *one) for crop, *one in zip(crops, looked["dense"], looked["parse"], strict=True)]
    )
    points = (looked["dense"][rows, :, :2].astype(np.float64) + 0.5) * (2 / size) - 1
    mean = np.concatenate([points, points[:, MIRROR_DENSE] * [-1, 1]]).mean(0)
    textures = []
    for row, own in zip(rows, points, strict=True):
        person = cv2.resize(looked["person"][row], (size, size), interpolation=cv2.INTER_CUBIC)
        textures.append(move_into(cut_out(crops[row], person), own, mean))
        if len(textures) % 100 == 0:
            print(len(textures), "of", len(rows), "heads", flush=True)
    np.savez(output, textures=np.stack(textures), points=points, mean=mean, rows=rows, names=names[rows])
    print(len(rows), "of", len(crops), "heads in", output)


def is_plain(crop: np.ndarray, dense: np.ndarray, parse: np.ndarray) -> bool:
    """Whether a head is one of those that are learnt from."""
    pose = np.abs(estimate_pose(dense[:68, :2]))
    shares = (parse > 128).mean((1, 2))
    saturation = cv2.cvtColor(cv2.resize(crop, (32, 32)), cv2.COLOR_RGB2HSV)[..., 1].mean()
    return bool(
        (pose < MOST_POSE).all()
        and shares[CLASSES.index("glasses")] < MOST_GLASSES
        and shares[CLASSES.index("occluder")] < MOST_COVERED
        and stretched_share(crop) <= MOST_STRETCHED
        and saturation > LEAST_COLOUR
    )


def stretched_share(crop: np.ndarray) -> float:
    """Share of a crop's side that only repeats the edge of its photo, on the worst of the four sides."""
    found = []
    for picture in (crop, crop[::-1], crop.transpose(1, 0, 2), crop.transpose(1, 0, 2)[::-1]):
        changes = np.abs(np.diff(picture.astype(int), axis=0)).mean((1, 2)) > 0.3
        found.append(int(np.argmax(changes)) if changes.any() else len(picture))
    return max(found) / len(crop)


if __name__ == "__main__":
    main()
