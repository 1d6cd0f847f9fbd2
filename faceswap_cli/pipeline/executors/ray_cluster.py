"""Work on a Ray cluster, or on this machine by a Ray of its own.

Ray does what it is for: it finds free processors, starts a piece again whose worker was lost (up to RETRIES
times), and moves what must be moved. The work itself goes to the cluster once, through Ray's object store,
and the results come back through it, so that nothing needs a shared disk. A video is read where it lies if
the worker sees the same file there; otherwise it goes through the object store, too, and is kept while the
worker lives.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.pipeline.executors.base import Report, Task, TaskRange, share_threads
from faceswap_cli.pipeline.executors.processes import WorkerError, report_error

RETRIES = 3
"""A piece whose worker is lost so many times more than once is given up."""

PATIENCE = 3.0
"""Seconds in which a cluster must answer."""

_Answer = tuple[str, Any]
"""done and the reports; unseen; or a kind of error, see `processes.report_error`."""


class RayExecutor(contextlib.AbstractContextManager["RayExecutor", None]):
    """A Place: a Ray cluster.

    Args:
        address: HOST:PORT, ray://HOST:PORT, auto (the cluster that this machine belongs to), or local.
        workers: pieces done at a time, at most; None: as many as there are processors.
        on_gpu: each piece needs a card.

    Raises:
        UserError: ray is not installed, or there is no cluster that answers.
    """

    near = False

    def __init__(self, address: str, workers: int | None = None, *, on_gpu: bool = False) -> None:
        self._ray = _imported()
        _connect(self._ray, address, workers)
        self._wanted, self._on_gpu = workers, on_gpu

    @property
    def most(self) -> int:
        """Pieces done at a time: clusters may grow."""
        free = int(self._ray.cluster_resources().get("GPU" if self._on_gpu else "CPU", 1))
        return max(1, min(free, self._wanted or free))

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def run(self, work: Task, pieces: Sequence[TaskRange]) -> Generator[Report]:
        """See `base.Executor`."""
        ray = self._ray
        do = ray.remote(num_cpus=1, num_gpus=int(self._on_gpu), max_retries=RETRIES)(_do)
        size = work.source.stat().st_size
        shared, sent = ray.put(work), None
        todo = list(reversed(pieces))
        doing: dict[Any, TaskRange] = {}
        try:
            while todo or doing:
                while todo and len(doing) < self.most:
                    piece = todo.pop()
                    doing[do.remote(shared, size, sent, piece)] = piece
                ready, _ = ray.wait(list(doing))
                for reference in ready:
                    piece = doing.pop(reference)
                    kind, value = _got(ray, reference)
                    if kind == "unseen":
                        if sent is None:
                            sent = ray.put(np.memmap(work.source, np.uint8, "r"))
                        todo.append(piece)
                    else:
                        yield from _reports(kind, value)
        finally:
            for reference in doing:
                ray.cancel(reference, force=True)


def _reports(kind: str, value: Any) -> list[Report]:
    if kind == "wrong":
        raise UserError(*value)
    if kind == "bug":
        raise WorkerError(value)
    assert isinstance(value, list)
    return value


def _got(ray: Any, reference: Any) -> _Answer:
    try:
        answer: _Answer = ray.get(reference)
    except ray.exceptions.RayError as error:
        last = str(error).strip().splitlines()[-1:]
        reason = ": ".join([type(error).__name__, *last])
        raise UserError(
            f"Ray gave up on a piece of work after {RETRIES + 1} tries ({reason})",
            "Look into the cluster's state (`ray status`), then run this again: it goes on where it stopped",
        ) from error
    return answer


def _do(work: Task, size: int, sent: NDArray[np.uint8] | None, piece: TaskRange) -> _Answer:
    """Do a piece, on a worker."""
    share_threads(1)
    with contextlib.suppress(OSError):
        if work.source.stat().st_size == size:
            return _done(work, piece)
    if sent is None:
        return "unseen", None
    return _done(work.reading(_copy(work.source.name, sent)), piece)


def _done(work: Task, piece: TaskRange) -> _Answer:
    try:
        reports = list(work(piece))
    except Exception as error:
        return report_error(error)
    frames = sum(report for report in reports if isinstance(report, int))
    return "done", [*([frames] if frames else []), *(r for r in reports if not isinstance(r, int))]


_copies: dict[tuple[str, int], tempfile.TemporaryDirectory[str]] = {}
"""Videos that this worker got through the object store, by name and size: the last one, in a folder."""


def _copy(name: str, data: NDArray[np.uint8]) -> Path:
    """A video that came through the object store, as a file."""
    key = (name, len(data))
    if key not in _copies:
        for folder in _copies.values():
            folder.cleanup()
        _copies.clear()
        folder = tempfile.TemporaryDirectory(prefix="faceswap-")
        data.tofile(Path(folder.name) / name)
        _copies[key] = folder
    return Path(_copies[key].name) / name


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    # As Ray will do by itself: a task without cards does not hide those of its machine.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UserError(
            "--ray needs the package ray", "Install it: pip install 'faceswap-cli[ray]'"
        ) from error


def _connect(ray: Any, address: str, workers: int | None) -> None:
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address == "local":
            ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
            return
        if address != "auto":
            _knock(address)
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"no Ray cluster can be used at {address} ({reason})",
            "Start one by `ray start --head`, or use --ray local",
        ) from error


def _knock(address: str) -> None:
    """Ask whether anybody is there at all: Ray itself would wait for minutes, and then end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        raise UserError(f"--ray {address} is no address", "Use HOST:PORT, ray://HOST:PORT, auto or local")
    with socket.create_connection((host.strip("[]"), int(port)), PATIENCE):
        pass
