"""Steady landmarks: zero-phase smoothing over real time stamps, as wide as the motion allows.

Every point's path is fitted by straight lines over Gaussian windows in time (local linear regression,
W. S. Cleveland 1979; it has no lag, takes uneven time stamps, and is unbiased at a path's ends). The
window is chosen for each instant and each part of the face by O. Lepski's rule (1991): the widest one
whose fit still agrees, within the noise, with those of all narrower ones. A still face gets the
widest window, a fast turn or a blink the narrowest, and nothing is shrunk or delayed. What few points of
a part do, as in a blink or a glance, has a test of its own (`face_parts`): in the mean over all points of
a part it would pass for noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.tracking.face_parts import FacePart, face_parts

Array = NDArray[np.float64]

WINDOWS = (0.03, 0.055, 0.1, 0.18)
"""Standard deviations of the Gaussian windows in seconds at strength 1; before them stands no window."""

AGREE = 1.5
"""How many of their common standard errors two fits may differ by: Lepski's threshold."""

GESTURES_AGREE = 2.0
"""The same for gestures. These are judged at each instant alone: a blink is over in three frames."""

NOISE_LIMITS = (0.001, 0.015)
"""Least and most landmark noise that is believed, in inter-ocular distances: a face in constant fast
motion looks like noise, and must not be smoothed like it."""

GESTURE_NOISE_LIMITS = (0.0005, 0.01)
"""The same for gestures, which are means of several points."""

EXPRESSION_NOISE_LIMITS = (0.002, 0.1)
"""The same for coefficients of expression."""

REACH = 2.5
"""A window is cut off at this many standard deviations."""

MOST_NEIGHBOURS = 40
"""Frames on either side that a window may take in at most: bounds the work at very high frame rates."""

_QUANTILE = 0.3
"""Of the bends' sizes over time, from which the noise is told."""

_FEW = {1: 0.385, 2: 0.597}
"""That quantile for noise of deviation 1 in one and in two numbers; of many it is near 1."""


def smooth_landmarks(times: ArrayLike, landmarks: ArrayLike, strength: float = 1.0) -> NDArray[np.float32]:
    """Smooth the landmarks of one track. Windows are chosen by x and y; depths follow.

    Args:
        times: (N,) seconds, rising; gaps are allowed.
        landmarks: (N, 68, 2) or, with depth, (N, 222, 3) frame pixels, see `landmarks.dense`.
        strength: 0 leaves the landmarks as they are; 1 is the default; above, the windows widen.

    Returns:
        float32 of the same shape.
    """
    moments, points = np.asarray(times, np.float64), np.asarray(landmarks, np.float64)
    if strength <= 0 or len(points) < 3:
        return points.astype(np.float32)
    eyes = np.linalg.norm(points[:, 45, :2] - points[:, 36, :2], axis=1)
    scale = float(np.median(eyes)) or 1.0
    smooth = np.empty(points.shape, np.float32)
    for part in face_parts(points.shape[1]):
        fits, variances = _fit_all(moments, points[:, part.points], strength)
        smooth[:, part.points] = _mixed(fits, _settled(_part_level(fits, variances, part, scale)))
    return smooth


def smooth_expression(times: ArrayLike, expression: ArrayLike, strength: float = 1.0) -> NDArray[np.float32]:
    """Smooth the coefficients (N, E) of one track's expression, each with windows of its own."""
    moments, values = np.asarray(times, np.float64), np.asarray(expression, np.float64)
    if strength <= 0 or len(values) < 3:
        return values.astype(np.float32)
    fits, variances = _fit_all(moments, values[..., None], strength)
    smooth = np.empty(values.shape, np.float32)
    for k in range(values.shape[1]):
        paths = [fit[:, k : k + 1] for fit in fits]
        level = _settled(_gesture_level(paths, variances, EXPRESSION_NOISE_LIMITS))
        smooth[:, k] = _mixed(paths, level)[:, 0, 0]
    return smooth


def _fit_all(moments: Array, points: Array, strength: float) -> tuple[list[Array], list[Array]]:
    """Points (N, K, D) as they are and through each window, and (N,) the variances that noise keeps."""
    fits, variances = [points], [np.ones(len(points))]
    for window in WINDOWS:
        fit, variance = fit_local_lines(moments, points.reshape(len(points), -1), window * strength)
        fits.append(fit.reshape(points.shape))
        variances.append(variance)
    return fits, variances


