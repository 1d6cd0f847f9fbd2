"""Linear colour maps: what is matched is the spread of colours around their mean.

Each function takes the statistics of the drawn and of the covered face and gives the (3, 3) matrix between
them. GAIN_LIMITS bounds what any of them may do to contrast.
"""

from __future__ import annotations

import numpy as np

from faceswap_cli.compositing.colour.spaces import FLOOR, Matrix
from faceswap_cli.compositing.colour.stats import ColourStats

GAIN_LIMITS = (0.6, 1.6)
"""How far a transform may stretch contrast. A dark, flat original would else drain the drawn face of its
features, and a noisy one would blow its grain up."""


def reinhard(source: ColourStats, target: ColourStats) -> Matrix:
    """Match each channel's standard deviation. E. Reinhard et al., Color transfer between images, 2001."""
    floor = FLOOR["lab"]
    deviation = [np.sqrt(np.diag(stats.cov).clip(floor**2)) for stats in (source, target)]
    return np.diag((deviation[1] / deviation[0]).clip(*GAIN_LIMITS))


def cholesky(source: ColourStats, target: ColourStats) -> Matrix:
    """Match the whole covariance by triangular factors, T = L L' and S = K K': the matrix is L / K.

    F. Pitie and A. Kokaram (see `least_motion`), section 2. Other gains of red, green and blue are undone
    exactly, but green is matched to red and blue to both, so that what colours these were can be mixed up.
    """
    s, t = (np.linalg.cholesky(_regular(stats)) for stats in (source, target))
    return limit_gain(np.asarray(t @ np.linalg.inv(s)))


def monge_kantorovich(source: ColourStats, target: ColourStats) -> Matrix:
    """Match the whole covariance by the linear map that moves colours least."""
    return limit_gain(least_motion(_regular(source), _regular(target)))


def least_motion(source: Matrix, target: Matrix) -> Matrix:
    """The linear map between two covariances (3, 3) that moves colours least, without limits.

    F. Pitie and A. Kokaram, The linear Monge-Kantorovitch linear colour mapping for example-based colour
    transfer, CVMP 2007: A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2.
    """
    root, inverse = power(source, 0.5), power(source, -0.5)
    return np.asarray(inverse @ power(root @ target @ root, 0.5) @ inverse)


def limit_gain(matrix: Matrix) -> Matrix:
    """A matrix with its gains (singular values) within GAIN_LIMITS."""
    left, gains, right = np.linalg.svd(matrix)
    return np.asarray((left * gains.clip(*GAIN_LIMITS)) @ right)


def power(matrix: Matrix, exponent: float) -> Matrix:
    """A real power of a symmetric positive definite matrix."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * values.clip(1e-12) ** exponent) @ vectors.T)


def _regular(stats: ColourStats) -> Matrix:
    return np.asarray(stats.cov + np.eye(3) * FLOOR["rgb"] ** 2)
