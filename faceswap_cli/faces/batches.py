"""Pictures from wherever they come, a stack at a time: few are in memory at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.media.frame import Image


def stack_batches(pictures: Iterable[Image], size: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures (H, W, 3) uint8 of one size as arrays (N, H, W, 3), of `size` each but for the last."""
    left = iter(pictures)
    while batch := list(islice(left, size)):
        yield np.stack(batch)
