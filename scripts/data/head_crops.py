#!/usr/bin/env python3
"""Whole heads to train the codec and the generator on: crops, and what a teacher makes of patches of them.

    python -m scripts.data.head_crops PICTURES/own/SET... -o own.npz
    python -m scripts.data.head_crops PICTURES/own/SET... -o own.npz --teacher taef2.safetensors

PICTURES is what `scripts/data/base_sets.py` wrote. The largest face of each picture gives a crop; faces that
are small or turned far are left out. With --teacher, patches of the crops are written beside it with the
latents that this autoencoder has for them (own-latents.npz).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.files import make_folder
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.inputs import find_media
from faceswap_cli.media.photo import read_photo, write_photo

SIZE, SIDE = 320, 3.25
"""A crop's side in pixels and in face units: hair and neck are in it."""

SMALLEST = 0.6
"""A face that would be enlarged beyond 1 over this is left out."""

MOST_YAW = 60.0

PATCH = 128
"""Side of the patches that the teacher encodes, in pixels."""

PATCHES_PER_CROP = 1

HEAD, PICTURE = 2.75, 256
"""Side of the pictures in face units and in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, help="safetensors of the autoencoder to learn from")
    parser.add_argument("--pictures", type=Path, help="also write the heads as pictures into this folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.output.exists():
        write_crops(options.inputs, options.output)
    if options.teacher is not None:
        write_latents(options.output, options.teacher)
    if options.pictures is not None:
        write_pictures(options.output, options.pictures)


def write_crops(inputs: list[Path], output: Path) -> None:
    """Save `crops` (N, SIZE, SIZE, 3) uint8, `landmarks` (N, 68, 2) in their pixels, and `names`."""
    detector, landmarker = RetinaFaceDetector(48, 0.9), CompactLandmarker()
    crops, landmarks, names = [], [], []
    for path in find_media(inputs):
        try:
            image = read_photo(path).image
        except UserError as error:
            print("left out:", error)
            continue
        points = largest_face(image, detector, landmarker)
        if points is None:
            continue
        matrix = geometry.crop_matrix(points, SIZE, SIDE)
        if abs(estimate_pose(points)[0]) > MOST_YAW or np.hypot(*matrix[0, :2]) > 1 / SMALLEST:
            continue
        crops.append(geometry.warp(image, matrix, SIZE))
        landmarks.append(geometry.transform(points, matrix).astype(np.float32))
        names.append(path.name)
        if len(crops) % 200 == 0:
            print(len(crops), "heads", flush=True)
    np.savez(output, crops=np.stack(crops), landmarks=np.stack(landmarks), names=np.array(names))
    print(len(crops), "heads in", output)


def largest_face(
    image: np.ndarray, detector: RetinaFaceDetector, landmarker: CompactLandmarker
) -> np.ndarray | None:
    """(68, 2) landmarks of the largest face of a picture; None without any."""
    found = detector([Frame(0, 0.0, image)])[0]
    if not found:
        return None
    largest = max(found, key=lambda face: face.box[3] - face.box[1])
    points = landmarker([image], [[largest]])[0][0]
    return np.asarray(points.landmarks, np.float64)


def write_latents(crops_file: Path, teacher_file: Path) -> None:
    """Save patches (M, PATCH, PATCH, 3) uint8 and their latents (M, 32, PATCH / 8, PATCH / 8) float16."""
    crops = np.load(crops_file)["crops"]
    teacher, random = load_teacher_encoder(teacher_file), np.random.default_rng(0)
    patches = np.stack([cut_patch(crop, random) for crop in crops for _ in range(PATCHES_PER_CROP)])
    latents = []
    with torch.inference_mode():
        for start in range(0, len(patches), 8):
            pictures = torch.from_numpy(patches[start : start + 8]).permute(0, 3, 1, 2).float() / 255
            latents.append(teacher(pictures).half().numpy())
            if start % 400 == 0:
                print(start, "of", len(patches), "patches", flush=True)
    output = crops_file.with_name(f"{crops_file.stem}-latents.npz")
    np.savez(output, patches=patches, latents=np.concatenate(latents))


def cut_patch(crop: np.ndarray, random: np.random.Generator, size: int = PATCH) -> np.ndarray:
    """A square of a crop, from nearly all of it down to its own pixels."""
    side = int(random.integers(size, len(crop) + 1))
    top, left = random.integers(0, len(crop) - side + 1, 2)
    square = crop[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA))


def write_pictures(crops_file: Path, folder: Path) -> None:
    """Write the middles of the crops, HEAD face units wide, for `faceswap train --family generator`."""
    make_folder(folder)
    loaded = np.load(crops_file)
    for name, crop in zip(loaded["names"], middle_of(loaded["crops"], PICTURE), strict=True):
        write_photo(folder / f"{Path(str(name)).stem}.png", crop)


def middle_of(crops: np.ndarray, size: int) -> np.ndarray:
    """(N, size, size, 3) the middles of crops, HEAD face units wide."""
    keep = round(crops.shape[1] * HEAD / SIDE)
    start = (crops.shape[1] - keep) // 2
    middles = [crop[start : start + keep, start : start + keep] for crop in crops]
    return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA) for one in middles])


class TeacherBlock(nn.Module):
    """A block of taef2 (MIT, madebyollin/taesd), with a look at the whole picture where it is pooled."""

    def __init__(self, width: int = 64, pooled: bool = False) -> None:
        super().__init__()
        layers = [nn.Conv2d(width, width, 3, padding=1) for _ in range(3)]
        self.conv = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
        self.pool = (
            nn.Sequential(
                nn.Conv2d(width, 4 * width, 1, bias=False),
                nn.GroupNorm(4, 4 * width),
                nn.ReLU(),
                nn.Conv2d(4 * width, width, 1, bias=False),
            )
            if pooled
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in and out."""
        if self.pool is not None:
            x = x + self.pool(x)
        change: Tensor = self.conv(x)
        return torch.relu(x + change)


def load_teacher_encoder(path: Path) -> nn.Module:
    """The encoder of taef2: pictures (B, 3, H, W) in [0, 1] to latents (B, 32, H / 8, W / 8)."""
    from safetensors.torch import load_file

    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), TeacherBlock()]
    for pooled in (False, False, True):
        layers.append(nn.Conv2d(64, 64, 3, stride=2, padding=1, bias=False))
        layers += [TeacherBlock(pooled=pooled) for _ in range(3)]
    encoder = nn.Sequential(*layers, nn.Conv2d(64, 32, 3, padding=1))
    weights = load_file(path)
    own = {key.removeprefix("encoder."): w for key, w in weights.items() if key.startswith("encoder.")}
    encoder.load_state_dict(own)
    return encoder.eval()


if __name__ == "__main__":
    main()
