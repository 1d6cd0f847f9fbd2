#!/usr/bin/env python3
"""Average the lines of skin by age, for `faceswap age`, and write `models/age_lines`.

    python -m scripts.data.line_faces DATA *.tar -o FACES --leave-out sfhq_under18.txt --apart-from STILLS
    python -m scripts.train.age_lines FACES

Each pixel of the mean face is fitted over ages by least squares, weighted by how surely it shows skin. How
wide the mouth is and how far it is open are terms of the fit: smiles, too, have folds, and the old in these
sets smile more often.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli import zoo
from faceswap_cli.compositing.skin_detail import find_lines, luma_logs
from faceswap_cli.faces.age.prototype import CropAttributes
from faceswap_cli.faces.geometry import FACE_CENTRE, MEAN_FACE
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import SIDE as MASK_SIDE
from faceswap_cli.networks.ageing.line_averages import COARSE, LineAverages, LineConfig
from faceswap_cli.networks.ageing.prototype import Field, grid, hat_weights
from scripts.data.line_faces import SIDE

ROOT = Path(__file__).resolve().parents[2]

TURNED = 22.0
"""Degrees of yaw or pitch beyond which a face is left out."""

MOST_LINE = 0.4
"""Lines are counted up to this: shadows and strands of hair are no wrinkles."""

COVARIATES = 2
"""How wide the mouth is, and how far open."""

STIFF, SMALL = 8.0, 4.0
"""How much bends over the ages cost, in faces; and what all averages are drawn to nought by."""

SOURCES = {
    "congress_pd": "official portraits of members of the US Congress (public domain)",
    "london_ccby": "Face Research Lab London Set, DeBruine and Jones 2017 (CC BY 4.0)",
    "pixabay_cc0": "portraits from Pixabay, uploaded before 2019 (CC0)",
    "sfhq_synthetic_mit": "SFHQ galleries, people invented by text-to-image networks (MIT; StyleGAN2's were "
    "left out)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("faces", type=Path, help="folder that scripts/data/line_faces.py wrote")
    parser.add_argument("--output", type=Path, default=ROOT / "models" / "age_lines")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sums = Sums(LineConfig())
    for crop, mask, fact in trained_on(options.faces):
        sums.add(crop, mask, fact)
    print(f"{sum(sums.used.values())} faces", flush=True)
    write(options.output, sums)


def trained_on(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray, dict[str, object]]]:
    """Crops, masks of skin and facts of the faces that are not kept."""
    for name in SOURCES:
        if not (folder / f"{name}.json").exists():
            continue
        crops = np.load(folder / f"{name}.crops.npy", mmap_mode="r")
        masks = np.load(folder / f"{name}.masks.npy", mmap_mode="r")
        for number, fact in enumerate(json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))):
            if fact["fold"] == "train":
                yield np.array(crops[number]), np.array(masks[number]), fact


class Sums:
    """Sums over faces from which all averages are solved at the end.

    Args:
        config: of the averages.
    """

    def __init__(self, config: LineConfig) -> None:
        self.config, self.look = config, CropAttributes("cpu")
        self.mean = torch.from_numpy(MEAN_FACE - FACE_CENTRE).float()
        self.field = Field(self.mean[None], grid(COARSE, config.side))
        rows = len(config.ages) + COVARIATES
        self.left = np.zeros((rows, rows, config.size, config.size), np.float32)
        self.right = np.zeros((rows, config.size, config.size), np.float32)
        self.used: dict[str, int] = {}

    @torch.inference_mode()
    def add(self, crop: np.ndarray, mask: np.ndarray, fact: dict[str, object]) -> None:
        """Take a face in, and its mirror image, if it looks at the camera."""
        pixels = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
        points = self.look.landmarks(pixels, SIDE)[0]
        if np.abs(estimate_pose(points.numpy())[:2]).max() > TURNED:
            return
        size, side = self.config.size, self.config.side
        picture, skin = reframed(crop, SIDE, size, side), reframed(mask, MASK_SIDE, size, side)
        weight = skin.astype(np.float32) / 255
        lines = find_lines(luma_logs(picture.astype(np.float32) / 255), weight, size / side)
        lines = MOST_LINE * np.tanh(lines / MOST_LINE)
        where = self.places(points)
        lines, weight = (cv2.remap(one, where, None, cv2.INTER_LINEAR) for one in (lines, weight))
        age = torch.tensor([float(str(fact["age"]))])
        known = hat_weights(age, self.config.ages)[0].numpy()
        row = np.concatenate([known, covariates(points.numpy())])
        for values, share in ((lines, weight), (lines[:, ::-1], weight[:, ::-1])):
            self.left += np.multiply.outer(np.outer(row, row), share).astype(np.float32)
            self.right += np.multiply.outer(row, share * values).astype(np.float32)
        name = str(fact["set"])
        self.used[name] = self.used.get(name, 0) + 1

    def places(self, points: torch.Tensor) -> np.ndarray:
        """(size, size, 2) where each pixel of the mean face lies in a face, in its square's pixels."""
        size, side = self.config.size, self.config.side
        moved = self.field((points - self.mean)[None]).view(COARSE, COARSE, 2).numpy()
        moved = cv2.resize(moved, (size, size), interpolation=cv2.INTER_CUBIC)
        inside = grid(size, side).view(size, size, 2).numpy() + moved
        return ((inside / side + 0.5) * size - 0.5).astype(np.float32)

    def solve(self) -> np.ndarray:
        """(ages, size, size) the averages."""
        count = len(self.config.ages)
        bends = np.diff(np.eye(count), 2, axis=0)
        cost = np.zeros(self.left.shape[:2])
        cost[:count, :count] = STIFF * bends.T @ bends
        cost += SMALL * np.eye(len(cost))
        left = np.moveaxis(self.left.astype(np.float64), (0, 1), (2, 3)) + cost
        right = np.moveaxis(self.right.astype(np.float64), 0, 2)[..., None]
        return np.moveaxis(np.linalg.solve(left, right)[..., :count, 0], 2, 0)


