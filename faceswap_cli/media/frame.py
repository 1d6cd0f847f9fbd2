"""One picture of a video or a photo, as every later stage sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """A decoded, upright picture.

    Attributes:
        index: 0-based position in decoding (display) order.
        time: seconds, from the stream's own timestamps; 0.0 for photos.
        image: (H, W, 3) uint8 RGB, already turned upright by the file's rotation metadata.
        pts: the stream's own integer timestamp in the stream's time base; None for photos.
    """

    index: int
    time: float
    image: Image
    pts: int | None = None