def _part_level(fits: list[Array], variances: list[Array], part: FacePart, scale: float) -> NDArray[np.int64]:
    """(N,) the widest window for each instant on which all points together and each gesture agree."""
    paths = [fit[..., :2] for fit in fits]
    noise = noise_level(paths[0]).clip(NOISE_LIMITS[0] * scale, NOISE_LIMITS[1] * scale)
    level = _widest(paths, variances, AGREE * float(noise), _pooled)
    least, most = (limit * scale for limit in GESTURE_NOISE_LIMITS)
    for gesture in part.gestures:
        moved = [np.einsum("k,nkd->nd", gesture, path)[:, None] for path in paths]
        level = np.minimum(level, _gesture_level(moved, variances, (least, most)))
    return level


def _gesture_level(
    paths: list[Array], variances: list[Array], limits: tuple[float, float]
) -> NDArray[np.int64]:
    """(N,) the same for one path (N, 1, 1 or 2)."""
    noise = noise_level(paths[0]) / _FEW[paths[0].shape[2]]
    return _widest(paths, variances, GESTURES_AGREE * float(noise.clip(*limits)), np.asarray)


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
    return np.asarray(np.quantile(size, _QUANTILE))


def _widest(
    paths: list[Array], variances: list[Array], allowed: float, pool: Callable[[Array], Array]
) -> NDArray[np.int64]:
    """(N,) for each instant the last window whose fit agrees with those of all narrower ones.

    Args:
        paths: through each window, (N, K, D).
        variances: (N,) for each of them, what it leaves of noise of variance 1.
        allowed: so far may fits be apart of which only one has the noise.
        pool: takes in the instants around, (N,) squares in and out.
    """
    count = len(paths[0])
    level = np.zeros(count, np.int64)
    agreeing = np.ones(count, bool)
    for wide in range(1, len(paths)):
        for narrow in range(wide):
            apart = np.sqrt(pool(((paths[wide] - paths[narrow]) ** 2).mean(axis=(1, 2))))
            # The narrow fit's error contains the wide one's, so that their difference's is the excess.
            error = allowed * np.sqrt(np.maximum(variances[narrow] - variances[wide], 0.02))
            agreeing &= apart <= error
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
    values: Sequence[NDArray[np.float32]],
    times: ArrayLike,
    most: int = 5,
    removed: ArrayLike = (),
) -> tuple[NDArray[np.int64], list[NDArray[np.float32]]]:
    """Add what lies between for the few frames of a track in which the face was not found.

    Args:
        frames: (N,) rising frame numbers of the track.
        values: (N, ...) each: landmarks, smoothed, and whatever else is known of the faces.
        times: seconds of every frame of the video, by frame number.
        most: the longest gap, in frames, that is filled.
        removed: frame numbers of faces that were taken out on purpose; a gap with one of them stays.

    Returns:
        (M,) frame numbers and the values (M, ...) in them, M >= N.
    """
    known, clock = np.asarray(frames, np.int64), np.asarray(times, np.float64)
    missing = np.diff(known) - 1
    meant = np.searchsorted(known, np.asarray(removed, np.int64)) - 1
    missing[meant[(meant >= 0) & (meant < len(missing))]] = 0
    gaps = np.nonzero((missing > 0) & (missing <= most))[0]
    if not len(gaps):
        return known, list(values)
    added = np.concatenate([np.arange(known[g] + 1, known[g + 1]) for g in gaps])
    after = np.searchsorted(known, added)
    start, end = clock[known[after - 1]], clock[known[after]]
    shares = ((clock[added] - start) / np.maximum(end - start, 1e-9)).astype(np.float32)
    order = np.argsort(np.concatenate([known, added]), kind="stable")
    filled = []
    for value in values:
        share = shares.reshape(-1, *[1] * (value.ndim - 1))
        between = (1 - share) * value[after - 1] + share * value[after]
        filled.append(np.concatenate([value, between])[order])
    return np.concatenate([known, added])[order], filled


def time_weights(times: ArrayLike, centre: float, strength: float = 1.0) -> NDArray[np.float64]:
    """Gaussian weights for averaging what belongs to a still part (colours): the widest window."""
    window = max(WINDOWS[-1] * strength, 1e-6)
    return np.asarray(np.exp(-0.5 * ((np.asarray(times, np.float64) - centre) / window) ** 2))
