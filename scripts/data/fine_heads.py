#!/usr/bin/env python3
"""Heads in the mean shape of models/faces beside what its directions say of them, to train the second stage.

    python -m scripts.data.fine_heads own.npz [MORE.npz ...] -o fine.npz

own.npz is what `scripts/data/head_crops.py` wrote; what `aligned_heads.py` finds in each is kept beside it
(own-looked.npz). Here heads count, too, that reach beyond their photo: what is missing is told by a mask.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.generation.aligned import cut_out, move_into
from faceswap_cli.generation.sampling import load_bundled
from faceswap_cli.networks.generator.appearance import AppearanceGenerator
from faceswap_cli.networks.perception.parsing import CLASSES
from scripts.data.aligned_heads import LEAST_COLOUR, MOST_COVERED, MOST_POSE, look_at

SIDE = 256

MASK_SIDE = 64

MARGIN = 3
"""Pixels of a crop beside what its photo does not show that are left out, too."""

MOST_GLASSES = 0.0003
"""Share of the parser's picture that glasses may take: drafts tell of none, so they would be guessed."""

MOST_STRETCHED = 0.3
"""Share of the side that a crop may reach beyond its photo."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("heads", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = load_bundled("cpu", finer=False).network
    assert isinstance(network, AppearanceGenerator)
    found: dict[str, list[np.ndarray]] = {}
    for path in options.heads:
        loaded = dict(np.load(path))
        looked = path.with_name(f"{path.stem}-looked.npz")
        if not looked.exists():
            np.savez(looked, **look_at(loaded["crops"], loaded["landmarks"]))
        for name, one in collect(network, loaded, dict(np.load(looked))).items():
            found.setdefault(name, []).append(one)
        print(path, len(found["rows"][-1]), "of", len(loaded["crops"]), flush=True)
    np.savez(options.output, **{name: np.concatenate(parts) for name, parts in found.items()})


def collect(
    network: AppearanceGenerator, heads: dict[str, np.ndarray], looked: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """`textures` (N, SIDE, SIDE, 4) uint8, `shown` (N, MASK_SIDE, MASK_SIDE) uint8, `coefficients` (N, K),
    `points` (N, P, 2), `oddness` (N,) how much of each no direction explains, `rows`, `names`.
    """
    crops, size = heads["crops"], heads["crops"].shape[1]
    mean = network.points.numpy().astype(np.float64)
    rows, textures, small, shown, points = [], [], [], [], []
    for row, crop in enumerate(crops):
        mask = shown_part(crop)
        if not is_useful(crop, looked["dense"][row], looked["parse"][row], mask):
            continue
        own = (looked["dense"][row, :, :2].astype(np.float64) + 0.5) * (2 / size) - 1
        person = cv2.resize(looked["person"][row], (size, size), interpolation=cv2.INTER_CUBIC)
        head = cut_out(crop, person)
        rows.append(row)
        points.append(own)
        textures.append(move_into(head, own, mean, SIDE))
        small.append(move_into(head, own, mean, network.config.side))
        shown.append(move_into(np.dstack([mask] * 4), own, mean, MASK_SIDE)[..., 0])
        if len(rows) % 100 == 0:
            print(len(rows), "heads", flush=True)
    flat = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255
    coefficients = torch.cat([network.read_texture(part) for part in flat.split(64)])
    left = [
        (part - network.draw_texture(network.read_texture(part))).abs().mean((1, 2, 3))
        for part in flat.split(64)
    ]
    return {
        "oddness": torch.cat(left).numpy(),
        "textures": np.stack(textures),
        "shown": np.stack(shown),
        "coefficients": coefficients.numpy(),
        "points": np.stack(points).astype(np.float32),
        "rows": np.array(rows),
        "names": heads["names"][rows],
    }


def is_useful(crop: np.ndarray, dense: np.ndarray, parse: np.ndarray, shown: np.ndarray) -> bool:
    """Whether a head is one of those that are learnt from."""
    pose = np.abs(estimate_pose(dense[:68, :2]))
    shares = (parse > 128).mean((1, 2))
    saturation = cv2.cvtColor(cv2.resize(crop, (32, 32)), cv2.COLOR_RGB2HSV)[..., 1].mean()
    return bool(
        (pose < MOST_POSE).all()
        and shares[CLASSES.index("glasses")] < MOST_GLASSES
        and shares[CLASSES.index("occluder")] < MOST_COVERED
        and min(shown.any(0).mean(), shown.any(1).mean()) > 1 - MOST_STRETCHED
        and saturation > LEAST_COLOUR
    )


def shown_part(crop: np.ndarray) -> np.ndarray:
    """(S, S) float32, 1 where a crop is from its photo and does not only repeat the photo's edge."""
    mask = np.ones(crop.shape[:2], np.float32)
    for turn in range(4):
        turned = np.rot90(crop, turn)
        changes = np.abs(np.diff(turned.astype(int), axis=0)).mean((1, 2)) > 0.3
        stretched = int(np.argmax(changes)) if changes.any() else len(turned)
        if stretched > 1:
            np.rot90(mask, turn)[: stretched + MARGIN] = 0
    return mask


if __name__ == "__main__":
    main()
