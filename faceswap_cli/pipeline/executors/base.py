"""Where pieces of work are done: in this process, in others on this machine (`workers`), or on a Ray cluster.

What is done is a `Task`, which knows nothing of where that is: the same code finds faces and renders segments
everywhere, and the same pieces give the same results. For that, networks on a CPU compute with one thread
wherever they run: with more, sums are added up in another order, and one pixel in ten thousand comes out a
level brighter or darker. Stages overlap instead, and pieces are shared out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import torch

from faceswap_cli.device import set_blas_threads, single_threaded

TaskRange = tuple[int, int]
"""The first and the last of the things that a piece consists of; what these are is the work's affair."""

Report = Any
"""What work yields: an int (so many frames more are done), or a result in whatever shape the work has for it
(which is no int)."""


class Task(Protocol):
    """Something that can be done piece by piece, in any order, by copies of it in other processes."""

    @property
    def source(self) -> Path:
        """The video that it reads."""
        ...

    def reading(self, source: Path) -> Task:
        """The same work where the video lies at another path."""
        ...

    def __call__(self, piece: TaskRange) -> Generator[Report]:
        """Do a piece."""
        ...


class Executor(Protocol):
    """Where work is done.

    Attributes:
        most: pieces that are done at a time.
        near: whether it can write into this process's folders; results must bring their files otherwise.
    """

    @property
    def most(self) -> int: ...  # noqa: D102

    @property
    def near(self) -> bool: ...  # noqa: D102

    def run(self, work: Task, pieces: Sequence[TaskRange]) -> Generator[Report]:
        """Do all pieces, in no certain order.

        Raises:
            UserError: the first error of any of them; nothing more is begun.
        """
        ...


class InlineExecutor:
    """In this process, one piece after the other."""

    most = 1
    near = True

    def run(self, work: Task, pieces: Sequence[TaskRange]) -> Generator[Report]:
        """See Executor."""
        with single_threaded():
            for piece in pieces:
                with contextlib.closing(work(piece)) as reports:
                    yield from reports


def share_threads(cores: int) -> None:
    """Let this process, one of several on the machine, compute with so many threads; torch and numpy with
    one."""
    torch.set_num_threads(1)
    set_blas_threads(1)
    cv2.setNumThreads(max(1, cores))


def consecutive_ranges(numbers: Sequence[int], most: int | None = None) -> list[TaskRange]:
    """Rising numbers as pieces that have no gaps.

    Args:
        numbers: whatever is to be done, rising.
        most: the longest piece that is wanted.
    """
    pieces: list[TaskRange] = []
    for number in numbers:
        first, last = pieces[-1] if pieces else (0, -2)
        if number == last + 1 and (most is None or number - first < most):
            pieces[-1] = (first, number)
        else:
            pieces.append((number, number))
    return pieces


def split_task(place: Executor, numbers: Sequence[int], longest: int) -> list[TaskRange]:
    """Pieces for a place: as long as possible in this process, short enough elsewhere to keep all busy."""
    if place.most == 1 and place.near:
        return consecutive_ranges(numbers)
    return consecutive_ranges(numbers, max(1, min(longest, len(numbers) // (4 * place.most))))
