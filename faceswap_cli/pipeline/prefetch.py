"""Run the earlier stages of a pipeline in their own threads, a bounded few items ahead."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 0.1
"""Seconds between looks at whether the other side has gone."""


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _End:
    pass


def prefetch(items: Iterable[T], most: int) -> Generator[T, None, None]:
    """The items of `items`, drawn by a thread that runs at most `most` items ahead.

    Video decoding, networks and OpenCV let go of Python's lock, so that stages chained like this overlap.
    An error in the thread is raised here, at the place where the missing item would have come. When this
    generator is closed, the thread ends after the item it is at, and `items` is closed in its thread.
    """
    waiting: queue.Queue[T | _Failure | _End] = queue.Queue(most)
    stop = threading.Event()
    worker = threading.Thread(target=_draw, args=(items, waiting, stop), daemon=True)
    worker.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stop.set()
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
        worker.join()


def _draw(items: Iterable[T], waiting: queue.Queue[T | _Failure | _End], stop: threading.Event) -> None:
    last: _Failure | _End = _End()
    iterator: Iterator[T] = iter(items)
    try:
        for item in iterator:
            if not _put(waiting, item, stop):
                break
    except BaseException as error:  # whatever it is, the consumer raises it again
        last = _Failure(error)
    finally:
        if isinstance(iterator, Generator):
            iterator.close()
    _put(waiting, last, stop)


def _put(waiting: queue.Queue[T | _Failure | _End], item: T | _Failure | _End, stop: threading.Event) -> bool:
    """Queue an item; False when the consumer has gone."""
    while not stop.is_set():
        with contextlib.suppress(queue.Full):
            waiting.put(item, timeout=_PATIENCE)
            return True
    return False
