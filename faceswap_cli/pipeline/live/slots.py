"""How threads hand frames to each other: the newest alone, or one at a time."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """A place for one thing. What is put there takes the place of what nobody has taken."""

    def __init__(self) -> None:
        self._filled = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Never waits."""
        with self._filled:
            self.dropped += self._item is not None
            self._item = item
            self._filled.notify_all()

    def take(self, timeout: float | None = None) -> T | None:
        """What lies there, or comes in time; None: nothing, or it is closed and empty."""
        with self._filled:
            self._filled.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            return item

    @property
    def closed(self) -> bool:
        """Whether nothing comes any more."""
        return self._closed

    def close(self) -> None:
        """Nothing more comes; what lies there may still be taken."""
        with self._filled:
            self._closed = True
            self._filled.notify_all()


class Handover(Newest[T]):
    """A place for one thing; whoever puts the next waits until it is taken."""

    def put(self, item: T) -> None:
        """Waits; on a closed one nothing is put."""
        with self._filled:
            self._filled.wait_for(lambda: self._item is None or self._closed)
            if not self._closed:
                self._item = item
            self._filled.notify_all()

    def wait_taken(self) -> None:
        """Waits until nothing lies there, or it is closed."""
        with self._filled:
            self._filled.wait_for(lambda: self._item is None or self._closed)

    def take(self, timeout: float | None = None) -> T | None:
        """See Newest."""
        item = super().take(timeout)
        with self._filled:
            self._filled.notify_all()
        return item
