#!/usr/bin/env python3
"""How evenly a drawn face is lit, beside the face that it covers:

    python -m scripts.bench.evenness CLIP FACES SWAP.mkv ...

FACES is the face set of CLIP; each SWAP a conversion of it. In CIELAB, over all frames:
- patches: what is left of the skin's low band (coarser than .11 face units) when the nearest quadratic field
  is taken out, standard deviation; the covered face's own in the first row;
- cheeks, chin: mean difference of the drawn to the covered face's low band there: light and tone follow it;
- neck: difference of the drawn chin's tone to the neck's below it, less the covered face's own.
Beards count: a shaven man's chin is darker than the chin that is put on it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import masks
from faceswap_cli.effects.swap.detail.bands import MIDDLE, blurred, smooth_field
from faceswap_cli.faces.geometry import crop_matrix, transform, warp
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Image
from faceswap_cli.media.reader import VideoReader

SIZE, SIDE = 160, 2.75
UNIT = SIZE / SIDE
CHEEKS, CHIN = ((1, 31, 48), (15, 35, 54)), (57, 8)
NECK = 0.22
"""Face units below the chin."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("swaps", type=Path, nargs="+")
    options = parser.parse_args()
    marks = {record.frame: record.landmarks for record in FaceSet.open(options.faces).records}
    own = looked_at(options.clip, marks)
    print(f"{'video':28}{'patches':>9}{'cheeks':>9}{'chin':>9}{'neck':>9}")
    print(f"{options.clip.name:28}{np.mean([one[0] for one in own.values()]):9.2f}")
    for swap in options.swaps:
        found = looked_at(swap, marks)
        shared = [(own[k], found[k]) for k in own.keys() & found.keys()]
        patches = np.mean([b[0] for _, b in shared])
        places = [np.mean([np.linalg.norm(b[1][k] - a[1][k]) for a, b in shared]) for k in range(2)]
        neck = np.mean([np.linalg.norm((b[1][1] - b[1][2]) - (a[1][1] - a[1][2])) for a, b in shared])
        print(f"{swap.name:28}{patches:9.2f}" + "".join(f"{one:9.2f}" for one in (*places, neck)), flush=True)


def looked_at(
    video: Path, marks: dict[int, NDArray[np.float32]]
) -> dict[int, tuple[float, list[NDArray[np.float64]]]]:
    """Of each frame the patches, and the low band at cheeks, chin and neck (3, 3)."""
    with VideoReader(video) as frames:
        return {f.index: measure(f.image, marks[f.index]) for f in frames if f.index in marks}


def measure(image: Image, landmarks: NDArray[np.float32]) -> tuple[float, list[NDArray[np.float64]]]:
    """See `looked_at`."""
    matrix = crop_matrix(landmarks, SIZE, SIDE)
    crop = warp(image, matrix, SIZE)
    lab = np.asarray(cv2.cvtColor(crop.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)
    points = transform(landmarks, matrix)
    inside = masks.soft_edge(masks.hull_depth(points, SIZE) - np.float32(0.06 * UNIT), 2)
    skin = np.asarray(inside * cv2.erode(masks.skin(points, SIZE), np.ones((5, 5), np.uint8)), np.float32)
    both = blurred(np.dstack([lab * skin[..., None], skin]), MIDDLE * UNIT)
    low = np.asarray(both[..., :3] / np.maximum(both[..., 3:], np.float32(1e-3)), np.float32)
    rest = low - smooth_field(low, skin)
    patches = float(np.sqrt(np.average((rest**2).sum(-1), weights=skin)))
    wide = blurred(lab, 0.06 * UNIT)
    cheeks = [points[list(some)].mean(0) for some in CHEEKS]
    chin = points[list(CHIN)].mean(0)
    neck = points[8] + np.array([0, NECK * UNIT])
    return patches, [np.mean([at(low, p) for p in cheeks], 0), at(low, chin), at(wide, neck)]


def at(picture: NDArray[np.float32], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) a picture's value at a place (x, y)."""
    x, y = np.clip(np.rint(place).astype(int), 0, SIZE - 1)
    return np.asarray(picture[y, x], np.float64)


if __name__ == "__main__":
    main()
