"""Whose face a track is: its best looks, and the one embedding that they make.

A track is judged as a whole, by a few good faces from all over its length: a recogniser that looks at every
frame alone changes its mind in profile and in motion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.identity.identity_encoder import CHIP, CHIP_SIDE, THRESHOLD
from faceswap_cli.faces.sets.records import FaceRecord

LOOKS = 7
"""Faces of a track that are looked at."""

CRISP = 0.25
"""From this sharpness on (see `quality.face_sharpness`) a face tells all it has to tell."""

WIDE = 0.6 * CHIP / CHIP_SIDE
"""And from this eye distance on, in frame pixels: 45."""

TURNED = 60.0
"""A head turned so far, in degrees, tells nothing."""

CLEAR, POOR_MORE = 0.5, 0.1
"""Faces less clear than this are allowed a greater distance, up to so much more, see `allowed_distance`."""

LEAST = 0.02
"""No face counts for less, so that a track of nothing but poor faces still has an embedding."""


def face_clarity(
    score: float,
    pose: tuple[float, float, float],
    landmarks: ArrayLike,
    crispness: float = CRISP,
    confidence: float = 1.0,
) -> float:
    """How much a face tells of whose it is, `LEAST` to 1: what it counts in its track's embedding.

    Args:
        score: the detector's, 0..1.
        pose: yaw, pitch, roll in degrees.
        landmarks: (68, 2) frame pixels.
        crispness: `quality.face_sharpness`, where it is known.
        confidence: of the landmarks, 0..1.
    """
    yaw, pitch, _ = pose
    ahead = 1.0 - (yaw / TURNED) ** 2 - (pitch / TURNED) ** 2
    wide = min(1.0, interocular(landmarks) / WIDE)
    crisp = min(1.0, max(crispness, 0.0) / CRISP) ** 0.5
    return float(max(LEAST, score * confidence * max(0.0, ahead) * wide * crisp))


def record_clarity(record: FaceRecord) -> float:
    """`clarity_of_face` of a stored face."""
    return face_clarity(record.score, record.pose, record.landmarks, record.sharpness, record.confidence)


def best_faces(clarities: Sequence[float], count: int = LOOKS) -> list[int]:
    """The clearest face out of each part of a track.

    Args:
        clarities: of the track's faces in the order of time.
        count: into so many parts the track is cut, at most.

    Returns:
        Places in `clarities`, rising.
    """
    parts = np.array_split(np.arange(len(clarities)), min(count, len(clarities)))
    return [int(max(part, key=lambda place: clarities[place])) for part in parts]


def combine_embeddings(embeddings: FloatArray, clarities: ArrayLike) -> FloatArray:
    """The embedding (128,) of a track: the mean of its looks (N, 128), weighted by their clarity squared.

    Squared, because the error of a turned or blurred look is a drift towards everybody's middle, which does
    not average out as noise would: one clear look is better than that and five poor ones.
    """
    weights: NDArray[np.float64] = np.asarray(clarities, np.float64) ** 2
    return np.asarray((embeddings * (weights / weights.sum())[:, None]).sum(0), np.float32)


def allowed_distance(clearness: float, threshold: float = THRESHOLD) -> float:
    """The greatest distance at which a face or track counts as a person's.

    Faces of less than 20 pixels between the eyes, or blurred, are farther from themselves: with `THRESHOLD`
    3 % of those with 18 pixels and 10 % of those with 14 would be taken for somebody else.

    Args:
        clearness: of the face, or of a track's clearest.
        threshold: the distance for clear ones.
    """
    return threshold + POOR_MORE * (1.0 - min(1.0, clearness / CLEAR))
