"""What is known of a face: where it is, its 68 landmarks, whose track it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.media.frame import Frame, Image

FloatArray = NDArray[np.float32]

PIXEL_DIGITS, SCORE_DIGITS = 2, 4
"""Decimals with which pixels and scores are written down: a hundredth of a pixel is finer than any landmarker
is sure of."""


def round_values(values: ArrayLike, digits: int = PIXEL_DIGITS) -> Any:
    """Coordinates as they are written down: nested lists of floats, rounded to so many decimals."""
    return np.round(np.asarray(values, np.float64), digits).tolist()


@dataclass(frozen=True)
class Detection:
    """A found face before its landmarks are known. All coordinates are frame pixels.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1; may reach outside the frame where the frame cuts the face.
        points: (5,) x 2 float32: left eye, right eye, nose tip, left and right mouth corner, as seen
            in the picture for an upright face (so `points[0]` is the person's right eye).
        score: the detector's confidence, 0..1.
    """

    box: FloatArray
    points: FloatArray
    score: float


@dataclass(frozen=True)
class Points:
    """The landmarks of a detection, and how far they can be trusted.

    Attributes:
        landmarks: (68, 2) float32 frame pixels, iBUG 300-W order.
        spread: (68,) float32, each point's expected distance from its true place, frame pixels.
        visible: (68,) float32, 0..1: nothing is in front of the point, and the head does not hide it.
        face: 0..1, that there is a face at all.
        dense: (222, 3) float32, x and y in frame pixels, z into the picture in the same unit, see
            `landmarks.dense`; None if the landmarker gives 68 points only.
        expression: (26,) float32, see `landmarks.dense.EXPRESSIONS`; None likewise.
    """

    landmarks: FloatArray
    spread: FloatArray
    visible: FloatArray
    face: float = 1.0
    dense: FloatArray | None = None
    expression: FloatArray | None = None

    @classmethod
    def certain(cls, landmarks: FloatArray) -> Points:
        """Landmarks (68, 2) of which nothing more is known."""
        return cls(landmarks, np.zeros(68, np.float32), np.ones(68, np.float32))


@dataclass(frozen=True)
class Face:
    """A face in a frame. All coordinates are frame pixels.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1.
        landmarks: (68, 2) float32, iBUG 300-W order.
        score: 0..1: the detector's confidence, less what the landmarks speak against it.
        track: number of the track (one person through one shot), or -1 while unknown.
        confidence: 0..1: how sure the landmarks are.
        dense: (222, 3) float32, x and y in frame pixels, z into the picture in the same unit, see
            `landmarks.dense`, the first 68 are the landmarks; None if the landmarker gives 68 points only.
        expression: (26,) float32, see `landmarks.dense.EXPRESSIONS`; None likewise.
    """

    box: FloatArray
    landmarks: FloatArray
    score: float
    track: int = -1
    confidence: float = 1.0
    dense: FloatArray | None = None
    expression: FloatArray | None = None


@dataclass(frozen=True)
class AlignedFace:
    """A face cut out of its frame, turned upright and scaled by `geometry.align`.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        matrix: (2, 3) float32 similarity that maps frame pixels to crop pixels.
        face: the face it was cut from.
    """

    image: Image
    matrix: FloatArray
    face: Face


Detector = Callable[[Sequence[Frame]], list[list[Detection]]]
"""A batch of frames in, for each the faces found, best first."""

Landmarker = Callable[[Sequence[Image], Sequence[Sequence[Detection]]], list[list[Points]]]
"""Pictures and the detections of each in, the landmarks of each detection out: all in one call, so that a
network sees the faces of many frames together."""
