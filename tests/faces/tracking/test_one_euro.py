"""The One Euro filter: steady when still, with little lag when not."""

import numpy as np

from faceswap_cli.faces.tracking.one_euro import OneEuroFilter

RATE, UNIT = 30, 60.0


def filtered(path, strength=1.0):
    one = OneEuroFilter(strength)
    return np.stack([one(index / RATE, value, UNIT) for index, value in enumerate(path)])


def test_the_noise_of_a_still_face_is_more_than_halved():
    noise = np.random.default_rng(0).normal(0, 0.3, (120, 68, 2))
    assert filtered(noise)[30:].std() < 0.5 * noise[30:].std()
    assert np.array_equal(filtered(noise, 0.0), noise.astype(np.float32))


def test_a_face_that_moves_fast_lags_less_than_a_frame():
    speed = 1.5 * UNIT  # pixels a second
    path = (np.arange(60) / RATE * speed)[:, None, None] * np.array([1.0, 0.0])
    lag = (path - filtered(path))[30:, 0, 0] / speed
    assert 0 < lag.max() < 1 / RATE


def test_larger_faces_are_filtered_as_small_ones_are():
    path = np.cumsum(np.random.default_rng(1).normal(0, 1, (40, 5, 2)), axis=0)
    small, large = OneEuroFilter(), OneEuroFilter()
    for index, value in enumerate(path):
        a, b = small(index / RATE, value, UNIT), large(index / RATE, 3 * value, 3 * UNIT)
    assert np.allclose(3 * a, b, atol=1e-3)
