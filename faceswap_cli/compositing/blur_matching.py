"""How blurred a face is, in every direction, and blurring a drawn one as much as the covered one.

Blur is measured without knowing the face: blurring a picture once more takes little from the gradients of
soft edges and much from those of sharp ones (S. Zhuo and T. Sim, Defocus map estimation from a single image,
2011). For an edge of a Gaussian's width s, blurred by s0 more, the gradients' energy falls by
sqrt(1 + (s0 / s)^2). Energies are kept as a symmetric matrix, so that they can be summed over frames and
asked for any direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.colour.spaces import FloatImage

Vector = NDArray[np.float64]

AGAIN = 1.6
"""Standard deviation of the second blur, in pixels of a crop of 128."""

LEAST_BLUR = 0.35
"""Crop pixels of missing blur (standard deviation) that are let be: different faces differ by as much."""

FOUND_FOCUS, FOUND_MOTION = 0.82, 0.68
"""How much of a known blur is found on real faces, whose edges are no single steps; on nine people."""

LEAST_MOTION = 1.5
"""Frame pixels a frame; what moves slower is not blurred by its motion."""


@dataclass(frozen=True)
class Edges:
    """Gradients of one face before and after it was blurred once more.

    Attributes:
        energy: (2, 3) sums of gx^2, gx gy, gy^2 before and after; any unit.
    """

    energy: Vector

    def blur(self, direction: Vector, again: float) -> float:
        """Variance of the edges' blur along a unit vector (2,); `again` is the second blur's deviation."""
        x, y = direction
        before, after = self.energy @ np.array([x * x, 2 * x * y, y * y])
        fall = (before / max(after, 1e-12)) ** 2 - 1
        return float(again**2 / max(fall, 1e-2))


NO_EDGES = Edges(np.zeros((2, 3)))


def measure_edges(crop: FloatImage, mask: FloatImage, size: int = 0) -> Edges:
    """The edges of a picture (H, W, 3) under its mask (H, W).

    Args:
        crop: an aligned crop, or any picture.
        mask: where to look.
        size: side of an aligned crop in which the face is as large; 0: it is one.
    """
    luma = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.float32)
    again = cv2.GaussianBlur(luma, (0, 0), second_blur(size or crop.shape[0]))
    return Edges(np.stack([_energy(picture, mask) for picture in (luma, np.asarray(again, np.float32))]))


def second_blur(size: int) -> float:
    """Deviation of the second blur in pixels of a crop of `size`."""
    return AGAIN * size / 128


def _energy(luma: NDArray[np.float32], mask: FloatImage) -> Vector:
    gx, gy = (cv2.Sobel(luma, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    wx, wy = gx * mask, gy * mask
    pairs = ((wx, gx), (wx, gy), (wy, gy))
    return np.array([float(np.vdot(a, b)) for a, b in pairs])


def sum_edges(edges: Sequence[Edges], weights: Sequence[float]) -> Edges:
    """Edges of several frames together."""
    return Edges(sum((w * e.energy for w, e in zip(weights, edges, strict=True)), np.zeros((2, 3))))


_AROUND = np.array([[1, 0], [0.7071, 0.7071], [0, 1], [-0.7071, 0.7071]])
"""Unit vectors in every direction of an edge."""


def missing_focus(drawn: Edges, covered: Edges, size: int) -> float:
    """How much blur (standard deviation, crop pixels) a drawn face needs to be as soft as the covered one."""
    again = second_blur(size)
    if not (drawn.energy[0].any() and covered.energy[0].any()):
        return 0.0
    # Each in its sharpest direction: what blurs another one alone is motion.
    soft = min(covered.blur(d, again) for d in _AROUND) - min(drawn.blur(d, again) for d in _AROUND)
    least = LEAST_BLUR * size / 128
    missing = float(np.sqrt(max(soft, 0.0))) / FOUND_FOCUS
    # From nothing on, so that a face at the limit doesn't change its look from one frame to the next.
    return float(np.sqrt(max(missing**2 - least**2, 0.0)))


def measure_smear(drawn: Edges, covered: Edges, motion: Vector, size: int) -> float:
    """How long a drawn face is to be smeared along its motion (2,) to look as the covered one does, squared.

    The result is at most the squared length of the motion: an exposure as long as the frame.
    """
    length = float(np.hypot(*motion))
    if length < 1e-6 or not (drawn.energy[0].any() and covered.energy[0].any()):
        return 0.0
    along = motion / length
    across = np.array([-along[1], along[0]])
    again = second_blur(size)
    # Faces have more and sharper edges in some directions than in others; the drawn one shows which.
    extra = [e.blur(along, again) - e.blur(across, again) for e in (covered, drawn)]
    # A line of length l has the variance l^2 / 12.
    return float(np.clip(12 * (extra[0] - extra[1]) / FOUND_MOTION**2, 0, length**2))


def apply_defocus(crop: FloatImage, deviation: float) -> FloatImage:
    """A crop blurred by a Gaussian of so many pixels."""
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), deviation), np.float32) if deviation > 0.1 else crop


def apply_motion_blur(crop: FloatImage, motion: Vector) -> FloatImage:
    """A crop smeared along a line, given by its two components in pixels."""
    length = float(np.hypot(*motion))
    if length < 0.5:
        return crop
    reach = int(np.ceil(length / 2)) + 1
    axis = np.arange(-reach, reach + 1, dtype=np.float64)
    along = (axis[None, :] * motion[0] + axis[:, None] * motion[1]) / length
    across = (axis[:, None] * motion[0] - axis[None, :] * motion[1]) / length
    # A line one pixel wide, with soft ends and sides: no step when its length or direction changes a little.
    kernel = np.clip((length + 1) / 2 - abs(along), 0, 1) * np.clip(1 - abs(across), 0, 1)
    return np.asarray(
        cv2.filter2D(crop, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.float32
    )
