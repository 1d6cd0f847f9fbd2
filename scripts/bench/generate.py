#!/usr/bin/env python3
"""How good invented faces are: against real ones, and what each group of layers changes.

    python -m scripts.bench.generate kept.npz own.npz -n 128

kept.npz and own.npz are heads by `scripts/data/head_crops.py`, kept back and learnt from, which
`aligned_heads.py` has looked at. Prints tables: kernel distance (KID: M. Binkowski et al., 2018), precision
and recall (T. Kynkaanniemi et al., 2019) on features of models/age_estimator, which no loss of the generator
has seen; rows that must fail; the share of faces that the detector finds; the shares of attributes' variance
that each group of layers explains.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from faceswap_cli.faces.age.estimator import load_age_network
from faceswap_cli.generation.aligned import cut_out
from faceswap_cli.generation.attributes import READ, AttributeReader
from faceswap_cli.generation.sampling import PictureGenerator, load_bundled, load_generator
from faceswap_cli.networks.generator.appearance import lay_on_ground, learn_directions

SEEN = 128
"""Side of the pictures that are compared."""

NEIGHBOURS = 3
TRUNCATION = 0.8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kept", type=Path, help="heads that were not learnt from")
    parser.add_argument("own", type=Path, help="heads that were")
    parser.add_argument("-m", "--run", type=Path, help="a run in place of the bundled faces")
    parser.add_argument("-n", "--count", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = load_generator(options.run, "cpu") if options.run else load_bundled("cpu")
    sets = picture_sets(generator, options.kept, options.own, options.count)
    for line in compare(sets):
        print(line, flush=True)
    for line in explain_layers(generator, options.count):
        print(line, flush=True)


def picture_sets(generator: PictureGenerator, kept: Path, own: Path, count: int) -> dict[str, np.ndarray]:
    """(N, SEEN, SEEN, 3) pictures by row, the first two the halves of the real ones that are kept back."""
    real, learnt = read_heads(kept, count), read_heads(own, 2 * count)
    drawn = np.stack([resize(one) for one in generator.draw(range(count), TRUNCATION)])
    flat = torch.from_numpy(learnt.reshape(len(learnt), -1)).float()
    mean, directions, _ = learn_directions(flat, min(64, len(learnt) - 1))
    noise = torch.randn(count, len(directions), generator=torch.Generator().manual_seed(0))
    plain = (mean + noise @ directions).clamp(0, 255).byte().numpy().reshape(-1, SEEN, SEEN, 3)
    return {
        "real": real[::2],
        "real, other half": real[1::2],
        "invented": drawn,
        "eigenfaces": plain,
        "blurred reals": np.stack([cv2.GaussianBlur(one, (0, 0), 2.5) for one in real[1::2]]),
        "training copies": learnt[:count],
    }


def read_heads(path: Path, count: int) -> np.ndarray:
    """Some heads, cut out of their background as those that are learnt from."""
    looked = np.load(path.with_name(f"{path.stem}-looked.npz"))["person"]
    crops = np.load(path)["crops"]
    rows = np.linspace(0, len(crops) - 1, min(count, len(crops))).astype(int)
    found = []
    for row in rows:
        size = crops.shape[1]
        person = cv2.resize(looked[row], (size, size), interpolation=cv2.INTER_CUBIC)
        head = torch.from_numpy(cut_out(crops[row], person)).permute(2, 0, 1)[None]
        grounded = lay_on_ground(head)[0].permute(1, 2, 0).numpy()
        margin = round(size * 0.025)
        view = grounded[: size - 2 * margin, margin : size - margin]  # as the generator frames heads
        found.append(resize(np.rint(view * 255).astype(np.uint8)))
    return np.stack(found)


def resize(picture: np.ndarray) -> np.ndarray:
    """A picture at SEEN pixels."""
    return np.asarray(cv2.resize(picture[..., :3], (SEEN, SEEN), interpolation=cv2.INTER_AREA))


def compare(sets: dict[str, np.ndarray]) -> list[str]:
    """Figures of each set against the first, and whether its pictures are known ones."""
    features = {name: features_of(pictures) for name, pictures in sets.items()}
    reader, reference = AttributeReader(), features["real"]
    copied = sets["training copies"].astype(np.float32)
    usual = nearest_picture(sets["real, other half"], copied)
    lines = [f"{'':18} KID x1000  precision  recall  faces found  nearest training picture over usual"]
    for name, pictures in sets.items():
        if name == "real":
            continue
        precision, recall = precision_recall(reference, features[name])
        found = sum(reader(cv2.resize(one, (256, 256))) is not None for one in pictures) / len(pictures)
        near = nearest_picture(pictures, copied) / usual
        kid = 1000 * kernel_distance(reference, features[name])
        lines.append(f"{name:18} {kid:9.1f} {precision:10.2f} {recall:7.2f} {found:12.2f} {near:10.2f}")
    return lines


def features_of(pictures: np.ndarray) -> Tensor:
    """(N, F) the last features of the age network, of whole pictures."""
    network = load_age_network("cpu")
    found = []
    with torch.inference_mode():
        for one in pictures:
            seen = (
                torch.from_numpy(cv2.resize(one, (network.config.size,) * 2)).permute(2, 0, 1)[None].float()
            )
            _, [features] = network.seen(seen / 255, [len(network.blocks)])
            found.append(features.mean((2, 3)))
    return torch.cat(found)


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Squared maximum mean discrepancy with a cubic kernel, unbiased, of features of unit spread."""
    mean, spread = a.mean(0), a.std(0).clamp(min=1e-4)
    a, b = (a - mean) / spread, (b - mean) / spread

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        found = kernel(x, x)
        return (found.sum() - found.diagonal().sum()) / (len(x) * (len(x) - 1))

    return float(within(a) + within(b) - 2 * kernel(a, b).mean())


