"""What a face set crop becomes before it is learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from faceswap_cli.faces.geometry import STORED_SIDE, mean_face
from faceswap_cli.faces.parsing.face_parser import SIZE as PARSED
from faceswap_cli.networks.perception.parsing import CLASSES
from faceswap_cli.training.data.dataset import _fingertips, prepare

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


class Says:
    """What a parser says of a crop: all skin, but for one class in the left half of it."""

    def __init__(self, left: str) -> None:
        self.left = left

    def crop(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        return image

    def probabilities(self, crops: list[np.ndarray]) -> np.ndarray:
        found = np.zeros((1, len(CLASSES), PARSED, PARSED), np.float32)
        found[0, CLASSES.index("skin"), :, PARSED // 2 :] = 1
        found[0, CLASSES.index(self.left), :, : PARSED // 2] = 1
        return found


@pytest.mark.parametrize(("left", "shown"), [("hair", False), ("occluder", True), ("skin", True)])
def test_the_mask_ends_at_hair_but_not_at_hands(left, shown):
    crop, points = np.full((256, 256, 3), 128, np.uint8), mean_face(256, STORED_SIDE)
    _, _, mask, _, free, *_ = prepare(crop, points, STORED_SIDE, SIZE, Says(left))
    beside = (SIZE // 2, SIZE // 2 - SIZE // 6)
    assert (mask[beside] > 200) == shown
    assert (free[beside] > 200) == (left == "skin")
    assert mask[SIZE // 2, SIZE // 2 + SIZE // 6] > 200
