#!/usr/bin/env python3
"""Whether a graphics card gives what the CPU gives, and how fast it is: a proof of at most eight minutes.

    python -m scripts.bench.card CLIP_A CLIP_B PHOTO                 # on CUDA, about six minutes
    python -m scripts.bench.card CLIP_A CLIP_B PHOTO --device cpu --toy    # the same way at toy scale

CLIP_A is whose face is replaced, CLIP_B whose face is put on, PHOTO a portrait that CLIP_A drives. It prints

1. images/s of training in float32, in bfloat16 and compiled, the share of the time spent waiting for data,
   and the share of the fastest matrix product in bfloat16; and of drawing alone, kernel by kernel and as one
   CUDA graph;
2. how far ten steps of training in full float32 end from those of the CPU, by their losses, from the same
   seed and pictures;
3. how far what the commands draw (convert video, animate, generate) is from what they draw on the CPU, by
   the same weights, and frames/s of both with loading.

Whatever is beyond its tolerance is named, and the exit code is 1. Faces are looked for on the CPU by both, as
landmarks that differ by rounding would be compared as pictures are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from faceswap_cli.device import pick_device
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.networks.flops import OPERATIONS, count_multiply_adds
from faceswap_cli.training.engine.accelerate import missing_to_compile, reduced_precision, tune_device
from faceswap_cli.training.engine.trainer import generator_for
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.runs.family_options import settings_for
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.task import new_trainer
from scripts.bench.train import Clock, peak, ran, step_of, wait

STEPS = 10
"""Of training that both devices do."""

MOST_LOSS = 0.01
"""Relative difference of a loss after STEPS: rounding grows step by step, a wrong kernel shows at once."""

MOST_MEAN, MOST_WORST = 0.5, 12.0
"""Grey levels between two pictures: in the mean, and that one sample in a thousand may be apart."""

MOST_GRAPH = 1e-3
"""Between drawing kernel by kernel and by a graph, of 0..1."""

FAMILY = "shared"


@dataclass(frozen=True)
class Check:
    """Something measured that must not be larger than it may be."""

    what: str
    value: float
    most: float

    @property
    def fine(self) -> bool:
        return self.value <= self.most

    def __str__(self) -> str:
        return f"{'ok  ' if self.fine else 'FAR '} {self.what}: {self.value:.4g} (at most {self.most:g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clip_a", type=Path)
    parser.add_argument("clip_b", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row of training, and of the run")
    parser.add_argument("--toy", action="store_true", help="tiny networks, few frames: to try the script")
    options = parser.parse_args()
    begun = time.perf_counter()
    device = pick_device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {device}", flush=True)
    tune_device(device)
    measure_training(device, options)
    checks = [*draw_as_graph(device, options), *compare_training(device, options)]
    with tempfile.TemporaryDirectory() as scratch:
        checks += compare_commands(options, Path(scratch))
    print(f"\nin {time.perf_counter() - begun:.0f} s")
    for check in checks:
        print(check)
    if not checks or not all(check.fine for check in checks):
        sys.exit(1)


def settings(options: argparse.Namespace) -> SwapSettings:
    """Of the networks that are trained: the size for cards, or the smallest that there is."""
    if options.toy:
        return settings_for("small", FAMILY, 48, batch=2)
    return settings_for("medium", FAMILY, None)


def measure_training(device: torch.device, options: argparse.Namespace) -> None:
    """Print images/s of the training loop: float32, bfloat16, compiled."""
    low = reduced_precision(device)
    kind = low or torch.float32
    most = peak(device, kind)
    print(f"largest matrix product: {most:.0f} GFLOP/s in {str(kind).removeprefix('torch.')}")
    print(f"{'training':24}{'images/s':>10}{'data wait':>11}{'of peak':>9}", flush=True)
    rows: list[tuple[str, torch.dtype | None, bool]] = [("float32", None, False)]
    if low is not None:
        rows += [("bfloat16", low, False)]
    if not options.toy and not missing_to_compile(device):
        rows += [("compiled", low, True)]
    for told, precision, compiled in rows:
        clock, work = time_training(settings(options), device, precision, compiled, options.seconds)
        share = OPERATIONS * work * clock.rate / 1e9 / most
        print(f"{told:24}{clock.rate:>10.1f}{clock.waited / clock.seconds:>11.1%}{share:>9.1%}", flush=True)


def time_training(
    asked: SwapSettings, device: torch.device, precision: torch.dtype | None, compiled: bool, seconds: float
) -> tuple[Clock, float]:
    """What so many seconds of steps did, after three that are not counted; multiply-adds of one image."""
    family = FAMILIES[asked.family]
    trainer = new_trainer(family, asked, device)
    trainer.precision = precision
    trainer.compilation.say = print
    if compiled:
        trainer.compilation.begin(trainer.model, family.compiled)
    step = step_of(trainer, asked, device)
    for _ in range(3):
        step()
    clock = Clock()
    ran(step, seconds, device, clock)
    return clock, count_multiply_adds(trainer.model).training


def draw_as_graph(device: torch.device, options: argparse.Namespace) -> list[Check]:
    """Draw one batch again and again, and the same as one CUDA graph; nothing where there are no graphs."""
    if device.type != "cuda":
        print("no CUDA graphs here")
        return []
    asked = settings(options)
    model = new_trainer(FAMILIES[asked.family], asked, device).ema
    crops = torch.rand(8, 3, asked.resolution, asked.resolution, device=device)
    with torch.no_grad():
        pair: list[Tensor] = []

        def draw() -> Tensor:
            return model([("b", crops)])[0].image

        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(3):
                draw()
        torch.cuda.current_stream(device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            pair.append(draw())
        crops.copy_(torch.rand_like(crops))
        graph.replay()
        apart = float((pair[0] - draw()).abs().max())
        eager, replayed = (drawing_rate(work, len(crops), device) for work in (draw, graph.replay))
    print(f"drawing: {eager:.0f} faces/s kernel by kernel, {replayed:.0f} as a CUDA graph", flush=True)
    return [Check("CUDA graph against kernel by kernel, largest difference of 0..1", apart, MOST_GRAPH)]


def drawing_rate(work: Callable[[], object], count: int, device: torch.device) -> float:
    """Faces a second."""
    wait(device)
    begun = time.perf_counter()
    for _ in range(50):
        work()
    wait(device)
    return 50 * count / (time.perf_counter() - begun)


def compare_training(device: torch.device, options: argparse.Namespace) -> list[Check]:
    """Losses of STEPS steps in float32 on the device and on the CPU, from the same seed and pictures."""
    asked = settings(options)
    asked = replace(asked, batch=min(asked.batch, 4))
    exact = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    ours, theirs = (losses_of(asked, place) for place in (device, torch.device("cpu")))
    torch.set_float32_matmul_precision(exact[0])
    torch.backends.cudnn.allow_tf32 = exact[1]
    return [
        Check(
            f"loss {name} after {STEPS} steps against the CPU's, relative",
            abs(ours[name] - value) / max(abs(value), 1e-6),
            MOST_LOSS,
        )
        for name, value in theirs.items()
    ]


def losses_of(asked: SwapSettings, device: torch.device) -> dict[str, float]:
    """The last step's loss terms."""
    family = FAMILIES[asked.family]
    torch.manual_seed(asked.seed)
    assert family.made_up is not None
    batches = family.made_up(asked, torch.device("cpu")).batches(asked)
    trainer = new_trainer(family, asked, device)
    trainer.precision = None
    terms: dict[str, Tensor] = {}
    for step in range(STEPS):
        batch = batches(generator_for(asked.seed, 0, step), 0.5)
        terms = trainer.update(tuple(_moved(samples, device) for samples in batch), 0.5)
    return {name: float(value) for name, value in terms.items()}


