"""Figures for one face before and after a swap. Pictures are (H, W, 3) uint8 RGB, points frame pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import INTERIOR, crop_matrix, interocular, mean_face, warp
from faceswap_cli.faces.hull import raised_hull
from faceswap_cli.media.frame import Image

INSIDE = 0.12
"""How far inside the hull a face is judged, in face widths: clear of the mask's soft edge."""

RING = (0.03, 0.15)
"""The ring just outside a face, in face widths from its hull: where a seam or a second chin would show."""

_FLICKER_SIZE = 128


def hull_mask(landmarks: ArrayLike, shape: tuple[int, ...], grow: float = 0.0) -> NDArray[np.bool_]:
    """(H, W) true inside the face's hull with raised brows, grown by `grow` face widths (below 0: shrunk)."""
    points = np.asarray(landmarks, np.float64)
    mask = np.zeros(shape[:2], np.uint8)
    # Sixteenths of a pixel, which is what OpenCV takes.
    cv2.fillConvexPoly(mask, np.rint(raised_hull(points) * 16).astype(np.int32), 1, shift=4)
    radius = round(abs(grow) * float(np.linalg.norm(points[16] - points[0])))
    if radius:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        mask = (cv2.dilate if grow > 0 else cv2.erode)(mask, kernel)  # type: ignore[assignment]
    return mask > 0


def sharpness(image: Image, landmarks: ArrayLike) -> float:
    """Variance of the luma's Laplacian inside the face; nan when too little of it is in the picture."""
    inside = hull_mask(landmarks, image.shape, -INSIDE)
    if inside.sum() < 64:
        return float("nan")
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(cv2.Laplacian(luma, cv2.CV_32F)[inside].var())


def landmark_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Mean distance of the 51 interior points, in percent of the first's inter-ocular distance."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    apart = np.linalg.norm(a[INTERIOR] - b[INTERIOR], axis=1).mean()
    return float(100 * apart / max(interocular(a), 1e-6))


def change(original: Image, output: Image, where: NDArray[np.bool_]) -> float:
    """Mean absolute difference in grey levels (0..255) where `where` is true; nan where it is nowhere."""
    if not where.any():
        return float("nan")
    return float(np.abs(original[where].astype(np.float32) - output[where]).mean())


def ring_change(original: Image, output: Image, landmarks: ArrayLike) -> float:
    """Change in the ring just outside the face, in grey levels: re-encoding alone gives one or two."""
    low, high = (hull_mask(landmarks, original.shape, grow) for grow in RING)
    return change(original, output, high & ~low)


def inner_change(original: Image, output: Image, landmarks: ArrayLike) -> float:
    """Change inside the face, in grey levels: near nothing means that no swap took place."""
    return change(original, output, hull_mask(landmarks, original.shape, -INSIDE))


class Flicker:
    """Temporal high-frequency energy inside one face through consecutive frames, of several videos at once.

    Crops are stabilised by the same (original's) landmarks for all videos, so that the ratio of two
    energies compares the pictures and not their detectors. What is kept is three crops a video.
    """

    def __init__(self, videos: int) -> None:
        points = mean_face(_FLICKER_SIZE)
        self._inside = hull_mask(points, (_FLICKER_SIZE, _FLICKER_SIZE), -INSIDE)
        self._recent: list[list[NDArray[np.float32]]] = [[] for _ in range(videos)]
        self.energy = np.zeros(videos)
        self.count = 0

    def add(self, images: Sequence[Image], landmarks: ArrayLike) -> None:
        """Take in the next frame: one image a video, and the original's landmarks."""
        matrix = crop_matrix(landmarks, _FLICKER_SIZE)
        for recent, image in zip(self._recent, images, strict=True):
            crop = warp(image, matrix, _FLICKER_SIZE)
            recent.append(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32))
            del recent[:-3]
        if len(self._recent[0]) == 3:
            for video, (before, now, after) in enumerate(self._recent):
                bend = (before - 2 * now + after)[self._inside]
                self.energy[video] += float((bend**2).mean())
            self.count += 1

    def cut(self) -> None:
        """The next frame doesn't follow on the last one."""
        for recent in self._recent:
            recent.clear()

    def ratio(self, video: int) -> float:
        """Energy of a video over that of the first; nan before three frames in a row were seen."""
        return float(self.energy[video] / max(self.energy[0], 1e-9)) if self.count else float("nan")
