"""Work in several processes on this machine.

Each is a fresh interpreter (spawn), asks for the next piece when it is done with one, and tells what it does
through a pipe. When this process goes, however it goes, the pipes break, and the workers end at their next
frame.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from faceswap_cli.device import usable_cores
from faceswap_cli.errors import UserError
from faceswap_cli.pipeline.executors.base import Report, Task, TaskRange, share_threads


class WorkerError(RuntimeError):
    """A bug of ours in a worker; the message is its traceback."""


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection


class ProcessExecutor(contextlib.AbstractContextManager["ProcessExecutor", None]):
    """A Place: up to `most` processes, started when they are first needed, ended by `close`.

    Args:
        most: how many.
    """

    near = True

    def __init__(self, most: int) -> None:
        self.most = most
        self._workers: list[_Worker] = []

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers now, whatever they are at."""
        for worker in self._workers:
            worker.process.terminate()
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()
        self._workers = []

    def run(self, work: Task, pieces: Sequence[TaskRange]) -> Generator[Report]:
        """See Executor."""
        todo = list(reversed(pieces))
        whole = False
        try:
            crew = self._crew(min(self.most, len(pieces)))
            busy = {worker.pipe: worker for worker in crew}
            for worker in crew:
                _send(worker, work)
                _send(worker, todo.pop())
            while busy:
                for pipe in wait(list(busy)):
                    assert isinstance(pipe, Connection)
                    kind, value = _receive(busy[pipe])
                    if kind == "report":
                        yield value
                    elif todo:
                        _send(busy[pipe], todo.pop())
                    else:
                        del busy[pipe]
            whole = True
        finally:
            if not whole:  # what they are at is not wanted any more
                self.close()

    def _crew(self, count: int) -> list[_Worker]:
        with _without_interrupts():
            while len(self._workers) < count:
                self._workers.append(_start(self.most))
        return self._workers[:count]


def _start(most: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, usable_cores() // most), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes started in this block don't get Ctrl-C, which a terminal sends to all: they end with us."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _send(worker: _Worker, what: Task | TaskRange) -> None:
    try:
        worker.pipe.send(what)
    except OSError as error:
        raise _lost(worker) from error


def _receive(worker: _Worker) -> tuple[str, Any]:
    """What a worker says: a report, or that its piece is done."""
    try:
        kind, value = worker.pipe.recv()
    except (EOFError, OSError) as error:
        raise _lost(worker) from error
    if kind == "wrong":
        raise UserError(*value)
    if kind == "bug":
        raise WorkerError(value)
    return kind, value


def _lost(worker: _Worker) -> UserError:
    worker.process.join(1)
    code = worker.process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return UserError(
        f"a worker process ended without a word ({how})",
        "Was it out of memory? Run this again with fewer --workers: it goes on where it stopped",
    )


def _serve(pipe: Connection, cores: int) -> None:
    """A worker's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    share_threads(cores)
    work: Task | None = None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            told = pipe.recv()
            if callable(told):
                work = told
                continue
            assert work is not None
            pipe.send(_done(work, told, pipe))


def _done(work: Task, piece: TaskRange, pipe: Connection) -> tuple[str, Any]:
    """Do a piece, and say how it went."""
    try:
        for report in work(piece):
            pipe.send(("report", report))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        return report_error(error)
    return "done", None


def report_error(error: Exception) -> tuple[str, Any]:
    """An error as plain values, for another process: a user's error, or the text of a bug's traceback."""
    if isinstance(error, UserError):
        return "wrong", (error.message, error.hint)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "wrong", ("a worker ran out of memory", "Use fewer --workers, or close other programs")
    return "bug", "".join(traceback.format_exception(error))
