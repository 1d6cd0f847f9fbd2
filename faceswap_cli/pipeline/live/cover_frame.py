"""What is shown in place of a frame whose faces can't be drawn."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.media.frame import Image

CELLS = 14
"""What is left of the picture's shorter side when it is blurred: a face that fills it has a few cells."""


def cover_picture(image: Image, how: str, last: Image | None) -> Image:
    """A picture (H, W, 3) in which nobody is recognised.

    Args:
        image: the camera's.
        how: blur, hold, black or pass.
        last: the last drawn picture, for hold; None if there is none yet: it is blurred then.
    """
    if how == "pass":
        return image
    if how == "black":
        return np.zeros_like(image)
    if how == "hold" and last is not None and last.shape == image.shape:
        return last
    height, width = image.shape[:2]
    share = CELLS / min(height, width)
    few = cv2.resize(
        image, (max(1, round(width * share)), max(1, round(height * share))), interpolation=cv2.INTER_AREA
    )
    soft = cv2.GaussianBlur(few, (0, 0), 1.0)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
