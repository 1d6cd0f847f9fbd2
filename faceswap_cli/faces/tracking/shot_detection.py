"""Where one shot ends and the next begins."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.media.frame import Image

THUMBNAIL = (48, 27)
"""Width and height in pixels of what is compared: coarse enough that small movements vanish."""

LEAST_CHANGE = 6.0
"""Mean absolute difference of two thumbnails, less their means (so that a flash is none), in grey levels:
what is less is no cut."""

BURST = 3.0
"""A cut changes at least so many times more than any step of the recent past: a pan or a hand moving close
to the lens changes much too, but not from one frame to the next."""

FARTHEST, JERK = 5, 0.6
"""A camera that jerks changes everything at once, too: but shifted by up to so many thumbnail pixels the old
picture fits the new one, leaving less than this part of the change. Another scene fits nowhere."""

MEMORY = 6
"""Steps remembered."""

UNKNOWN = 8.0
"""The change assumed for the steps before the first, since a video may begin in the middle of a movement."""


class ShotDetector:
    """Counts shots, one frame after the other. What it says of a frame depends on earlier ones only."""

    def __init__(self) -> None:
        self.shot = 0
        self._last: NDArray[np.float32] | None = None
        self._changes = deque([UNKNOWN] * 2, maxlen=MEMORY)

    def feed(self, image: Image) -> int:
        """The number of the shot, from 0, that the next frame (H, W, 3) uint8 belongs to."""
        small = _thumbnail(image)
        if self._last is not None:
            change = float(np.abs(small - self._last).mean())
            burst = change > LEAST_CHANGE and change > BURST * max(self._changes)
            if burst and _unlike_if_moved(small, self._last) > JERK * change:
                self.shot += 1
                change /= BURST  # so that a fast pan right after the cut is not taken for more cuts
            self._changes.append(change)
        self._last = small
        return self.shot


def _unlike_if_moved(small: NDArray[np.float32], last: NDArray[np.float32]) -> float:
    """The least mean absolute difference of two thumbnails when one is shifted against the other."""
    height, width = small.shape[:2]
    inner = small[FARTHEST : height - FARTHEST, FARTHEST : width - FARTHEST]
    # Squared differences at all shifts in one go; the absolute one is wanted at the best of them only.
    unlike = cv2.matchTemplate(last, inner, cv2.TM_SQDIFF)
    down, right = np.unravel_index(int(unlike.argmin()), unlike.shape)
    there = last[down : down + inner.shape[0], right : right + inner.shape[1]]
    return float(np.abs(inner - there).mean())


def _thumbnail(image: Image) -> NDArray[np.float32]:
    """A thumbnail (27, 48, 3) whose channels have mean 0."""
    # Skipping pixels first makes this cheap on large frames; area averaging does the rest.
    step = max(1, min(image.shape[0] // 108, image.shape[1] // 192))
    small = cv2.resize(image[::step, ::step], THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small - small.mean((0, 1)), np.float32)
