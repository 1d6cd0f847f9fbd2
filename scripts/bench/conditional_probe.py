#!/usr/bin/env python3
"""Whether codes say who it is: a probe learns to read descriptors from codes, and looks for people by them.

    python -m scripts.bench.conditional_probe DATA/crowd-128.npz --people 122 [--run RUN]

Of the samples of `scripts/train/conditional.py` the last --people are looked for: each by what the probe,
learnt on all others, reads from its code, among the true descriptors of all of them. Beside it stand
chance, the codes of base-small, whose decoder has to draw everybody from the code alone, and the
descriptors themselves.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.networks.swap.conditional import ConditionalModel, split_code
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.training.runs.folder import load_trained, open_run
from faceswap_cli.training.runs.warm_start import load_base

TARGET, PERSON, EMBEDDING = 1, 9, 10
"""Columns of the file."""

RIDGES = (10.0, 100.0, 1000.0, 10000.0)
"""Penalties of the probe; the one that finds most people is told."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--people", type=int, default=122, help="samples that are looked for: the last ones")
    parser.add_argument("--run", type=Path, help="a run beside the bundled networks")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(options.data) as file:
        pictures, person, known = (file[file.files[n]] for n in (TARGET, PERSON, EMBEDDING))
    who, count = torch.from_numpy(person), options.people
    plain = torch.from_numpy(known[:, 0])
    mirrored = torch.from_numpy(known[:, 1])
    print(f"chance: {1 / len(who[-count:].unique()):.1%}")
    print(f"descriptors of the mirror image: {found(mirrored[-count:], plain[-count:], who[-count:]):.1%}")
    models: dict[str, FaceModel] = {
        name: load_base(name) for name in ("base-small", "base-conditional", "base-gan")
    }
    if options.run:
        models[str(options.run)] = load_trained(open_run(options.run), torch.device("cpu"))[0]
    for name, model in models.items():
        code = codes(model.eval(), pictures)
        reads = (probe(code[:-count], plain[:-count], code[-count:], ridge) for ridge in RIDGES)
        best = max(found(read, plain[-count:], who[-count:]) for read in reads)
        print(f"{name}: {best:.1%}", flush=True)


@torch.inference_mode()
def codes(model: FaceModel, pictures: np.ndarray) -> Tensor:
    """(N, C) what the encoder keeps."""
    done = []
    for start in range(0, len(pictures), 64):
        block = torch.from_numpy(pictures[start : start + 64]).permute(0, 3, 1, 2).float() / 255
        side = model.config.resolution
        code = model.encode(F.interpolate(block, (side, side), mode="bilinear", antialias=True))
        done.append(split_code(code)[0] if isinstance(model, ConditionalModel) else code)
    return torch.cat(done)


def probe(code: Tensor, known: Tensor, new: Tensor, ridge: float) -> Tensor:
    """Ridge regression from codes to descriptors, learnt on some and asked of others."""
    mean, spread, middle = code.mean(0), code.std(0) + 1e-6, known.mean(0)
    x = ((code - mean) / spread).double()
    weights = torch.linalg.solve(
        x.T @ x + ridge * torch.eye(x.shape[1]).double(), x.T @ (known - middle).double()
    )
    return (((new - mean) / spread).double() @ weights).float() + middle


def found(read: Tensor, known: Tensor, who: Tensor) -> float:
    """Share of people whose own descriptor, from another picture, is the nearest to what was read."""
    apart = torch.cdist(read - read.mean(0), known - known.mean(0))
    apart[torch.eye(len(read), dtype=torch.bool)] = torch.inf  # not by the very same picture
    nearest = apart.argmin(1)
    return float((who[nearest] == who).float().mean())


if __name__ == "__main__":
    main()
