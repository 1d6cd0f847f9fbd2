#!/usr/bin/env python3
"""Autoencoder, conditional autoencoder and conditional GAN, measured alike on people none of them has seen:

    python -m scripts.bench.conditional FACES_A FACES_B... --judge faceplugin_fr_feature.onnx \\
        --run NAME=RUN=NUMBER... -o SHEET.png

Each B is put on frames of A from --photos of B's crops: by the bundled models with no training, by runs that
are given, each with the number of the B it was trained on. Crops are drawn, pasted by the
network's own mask, and measured:

    nearer       share of frames nearer to B than to A, by a recogniser that is in nobody's loss
    likeness     how far they came from A's similarity to B to that of B's own frames, by the same; 1 is there
    descriptor   the same share by the network whose descriptors the conditional models are told
    landmarks    distance of the inner points to the frame's, % of the eye distance
    sharpness    Laplacian variance inside the face, of the frame's
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.evaluation import metrics
from faceswap_cli.faces.face import Detection
from faceswap_cli.faces.geometry import crop_matrix, fit_similarity, invert, transform, warp
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, identity_distance
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.files import write_bytes
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.conditional import ConditionalModel
from faceswap_cli.networks.swap.renderer import Renderer
from faceswap_cli.training.data.dataset import spread_indices
from faceswap_cli.training.runs.folder import load_trained, open_run
from faceswap_cli.training.runs.warm_start import is_bundled, load_base

FRAMES, OWN, SHOWN, CELL = 12, 8, 3, 144
FIVE = np.array([[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]])
"""Where eyes, nose and corners of the mouth lie in the judge's pictures of 112 pixels (arcface_112)."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Person:
    """Somebody: crops of a face set with landmarks in their pixels, and what two recognisers say of them."""

    name: str
    crops: list[Image]
    points: list[Points]
    judged: NDArray[np.float32]
    described: NDArray[np.float32]


