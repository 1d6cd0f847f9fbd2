#!/usr/bin/env python3
"""Train pairs of clips for so long, from the bundled base and from scratch, convert, and print the figures:

    python -m scripts.bench.pairs OUT --pair A.mp4 B.mp4 --warm 5 10 --cold 30

For each pair B's face is put on A's clip. Sharpness is of the original's Laplacian variance, likeness of
what B's own frames reach, landmarks in % of the eye distance; see `evaluation.swap`. With --steps-per-minute
a minute is so many steps, so that a busy machine measures the same training. What is there is not done again.

The row "own pixels" is no training: B's own pictures, for each of A's frames the one with the likest pose and
expression, through the same convert. It says how sharp and how like B a network could be at best with this
mask, these colours and A's head around it. (Its expressions are not A's, where B never has them.)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.evaluation.swap import SwapReport, evaluate_swap
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import FACE_SIDE, transform
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.convert_video import convert_video
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.training.data.dataset import load_faces

HEADS = ("pair", "start", "minutes", "steps", "sharpness", "landmarks", "likeness", "flicker", "nearer B")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--pair", nargs=2, type=Path, action="append", required=True, metavar=("A", "B"))
    parser.add_argument("--warm", type=float, nargs="*", default=[5, 10], metavar="MINUTES")
    parser.add_argument("--cold", type=float, nargs="*", default=[30], metavar="MINUTES")
    parser.add_argument("--steps-per-minute", type=int, default=0)
    options = parser.parse_args()
    print("| " + " | ".join(HEADS) + " |\n|" + "---|" * len(HEADS), flush=True)
    for a, b in options.pair:
        for start, times in (("warm", options.warm), ("cold", options.cold)):
            for minutes in times:
                print(row(options, a, b, start, minutes), flush=True)
        print(own_pixels(options, a, b), flush=True)


def row(options: argparse.Namespace, a: Path, b: Path, start: str, minutes: float) -> str:
    """Train, convert and measure one pair; a line of the table."""
    faces = [extracted(options.out, clip) for clip in (a, b)]
    name = f"{a.stem}-{b.stem}-{start}-{minutes:g}"
    run, video = options.out / name, options.out / f"{name}.mp4"
    if not video.exists():
        length = ["--minutes", f"{minutes}"]
        if options.steps_per_minute:
            length = ["--steps", f"{round(minutes * options.steps_per_minute)}"]
        scratch = ["--from-scratch"] if start == "cold" else []
        faceswap("train", "-A", *faces[:1], "-B", *faces[1:], "-m", run, *length, *scratch)
        faceswap("convert", "video", a, "-m", run, "--faces", faces[0], "-o", video)
    steps = max(int(path.name.split("-")[1]) for path in (run / "checkpoints").glob("step-*"))
    return line(a, b, start, f"{minutes:g}", f"{steps}", *measured(a, video, faces))


def own_pixels(options: argparse.Namespace, a: Path, b: Path) -> str:
    """The line of B's own pictures put onto A; see the top of this file."""
    faces = [extracted(options.out, clip) for clip in (a, b)]
    video = options.out / f"{a.stem}-{b.stem}-own.mp4"
    if not video.exists():
        sets = [FaceSet.open(path) for path in faces]
        likest = Likest(*sets)
        effect = SwapEffect([likest], SwapOptions(), FaceParser())
        for _ in convert_video(
            a, video, SwapPlan((SwapTarget(likest),)), effect, PipelineOptions(), faces=sets[0]
        ):
            pass
    return line(a, b, "own pixels", "", "", *measured(a, video, faces))


class Likest:
    """A renderer that gives for every face of A the picture of B with the likest pose and expression."""

    size, side = 128, FACE_SIDE

    def __init__(self, a: FaceSet, b: FaceSet) -> None:
        parser = FaceParser()
        own, other = load_faces(a, self.size, parser), load_faces(b, self.size, parser)
        self.known = seen_coarsely(own.target.float() / 255)
        self.likest = torch.cdist(moves(a), moves(b)).argmin(1)
        self.images, self.masks = other.target.float() / 255, other.mask.float() / 255

    def __call__(self, crops: Tensor) -> Rendered:
        faces = torch.cdist(seen_coarsely(crops), self.known).argmin(1)  # which of A's faces these are
        likest = self.likest[faces]
        return Rendered(self.images[likest], self.masks[likest])


def moves(faces: FaceSet) -> Tensor:
    """(N, 136): how each face's aligned landmarks differ from the person's mean: pose and expression."""
    points = np.stack([transform(record.landmarks, record.matrix) for record in faces.records])
    return torch.from_numpy((points - np.median(points, axis=0)).reshape(len(points), -1))


def seen_coarsely(pictures: Tensor) -> Tensor:
    """(N, 3, R, R) to (N, 1024) grey values: enough to know a picture again."""
    return F.adaptive_avg_pool2d(pictures.mean(1, keepdim=True), 32).flatten(1)


def measured(a: Path, video: Path, faces: list[Path]) -> list[str]:
    """The figures of a converted video."""
    target, source = (FaceSet.open(path) for path in faces)
    return told(evaluate_swap(a, video, target, source, build_analyser()))


def line(a: Path, b: Path, *cells: str) -> str:
    """A line of the table."""
    return "| " + " | ".join([f"{a.stem} by {b.stem}", *cells]) + " |"


def told(report: SwapReport) -> list[str]:
    """The figures of a row."""
    return [
        f"{report.sharpness:.2f}",
        f"{report.landmarks:.1f} %",
        f"{report.likeness:.0%}",
        f"{report.flicker:.2f}",
        f"{report.nearer:.0%}",
    ]


def extracted(out: Path, clip: Path) -> Path:
    """The face set of a clip."""
    faces = out / f"faces-{clip.stem}"
    if not (faces / "sheet.html").exists():
        faceswap("extract", clip, "-o", faces)
    return faces


def faceswap(*arguments: str | Path) -> None:
    """Run the command line; its own words go to stderr."""
    command = [sys.executable, "-m", "faceswap_cli", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
