"""A small visible mark in a corner, never over a face: "AI-altered"."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike

from faceswap_cli.provenance.label_corner import Corner
from faceswap_cli.provenance.watermark import Plane
from faceswap_cli.provenance.watermark_waves import Float

TEXT = "AI-altered"

HEIGHT, LEAST, WIDEST = 0.045, 14, 0.5
"""The label's height: so much of the picture's shorter side, at least so many pixels, unless it would then be
wider than so much of the picture."""

_DRAWN = 160  # pixels high it is drawn, and then made smaller: OpenCV's letters are rough
_PLATE, _INK = 0.1, 0.92  # grey, of full scale
_COVER = 0.75  # how much of the picture the plate covers: on white it is still dark; the letters cover all
_BROW = 0.5  # of the landmarks' height, kept free above them: forehead and hair


def free_corner(wanted: Corner, landmarks: ArrayLike, height: int, width: int) -> Corner:
    """The wanted corner if no face is under the label there, else the one under which there are the fewest:
    the first of those, in the order of `Corner`.

    Args:
        wanted: where the label should stand.
        landmarks: (N, 68, 2) pixels, of every face in the picture, or in all of a video's.
        height, width: of the upright picture.
    """
    points = np.asarray(landmarks, np.float64).reshape(-1, 68, 2)
    low, high = points.min(1), points.max(1)
    low[:, 1] -= _BROW * (high - low)[:, 1]

    def faces_under(corner: Corner) -> int:
        grey, _, (y, x) = label(height, width, corner)
        begin, end = np.array([x, y]), np.array([x + grey.shape[1], y + grey.shape[0]])
        return int(((low < end) & (high > begin)).all(1).sum())

    fewest: Corner = min([wanted, *Corner], key=faces_under)
    return fewest


@lru_cache(maxsize=8)
def label(height: int, width: int, corner: Corner) -> tuple[Float, Float, tuple[int, int]]:
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
    top = edge if corner in (Corner.UPPER_RIGHT, Corner.UPPER_LEFT) else height - high - edge
    left = edge if corner in (Corner.LOWER_LEFT, Corner.UPPER_LEFT) else width - wide - edge
    return small[0], small[1], (top, left)


def _drawn() -> tuple[Float, Float]:
    font, scale, thick = cv2.FONT_HERSHEY_SIMPLEX, 3.2, 8
    (wide, high), base = cv2.getTextSize(TEXT, font, scale, thick)
    side = (_DRAWN, wide + _DRAWN // 2)
    letters = np.zeros(side, np.uint8)
    place = (_DRAWN // 4, (_DRAWN + high - base // 2) // 2)
    cv2.putText(letters, TEXT, place, font, scale, 255, thick, cv2.LINE_AA)
    ink = letters.astype(np.float32) / 255
    grey, cover = _PLATE + (_INK - _PLATE) * ink, _COVER + (1 - _COVER) * ink
    return grey.astype(np.float32), cover.astype(np.float32)


def masks(height: int, width: int, corner: Corner) -> tuple[Float, Float]:
    """Grey and cover of the label over the whole of an upright picture: (height, width) 0..1 each."""
    grey, cover, (y, x) = label(height, width, corner)
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
