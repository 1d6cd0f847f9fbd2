"""Pictures as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""

FineImage = NDArray[np.float32]
"""Levels 0..255 as in an Image, but with fractions."""
