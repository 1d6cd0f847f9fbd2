"""Figures that tell good faces from poor ones: sharpness, brightness, and a quality that sums them up."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces import geometry
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.media.frame import Image

MEASURED = 128
"""Side in pixels of the aligned face that sharpness is measured on: all faces alike, whatever their size."""

CRISP = 0.32
"""Laplacian variance over luminance variance of a crisp face at that size; the unit of sharpness."""


def face_sharpness(crop: Image, landmarks: ArrayLike) -> float:
    """How crisp a face is: Laplacian variance over luminance variance inside it, in units of `CRISP`.

    Dividing by the luminance's own variance makes dark and light, flat and harsh pictures comparable. A
    face that was small in its frame was enlarged, and measures as the blur that it is.

    Args:
        crop: (S, S, 3) uint8 RGB, aligned.
        landmarks: (68, 2) in the crop's own pixels.

    Returns:
        >= 0; a face in focus has about 1, noise can raise it further.
    """
    points = np.asarray(landmarks, np.float64)
    matrix = geometry.crop_matrix(points, MEASURED)
    grey = cv2.cvtColor(geometry.warp(crop, matrix, MEASURED), cv2.COLOR_RGB2GRAY).astype(np.float32)
    mask = _hull(geometry.transform(points, matrix), MEASURED)
    detail = cv2.Laplacian(grey, cv2.CV_32F)[mask]
    return float(detail.var() / (grey[mask].var() + 1.0) / CRISP) if mask.any() else 0.0


def face_brightness(grey: NDArray[np.uint8], landmarks: ArrayLike) -> float:
    """How light a face is: the mean luma of what lies inside its landmarks.

    Args:
        grey: (S, S) uint8, luma as BT.601 weighs it, the way JPEG keeps it.
        landmarks: (68, 2) in the same pixels.

    Returns:
        0 (black) to 1 (white), in the picture's own gamma; nan when no landmark lies in the picture.
    """
    mask = _hull(np.asarray(landmarks, np.float64), grey.shape[0])
    return float(grey[mask].mean() / 255) if mask.any() else float("nan")


def _hull(points: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """What lies inside the landmarks, as a (size, size) mask."""
    mask = np.zeros((size, size), np.uint8)
    outline = cv2.convexHull(np.round(np.clip(points, -size, 2 * size)).astype(np.int32))
    cv2.fillConvexPoly(mask, outline, 1)
    return mask.astype(bool)


def face_quality(
    score: float, crispness: float, pose: tuple[float, float, float], landmarks: FloatArray, crop_size: int
) -> float:
    """One figure for sorting, 0 (worst) to 1: the product of what speaks against a face.

    The factors: the detector's score (which `stage` lowers for implausible landmarks) above one half,
    squared, since false faces have .8 where true ones have .99; the root of sharpness up to 1; the root
    of the size (eye distance in the frame against that in the crop); and how far the head is turned away.

    Args:
        score: 0..1.
        crispness: `face_sharpness`.
        pose: yaw, pitch, roll in degrees.
        landmarks: (68, 2) frame pixels.
        crop_size: side of the crops in pixels.
    """
    yaw, pitch, _ = pose
    turned = max(0.0, 1.0 - (abs(yaw) / 90) ** 2 - (abs(pitch) / 90) ** 2)
    wanted = crop_size / geometry.STORED_SIDE
    size = min(1.0, geometry.interocular(landmarks) / wanted)
    trust = float(np.clip(2 * score - 1, 0, 1)) ** 2
    return float(trust * min(1.0, max(crispness, 0.0)) ** 0.5 * size**0.5 * turned)
