"""Which device the networks run on, how many threads, and which process of how many this is.

A device that was asked for and is missing is an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from faceswap_cli.errors import UserError

if TYPE_CHECKING:
    import torch


T = TypeVar("T")


def available_devices() -> list[str]:
    """Names of the devices torch can use here, best first; always ends with "cpu"."""
    import torch

    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def pick_device(name: str = "auto") -> torch.device:
    """The torch device for a `--device` value.

    Args:
        name: auto (the best there is), cpu, cuda, cuda:N or mps.

    Raises:
        UserError: the device was asked for and is not here. There is no silent fallback to the CPU.
    """
    import torch

    there = available_devices()
    if name == "auto":
        return torch.device(there[0])
    kind, _, number = name.partition(":")
    if not re.fullmatch(r"cpu|mps|cuda(:[0-9]{1,3})?", name):
        raise UserError(f"--device {name} is no device this tool knows", "Use auto, cpu, cuda, cuda:N or mps")
    if kind not in there:
        raise UserError(
            f"--device {name} was asked for, but torch {torch.__version__} finds no {kind} device",
            f"Devices here: {', '.join(there)}. `faceswap doctor` says more",
        )
    if kind == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise UserError(f"--device {name} was asked for, but there are {torch.cuda.device_count()} cards")
    return torch.device(name)


@dataclass(frozen=True)
class Processes:
    """Which of the processes that train together this one is.

    Attributes:
        rank: its number, 0 for the one that leads.
        count: how many there are.
        local_rank: its number on this machine.
        local_count: how many there are on this machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that decides and writes."""
        return self.rank == 0


ONLY = Processes()


def processes(environment: Mapping[str, str] = os.environ) -> Processes:
    """What torchrun says in the environment; without torchrun, the only process there is.

    Raises:
        UserError: the variables are no numbers.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(environment):
        return ONLY
    defaults = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
    values = {name: environment.get(name, default) for name, default in defaults.items()}
    try:
        rank, count, local_rank, local_count = map(int, values.values())
    except ValueError as error:
        told = ", ".join(f"{name}={value}" for name, value in values.items())
        raise UserError(f"the environment names no process ({told})", "Start it by torchrun") from error
    return Processes(rank, count, local_rank, local_count)


def device_of_process(name: str, of: Processes) -> torch.device:
    """The torch device for a `--device` value in one of several processes: a card for each.

    Raises:
        UserError: see pick_device; or there are fewer cards than processes.
    """
    device = pick_device(name)
    if of.count == 1 or device.type == "cpu":
        return device
    import torch

    if device.type != "cuda" or device.index is not None:
        raise UserError(
            f"{of.count} processes can't share the device {device}",
            "With torchrun use --device cuda (each process takes a card) or --device cpu",
        )
    if of.local_count > torch.cuda.device_count():
        raise UserError(
            f"there are {of.local_count} processes for {torch.cuda.device_count()} cards",
            f"Start torchrun with --nproc-per-node {torch.cuda.device_count()}",
        )
    return torch.device("cuda", of.local_rank)


def halved_when_full(compute: Callable[[int, int], T], count: int) -> list[T]:
    """Compute a batch at once, or in two halves where the device's memory is too small for that.

    Args:
        compute: from the first to before the second place of the batch.
        count: of places in the batch.

    Returns:
        What `compute` gave, once or twice, in order.

    Raises:
        torch.OutOfMemoryError: the halves are too large as well.
    """
    import torch

    try:
        return [compute(0, count)]
    except torch.OutOfMemoryError:
        if count < 2:
            raise
    # Not inside of the handler: the error's traceback holds on to what did not fit.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = -(-count // 2)
    return [compute(0, middle), compute(middle, count)]


def use_threads(asked: int | None, of: Processes = ONLY) -> int:
    """Tell torch how many threads to compute with, and say how many they are.

    Unless asked otherwise, the physical cores this process may use, shared out among the processes on
    this machine. Two threads on one core slow each other down: the networks keep its one vector unit busy.

    Args:
        asked: a number, or None for the best guess. OMP_NUM_THREADS in the environment counts as asked.
        of: the processes that share the machine.
    """
    import torch

    given = os.environ.get("OMP_NUM_THREADS")
    # torchrun sets 1 in each of several processes when nobody said anything.
    if given is not None and not (of.local_count > 1 and given == "1"):
        asked = asked or torch.get_num_threads()
    count = asked or max(1, usable_cores() // of.local_count)
    torch.set_num_threads(count)
    return count


def has_avx512() -> bool:
    """Whether this processor computes with AVX-512."""
    import torch

    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def set_blas_threads(count: int) -> int | None:
    """Let numpy's linear algebra use so many threads from now on; how many it used before.

    Its threads wait for each other in loops that keep their cores busy. Where several of our own threads
    work, and on every loaded machine, that costs many times what the small systems here take by themselves.

    Returns:
        None if numpy has another library than its wheels bring, which is left alone.
    """
    library = _blas_library()
    if library is None:
        return None
    before = int(library.scipy_openblas_get_num_threads64_())
    library.scipy_openblas_set_num_threads64_(count)
    return before


@cache
def _blas_library() -> ctypes.CDLL | None:
    """The OpenBLAS in numpy's wheel, which is loaded already."""
    import numpy

    package = Path(numpy.__file__).parent
    for path in (*package.parent.glob("numpy.libs/*openblas64*"), *package.glob(".dylibs/*openblas64*")):
        with contextlib.suppress(OSError):
            library = ctypes.CDLL(str(path))
            if hasattr(library, "scipy_openblas_set_num_threads64_"):
                return library
    return None


def usable_cores(root: Path = Path("/sys")) -> int:
    """Physical cores this process may run on: by its CPU affinity and its container's quota, at least 1.

    Args:
        root: where the kernel tells of cores and control groups.
    """
    if not hasattr(os, "sched_getaffinity"):  # macOS, Windows
        import torch

        return torch.get_num_threads()
    allowed = os.sched_getaffinity(0)
    folder = root / "devices" / "system" / "cpu"
    # Siblings are the logical processors of one core; it is known by the text that lists them.
    cores = {
        _read(folder / f"cpu{number}/topology/thread_siblings_list") or str(number) for number in allowed
    }
    return max(1, min(len(cores), _quota(root / "fs" / "cgroup")))


def _quota(folder: Path) -> int:
    """Cores' worth of time that the control group grants, rounded up; very many when it sets no limit."""
    limit, _, period = (_read(folder / "cpu.max") or "max").partition(" ")  # version 2
    if limit == "max":  # perhaps version 1, where -1 means no limit
        limit = _read(folder / "cpu" / "cpu.cfs_quota_us") or "-1"
        period = _read(folder / "cpu" / "cpu.cfs_period_us") or "100000"
    try:
        granted = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):
        return 2**16
    return math.ceil(granted) if granted > 0 else 2**16


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


@contextlib.contextmanager
def single_threaded() -> Iterator[None]:
    """Within the block torch and numpy compute with one thread, in this thread and those that it starts."""
    import torch

    before, blas = torch.get_num_threads(), set_blas_threads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if blas is not None:
            set_blas_threads(blas)
