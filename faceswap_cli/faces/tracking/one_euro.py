"""Steady points without the future: the One Euro filter.

A first-order low-pass filter whose cut-off rises with the speed, so that a still face is steadied and a
moving one hardly lags (G. Casiez, N. Roussel and D. Vogel, 1 Euro filter: a simple speed-based low-pass
filter for noisy input in interactive systems, CHI 2012). Lengths are in eye distances, so that it does the
same for small faces and large ones. A clip, whose future is known, is smoothed by `smoothing` instead, which
has no lag.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

STILL = 1.5
"""Cut-off in Hz of a face at rest, at strength 1: a time constant of 0.11 s."""

SPEED = 6.0
"""Hz by which it rises for a speed of one eye distance a second: a face that moves so fast lags 0.02 s."""

DERIVATIVE = 1.5
"""Cut-off in Hz of the speed itself."""

Array = NDArray[np.float64]


class OneEuroFilter:
    """Filters values of one shape that come one after the other.

    Args:
        strength: 0 leaves them as they are; above 1 a still face is steadied more.
    """

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength
        self._time: float | None = None
        self._value: Array = np.zeros(0)
        self._speed: Array = np.zeros(0)

    def __call__(self, time: float, values: ArrayLike, unit: float = 1.0) -> NDArray[np.float32]:
        """The filtered values.

        Args:
            time: seconds, rising.
            values: (..., D): a speed is the length of a row's change.
            unit: one eye distance in the values' own unit.
        """
        new = np.asarray(values, np.float64)
        if self.strength <= 0 or self._time is None or self._value.shape != new.shape:
            self._time, self._value, self._speed = time, new, np.zeros_like(new)
            return new.astype(np.float32)
        passed = max(time - self._time, 1e-4)
        speed = (new - self._value) / (passed * max(unit, 1e-6))
        self._speed = self._speed + _share(DERIVATIVE, passed) * (speed - self._speed)
        fast = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        cutoff = STILL / self.strength + SPEED * fast
        self._value = self._value + _share(cutoff, passed) * (new - self._value)
        self._time = time
        return self._value.astype(np.float32)


def _share(cutoff: float | Array, passed: float) -> float | Array:
    """How much of a new value is taken after so many seconds."""
    turned = 2 * math.pi * cutoff * passed
    return turned / (turned + 1)
