"""Dense points and expression of a face as one short line of text, for journals and face sets.

They are written beside the 68 landmarks, which tell the grid of whole numbers that they are rounded to: its
origin is the middle of the landmarks' box, and its step 1/64 pixel, more for faces of over 256 pixels. The
first 68 points are the landmarks themselves, and only their depth is written.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import FloatArray, round_values
from faceswap_cli.faces.landmarks.dense import EXPRESSIONS, IBUG, POINTS

FINEST = 1 / 64
"""Least step in pixels."""

STEPS = 16384
"""In the longer side of the landmarks' box, at most: so two sides either way fit into 16 bits."""

LEVELS = 127
"""Steps from 0 to 1 of an expression's coefficient."""

_COORDINATES = 2 * (POINTS - IBUG) + POINTS
_BYTES = 2 * _COORDINATES + len(EXPRESSIONS)


def pack_points(landmarks: FloatArray, dense: FloatArray, expression: FloatArray) -> str:
    """Text of 1,448 characters.

    Args:
        landmarks: (68, 2) frame pixels, which are written beside it.
        dense: (222, 3) see `dense`; the first 68 are the landmarks and their depth.
        expression: (26,) -1..1.
    """
    middle, step = _grid(np.asarray(round_values(landmarks), np.float32))
    values = np.concatenate([(dense[IBUG:, :2] - middle).ravel(), dense[:, 2]]) / step
    coordinates = _rounded(values, 2**15 - 1).astype("<i2")
    levels = _rounded(np.asarray(expression, np.float64) * LEVELS, LEVELS).astype(np.int8)
    return base64.b64encode(coordinates.tobytes() + levels.tobytes()).decode()


def pack_known(landmarks: FloatArray, dense: FloatArray | None, expression: FloatArray | None) -> str | None:
    """The same; None if there are no dense points."""
    return None if dense is None or expression is None else pack_points(landmarks, dense, expression)


def unpack_points(landmarks: FloatArray, text: object) -> tuple[FloatArray, FloatArray]:
    """What was packed: dense points (222, 3) and expression (26,), both float32.

    Args:
        landmarks: (68, 2) as they were read from beside it.
        text: as `pack_points` gave it, or anything else.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(text, str) or len(text) > 2 * _BYTES:
        raise ValueError("dense points that are no text of theirs")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("dense points that are no text of theirs") from error
    if len(data) != _BYTES:
        raise ValueError(f"dense points of {len(data)} bytes, not {_BYTES}")
    middle, step = _grid(landmarks)
    values = np.frombuffer(data, "<i2", _COORDINATES).astype(np.float64) * step
    dense = np.empty((POINTS, 3), np.float32)
    dense[:IBUG, :2] = landmarks
    dense[IBUG:, :2] = values[:-POINTS].reshape(-1, 2) + middle
    dense[:, 2] = values[-POINTS:]
    levels = np.frombuffer(data, np.int8, offset=2 * _COORDINATES).astype(np.float32)
    return dense, levels / np.float32(LEVELS)


def _grid(landmarks: FloatArray) -> tuple[NDArray[np.float64], float]:
    """Origin (2,) and step of the grid in frame pixels."""
    least, most = landmarks.min(0).astype(np.float64), landmarks.max(0).astype(np.float64)
    return (least + most) / 2, max(FINEST, float((most - least).max()) / STEPS)


def _rounded(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    return np.rint(values).clip(-most, most)