def _moved(samples: Any, device: torch.device) -> Any:
    """A batch's part of one person on a device: made on the CPU for both, so that draws and filters agree."""
    return replace(samples, **{k: v.to(device) for k, v in vars(samples).items() if isinstance(v, Tensor)})


def compare_commands(options: argparse.Namespace, scratch: Path) -> list[Check]:
    """What the commands draw on the device and on the CPU, by weights that the device trains first."""
    faces = [scratch / name for name in ("a", "b")]
    for clip, folder in zip((options.clip_a, options.clip_b), faces, strict=True):
        faceswap("extract", clip, "-o", folder)
    run = scratch / "run"
    length = (
        ["--steps", "12", "--resolution", "48"] if options.toy else ["--minutes", str(options.seconds / 60)]
    )
    people = ["-A", faces[0], "-B", faces[1], "-m", run]
    took = faceswap("train", *people, *length, "--device", options.device)
    print(f"trained in {took:.0f} s", flush=True)
    frames = ["--frames", "0-5" if options.toy else "0-71"]
    plain = ["--no-mark", "--adult-confirmed", "--encoder", "ffv1"]
    swap = [
        "convert",
        "video",
        options.clip_a,
        "-m",
        run,
        "--faces",
        faces[0],
        "--grain",
        "0",
        *frames,
        *plain,
    ]
    puppet = [
        "animate",
        options.photo,
        "--driver",
        options.clip_a,
        "--no-label",
        "--sound",
        "none",
        *frames,
        *plain,
    ]
    invent = ["generate", "-n", "2" if options.toy else "16", "--no-mark"]
    work = {"convert video": (swap, ".mkv"), "animate": (puppet, ".mkv"), "generate": (invent, "")}
    return [
        check
        for name, (command, suffix) in work.items()
        for check in compare_command(name, command, suffix, options.device, scratch)
    ]


def compare_command(
    name: str, command: list[object], suffix: str, device: str, scratch: Path
) -> Iterator[Check]:
    """Run a command on both devices; how far apart its pictures are, and print its speed."""
    made = []
    for place in (device, "cpu"):
        output = scratch / f"{name.replace(' ', '-')}-{len(made)}{suffix}"
        seconds = faceswap(*command, "-o", output, "--device", place)
        made.append(read_pictures(output))
        print(f"{name:16}{place:>8}{len(made[-1]) / seconds:>8.2f} pictures/s with loading", flush=True)
    if len(made[0]) != len(made[1]) or not made[0]:
        yield Check(f"{name}, pictures missing", abs(len(made[0]) - len(made[1])) or 1, 0)
        return
    apart = np.concatenate([np.abs(a - b).ravel() for a, b in zip(*made, strict=True)])
    yield Check(f"{name} against the CPU's, mean grey levels", float(apart.mean()), MOST_MEAN)
    yield Check(
        f"{name} against the CPU's, one sample in 1,000", float(np.quantile(apart, 0.999)), MOST_WORST
    )


def read_pictures(output: Path) -> list[np.ndarray]:
    """The frames of a video, or the pictures of a folder in the order of their names, (H, W, 3) int16."""
    if output.is_dir():
        return [read_photo(path).image.astype(np.int16) for path in sorted(output.glob("*.png"))]
    return [frame.image.astype(np.int16) for frame in VideoReader(output)]


def faceswap(*arguments: object) -> float:
    """Run a command; seconds that it took.

    Raises:
        SystemExit: it failed; its words are printed.
    """
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "faceswap_cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"faceswap {' '.join(map(str, arguments))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
