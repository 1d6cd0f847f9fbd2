"""Steady landmarks: zero-phase smoothing over real time stamps, as wide as the motion allows.

Every point's path is fitted by straight lines over Gaussian windows in time (local linear regression,
W. S. Cleveland 1979; it has no lag, takes uneven time stamps, and is unbiased at a path's ends). The
window is chosen for each instant and each part of the face by O. Lepski's rule (1991): the widest one
whose fit still agrees, within the noise, with those of all narrower ones. A still face gets the
widest window, a fast turn or a blink the narrowest, and nothing is shrunk or delayed.
"""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

WINDOWS = (0.03, 0.055, 0.1, 0.18)
"""Standard deviations of the Gaussian windows in seconds at strength 1; before them stands no window."""

AGREE = 1.5
"""How many of their common standard errors two fits may differ by: Lepski's threshold."""

NOISE_LIMITS = (0.001, 0.015)
"""Least and most landmark noise that is believed, in inter-ocular distances: a face in constant fast
motion looks like noise, and must not be smoothed like it."""

REACH = 2.5
"""A window is cut off at this many standard deviations."""

MOST_NEIGHBOURS = 40
"""Frames on either side that a window may take in at most: bounds the work at very high frame rates."""

PARTS: tuple[slice, ...] = (
    slice(0, 17),  # jaw
    slice(17, 27),  # brows
    slice(27, 36),  # nose
    slice(36, 48),  # eyes
    slice(48, 68),  # mouth
)
"""Points that move together share their window: a blink must not unsteady the chin."""


def smooth_landmarks(times: ArrayLike, landmarks: ArrayLike, strength: float = 1.0) -> NDArray[np.float32]:
    """Smooth the landmarks of one track.

    Args:
        times: (N,) seconds, rising; gaps are allowed.
        landmarks: (N, 68, 2) frame pixels.
        strength: 0 leaves the landmarks as they are; 1 is the default; above, the windows widen.

    Returns:
        (N, 68, 2) float32.
    """
    moments, points = np.asarray(times, np.float64), np.asarray(landmarks, np.float64)
    if strength <= 0 or len(points) < 3:
        return points.astype(np.float32)
    scale = np.linalg.norm(points[:, 45] - points[:, 36], axis=1)
    scale = float(np.median(scale)) or 1.0
    fits = [points]
    variances = [np.ones(len(points))]
    for window in WINDOWS:
        fit, variance = fit_local_lines(moments, points.reshape(len(points), -1), window * strength)
        fits.append(fit.reshape(points.shape))
        variances.append(variance)
    smooth = np.empty_like(points)
    for part in PARTS:
        noise = noise_level(points[:, part]).clip(NOISE_LIMITS[0] * scale, NOISE_LIMITS[1] * scale)
        paths = [fit[:, part] for fit in fits]
        level = _settled(_widest(paths, variances, float(noise)))
        smooth[:, part] = _mixed(paths, level)
    return smooth.astype(np.float32)


def fit_local_lines(times: Array, values: Array, window: float) -> tuple[Array, Array]:
    """Local linear regression at every time stamp.

    Args:
        times: (N,) seconds, rising.
        values: (N, D).
        window: standard deviation of the Gaussian weights, seconds.

    Returns:
        The fitted values (N, D), and (N,) the variance of each for noise of variance 1.
    """
    count = len(times)
    step = max(float(np.median(np.diff(times))), 1e-4) if count > 1 else 1.0
    reach = min(MOST_NEIGHBOURS, count - 1, int(np.ceil(REACH * window / step)))
    offsets = [o for o in range(-reach, reach + 1) if abs(o) < count]
    weights = np.zeros((len(offsets), count))
    delays = np.zeros((len(offsets), count))
    for row, offset in enumerate(offsets):
        here, there = _overlap(count, offset)
        delay = times[there] - times[here]
        near = np.abs(delay) <= REACH * window + 1e-9
        weights[row, here] = np.exp(-0.5 * (delay / window) ** 2) * near
        delays[row, here] = delay
    s0, s1, s2 = weights.sum(0), (weights * delays).sum(0), (weights * delays**2).sum(0)
    # The value of the line at delay 0 is a weighted sum of the neighbours: these are the weights. With no
    # neighbour but itself (or all of them at one instant) the line is level.
    spread = s0 * s2 - s1**2
    tilted = spread > 1e-9 * s0**2 * window**2
    safe = np.where(tilted, spread, 1.0)
    shares = np.where(tilted, weights * (s2 - s1 * delays) / safe, weights / s0)
    fitted = np.zeros_like(values)
    for row, offset in enumerate(offsets):
        here, there = _overlap(count, offset)
        fitted[here] += shares[row, here, None] * values[there]
    return fitted, (shares**2).sum(0)


