"""What is measured of a face's colours, and its average over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_cli.compositing.colour.spaces import FloatImage, Matrix, Space, to_space

LEAST_PIXELS = 32.0
"""Below this much mask (sum of the mask, in pixels) statistics say nothing and no transform is fitted."""

MEASURED = 64
"""Larger crops are measured at about this side. Averaging over small blocks leaves light and colours, and
takes away noise and detail: else a noisy frame would pass for one of more contrast, and a soft drawing for
one of less."""

SAMPLED = 768
"""Colours that are kept of one face, and of several together, for the methods that match whole distributions.
Fewer say too little: with 96 the error on one face was half as large again."""


@dataclass(frozen=True)
class ColourStats:
    """The colours inside a mask.

    Attributes:
        mean: (3,) float64, in the method's colour space.
        cov: (3, 3) float64.
        weight: sum of the mask in pixels; 0 when nothing was measured.
        sample: (K, 3) float32 single colours, less the mean; K is 0 for methods that don't want them.
        shares: (K,) float32, how much each of them counts; they add up to 1.
    """

    mean: Matrix
    cov: Matrix
    weight: float
    sample: FloatImage
    shares: FloatImage


_NO_SAMPLE, _NO_SHARES = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
NOTHING = ColourStats(np.zeros(3), np.zeros((3, 3)), 0.0, _NO_SAMPLE, _NO_SHARES)


def measure_in(space: Space, image: FloatImage, mask: FloatImage, sampled: bool) -> ColourStats:
    """Weighted moments of `image` (H, W, 3) under `mask` (H, W), and single colours if `sampled`."""
    total = float(mask.sum())
    if space == "none" or total < LEAST_PIXELS:
        return NOTHING
    image, small = _reduced(image, mask)
    rows, columns = np.nonzero(small > 1 / 255)
    weights = small[rows, columns].astype(np.float64)
    weights /= weights.sum()
    # Only the pixels under the mask are converted; a row of them is an image one pixel high.
    colours = to_space(image[rows, columns][None], space)[0].astype(np.float64)
    mean = weights @ colours
    centred = colours - mean
    cov = (centred * weights[:, None]).T @ centred
    if not sampled:
        return ColourStats(mean, cov, total, _NO_SAMPLE, _NO_SHARES)
    return ColourStats(mean, cov, total, *_some(centred.astype(np.float32), weights.astype(np.float32)))


def average(stats: Sequence[ColourStats], weights: Sequence[float]) -> ColourStats:
    """Statistics averaged over frames. Each counts by its `weights` entry and by how much mask it saw."""
    counts = np.array([w * s.weight for w, s in zip(weights, stats, strict=True)])
    total = float(counts.sum())
    if total <= 0:
        return NOTHING
    counts /= total
    mean = sum((count * s.mean for count, s in zip(counts, stats, strict=True)), np.zeros(3))
    # The spread between frames is left out on purpose: it is the flicker, not the contrast of a face.
    cov = sum((count * s.cov for count, s in zip(counts, stats, strict=True)), np.zeros((3, 3)))
    sample = np.concatenate([s.sample for s in stats])
    shares = np.concatenate([np.float32(count) * s.shares for count, s in zip(counts, stats, strict=True)])
    return ColourStats(mean, cov, total / max(float(np.sum(weights)), 1e-12), *_some(sample, shares))


def _some(colours: FloatImage, weights: FloatImage) -> tuple[FloatImage, FloatImage]:
    """At most SAMPLED of some colours (K, 3), evenly spread over their order, and their shares."""
    if not len(colours):
        return _NO_SAMPLE, _NO_SHARES
    chosen = np.linspace(0, len(colours) - 1, min(SAMPLED, len(colours))).round().astype(int)
    return colours[chosen], weights[chosen] / weights[chosen].sum()


def _reduced(image: FloatImage, mask: FloatImage) -> tuple[FloatImage, FloatImage]:
    """Image and mask shrunk by a whole number, without a trace of what lies outside the mask."""
    step = mask.shape[0] // MEASURED
    if step < 2:
        return image, mask
    height, width = (side // step for side in mask.shape)
    image, mask = image[: height * step, : width * step], mask[: height * step, : width * step]
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    summed = cv2.resize(
        image * cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB), (width, height), interpolation=cv2.INTER_AREA
    )
    shrunk = summed / np.maximum(small, np.float32(1e-6))[..., None]
    return np.asarray(shrunk, np.float32), np.asarray(small, np.float32)
