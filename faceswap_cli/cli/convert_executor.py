"""Where converting is done, as `--workers` and `--ray` say it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceswap_cli.errors import UserError
from faceswap_cli.options import DEVICE, OptionGroup, option

if TYPE_CHECKING:
    from faceswap_cli.pipeline.executors.base import Executor

CORES_EACH = 3
"""One process keeps about so many cores busy: its stages overlap."""

MOST = 8
"""Workers that nobody asked for, at most: each takes about 0.6 GB."""


@dataclass(frozen=True)
class ExecutorOptions(OptionGroup):
    """Who does the work."""

    workers: int = option(
        0, 0, 256, group=DEVICE,
        help="Processes that work at the same time, 0.6 GB each. The result is the same. 0: as many as suit "
        "the machine and the video.",
    )  # fmt: skip
    ray: str = option(
        "", group=DEVICE, metavar="ADDRESS",
        help="Work on a Ray cluster: HOST:PORT, ray://HOST:PORT, auto, or local for one on this machine. "
        "--workers limits how many pieces are done at a time.",
    )  # fmt: skip


@contextlib.contextmanager
def open_executor(
    options: ExecutorOptions, sources: Sequence[Path], segment: int, device: str
) -> Iterator[Executor]:
    """The place, for the block.

    Args:
        options: who does the work.
        sources: the videos.
        segment: frames in a segment.
        device: where networks run.
    """
    from faceswap_cli.device import pick_device
    from faceswap_cli.pipeline.executors.base import InlineExecutor

    on_gpu = pick_device(device).type == "cuda"
    if options.ray:
        from faceswap_cli.pipeline.executors.ray_cluster import RayExecutor

        with RayExecutor(options.ray, options.workers or None, on_gpu=on_gpu) as cluster:
            yield cluster
        return
    count = options.workers or (1 if pick_device(device).type != "cpu" else guess_workers(sources, segment))
    if count == 1:
        yield InlineExecutor()
        return
    from faceswap_cli.pipeline.executors.processes import ProcessExecutor

    with ProcessExecutor(count) as processes:
        yield processes


def guess_workers(sources: Sequence[Path], segment: int) -> int:
    """How many processes suit this machine, and videos of this length: none is started for a short clip."""
    from faceswap_cli.device import usable_cores
    from faceswap_cli.media.probe import probe

    count = min(MOST, usable_cores() // CORES_EACH)
    if count < 2:
        return 1
    longest = 0.0
    for source in sources:
        with contextlib.suppress(UserError):  # told when it is that video's turn
            info = probe(source)
            longest = max(longest, info.frames or (info.duration or 0) * float(info.average_rate or 25))
    return max(1, min(count, int(longest / (2 * segment))))
