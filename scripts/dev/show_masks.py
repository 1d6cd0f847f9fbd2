#!/usr/bin/env python3
"""A picture of what the face parser sees: each face as it is, its parts, and where a swap would show.

    python -m scripts.dev.show_masks VIDEO_OR_PHOTO... -o masks.jpg --frames 8

Colours: skin orange, brows brown, eyes green, nose yellow, mouth red, hair blue, glasses magenta, things
before the face cyan. In the third tile green is what `--mask hull+occlusion` would replace.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.compositing.masks import MaskSources, face_mask
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.inputs import PHOTO_SUFFIXES
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.reader import VideoReader

COLOURS = np.array(
    [
        (0, 0, 0),
        (230, 150, 90),
        (120, 70, 20),
        (0, 220, 0),
        (255, 210, 0),
        (230, 0, 0),
        (0, 60, 255),
        (255, 0, 255),
        (0, 255, 255),
    ],
    np.uint8,
)
"""In the order of networks.parsing.CLASSES."""


def frames(path: Path, count: int) -> Iterator[Frame]:
    """A photo, or `count` frames spread over a video."""
    if path.suffix.lower() in PHOTO_SUFFIXES:
        yield Frame(0, 0.0, np.ascontiguousarray(read_photo(path).image))
        return
    with VideoReader(path) as reader:
        total = sum(1 for _ in reader)
    wanted = set(np.linspace(0, total - 1, count).round().astype(int).tolist())
    with VideoReader(path) as reader:
        yield from (frame for frame in reader if frame.index in wanted)


def tile(image: Image, landmarks: np.ndarray, parser: face_parser.FaceParser) -> Image:
    """(SIZE, 3 SIZE, 3): the crop, its parts, and where it would be replaced."""
    crop = parser.crop(image, landmarks)
    found = parser.probabilities([crop])
    parts = crop // 2 + COLOURS[found[0].argmax(0)] // 2
    points = transform(landmarks, crop_matrix(landmarks, face_parser.SIZE, face_parser.SIDE))
    all_over = np.ones(crop.shape[:2], np.float32)
    hull = face_mask(("hull",), MaskSources(points, all_over), feather=0.12, side=face_parser.SIDE)
    shown = np.minimum(hull, face_parser.occlusion(found)[0])[..., None]
    green = crop * 0.35 + np.array([0, 165, 0])
    return np.concatenate([crop, parts, (crop + (green - crop) * shown).astype(np.uint8)], axis=1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("files", nargs="+", type=Path)
    options.add_argument("-o", "--output", type=Path, required=True)
    options.add_argument("--frames", type=int, default=8, help="of each video")
    options.add_argument("--columns", type=int, default=4)
    chosen = options.parse_args()
    stage, parser = build_analyser(), face_parser.FaceParser()
    tiles = [
        tile(frame.image, face.landmarks, parser)
        for path in chosen.files
        for frame in frames(path, chosen.frames)
        for face in stage.find([frame])[0]
    ]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % chosen.columns)
    rows = [np.concatenate(tiles[i : i + chosen.columns], 1) for i in range(0, len(tiles), chosen.columns)]
    cv2.imwrite(str(chosen.output), np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
