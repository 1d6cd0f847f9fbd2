#!/usr/bin/env python3
"""How good invented faces are: against real ones, and what each group of layers changes.

    npm pack nsfwjs@4.4.0
    python -m scripts.bench.generate kept.npz own.npz -n 128 --features nsfwjs-4.4.0.tgz
        --judge faceplugin_fr_feature.onnx

kept.npz and own.npz are heads by `scripts/data/head_crops.py`, kept back and learnt from, which
`aligned_heads.py` has looked at. Prints tables: kernel distance (KID: M. Binkowski et al., 2018), precision
and recall (T. Kynkaanniemi et al., 2019) on features of a network outside (see outside_features.py), which no
loss of the generator has seen; rows that must fail; how many faces another detector finds (dlib's frontal
one), and how far these are from one another, over people's distance; the shares of attributes' variance that
each group of layers explains.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from faceswap_cli.generation.aligned import cut_out
from faceswap_cli.generation.attributes import READ, AttributeReader
from faceswap_cli.generation.sampling import PictureGenerator, load_bundled, load_generator
from faceswap_cli.networks.generator.appearance import lay_on_ground, learn_directions
from scripts.bench.outside_features import OutsideFeatures
from scripts.bench.reenact_judges import PointJudge, Recogniser

SEEN = 256
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
    parser.add_argument("--features", type=Path, required=True, help="nsfwjs-4.4.0.tgz")
    parser.add_argument("--judge", type=Path, help="faceplugin_fr_feature.onnx")
    parser.add_argument("--layers", action="store_true", help="what each group of layers changes, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = load_generator(options.run, "cpu") if options.run else load_bundled("cpu")
    sets = picture_sets(generator, options.kept, options.own, options.count)
    for line in compare(sets, OutsideFeatures(options.features)):
        print(line, flush=True)
    if options.judge is not None:
        for line in tell_apart(sets, Recogniser(options.judge)):
            print(line, flush=True)
    if options.layers:
        for line in explain_layers(generator, options.count):
            print(line, flush=True)


def picture_sets(generator: PictureGenerator, kept: Path, own: Path, count: int) -> dict[str, np.ndarray]:
    """(N, SEEN, SEEN, 3) pictures by row, the first two the halves of the real ones that are kept back."""
    real, learnt = read_heads(kept, count), read_heads(own, 2 * count)
    drawn = np.stack([resize(one) for one in generator.draw(range(count), TRUNCATION)])
    drafts = replace(generator, finish=0.0).draw(range(count), TRUNCATION)
    flat = torch.from_numpy(learnt.reshape(len(learnt), -1)).float()
    mean, directions, _ = learn_directions(flat, min(64, len(learnt) - 1))
    noise = torch.randn(count, len(directions), generator=torch.Generator().manual_seed(0))
    plain = (mean + noise @ directions).clamp(0, 255).byte().numpy().reshape(-1, SEEN, SEEN, 3)
    return {
        "real": real[::2],
        "real, other half": real[1::2],
        "invented": drawn,
        "their drafts": np.stack([resize(one) for one in drafts]),
        "eigenfaces": plain,
        "blurred reals": np.stack([cv2.GaussianBlur(one, (0, 0), 2.5) for one in real[1::2]]),
        "training copies": learnt[::2],
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


def compare(sets: dict[str, np.ndarray], features_of: Callable[[np.ndarray], Tensor]) -> list[str]:
    """Figures of each set against the first, and whether its pictures are known ones."""
    features = {name: features_of(pictures) for name, pictures in sets.items()}
    reference, copied = features["real"], sets["training copies"].astype(np.float32)
    usual = nearest_picture(sets["real, other half"], copied)
    lines = [f"{'':18} KID x1000  precision  recall  sharpness  nearest training picture over usual"]
    sharp = sharpness(sets["real"])
    for name, pictures in sets.items():
        if name == "real":
            continue
        precision, recall = precision_recall(reference, features[name])
        near = nearest_picture(pictures, copied) / usual
        kid = 1000 * kernel_distance(reference, features[name])
        fine = sharpness(pictures) / sharp
        lines.append(f"{name:18} {kid:9.1f} {precision:10.2f} {recall:7.2f} {fine:10.2f} {near:10.2f}")
    return lines


def sharpness(pictures: np.ndarray) -> float:
    """Median spread of the Laplacian in the middle of pictures, where faces are."""
    inner = slice(SEEN // 4, 3 * SEEN // 4)
    grey = [cv2.cvtColor(one[inner, inner], cv2.COLOR_RGB2GRAY) for one in pictures]
    return float(np.median([cv2.Laplacian(one, cv2.CV_32F).std() for one in grey]))


def tell_apart(sets: dict[str, np.ndarray], judge: Recogniser, most: int = 64) -> list[str]:
    """How many of the first pictures of each set show a face to another detector, and how far these are
    from one another by a network outside.
    """
    import dlib

    find, points = dlib.get_frontal_face_detector(), PointJudge()
    lines, usual = [f"{'':18} faces found  mean distance, over that of real people"], 0.0
    for name, pictures in sets.items():
        seen = []
        for picture in pictures[:most]:
            boxes = find(picture, 1)
            if boxes:
                corners = [[boxes[0].left(), boxes[0].top()], [boxes[0].right(), boxes[0].bottom()]]
                seen.append(judge(picture, points(picture, corners)))
        known = np.stack(seen)
        apart = 1 - known @ known.T
        mean = float(apart[np.triu_indices(len(known), 1)].mean())
        usual = usual or mean
        count = min(most, len(pictures))
        lines.append(f"{name:18} {len(seen):4d} of {count:3d} {mean:8.2f} {mean / usual:6.2f}")
    return lines


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Squared maximum mean discrepancy with a cubic kernel, unbiased; one scale for all features."""
    mean = a.mean(0)
    spread = (a - mean).square().mean().sqrt().clamp(min=1e-4)
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
