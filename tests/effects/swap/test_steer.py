"""What the network is shown under control, and where its face goes."""

import numpy as np
import pytest

from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.steer import steer_faces
from faceswap_cli.faces.geometry import mean_face
from faceswap_cli.faces.landmarks.attributes import change_attributes, measure_attributes
from faceswap_cli.networks.swap.conditions import TRAITS

FRAME = np.random.default_rng(0).integers(0, 255, (240, 240, 3), np.uint8)
POINTS = (mean_face(128) + 50).astype(np.float32)


class Square:
    """What a renderer says of its crops."""

    size, side = 64, 2.0


def shown(options, change=None):
    points = POINTS if change is None else change_attributes(POINTS, change).astype(np.float32)
    moved, crops = steer_faces([(FRAME, PlannedFace(3, points, 1))], Square(), options)
    return moved[0][1], crops, measure_attributes(moved[0][1].landmarks) - measure_attributes(points)


def test_without_control_nothing_is_touched():
    face, crops, difference = shown(SwapOptions())
    assert crops is None and not difference.any() and np.array_equal(face.landmarks, POINTS)


def test_a_turn_is_of_the_degrees_that_were_asked_for_and_keeps_who_draws():
    face, crops, difference = shown(SwapOptions(yaw=15.0))
    assert difference[TRAITS.index("yaw")] == pytest.approx(0.5, abs=0.02)
    assert (face.track, face.target) == (3, 1) and crops[0].shape == (64, 64, 3)


def test_a_smile_is_scaled_and_a_face_at_rest_is_not():
    smile = np.eye(len(TRAITS))[TRAITS.index("smile")] * 1.5
    for factor, sign in ((0.0, -1), (2.0, 1)):
        difference = shown(SwapOptions(expression=factor), smile)[2]
        assert sign * difference[TRAITS.index("smile")] > 0.7
    narrow = np.eye(len(TRAITS))[TRAITS.index("eyes")] * -1.2
    difference = shown(SwapOptions(expression=2.0), narrow)[2]
    assert abs(difference[TRAITS.index("eyes")]) < 0.05
