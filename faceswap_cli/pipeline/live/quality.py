"""How much work is made of a frame, and less of it where the machine is too slow."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from faceswap_cli.effects.base import Effort

WANTED = 15.0
"""Frames a second that `auto` asks for."""

WINDOW = 20
"""Frames that are timed before the level is lowered, again and again."""


@dataclass(frozen=True)
class Level:
    """See `--quality`.

    Attributes:
        name: as it is called there.
        every: frames between two looks of the detector.
        effort: see `base.Effort`.
        scale: of the picture in which faces are found and drawn.
    """

    name: str
    every: int
    effort: Effort
    scale: float = 1.0


LEVELS = (
    Level("high", 5, Effort(1)),
    Level("medium", 6, Effort(3, finish=False)),
    Level("low", 8, Effort(4, finish=False), 0.6),
)


class QualityControl:
    """The level that is drawn at.

    Args:
        asked: the name of a level, or auto.
        fps: of the camera: no more is wanted.
    """

    def __init__(self, asked: str, fps: float) -> None:
        self._auto = asked == "auto"
        self._place = 0 if self._auto else [one.name for one in LEVELS].index(asked)
        self.wanted = min(WANTED, max(fps, 1.0))
        self._times: deque[float] = deque(maxlen=WINDOW)

    @property
    def level(self) -> Level:
        """Now."""
        return LEVELS[self._place]

    def timed(self, find: float, draw: float) -> str | None:
        """A drawn frame took so many seconds in the two threads; what to tell where that is too slow."""
        self._times.append(max(find, draw))
        if not self._auto or len(self._times) < WINDOW or float(np.median(self._times)) <= 1 / self.wanted:
            return None
        rate = 1 / float(np.median(self._times))
        self._times.clear()
        if self._place + 1 == len(LEVELS):
            self._auto = False
            return f"{rate:.0f} frames a second is all that this machine draws, at the lowest quality"
        self._place += 1
        return f"{rate:.0f} frames a second are too few: quality {self.level.name} from here on"
