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

MEMORY = 6
"""Steps remembered."""

UNKNOWN = 8.0
"""The change assumed for the steps before the first, since a video may begin in the middle of a movement."""


class CutDetector:
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
            if change > LEAST_CHANGE and change > BURST * max(self._changes):
                self.shot += 1
                change /= BURST  # so that a fast pan right after the cut is not taken for more cuts
            self._changes.append(change)
        self._last = small
        return self.shot


def _thumbnail(image: Image) -> NDArray[np.float32]:
    """A thumbnail (27, 48, 3) whose channels have mean 0."""
    # Skipping pixels first makes this cheap on large frames; area averaging does the rest.
    step = max(1, min(image.shape[0] // 108, image.shape[1] // 192))
    small = cv2.resize(image[::step, ::step], THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small - small.mean((0, 1)), np.float32)
