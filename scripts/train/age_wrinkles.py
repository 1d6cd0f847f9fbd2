#!/usr/bin/env python3
"""Take the lines of skin off invented old faces, for `faceswap age`, and write `models/age_wrinkles`.

    python -m scripts.train.age_wrinkles sfhq_synthetic_mit.tar

The faces are named below: looked through by eye, in even light, without beards and glasses, none of them
kept back from training or made by a network with another licence.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli import zoo
from faceswap_cli.compositing.skin_detail import find_lines, luma_logs
from faceswap_cli.faces.age.skin import skin_area
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import FACE_CENTRE, MEAN_FACE, crop_matrix, interocular, transform, warp
from faceswap_cli.faces.parsing.face_parser import SIDE as MASK_SIDE
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame
from faceswap_cli.networks.ageing.line_averages import COARSE
from faceswap_cli.networks.ageing.prototype import Field, grid
from faceswap_cli.networks.ageing.wrinkles import WrinkleConfig, WrinkleLayers
from scripts.data.age_data import pictures
from scripts.train.age_lines import reframed

ROOT = Path(__file__).resolve().parents[2]

FACES = {
    "textual_search_2_Age_top_10_matches__r2996_c515.jpg": 0.0,
    "textual_search_2_Age_top_10_matches__r3001_c4506.jpg": 0.0,
    "textual_search_2_Age_top_10_matches__r2996_c16.jpg": 0.0,
    "textual_search_2_Ethnicity_top_10_matches__r2449_c1008.jpg": 1.0,
    "textual_search_2_Ethnicity_x_Age_1_top_10_matches__r238_c509.jpg": 1.0,
    "textual_search_2_Age_top_10_matches__r3001_c1513.jpg": 1.0,
}
"""Names of the pictures, and how female the faces are."""

MOST_LINE = 0.45
"""Lines are as deep as that, at most."""

PORES = 0.004
"""Logarithm of luma below which a line is a pore or noise."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pictures", type=Path, help="the tar of invented people")
    parser.add_argument("--output", type=Path, default=ROOT / "models" / "age_wrinkles")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    layers = WrinkleLayers(WrinkleConfig(tuple(FACES.values())))
    layers.mean.copy_(torch.from_numpy(MEAN_FACE - FACE_CENTRE))
    maker, done = LayerMaker(layers), 0
    for picture in pictures(options.pictures):
        if picture.name in FACES:
            assert int(hashlib.sha256(picture.name.encode()).hexdigest(), 16) % 10, "it is kept back"
            layers.layers[list(FACES).index(picture.name)] = torch.from_numpy(maker(picture.image))
            done += 1
    if done < len(FACES):
        raise SystemExit(f"{done} of {len(FACES)} pictures are in {options.pictures}")
    write(options.output, layers)


class LayerMaker:
    """Takes lines off faces.

    Args:
        layers: in whose square and shape they are.
    """

    def __init__(self, layers: WrinkleLayers) -> None:
        self.config, self.mean = layers.config, layers.mean
        self.stage, self.parser = build_analyser(device="cpu"), FaceParser()
        self.field = Field(self.mean[None], grid(COARSE, self.config.side))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(size, size) the lines of the largest face of a picture (H, W, 3)."""
        size, side = self.config.size, self.config.side
        found = self.stage.find([Frame(0, 0.0, image)])[0]
        points = max(found, key=lambda face: interocular(face.landmarks)).landmarks
        crop = warp(image, crop_matrix(points, size, side), size).astype(np.float32) / 255
        parsed = self.parser.probabilities([self.parser.crop(image, points)])
        skin = np.clip(reframed(skin_area(parsed)[0], MASK_SIDE, size, side), 0, 1).astype(np.float32)
        lines = find_lines(luma_logs(crop), skin, size / side)
        lines = np.sign(lines) * np.maximum(np.abs(lines) - PORES, 0)
        lines = MOST_LINE * np.tanh(lines / MOST_LINE)
        return cv2.remap(lines, self.places(points), None, cv2.INTER_CUBIC)

    def places(self, points: np.ndarray) -> np.ndarray:
        """(size, size, 2) where each pixel of the mean face lies in a face, in its square's pixels."""
        size, side = self.config.size, self.config.side
        to_units = np.asarray(crop_matrix(points, 2, 2.0), np.float64)
        to_units[:, 2] -= 0.5
        units = torch.from_numpy(transform(np.asarray(points, np.float64), to_units)).float()
        moved = self.field((units - self.mean)[None]).view(COARSE, COARSE, 2).numpy()
        moved = cv2.resize(moved, (size, size), interpolation=cv2.INTER_CUBIC)
        inside = grid(size, side).view(size, size, 2).numpy() + moved
        return ((inside / side + 0.5) * size - 0.5).astype(np.float32)


def write(output: Path, layers: WrinkleLayers) -> None:
    """Write the layers and their card."""
    card = zoo.write(
        output,
        layers,
        {
            "what": "Layers of skin's lines, each of one invented old face, in the shape of the mean face: "
            "logarithms of luma that are multiplied onto skin.",
            "licence": "MIT, as the pictures are.",
            "data": [f"SFHQ galleries, people invented by text-to-image networks (MIT): {len(FACES)} faces"],
            "teachers": "none; the faces were found by models/landmarks and models/mask",
            "steps": 0,
            "trained": time.strftime("%Y-%m"),
            "split": "None of the faces is kept back (sha256 of the file's name).",
            "config": json.loads(json.dumps(asdict(layers.config))),
            "figures": "docs/age.md, by faceswap evaluate age",
            "limits": "Few faces, that look at the camera in even light; whoever gets one of them has "
            "its folds.",
            "remake": "scripts/train/age_wrinkles.py, as its first lines say",
        },
    )
    print(json.dumps({k: v for k, v in card.facts.items() if k != "config"}, indent=1))


if __name__ == "__main__":
    main()
