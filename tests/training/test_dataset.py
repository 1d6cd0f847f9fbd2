"""What a face set crop becomes before it is learnt from."""

from __future__ import annotations

import numpy as np

from faceswap_cli.training.dataset import _fingertips

SIZE = 128


def covered_by(*where: slice) -> np.ndarray:
    """What is called not free around a part of a face that fills the square."""
    free = np.ones((SIZE, SIZE), np.float32)
    free[where] = 0
    return _fingertips(free, np.ones_like(free))


def test_nothing_is_learnt_beside_a_hand():
    around = covered_by(slice(60, 128), slice(20, 60))
    assert around[90, 40] == 1  # the hand itself
    assert around[56, 40] > 0.9  # the tips that are not seen as one
    assert around[40, 40] == 0  # the eye above
    assert around[90, 80] == 0


def test_hair_along_the_edge_takes_nothing_with_it():
    assert covered_by(slice(0, 128), slice(20, 25)).max() == 0


def test_a_free_face_is_learnt_whole():
    assert covered_by(slice(0, 0)).max() == 0
