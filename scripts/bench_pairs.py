#!/usr/bin/env python3
"""Train pairs of clips for so long, from the bundled base and from scratch, convert, and print the figures:

    python scripts/bench_pairs.py OUT --pair A.mp4 B.mp4 --warm 5 10 --cold 30

For each pair B's face is put on A's clip. Sharpness is of the original's Laplacian variance, likeness of
what B's own frames reach, landmarks in % of the eye distance; see `evaluation.swap`. With --steps-per-minute
a minute is so many steps, so that a busy machine measures the same training. What is there is not done again.

The row "own pixels" is no training: B's own picture that is likest to each of A's frames, through the same
convert. It says what a network could reach at best with this mask, these colours and A's head around it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli.compositing.options import ConvertOptions
from faceswap_cli.compositing.pipeline import convert_video
from faceswap_cli.evaluation.swap import SwapReport, evaluate_swap
from faceswap_cli.faces.faceset import FaceSet
from faceswap_cli.faces.geometry import FACE_SIDE
from faceswap_cli.faces.parsing import FaceParser
from faceswap_cli.faces.stage import build_stage
from faceswap_cli.networks.renderer import Rendered
from faceswap_cli.training.dataset import load_faces

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
        renderer, parser = Likest(FaceSet.open(faces[1])), FaceParser()
        chosen = ConvertOptions(identity=False)
        for _ in convert_video(a, video, renderer, chosen, faces=FaceSet.open(faces[0]), parser=parser):
            pass
    return line(a, b, "own pixels", "", "", *measured(a, video, faces))


class Likest:
    """A renderer that gives back, for every face, the likest of a person's own pictures."""

    size, side = 128, FACE_SIDE

    def __init__(self, faces: FaceSet) -> None:
        samples = load_faces(faces, self.size, FaceParser())
        self.images, self.masks = samples.target.float() / 255, samples.mask.float() / 255
        self.keys = seen_coarsely(self.images)

    def __call__(self, crops: Tensor) -> Rendered:
        likest = torch.cdist(seen_coarsely(crops), self.keys).argmin(1)
        return Rendered(self.images[likest], self.masks[likest])


def seen_coarsely(pictures: Tensor) -> Tensor:
    """(N, 3, R, R) to (N, 256): eyes to chin in 16 x 16 grey values without their mean; pose and expression
    tell at this size."""
    lower = pictures.mean(1, keepdim=True)[:, :, pictures.shape[2] // 3 :]
    grey = F.adaptive_avg_pool2d(lower, 16).flatten(1)
    return grey - grey.mean(1, keepdim=True)


def measured(a: Path, video: Path, faces: list[Path]) -> list[str]:
    """The figures of a converted video."""
    return told(evaluate_swap(a, video, *[FaceSet.open(path) for path in faces], build_stage()))


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