def _overlap(count: int, offset: int) -> tuple[slice, slice]:
    """The places that have a neighbour at `offset`, and those neighbours."""
    return slice(max(0, -offset), count - max(0, offset)), slice(max(0, offset), count + min(0, offset))


def noise_level(points: Array) -> Array:
    """Standard deviation (a scalar array) of the frame-to-frame noise of paths (N, K, 2), in their unit.

    From fourth differences, which smooth motion leaves near 0 (a head shaken twice a second leaves a tenth of
    what it leaves of second ones), by their lower third over time, which is that of the stiller moments.
    """
    order = min(4, len(points) - 1)
    bends = np.diff(points, order, axis=0)
    # White noise of variance v bends by v times the sum of the squared binomial coefficients.
    size = np.sqrt((bends**2).mean(axis=(1, 2)) / comb(2 * order, order))
    return np.asarray(np.quantile(size, 0.3))


def _widest(paths: list[Array], variances: list[Array], noise: float) -> NDArray[np.int64]:
    """(N,) for each instant the last window whose fit agrees with those of all narrower ones."""
    count = len(paths[0])
    level = np.zeros(count, np.int64)
    agreeing = np.ones(count, bool)
    for wide in range(1, len(paths)):
        for narrow in range(wide):
            apart = np.sqrt(_pooled(((paths[wide] - paths[narrow]) ** 2).mean(axis=(1, 2))))
            # The narrow fit's error contains the wide one's, so that their difference's is the excess.
            error = noise * np.sqrt(np.maximum(variances[narrow] - variances[wide], 0.02))
            agreeing &= apart <= AGREE * error
        level[agreeing] = wide
    return level


def _pooled(values: Array) -> Array:
    """Weighted mean of five instants (1 2 3 2 1): the points of a face err together, so that one instant
    alone is one draw of the noise, too few to judge by."""
    padded = np.pad(values, 2, mode="edge")
    return np.asarray(np.convolve(padded, np.array([1, 2, 3, 2, 1]) / 9, mode="valid"))


def _settled(level: NDArray[np.int64]) -> Array:
    """Levels without jumps: the least of an instant's neighbours, then the mean of three."""
    padded = np.pad(level, 1, mode="edge")
    least = np.minimum(np.minimum(padded[:-2], padded[2:]), level).astype(np.float64)
    padded = np.pad(least, 1, mode="edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3)


def _mixed(paths: list[Array], level: Array) -> Array:
    """Each instant's path at its (fractional) level, between the two nearest windows."""
    stack = np.stack(paths)
    lower = np.floor(level).astype(int).clip(0, len(paths) - 1)
    upper = np.minimum(lower + 1, len(paths) - 1)
    share = (level - lower)[:, None, None]
    place = np.arange(len(level))
    return np.asarray((1 - share) * stack[lower, place] + share * stack[upper, place])


def fill_gaps(
    frames: ArrayLike,
    landmarks: NDArray[np.float32],
    times: ArrayLike,
    most: int = 5,
    removed: ArrayLike = (),
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Add landmarks for the few frames of a track in which the face was not found.

    Args:
        frames: (N,) rising frame numbers of the track.
        landmarks: (N, 68, 2), smoothed.
        times: seconds of every frame of the video, by frame number.
        most: the longest gap, in frames, that is filled.
        removed: frame numbers of faces that were taken out on purpose; a gap with one of them stays.

    Returns:
        (M,) frame numbers and (M, 68, 2) landmarks, M >= N.
    """
    known, clock = np.asarray(frames, np.int64), np.asarray(times, np.float64)
    missing = np.diff(known) - 1
    meant = np.searchsorted(known, np.asarray(removed, np.int64)) - 1
    missing[meant[(meant >= 0) & (meant < len(missing))]] = 0
    gaps = np.nonzero((missing > 0) & (missing <= most))[0]
    if not len(gaps):
        return known, landmarks
    added = np.concatenate([np.arange(known[g] + 1, known[g + 1]) for g in gaps])
    after = np.searchsorted(known, added)
    start, end = clock[known[after - 1]], clock[known[after]]
    share = ((clock[added] - start) / np.maximum(end - start, 1e-9)).astype(np.float32)[:, None, None]
    between = (1 - share) * landmarks[after - 1] + share * landmarks[after]
    order = np.argsort(np.concatenate([known, added]), kind="stable")
    return np.concatenate([known, added])[order], np.concatenate([landmarks, between])[order]


def time_weights(times: ArrayLike, centre: float, strength: float = 1.0) -> NDArray[np.float64]:
    """Gaussian weights for averaging what belongs to a still part (colours): the widest window."""
    window = max(WINDOWS[-1] * strength, 1e-6)
    return np.asarray(np.exp(-0.5 * ((np.asarray(times, np.float64) - centre) / window) ** 2))
