"""The same work on many items by a few threads, its results in the items' order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

THREADS = max(1, min(2, os.cpu_count() or 1))
"""How many work: networks and OpenCV let go of Python's lock, what lies between them does not."""


def map_in_order(
    work: Callable[[T], R], items: Iterable[T], threads: int = THREADS
) -> Generator[R, None, None]:
    """What `work` makes of each item, in their order; at most `threads` items are worked on or wait.

    An error of the work or of the items is raised where the missing result would have come. When this
    generator is closed, what is being worked on is finished first.
    """
    if threads < 2:
        yield from map(work, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) == threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
