#!/usr/bin/env python3
"""How soon a swap is good: likeness, landmarks and sharpness after so many minutes of training.

    python -m scripts.bench.time_to_quality OUT --pair A.mp4 B.mp4 --minutes 1 2 5 10 20 [--judge FILE.onnx]

Each pair is trained for each time anew, from the bundled base (`base`), from random weights (`cold`) and with
`--family original`, the network of 2018; then B's face is put on A's clip. OUT/figures.jsonl gets a line for
each training that is measured, so that the same command goes on where it was stopped;
OUT/time-to-quality.png is drawn anew from all lines (wants matplotlib). At the end it is printed how many
times longer the others take to become as like B as the base does.

Likeness is 0 for A's own frames and 1 for B's: by `faceswap evaluate`, or by another recogniser that was in
no training (--judge, see reenact_judges). Sharpness is measured without sharpening, grain and marks. With
--steps-per-minute a minute is so many steps, so that a busy machine measures the same training; networks that
take longer for a step then get no less of them: tell that.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from faceswap_cli.evaluation.swap import evaluate_swap
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.journal import fingerprint
from faceswap_cli.media.reader import VideoReader
from scripts.bench import reenact_judges as judges
from scripts.bench.pairs import extracted, faceswap

STARTS: dict[str, tuple[str, ...]] = {
    "base": (),
    "cold": ("--from-scratch",),
    "original": ("--family", "original"),
}
"""What `faceswap train` is told."""

FIGURES = ("likeness", "landmarks", "sharpness", "flicker")
PLAIN = ("--sharpen", "0", "--grain", "0", "--no-mark", "--encoder", "ffv1")
EVERY = 4
"""Frames between two that a judge looks at."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--pair", nargs=2, type=Path, action="append", required=True, metavar=("A", "B"))
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 2, 5, 10, 20])
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=list(STARTS))
    parser.add_argument("--steps-per-minute", type=int, default=0)
    parser.add_argument("--frames", type=int, default=0, help="of A's clip that are converted; 0: all")
    parser.add_argument("--detail", type=float, default=1.0)
    parser.add_argument("--judge", type=Path, help="a recogniser as ONNX")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print("| pair | start | minutes | " + " | ".join(FIGURES) + " |\n|" + "---|" * (3 + len(FIGURES)))
    rows = []
    for row in measured(options):
        rows.append(row)
        cells = [f"{row['a']} by {row['b']}", row["start"], f"{row['minutes']:g}"]
        print("| " + " | ".join([*cells, *(f"{row[name]:.2f}" for name in FIGURES)]) + " |", flush=True)
    for start in options.starts:
        if start != "base" and (ratio := times_longer(rows, start)) is not None:
            print(f"{start}: as like B as the base after {ratio:.1f} times as long (geometric mean)")
    draw(rows, options.out / "time-to-quality.png")


def measured(options: argparse.Namespace) -> Iterator[Row]:
    """A row for each training, from the file where it is there."""
    file = options.out / "figures.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    known = {row["key"]: row for row in map(json.loads, lines)}
    analyser = build_analyser()
    for a, b in options.pair:
        for start in options.starts:
            for minutes in options.minutes:
                key = fingerprint(
                    a.stem, b.stem, start, minutes, options.steps_per_minute, options.frames,
                    options.detail, str(options.judge),
                )  # fmt: skip
                if key not in known:
                    known[key] = {"key": key, **measure(options, a, b, start, minutes, analyser)}
                    with file.open("a") as log:
                        log.write(json.dumps(known[key]) + "\n")
                yield known[key]


def measure(
    options: argparse.Namespace, a: Path, b: Path, start: str, minutes: float, analyser: FaceAnalyser
) -> Row:
    """Train, convert and judge."""
    sets = [extracted(options.out, clip) for clip in (a, b)]
    steps = options.steps_per_minute
    run = options.out / f"{a.stem}-{b.stem}-{start}-{minutes:g}{f'x{steps}' if steps else ''}"
    length = ("--steps", f"{round(minutes * steps)}") if steps else ("--minutes", f"{minutes:g}")
    faceswap(
        "train", "-A", sets[0], "-B", sets[1], "-m", run, *length, *STARTS[start], "--measure-every", "0"
    )
    video = run.with_suffix(f".{options.detail:g}.{options.frames}.mkv")
    if not video.exists():
        some = ("--frames", f"0-{options.frames - 1}") if options.frames else ()
        more = ("--faces", sets[0], "--detail", f"{options.detail:g}", *some, *PLAIN)
        faceswap("convert", "video", a, "-m", run, "-o", video, *more)
    faces = [FaceSet.open(path) for path in sets]
    report = evaluate_swap(a, video, faces[0], faces[1], analyser)
    likeness = report.likeness if options.judge is None else judged(options.judge, video, faces)
    found = (likeness, report.landmarks, report.sharpness, report.flicker)
    named = {name: round(float(value), 4) for name, value in zip(FIGURES, found, strict=True)}
    return {"a": a.stem, "b": b.stem, "start": start, "minutes": minutes, **named}


def judged(file: Path, video: Path, faces: list[FaceSet]) -> float:
    """Likeness by a recogniser; A's and B's own frames are their crops."""
    recogniser = judges.Recogniser(file)
    own = [
        [
            recogniser(one.crop(record), transform(record.landmarks, record.matrix))
            for record in one.records[:: max(1, len(one) // 16)]
        ]
        for one in faces
    ]
    marks = {record.frame: record.landmarks for record in faces[0].records}
    with VideoReader(video) as frames:
        outputs = [
            recogniser(f.image, marks[f.index]) for f in frames if f.index % EVERY == 0 and f.index in marks
        ]
    return judges.likeness(outputs, *own)


def times_longer(rows: list[Row], start: str) -> float | None:
    """How many times longer a start takes than the base to be as like B; None: it never is.

    Of each time of the base's: when the other reaches its likeness, between two times in their logarithm.
    What is not reached counts as the longest time, so that the answer is rather too small.
    """
    ratios = []
    for pair in {(row["a"], row["b"]) for row in rows}:
        mine, other = (curve(rows, *pair, name) for name in ("base", start))
        if not mine or not other:
            continue
        times = np.log([minutes for minutes, _ in other])
        best = np.maximum.accumulate([like for _, like in other])
        for minutes, like in mine:
            if like <= best[-1]:
                ratios.append(float(np.interp(like, best, times)) - np.log(minutes))
            else:
                ratios.append(max(float(times[-1] - np.log(minutes)), 0.0))
    return float(np.exp(np.mean(ratios))) if ratios else None


def curve(rows: list[Row], a: str, b: str, start: str) -> list[tuple[float, float]]:
    """Minutes and likeness of a pair from one start, rising."""
    mine = [row for row in rows if (row["a"], row["b"], row["start"]) == (a, b, start)]
    return sorted((row["minutes"], row["likeness"]) for row in mine)


def draw(rows: list[Row], path: Path) -> None:
    """Curves over minutes, mean of the pairs, a panel for each figure."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(12, 3.6))
    for panel, name in zip(panels, FIGURES[:3], strict=True):
        for start in STARTS:
            mine = [row for row in rows if row["start"] == start]
            times = sorted({row["minutes"] for row in mine})
            means = [np.mean([row[name] for row in mine if row["minutes"] == one]) for one in times]
            if times:
                panel.plot(times, means, marker="o", label=start)
        panel.set_xscale("log")
        panel.set_xlabel("minutes of training")
        panel.set_title({"landmarks": "landmarks moved, % of the eye distance"}.get(name, name))
        panel.grid(alpha=0.3)
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
