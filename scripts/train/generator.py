#!/usr/bin/env python3
"""Learn the invented faces of `faceswap generate` and write models/faces.

    python -m scripts.train.generator aligned.npz own.npz

aligned.npz is what `scripts/data/aligned_heads.py` made of own.npz. It takes minutes: the statistics of
shapes and textures, and which styles go with which attributes, as the tool's own estimators read them off
pictures that were drawn.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.effects.reenact.warp import fit_spline
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.landmarks.dense import MIRROR_DENSE
from faceswap_cli.generation.aligned import border_points
from faceswap_cli.generation.attributes import READ, learn_directions_of, read_attributes
from faceswap_cli.generation.sampling import PictureGenerator
from faceswap_cli.networks.generator.appearance import (
    AppearanceConfig,
    AppearanceGenerator,
    correlate,
    learn_directions,
)
from scripts.data.dense_faces import KEPT_BACK

ROOT = Path(__file__).resolve().parents[2]
NAME = "faces"

ODD = 0.1
"""Share of the heads that are least like the others, which are left out: hats, painted faces, odd light."""

SMOOTH_EDGES = 24
"""Directions that say where a head ends; the others would only fray it."""

DRAWN = 400
"""Pictures that are looked at for the attributes."""

DATA = (
    "Near-frontal heads without sunglasses or hands of: congress_pd (public domain), london_ccby (CC BY 4.0, "
    "Face Research Lab London Set), pixabay_cc0 "
    "(CC0), sfhq_synthetic_mit (MIT; without rows of a research-licensed generator)"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("aligned", type=Path)
    parser.add_argument("heads", type=Path)
    parser.add_argument("--output", type=Path, default=ROOT / "models" / NAME)
    options = parser.parse_args()
    torch.set_num_threads(1)
    aligned, heads = dict(np.load(options.aligned)), dict(np.load(options.heads))
    rows = choose_heads(aligned["textures"])
    model = learn(aligned["textures"][rows], aligned["points"][rows], aligned["mean"])
    taken = aligned["rows"][rows]
    people = IdentityEncoder()
    embedded = np.concatenate([people.embed(heads["crops"][row], [heads["landmarks"][row]]) for row in taken])
    write(options.output, model, embedded, Counter(kind_of(str(name)) for name in aligned["names"][rows]))


def choose_heads(textures: np.ndarray) -> np.ndarray:
    """Rows of the heads that few directions explain."""
    flat = torch.from_numpy(textures.reshape(len(textures), -1)[:, ::3].astype(np.float32))
    mean, directions, coefficients = learn_directions(flat, 40)
    left = (flat - mean - coefficients @ directions).norm(dim=1)
    return np.sort(left.argsort()[: round(len(left) * (1 - ODD))].numpy())


def learn(textures: np.ndarray, points: np.ndarray, mean: np.ndarray) -> AppearanceGenerator:
    """The model of heads and their mirror images.

    Args:
        textures: (N, S, S, 4) uint8.
        points: (N, P, 2) in -1..1.
        mean: (P, 2) the shape that the textures are in.
    """
    config = AppearanceConfig(side=textures.shape[1], points=len(mean))
    both = np.concatenate([textures, textures[:, :, ::-1]])
    flat = torch.from_numpy(both.transpose(0, 3, 1, 2).reshape(len(both), -1)).float() / 255
    texture_mean, directions, colours = learn_directions(flat, config.textures)
    directions = directions.view(config.textures, 4, config.side, config.side)
    directions[SMOOTH_EDGES:, 3] = 0
    shapes = np.concatenate([points, points[:, MIRROR_DENSE] * [-1, 1]]).reshape(len(both), -1)
    shape_mean, moves, places = learn_directions(torch.from_numpy(shapes).float(), config.shapes)
    model = AppearanceGenerator(config)
    model.mean.copy_(texture_mean.view_as(model.mean))
    model.texture_scale.copy_(directions.flatten(1).abs().amax(1) / 127)
    model.texture.copy_((directions / model.texture_scale[:, None, None, None]).round())
    model.points.copy_(shape_mean.view_as(model.points))
    model.point_moves.copy_(moves.view_as(model.point_moves))
    model.move.copy_(fields_of(mean, model.point_moves, config.nodes))
    model.joint.copy_(correlate([colours, places]))
    return model.eval()


def fields_of(mean: np.ndarray, moves: Tensor, nodes: int) -> Tensor:
    """(K, 2, nodes, nodes): how the square -1..1 goes along when points (P, 2) move by each of (K, P, 2)."""
    border = border_points()
    own = moves.permute(1, 0, 2).reshape(len(mean), -1).double().numpy()
    values = np.concatenate([own, np.zeros((len(border), own.shape[1]))])
    line = np.linspace(-1, 1, nodes)
    at = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    found = fit_spline(np.concatenate([mean, border]), values)(at)
    return torch.from_numpy(found).float().reshape(nodes, nodes, len(moves), 2).permute(2, 3, 0, 1)


def kind_of(name: str) -> str:
    """Which set a file is of, by its name."""
    if "_matches__" in name or "FLUX" in name.upper() or "SDXL" in name:
        return "sfhq_synthetic_mit"
    if name.startswith(("man_", "woman_")):
        return "pixabay_cc0"
    if name[:3].isdigit():
        return "canada_ccby" if name[3:4] in "fm" else "london_ccby"
    return "congress_pd"


def write(folder: Path, model: AppearanceGenerator, people: np.ndarray, counts: Counter[str]) -> None:
    """Put the model, what reads its attributes, and its card into models/faces."""
    generator = PictureGenerator(model, "", people)
    styles, values = read_attributes(generator, range(DRAWN))
    readers = learn_directions_of(styles, values)
    for name, explained in zip(READ, readers.explained, strict=True):
        print(f"{name}: {explained:.2f} of the variance is explained by styles")
    tensors = {
        **model.state_dict(),
        "people": torch.from_numpy(people),
        **{f"attributes.{key}": value for key, value in readers.tensors().items()},
    }
    facts = {
        "what": "Invented heads: a linear model of shapes and of textures in one mean shape. No network.",
        "licence": "MIT",
        "data": DATA,
        "faces": dict(counts),
        "kept_back": KEPT_BACK,
        "steps": 0,
        "config": asdict(model.config),
        "attributes": list(READ),
        "figures": [
            f"{name}: R2 {explained:.2f}" for name, explained in zip(READ, readers.explained, strict=True)
        ],
        "limits": "Near-frontal adults. Hair and clothes are soft, for they lie on nothing. Descriptors of "
        "the people that were learnt from are in the weights, to tell how near an invented face is to them."
        " The directions of age and sex were read by age_estimator, which is for non-commercial research: "
        "so is --text.",
        "remake": "scripts/data/base_sets.py, head_crops.py, aligned_heads.py, then "
        "scripts/train/generator.py, as their first lines say",
    }
    card = zoo.write(folder, tensors, facts)
    print(f"{card.weights}: {card.facts['bytes'] / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
