"""A small visible mark in the lower right corner: "AI-altered"."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from faceswap_cli.provenance.watermark import Plane
from faceswap_cli.provenance.waves import Float

TEXT = "AI-altered"

HEIGHT, LEAST, WIDEST = 0.045, 14, 0.5
"""The label's height: so much of the picture's shorter side, at least so many pixels, unless it would then be
wider than so much of the picture."""

_DRAWN = 160  # pixels high it is drawn, and then made smaller: OpenCV's letters are rough
_PLATE, _INK = 0.1, 0.92  # grey, of full scale
_CLEAR = 0.45  # how much of the picture the plate covers; the letters cover all


@lru_cache(maxsize=4)
def label(height: int, width: int) -> tuple[Float, Float, tuple[int, int]]:
    """The label for an upright picture of this size.

    Returns:
        grey: (h, w) 0..1, and cover: (h, w) 0..1, how much of it is seen; and its upper left corner (y, x).
    """
    grey, cover = _drawn()
    high = max(LEAST, round(HEIGHT * min(height, width)))
    wide = round(high * grey.shape[1] / grey.shape[0])
    if wide > WIDEST * width:
        wide = max(1, int(WIDEST * width))
        high = max(1, round(wide * grey.shape[0] / grey.shape[1]))
    high, wide = min(high, height), min(wide, width)
    small = [_smaller(one, (wide, high)) for one in (grey, cover)]
    edge = min(high // 2, height - high, width - wide)
    return small[0], small[1], (height - high - edge, width - wide - edge)


def _drawn() -> tuple[Float, Float]:
    font, scale, thick = cv2.FONT_HERSHEY_SIMPLEX, 3.2, 8
    (wide, high), base = cv2.getTextSize(TEXT, font, scale, thick)
    side = (_DRAWN, wide + _DRAWN // 2)
    letters = np.zeros(side, np.uint8)
    place = (_DRAWN // 4, (_DRAWN + high - base // 2) // 2)
    cv2.putText(letters, TEXT, place, font, scale, 255, thick, cv2.LINE_AA)
    ink = letters.astype(np.float32) / 255
    grey, cover = _PLATE + (_INK - _PLATE) * ink, _CLEAR + (1 - _CLEAR) * ink
    return grey.astype(np.float32), cover.astype(np.float32)


def masks(height: int, width: int) -> tuple[Float, Float]:
    """Grey and cover of the label over the whole of an upright picture: (height, width) 0..1 each."""
    grey, cover, (y, x) = label(height, width)
    whole = [np.zeros((height, width), np.float32) for _ in range(2)]
    for one, part in zip(whole, (grey, cover), strict=True):
        one[y : y + part.shape[0], x : x + part.shape[1]] = part
    return whole[0], whole[1]


def draw(
    planes: Sequence[Plane], neutral: Sequence[int | None], most: int, grey: Float, cover: Float
) -> None:
    """Draw the label on a picture, in its own memory.

    Args:
        planes: (h, w, samples) each, chroma planes perhaps smaller.
        neutral: for each plane the sample without colour, if it is chroma; else None.
        most: the largest sample.
        grey, cover: (H, W) each, as `masks` gives them, turned like the picture.
    """
    rows, columns = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
    for plane, none in zip(planes, neutral, strict=True):
        down, across = -(-cover.shape[0] // plane.shape[0]), -(-cover.shape[1] // plane.shape[1])
        top, left = int(rows[0]) // down, int(columns[0]) // across
        bottom, right = -(-int(rows[-1] + 1) // down), -(-int(columns[-1] + 1) // across)
        size = (right - left, bottom - top)
        box = slice(top * down, bottom * down), slice(left * across, right * across)
        amount = _smaller(cover[box], size)[..., None]
        level: Float | int = _smaller(grey[box], size)[..., None] * most if none is None else none
        part = plane[top:bottom, left:right]
        part[...] = np.rint(part + (level - part.astype(np.float32)) * amount)


def _smaller(image: Float, size: tuple[int, int]) -> Float:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