class Judge:
    """A recogniser that is in no loss, by onnxruntime."""

    def __init__(self, file: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def __call__(self, image: Image, points: Points) -> NDArray[np.float32]:
        """(512,) of length 1."""
        face = cv2.warpAffine(
            image, fit_similarity(five_from_68(points), FIVE), (112, 112), flags=cv2.INTER_CUBIC
        )
        pixels = (face[..., ::-1].astype(np.float32) - 127.5) / 128
        found = self.session.run(None, {"input": pixels.transpose(2, 0, 1)[None]})[0][0]
        return np.asarray(found / np.linalg.norm(found), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", type=Path, help="face set of A")
    parser.add_argument("sources", nargs="+", type=Path, help="face sets of B, B2, ...")
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=3, help="crops of B that are shown to a bundled model")
    parser.add_argument("--run", action="append", default=[], metavar="NAME=RUN=NUMBER", help="a run of a B")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    judge, encoder = Judge(options.judge), IdentityEncoder()
    a = person(options.target, judge, encoder)
    lines = []
    print(
        "| A to B | model | nearer | likeness | descriptor | landmarks | sharpness |\n|" + "---|" * 7,
        flush=True,
    )
    for number, path in enumerate(options.sources, 1):
        b = person(path, judge, encoder)
        for name, renderer in renderers(options, b, number).items():
            swaps = [swapped(c, p, renderer) for c, p in zip(a.crops, a.points, strict=True)]
            cells = figures(a, b, swaps, judge, encoder)
            print(f"| {a.name} to {b.name} | {name} | {' | '.join(cells)} |", flush=True)
            lines.append(line(a, b, swaps))
    if options.output:
        write_bytes(
            options.output, cv2.imencode(options.output.suffix, np.vstack(lines)[..., ::-1])[1].tobytes()
        )


def renderers(options: argparse.Namespace, b: Person, number: int) -> Mapping[str, Renderer]:
    """Who can draw B."""
    found: dict[str, Renderer] = {}
    for family in ("conditional", "gan"):
        if name := is_bundled(family):
            model = load_base(name).eval()
            assert isinstance(model, ConditionalModel)
            who = torch.from_numpy(b.described[: options.photos].mean(0))
            found[f"{family}, no training"] = model.renderer_of(who)
    for text in options.run:
        name, run, of = text.split("=")
        if int(of) == number:
            found[name] = load_trained(open_run(Path(run)), torch.device("cpu"))[0].renderer("b")
    return found


def person(path: Path, judge: Judge, encoder: IdentityEncoder) -> Person:
    """Frames of a face set, spread over it."""
    faces = FaceSet.open(path)
    records = [faces.records[i] for i in spread_indices(len(faces), FRAMES)]
    crops = [faces.crop(r) for r in records]
    points = [transform(r.landmarks, r.matrix) for r in records]
    judged = np.stack([judge(c, p) for c, p in zip(crops, points, strict=True)])
    described = np.concatenate([encoder.embed(c, [p]) for c, p in zip(crops, points, strict=True)])
    return Person(path.name.removeprefix("faces-").removeprefix("f-"), crops, points, judged, described)


def swapped(crop: Image, points: Points, renderer: Renderer) -> Image:
    """A crop with the face drawn and pasted by the network's own mask."""
    matrix = crop_matrix(points, renderer.size, renderer.side)
    picture = torch.from_numpy(warp(crop, matrix, renderer.size)).permute(2, 0, 1)[None].float() / 255
    drawn = renderer(picture.contiguous())
    size, back = crop.shape[0], invert(matrix)
    image = cv2.warpAffine(drawn.image[0].permute(1, 2, 0).numpy(), back, (size, size), flags=cv2.INTER_CUBIC)
    mask = cv2.warpAffine(drawn.mask[0, 0].numpy(), back, (size, size))[..., None]
    return np.rint(np.clip(image * mask + crop / 255.0 * (1 - mask), 0, 1) * 255).astype(np.uint8)


def figures(a: Person, b: Person, swaps: list[Image], judge: Judge, encoder: IdentityEncoder) -> list[str]:
    """The table's cells."""
    mean_a, mean_b = a.judged[::2].mean(0), b.judged[::2].mean(0)
    judged = np.stack([judge(s, p) for s, p in zip(swaps, a.points, strict=True)])
    to_a, to_b = judged @ mean_a, judged @ mean_b
    before, own = (a.judged @ mean_b).mean(), (b.judged[1::2] @ mean_b).mean()
    described = np.concatenate([encoder.embed(s, [p]) for s, p in zip(swaps, a.points, strict=True)])
    nearer = identity_distance(described, b.described.mean(0)) < identity_distance(
        described, a.described.mean(0)
    )
    moved, sharp = [], []
    for old, new, points in zip(a.crops, swaps, a.points, strict=True):
        was, now = (look(image, points) for image in (old, new))
        moved.append(metrics.landmark_distance(was, now))
        sharp.append(metrics.sharpness_inside(new, points) / max(metrics.sharpness_inside(old, points), 1e-6))
    return [
        f"{np.mean(to_b > to_a):.0%}",
        f"{(to_b.mean() - before) / max(own - before, 1e-6):.2f}",
        f"{nearer.mean():.0%}",
        f"{np.mean(moved):.1f} %",
        f"{np.median(sharp):.2f}",
    ]


def look(image: Image, points: Points) -> NDArray[np.float32]:
    """(68, 2) found again in a crop."""
    box = np.array([*points.min(0), *points.max(0)], np.float32)
    return CompactLandmarker()([image], [[Detection(box, five_from_68(points).astype(np.float32), 1.0)]])[0][
        0
    ].landmarks


def line(a: Person, b: Person, swaps: list[Image]) -> Image:
    """B, then frames of A and what became of them."""
    cells = [b.crops[0]]
    for index in spread_indices(len(swaps), SHOWN):
        cells += [a.crops[index], swaps[index]]
    return np.hstack([cv2.resize(c, (CELL, CELL), interpolation=cv2.INTER_AREA) for c in cells])


if __name__ == "__main__":
    main()
