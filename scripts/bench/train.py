"""How fast training is here, for each network family and size, on made-up pictures.

What is in the pictures does not change the speed. Everything is the real loop's: sampling, augmentation,
losses, optimiser, average.

    python -m scripts.bench.train --resolution 64 128 --plain
    python -m scripts.bench.train --architecture shared liae original --seconds 20
    python -m scripts.bench.train --size base large --device cuda --plain

images/s  samples of everybody through a whole step, augmentation included
data      share of the time spent waiting for batches
peak MiB  of the whole process on a CPU, of the card's memory on CUDA
GFLOP/s   the network's own arithmetic, counted from its shapes (networks/flops.py), two to a multiply-add;
          losses and augmentation are in the time but not in the count
of peak   against the fastest big matrix product of the same run, in the kind of number the network
          computes in: float32 on a CPU, bfloat16 on CUDA
plain     with --plain: images/s of scripts/bench/plain_loop.py and how many times faster ours is. The two
          take turns in short spells, so that other work on the machine slows both alike; float32 in both
          cases on a CPU, on CUDA ours in bfloat16 and the plain loop in float32
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from faceswap_cli.device import pick_device
from faceswap_cli.faces.landmarks.dense_states import STATES
from faceswap_cli.networks.flops import OPERATIONS, count_multiply_adds
from faceswap_cli.networks.swap.family import FaceModel, parameter_count
from faceswap_cli.training.data.dataset import Faces, wide_side
from faceswap_cli.training.data.sampling import TRAITS
from faceswap_cli.training.engine.trainer import Trainer, generator_for
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.runs.family_options import settings_for
from faceswap_cli.training.runs.settings import SwapSettings
from faceswap_cli.training.task import new_trainer
from scripts.bench.plain_loop import PlainLoop

STORED_SIDE = 2.75
WARM_UP_STEPS = 3
SPELL = 2.0
"""Seconds in which one loop runs before it is the other's turn."""
COLUMNS = {
    "family": 9,
    "size": 7,
    "px": 4,
    "params": 8,
    "batch": 6,
    "images/s": 9,
    "data": 6,
    "ms/step": 8,
    "peak MiB": 9,
    "GFLOP/s": 9,
    "of peak": 8,
    "plain": 16,
}


@dataclass
class Clock:
    """What a loop has done so far: seconds, of which waiting for batches, steps and images."""

    seconds: float = 0.0
    waited: float = 0.0
    steps: int = 0
    images: int = 0

    @property
    def rate(self) -> float:
        return self.images / self.seconds


Step = Callable[[], tuple[float, int]]
"""One step of training: seconds waited for the batch, and images in it."""


