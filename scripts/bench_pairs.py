#!/usr/bin/env python3
"""Train pairs of clips for so long, from the bundled base and from scratch, convert, and print the figures:

    python scripts/bench_pairs.py OUT --pair A.mp4 B.mp4 --warm 5 10 --cold 30

For each pair B's face is put on A's clip. Sharpness is of the original's Laplacian variance, likeness of
what B's own frames reach, landmarks in % of the eye distance; see `evaluation.swap`. With --steps-per-minute
a minute is so many steps, so that a busy machine measures the same training. What is there is not done again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from faceswap_cli.evaluation.swap import SwapReport, evaluate_swap
from faceswap_cli.faces.faceset import FaceSet
from faceswap_cli.faces.stage import build_stage

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
    sets = [FaceSet.open(path) for path in faces]
    report = evaluate_swap(a, video, *sets, build_stage())
    steps = max(int(path.name.split("-")[1]) for path in (run / "checkpoints").glob("step-*"))
    return (
        "| " + " | ".join([f"{a.stem} by {b.stem}", start, f"{minutes:g}", f"{steps}", *told(report)]) + " |"
    )


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
