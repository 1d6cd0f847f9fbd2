"""`--batch auto`: the batch from which on larger ones would not be faster, or would not fit."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch

from faceswap_cli.errors import UserError
from faceswap_cli.training.engine.accelerate import explain_memory
from faceswap_cli.training.engine.parallel import ProcessGroup
from faceswap_cli.training.engine.settings import TrainerSettings
from faceswap_cli.training.engine.trainer import Batches, Trainer, generator_for

Settings = TypeVar("Settings", bound=TrainerSettings)

LADDER = (2, 4, 8, 16, 32, 64)
"""What is tried, for each process. Larger batches learn no faster in the minutes this is made for."""

GAIN = 1.08
"""A doubled batch must give so many times the images a second, or the smaller one is kept: it makes more
steps of the same pictures."""

ROOM = 0.5
"""Part of a card's free memory that samples may take; the rest is for the network's own."""

HEADROOM = 0.85
"""Part of the memory that a step may take by our reckoning."""

LONGEST = 3.0
"""A step longer than this many seconds is not doubled: measuring is to take seconds."""


@dataclass(frozen=True)
class BatchTrial:
    """What a batch size was measured to be.

    Attributes:
        images: a second.
        peak: bytes of memory in use at the fullest moment; None where nobody can tell.
        seconds: of a step.
    """

    images: float
    peak: int | None
    seconds: float


def with_measured_batch(
    settings: Settings,
    make: Callable[[Settings], tuple[Trainer, Batches]],
    device: torch.device,
    team: ProcessGroup,
    samples: int,
) -> Settings:
    """The settings with the batch that suits the device, and a learning rate for it.

    Args:
        settings: their batch and learning rate belong together.
        make: a trainer for settings, and made-up batches of their size for it.
        device: where the network runs.
        team: each process gets as large a part as is found good for one.
        samples: bytes of all samples in memory later on.

    Raises:
        UserError: not even the smallest batch fits.
    """

    def trial(batch: int) -> BatchTrial:
        with explain_memory(device):
            return measure_batches(*make(replace(settings, batch=batch)), device)

    try:
        found = choose_batch(trial, free_memory(device, samples, team.which.local_count))
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return scale_settings(settings, found * team.count)


def scale_settings(settings: Settings, batch: int) -> Settings:
    """Another batch, with the learning rate changed by the square root of the ratio.

    The rule for Adam (Malladi et al., On the SDEs and scaling rules for adaptive gradient algorithms, 2022);
    linear scaling is plain gradient descent's. No more than doubled: the rates of the sizes are near
    the highest at which they train soundly.
    """
    factor = min(max((batch / settings.batch) ** 0.5, 0.5), 2.0)
    return replace(settings, batch=batch, learning_rate=float(f"{settings.learning_rate * factor:.3g}"))


def choose_batch(trial: Callable[[int], BatchTrial], limit: int | None) -> int:
    """The batch to take, by trying ever larger ones.

    Args:
        trial: measures one.
        limit: bytes of memory that may be in use; None: unknown.

    Raises:
        UserError: the smallest does not fit.
    """
    before, best = None, trial(LADDER[0])
    taken = LADDER[0]
    for batch in LADDER[1:]:
        if best.seconds * 2 > LONGEST or not _fits(before, best, limit):
            break
        try:
            found = trial(batch)
        except UserError:  # too large for the memory after all
            break
        if found.images < GAIN * best.images:
            break
        before, best, taken = best, found, batch
    return taken


def _fits(half: BatchTrial | None, last: BatchTrial, limit: int | None) -> bool:
    """Whether twice the last batch will fit: memory grows linearly with the batch."""
    if limit is None or last.peak is None:
        return True
    if half is None or half.peak is None:
        return last.peak <= limit
    return last.peak + 2 * (last.peak - half.peak) <= limit


def measure_batches(trainer: Trainer, batches: Batches, device: torch.device) -> BatchTrial:
    """Steps of a trainer on made-up pictures: one to warm up, two that count."""

    def step() -> int:
        batch = batches(generator_for(0, 0, trainer.step), 1.0)
        trainer.update(batch, 1.0)  # at the end of a run all its phases have set in
        return sum(len(samples.input) for samples in batch)

    reset_peak_memory(device)
    step()
    _finish(device)
    begun = time.perf_counter()
    images = step() + step()
    _finish(device)
    seconds = time.perf_counter() - begun
    return BatchTrial(images / seconds, peak_memory(device), seconds / 2)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def free_memory(device: torch.device, samples: int, sharing: int = 1) -> int | None:
    """Bytes that training may have in use besides the samples; None where nobody can tell.

    Args:
        device: where the network runs.
        samples: bytes of all samples.
        sharing: processes that share the computer's memory.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        free += torch.cuda.memory_reserved(device)
        return int(HEADROOM * (free - min(samples, ROOM * free)))
    if device.type == "mps":
        return int(HEADROOM * (torch.mps.recommended_max_memory() - samples))
    available = _kilobytes(Path("/proc/meminfo"), "MemAvailable")
    if available is None:
        return None
    limit = available + (_kilobytes(Path("/proc/self/status"), "VmRSS") or 0)
    for file in ("memory.max", "memory/memory.limit_in_bytes"):  # a container's, versions 2 and 1
        with suppress(OSError, ValueError):
            limit = min(limit, int((Path("/sys/fs/cgroup") / file).read_text(encoding="ascii")))
    return int(HEADROOM * (limit / sharing - samples))


def reset_peak_memory(device: torch.device) -> None:
    """Begin anew to look for the fullest moment."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif device.type == "cpu":
        with suppress(OSError):  # Linux: the process's own high-water mark
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory(device: torch.device) -> int | None:
    """Bytes in use at the fullest moment since; None where nobody can tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return _kilobytes(Path("/proc/self/status"), "VmHWM")


def _kilobytes(file: Path, name: str) -> int | None:
    """A value of one of the kernel's lists of sizes, in bytes."""
    with suppress(OSError, ValueError, IndexError):
        for line in file.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None
