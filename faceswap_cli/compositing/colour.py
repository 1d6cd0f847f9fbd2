"""Colour matching: give a drawn face the colours of the face it covers.

Measuring (`measure`), solving (`fit`) and applying (`apply`) are apart, so that what was measured can be
averaged over time (`average`) before it is solved: a transform fitted to every frame alone flickers.

Images here are float32 RGB in [0, 1] with the usual (sRGB) transfer curve; masks are float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Matrix = NDArray[np.float64]

GAIN_LIMITS = (0.6, 1.6)
"""How far a transform may stretch contrast. A dark, flat original would else drain the drawn face of its
features, and a noisy one would blow its grain up."""

LEAST_PIXELS = 32.0
"""Below this much mask (sum of the mask, in pixels) statistics say nothing and no transform is fitted."""

MEASURED = 96
"""Crops of at least twice this side are measured on a coarser grid, of at least so many pixels a side."""

FLOOR = {"lab": 0.5, "rgb": 1 / 255}
"""Smallest standard deviation taken for real, by colour space: keeps flat patches from dividing by zero."""


@dataclass(frozen=True)
class ColourStats:
    """First and second moments of the colours inside a mask.

    Attributes:
        mean: (3,) float64, in the method's colour space.
        cov: (3, 3) float64.
        weight: sum of the mask in pixels; 0 when nothing was measured.
    """

    mean: Matrix
    cov: Matrix
    weight: float


@dataclass(frozen=True)
class ColourTransform:
    """x -> matrix @ x + offset in `space`; space "none" leaves the image alone."""

    space: str
    matrix: Matrix
    offset: Matrix


IDENTITY = ColourTransform("none", np.eye(3), np.zeros(3))
NOTHING = ColourStats(np.zeros(3), np.zeros((3, 3)), 0.0)


@dataclass(frozen=True)
class ColourMethod:
    """One way of matching colours.

    Attributes:
        space: lab (CIELAB, L 0..100), rgb (0..1) or none.
        solve: statistics of the drawn and of the covered face in, the (3, 3) matrix between them out.
    """

    space: str
    solve: Callable[[ColourStats, ColourStats], Matrix]


def _reinhard(source: ColourStats, target: ColourStats) -> Matrix:
    """Match each channel's standard deviation. E. Reinhard et al., Color transfer between images, 2001."""
    floor = FLOOR["lab"]
    deviation = [np.sqrt(np.diag(stats.cov).clip(floor**2)) for stats in (source, target)]
    return np.diag((deviation[1] / deviation[0]).clip(*GAIN_LIMITS))


def _monge_kantorovich(source: ColourStats, target: ColourStats) -> Matrix:
    """Match the whole covariance by the linear map that moves colours least.

    F. Pitie and A. Kokaram, The linear Monge-Kantorovitch linear colour mapping for example-based colour
    transfer, CVMP 2007: A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2. A is symmetric, so that its eigenvalues
    are its gains and limiting them is limiting the contrast.
    """
    floor = np.eye(3) * FLOOR["rgb"] ** 2
    root = _power(source.cov + floor, 0.5)
    inverse = _power(source.cov + floor, -0.5)
    matrix = inverse @ _power(root @ (target.cov + floor) @ root, 0.5) @ inverse
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * values.clip(*GAIN_LIMITS)) @ vectors.T)


def _power(matrix: Matrix, exponent: float) -> Matrix:
    """A real power of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values.clip(1e-12) ** exponent) @ vectors.T)


COLOUR: dict[str, ColourMethod] = {
    "rct": ColourMethod("lab", _reinhard),
    "lct": ColourMethod("rgb", _monge_kantorovich),
    "none": ColourMethod("none", lambda source, target: np.eye(3)),
}
"""Methods by the names people know: rct (Reinhard), lct (linear, Monge-Kantorovich), none."""


def measure(method: str, image: FloatImage, mask: FloatImage) -> ColourStats:
    """Weighted mean and covariance of `image` (H, W, 3) under `mask` (H, W), in the method's space."""
    space = COLOUR[method].space
    # Some thousands of pixels say as much about colours as all of a large crop.
    step = max(1, mask.shape[0] // MEASURED)
    image, mask = image[::step, ::step], mask[::step, ::step]
    rows, columns = np.nonzero(mask > 1 / 255)
    weights = mask[rows, columns].astype(np.float64)
    total = float(weights.sum())
    if space == "none" or total < LEAST_PIXELS:
        return NOTHING
    # Only the pixels under the mask are converted; a column of them is an image one pixel wide.
    colours = _to_space(image[rows, columns][:, None], space)[:, 0].astype(np.float64)
    mean = weights @ colours / total
    centred = colours - mean
    return ColourStats(mean, (centred * weights[:, None]).T @ centred / total, total)


def average(stats: Sequence[ColourStats], weights: Sequence[float]) -> ColourStats:
    """Moments averaged over frames. Each counts by its `weights` entry and by how much mask it saw."""
    shares = np.array([w * s.weight for w, s in zip(weights, stats, strict=True)])
    total = float(shares.sum())
    if total <= 0:
        return NOTHING
    mean = sum((share * s.mean for share, s in zip(shares, stats, strict=True)), np.zeros(3))
    # The spread between frames is left out on purpose: it is the flicker, not the contrast of a face.
    cov = sum((share * s.cov for share, s in zip(shares, stats, strict=True)), np.zeros((3, 3)))
    return ColourStats(mean / total, cov / total, total / max(float(np.sum(weights)), 1e-12))


def fit(method: str, source: ColourStats, target: ColourStats) -> ColourTransform:
    """The transform that gives `source` (the drawn face) the colours of `target` (the covered one)."""
    space = COLOUR[method].space
    if space == "none" or min(source.weight, target.weight) < LEAST_PIXELS:
        return IDENTITY
    matrix = COLOUR[method].solve(source, target)
    return ColourTransform(space, matrix, target.mean - matrix @ source.mean)


def apply(transform: ColourTransform, image: FloatImage) -> FloatImage:
    """`image` (H, W, 3) through the transform, clipped to [0, 1]."""
    if transform.space == "none":
        return image
    colours = _to_space(image, transform.space)
    moved = colours @ transform.matrix.T.astype(np.float32) + transform.offset.astype(np.float32)
    return np.clip(_from_space(moved, transform.space), 0, 1)


def _to_space(image: FloatImage, space: str) -> FloatImage:
    image = np.ascontiguousarray(image, np.float32)
    return cv2.cvtColor(image, cv2.COLOR_RGB2Lab) if space == "lab" else image  # type: ignore[return-value]


def _from_space(image: FloatImage, space: str) -> FloatImage:
    return cv2.cvtColor(image, cv2.COLOR_Lab2RGB) if space == "lab" else image  # type: ignore[return-value]
