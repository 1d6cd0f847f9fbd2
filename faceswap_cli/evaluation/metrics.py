"""Figures for one face before and after a swap. Pictures are (H, W, 3) uint8 RGB, points frame pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import INTERIOR, STORED_SIDE, crop_matrix, interocular, mean_face, warp
from faceswap_cli.faces.landmarks.hull import raised_hull
from faceswap_cli.media.frame import Image

INSIDE = 0.12
"""How far inside the hull a face is judged, in face widths: clear of the mask's soft edge."""

RING = (0.03, 0.15)
"""The ring just outside a face, in face widths from its hull: where a seam or a second chin would show."""

EDGE = 0.06
"""Up to how far outside the hull its edge reaches when flicker is judged, in face widths."""

Region = Literal["inside", "edge", "outside"]
"""Where flicker is judged: the face clear of the mask's soft edge, that edge, and all around the face."""

REGIONS: tuple[Region, ...] = get_args(Region)

_FLICKER_SIZE = 160


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


def sharpness_inside(image: Image, landmarks: ArrayLike) -> float:
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


def mean_change(original: Image, output: Image, where: NDArray[np.bool_]) -> float:
    """Mean absolute difference in grey levels (0..255) where `where` is true; nan where it is nowhere."""
    if not where.any():
        return float("nan")
    return float(np.abs(original[where].astype(np.float32) - output[where]).mean())


def ring_change(original: Image, output: Image, landmarks: ArrayLike) -> float:
    """Change in the ring just outside the face, in grey levels: re-encoding alone gives one or two."""
    low, high = (hull_mask(landmarks, original.shape, grow) for grow in RING)
    return mean_change(original, output, high & ~low)


def inner_change(original: Image, output: Image, landmarks: ArrayLike) -> float:
    """Change inside the face, in grey levels: near nothing means that no swap took place."""
    return mean_change(original, output, hull_mask(landmarks, original.shape, -INSIDE))


class Flicker:
    """Temporal high-frequency energy around one face through consecutive frames, of several videos at once.

    Crops are stabilised by the same (original's) landmarks for all videos, so that the ratio of two
    energies compares the pictures and not their detectors. What is kept is three crops a video.

    Attributes:
        energy: region in REGIONS -> (videos,) mean squared second difference in grey levels, summed.
    """

    def __init__(self, videos: int) -> None:
        self._where = _regions()
        self._recent: list[list[NDArray[np.float32]]] = [[] for _ in range(videos)]
        self.energy = {region: np.zeros(videos) for region in REGIONS}
        self.count = 0

    def add(self, images: Sequence[Image], landmarks: ArrayLike) -> None:
        """Take in the next frame: one image a video, and the original's landmarks."""
        matrix = crop_matrix(landmarks, _FLICKER_SIZE, STORED_SIDE)
        for recent, image in zip(self._recent, images, strict=True):
            crop = warp(image, matrix, _FLICKER_SIZE)
            recent.append(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32))
            del recent[:-3]
        if len(self._recent[0]) == 3:
            for video, (before, now, after) in enumerate(self._recent):
                bend = (before - 2 * now + after) ** 2
                for region, where in self._where.items():
                    self.energy[region][video] += float(bend[where].mean())
            self.count += 1

    def cut(self) -> None:
        """The next frame doesn't follow on the last one."""
        for recent in self._recent:
            recent.clear()

    def ratio(self, video: int, region: Region = "inside") -> float:
        """Energy of a video over that of the first; nan before three frames in a row were seen."""
        energy = self.energy[region]
        return float(energy[video] / max(energy[0], 1e-9)) if self.count else float("nan")


def _regions() -> dict[Region, NDArray[np.bool_]]:
    """Where in a stabilised crop each region is."""
    points, shape = mean_face(_FLICKER_SIZE, STORED_SIDE), (_FLICKER_SIZE, _FLICKER_SIZE)
    inside, rim = hull_mask(points, shape, -INSIDE), hull_mask(points, shape, EDGE)
    return {"inside": inside, "edge": rim & ~inside, "outside": ~hull_mask(points, shape, RING[1])}
