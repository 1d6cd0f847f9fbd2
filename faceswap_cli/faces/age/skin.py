"""Where skin may be drawn on or smoothed: not on lids, lips, brows and hair, nor beside what is no face."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.parsing.face_parser import SIDE, SIZE, class_share

SKIN = ("skin", "nose")
"""Classes of the parser that are drawn on."""

APART = ("eyes", "mouth", "brows", "hair", "glasses", "occluder", "other")
"""Classes that are kept clear of."""

KEEP_CLEAR = 0.022
"""Distance from them in face units at which drawing begins; it is whole at about twice that."""


def skin_area(found: FloatArray) -> FloatArray:
    """Skin that lines may be drawn on.

    Args:
        found: (N, C, SIZE, SIZE) probabilities, see `face_parser.FaceParser`.

    Returns:
        (N, SIZE, SIZE) float32 in [0, 1].
    """
    share, other = class_share(found, SKIN), class_share(found, APART)
    unit = SIZE / SIDE
    side = 2 * max(1, round(KEEP_CLEAR * unit)) + 1
    areas = []
    for skin, beside in zip(share, other, strict=True):
        clear = skin * (1 - cv2.dilate(np.asarray(beside, np.float32), np.ones((side, side), np.uint8)))
        areas.append(cv2.GaussianBlur(clear, (0, 0), KEEP_CLEAR / 2 * unit))
    return np.asarray(areas, np.float32).reshape(-1, SIZE, SIZE)
