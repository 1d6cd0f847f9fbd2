"""What holds for the 68 points of every face: their order, their mirror image, their mean shape in 3-D.

The order is that of iBUG 300-W (C. Sagonas et al., 2013): 0-16 the jaw line from the ear on the picture's
left to the other, 17-26 the brows, 27-35 the nose, 36-47 the eyes, 48-67 the mouth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIRROR = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
    ]
)
"""Point i of a face is point MIRROR[i] of its mirror image."""

_HALF_JAW = (-0.56, -0.54, -0.51, -0.46, -0.38, -0.24, -0.05, 0.11, 0.17)
_BROW = (0.06, 0.17, 0.22, 0.25, 0.26)
_NOSE = (0.21, 0.29, 0.38, 0.47, 0.22, 0.28, 0.31, 0.28, 0.22)
_EYE = (0.0, 0.08, 0.10, 0.11, 0.10, 0.07)
_MOUTH = (0.16, 0.25, 0.30, 0.31, 0.30, 0.25, 0.16, 0.24, 0.27, 0.28, 0.27, 0.24)
_LIPS = (0.17, 0.27, 0.29, 0.27, 0.17, 0.26, 0.27, 0.26)

DEPTH: NDArray[np.float64] = np.array(
    [*_HALF_JAW, *_HALF_JAW[-2::-1], *_BROW, *_BROW[::-1], *_NOSE, *_EYE]
    + [_EYE[i] for i in (3, 2, 1, 0, 5, 4)]
    + [*_MOUTH, *_LIPS]
)
"""How far in front of the outer eye corners each point of the mean face lies, in face units (the distance
between those corners is 1, about 90 mm): set by hand from anthropometric averages (L. Farkas, Anthropometry
of the Head and Face, 1994). With `geometry.MEAN_FACE` it makes the 3-D mean face."""


def five_from_68(landmarks: ArrayLike) -> NDArray[np.float64]:
    """A detector's five points (5, 2), taken from 68 landmarks; see `face.Detection`."""
    p = np.asarray(landmarks, np.float64)
    return np.stack([p[36:42].mean(0), p[42:48].mean(0), p[30], p[48], p[54]])
