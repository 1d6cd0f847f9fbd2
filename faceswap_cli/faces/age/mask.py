"""Where ageing may change a face: skin, features and the hair around them, out to the crop's border."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing.face_parser import FACE, SIDE, SIZE, class_share

CHANGED = (*FACE, "hair")
"""Classes of the parser that age shows in. Glasses, hats and whatever stands before the face stay."""

INNER, OUTER = 0.8, 0.98
"""Distance from the crop's middle, in half sides, at which the change begins to fade and has ended."""

SOFT = 1.2
"""Standard deviation of the edge's feather, in the parser's pixels."""


def changeable_area(found: FloatArray) -> FloatArray:
    """How surely each pixel is one that may change: (N, C, S, S) probabilities to (N, S, S) in [0, 1]."""
    return class_share(found, CHANGED)


def ageing_mask(found: FloatArray) -> FloatArray:
    """The mask of aligned crops of the parser's size and side.

    Args:
        found: (N, C, SIZE, SIZE) probabilities, see `face_parser.FaceParser`.

    Returns:
        (N, SIZE, SIZE) float32 in [0, 1], 0 at the crop's border.
    """
    shown = changeable_area(found)
    faded = [cv2.GaussianBlur(one, (0, 0), SOFT) * border_fade(SIZE) for one in shown]
    return np.asarray(faded, np.float32).reshape(-1, SIZE, SIZE)


def border_fade(size: int) -> FloatArray:
    """(size, size): 1 in the middle of a crop of SIDE face units, 0 from OUTER on, smooth between."""
    place = (np.arange(size) + 0.5) / size * 2 - 1
    # A rounded square: corners are hair and background, where a change would end in the open.
    apart = (np.abs(place[:, None]) ** 4 + np.abs(place[None]) ** 4) ** 0.25
    t = np.clip((OUTER - apart) / (OUTER - INNER), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


assert SIDE == 2.75, "the fade was chosen for this square"
