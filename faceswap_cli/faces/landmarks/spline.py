"""The thin-plate spline, which bends as little as its points let it (F. Bookstein, Principal warps, 1989)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def solve_spline(
    places: NDArray[np.float64], values: Floats, stiff: float, least: float
) -> NDArray[np.float64]:
    """The spline's weights.

    Args:
        places: (N, 2), of the order of 1 apart.
        values: (N, K), what the spline is there.
        stiff: how little single points are followed, in units of the kernel.
        least: see `spline_kernel`.

    Returns:
        (N + 3, K): of the kernels at the places, then the constant and the slopes along x and y.
    """
    count = len(places)
    rows = np.hstack([np.ones((count, 1)), places])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = spline_kernel(places, places, least) + stiff * np.eye(count)
    system[:count, count:], system[count:, :count] = rows, rows.T
    return np.asarray(
        np.linalg.solve(system, np.vstack([values, np.zeros((3, values.shape[1]))])), np.float64
    )


def spline_kernel(a: Floats, b: Floats, least: float) -> Floats:
    """r^2 log r of the distances between points (N, 2) and (M, 2): (N, M); r^2 is `least` or more."""
    # One product of matrices gives all squared distances: a a + b b - 2 a b.
    there = np.column_stack([a, (a**2).sum(1), np.ones(len(a), a.dtype)])
    here = np.column_stack([-2 * b, np.ones(len(b), b.dtype), (b**2).sum(1)])
    squared = there @ here.T
    np.maximum(squared, least, out=squared)
    found: Floats = cv2.log(squared)  # four times as fast as numpy's
    np.multiply(found, squared, out=found)
    found *= found.dtype.type(0.5)
    return found