def precision_recall(real: Tensor, made: Tensor) -> tuple[float, float]:
    """Shares of the made pictures among the real ones, and of the real ones among the made."""

    def covered(points: Tensor, by: Tensor) -> float:
        reach = torch.cdist(by, by).kthvalue(min(NEIGHBOURS + 1, len(by)), dim=1).values
        return float((torch.cdist(points, by) <= reach).any(1).float().mean())

    return covered(made, real), covered(real, made)


def nearest_picture(pictures: np.ndarray, known: np.ndarray) -> float:
    """Median distance to the nearest of some pictures, at 16 pixels a side."""

    def small(some: np.ndarray) -> Tensor:
        rows = [cv2.resize(one, (16, 16), interpolation=cv2.INTER_AREA).ravel() for one in some]
        return torch.from_numpy(np.stack(rows).astype(np.float32))

    return float(torch.cdist(small(pictures), small(known)).min(1).values.median())


def explain_layers(generator: PictureGenerator, count: int) -> list[str]:
    """Of each attribute the share of its variance that each group of layers makes: a group's styles are
    drawn, the others stay those of one picture, for several such pictures.
    """
    groups, reader = generator.network.layer_groups(), AttributeReader()
    base = max(2, count // 16)
    found: dict[str, list[np.ndarray]] = {name: [] for name in groups}
    for first in range(base):
        own = layered(generator, [first])[0]
        for name, layers in groups.items():
            values = []
            for style in layered(generator, range(1000, 1000 + count // base)):
                mixed = own.clone()
                mixed[layers] = style[layers]
                read = reader(generator.draw_styles(mixed[None], [first])[0][..., :3])
                if read is not None:
                    values.append(read)
            if len(values) > 1:
                found[name].append(np.var(values, axis=0))
    shares = np.stack(
        [np.mean(found[name], axis=0) if found[name] else np.zeros(len(READ)) for name in groups]
    )
    shares /= np.maximum(shares.sum(0), 1e-9)
    lines = [f"{'':12}" + "".join(f"{name:>10}" for name in groups)]
    return lines + [
        f"{name:12}" + "".join(f"{share:10.2f}" for share in column)
        for name, column in zip(READ, shares.T, strict=True)
    ]


def layered(generator: PictureGenerator, seeds: range | list[int]) -> Tensor:
    """(N, layers, S) styles."""
    styles = generator.styles(list(seeds), TRUNCATION)
    return styles[:, None].expand(-1, generator.network.layers, -1).clone()


if __name__ == "__main__":
    main()