def noise(resolution: int, count: int = 64) -> Faces:
    def pictures(side: int, channels: int) -> torch.Tensor:
        values = torch.randint(0, 256, (count, side, side, channels), dtype=torch.uint8)
        return values.permute(0, 3, 1, 2)

    wide = pictures(wide_side(resolution, STORED_SIDE), 3)
    face, eyes, mouth = (pictures(resolution, 1) for _ in range(3))
    mean, std = torch.full((count, 3), 0.5), torch.full((count, 3), 0.2)
    traits, states = torch.rand(count, TRAITS), torch.full((count, len(STATES)), -1.0)
    return Faces(
        wide, pictures(resolution, 3), face, eyes, mouth, mean, std, traits, torch.ones(count), states
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--family", choices=[n for n, f in FAMILIES.items() if f.made_up], nargs="*", default=["shared"]
    )
    parser.add_argument("--size", choices=["small", "medium", "large"], nargs="*", default=["small"])
    parser.add_argument("--resolution", type=int, nargs="*", help="[default: each size's own]")
    parser.add_argument("--batch", type=int, help="faces of each person in a step")
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time for each loop of a row")
    parser.add_argument("--plain", action="store_true", help="measure the plain loop beside each row")
    parser.add_argument("--checkpointing", action="store_true", help="recompute activations")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = pick_device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    print(f"{name}, torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    kinds = (torch.float32, torch.bfloat16) if device.type == "cuda" else (torch.float32,)
    peaks = {kind: peak(device, kind) for kind in kinds}
    told = ", ".join(f"{str(k).removeprefix('torch.')} {v:.0f} GFLOP/s" for k, v in peaks.items())
    print(f"largest matrix product: {told}")
    print("".join(f"{head:>{width}}" for head, width in COLUMNS.items()), flush=True)
    for family in options.family:
        for size in [size for size in options.size if size in FAMILIES[family].sizes]:
            for resolution in options.resolution or [None]:
                settings = settings_for(size, family, resolution, batch=options.batch)
                row(options, size, settings, device, peaks)


def row(
    options: argparse.Namespace,
    size: str,
    settings: SwapSettings,
    device: torch.device,
    peaks: dict[torch.dtype, float],
) -> None:
    people = {identity: noise(settings.resolution) for identity in ("a", "b")}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    model, ours = our_step(settings, device, options.checkpointing)
    for _ in range(WARM_UP_STEPS):
        ours()
    ran(
        ours, min(SPELL, options.seconds), device, Clock()
    )  # memory is told before the plain loop adds its own
    memory = peak_memory(device)
    steps = [ours]
    if options.plain:
        steps.append(plain_step(settings, people, device))
        for _ in range(WARM_UP_STEPS):
            steps[1]()
    clocks = [Clock() for _ in steps]
    while clocks[-1].seconds < options.seconds:
        for step, clock in zip(steps, clocks, strict=True):
            ran(step, min(SPELL, options.seconds), device, clock)
    own = clocks[0]
    gflops = OPERATIONS * count_multiply_adds(model).training * own.rate / 1e9
    most = peaks[torch.bfloat16 if device.type == "cuda" else torch.float32]
    values = (
        settings.family,
        size,
        settings.resolution,
        f"{parameter_count(model) / 1e6:.1f}M",
        2 * settings.batch,
        f"{own.rate:.1f}",
        f"{own.waited / own.seconds:.1%}",
        f"{1000 * own.seconds / own.steps:.1f}",
        f"{memory:.0f}",
        f"{gflops:.1f}",
        f"{gflops / most:.0%}",
        f"{clocks[1].rate:.1f}, x {own.rate / clocks[1].rate:.2f}" if options.plain else "-",
    )
    print("".join(f"{v:>{w}}" for v, w in zip(values, COLUMNS.values(), strict=True)), flush=True)


def our_step(settings: SwapSettings, device: torch.device, checkpointing: bool) -> tuple[FaceModel, Step]:
    trainer = new_trainer(FAMILIES[settings.family], settings, device)
    model = trainer.model
    assert isinstance(model, FaceModel)
    model.checkpointing = checkpointing
    return model, step_of(trainer, settings, device)


def step_of(trainer: Trainer, settings: SwapSettings, device: torch.device) -> Step:
    """A trainer's step on made-up pictures."""
    family = FAMILIES[settings.family]
    assert family.made_up is not None, f"the family {family.name} has no made-up data"
    batches = family.made_up(settings, device).batches(settings)

    def step() -> tuple[float, int]:
        before = time.perf_counter()
        batch = batches(generator_for(settings.seed, 0, trainer.step), 0.5)
        waited = time.perf_counter() - before
        trainer.update(batch, 0.5)
        return waited, sum(len(samples.input) for samples in batch)

    return step


def plain_step(settings: SwapSettings, people: dict[str, Faces], device: torch.device) -> Step:
    loop = PlainLoop(settings, people, device)

    def step() -> tuple[float, int]:
        before = time.perf_counter()
        batch = loop.batch()
        waited = time.perf_counter() - before
        loop.update(batch)
        return waited, sum(len(samples.input) for samples in batch)

    return step


def ran(step: Step, seconds: float, device: torch.device, clock: Clock) -> None:
    """Repeat a step for so long, and add what it took to a clock."""
    wait(device)
    begun = time.perf_counter()
    while True:
        waited, images = step()
        clock.waited += waited
        clock.images += images
        clock.steps += 1
        if time.perf_counter() - begun >= seconds:
            break
    wait(device)
    clock.seconds += time.perf_counter() - begun


def peak(device: torch.device, kind: torch.dtype) -> float:
    """GFLOP/s of the fastest of a few big matrix products: what the device can do at best."""
    size = 8192 if device.type == "cuda" else 1536
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    best = float("inf")
    for _ in range(6):
        wait(device)
        begun = time.perf_counter()
        a @ b
        wait(device)
        best = min(best, time.perf_counter() - begun)
    return OPERATIONS * size**3 / best / 1e9


def peak_memory(device: torch.device) -> float:
    """MiB at most so far; on a CPU of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