def covariates(points: np.ndarray) -> np.ndarray:
    """How much wider and more open a mouth (68, 2) is than most, about -1..1."""
    wide = np.linalg.norm(points[54] - points[48])
    open_by = np.linalg.norm(points[66] - points[62])
    return np.array([(wide - 0.58) / 0.1, (open_by - 0.06) / 0.08])


def reframed(image: np.ndarray, own: float, size: int, side: float) -> np.ndarray:
    """A square picture of `own` face units in one of `side` face units and `size` pixels."""
    scale = size / image.shape[0] * own / side
    shift = (size - 1) / 2 - scale * (image.shape[0] - 1) / 2
    matrix = np.array([[scale, 0, shift], [0, scale, shift]])
    return cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT)


def write(output: Path, sums: Sums) -> None:
    """Write the averages and their card."""
    averages = LineAverages(sums.config)
    averages.lines.copy_(torch.from_numpy(sums.solve()))
    averages.mean.copy_(sums.mean)
    card = zoo.write(
        output,
        averages,
        {
            "what": "Averages of skin's lines by age, in the shape of the mean face: logarithms of luma that "
            "are multiplied onto skin.",
            "licence": "Non-commercial research only: the pictures are free, but the age estimator that told "
            "how old those of SFHQ and Pixabay look is given for nothing else.",
            "data": [f"{SOURCES[name]}: {count} faces" for name, count in sorted(sums.used.items())],
            "teachers": "models/age_estimator",
            "steps": 0,
            "trained": time.strftime("%Y-%m"),
            "split": "Congress and London by person, as models/age_estimator; of the others a tenth is kept "
            "by sha256 of the file's name. Nobody under 18.",
            "config": json.loads(json.dumps(asdict(sums.config))),
            "figures": "docs/age.md, by faceswap evaluate age",
            "limits": "Faces that look at the camera. An average has the folds that all have, and hardly any "
            "of the fine lines that lie elsewhere in everybody.",
            "remake": "scripts/data/line_faces.py and scripts/train/age_lines.py, as their first lines say",
        },
    )
    print(json.dumps({k: v for k, v in card.facts.items() if k != "config"}, indent=1))


if __name__ == "__main__":
    main()
