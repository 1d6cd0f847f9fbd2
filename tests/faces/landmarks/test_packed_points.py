"""Dense points as text."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from faceswap_cli.faces.geometry import MEAN_FACE
from faceswap_cli.faces.landmarks.dense import POINTS
from faceswap_cli.faces.landmarks.packed_points import pack_known, pack_points, unpack_points
from tests.dense_faces import dense_of, expression_of

EXPRESSION = expression_of(blink_left=0.43, gaze_x_right=-0.6, smile_left=1.0)


def face(eyes: float) -> tuple[np.ndarray, np.ndarray]:
    landmarks = np.round(MEAN_FACE * eyes + 1234.5, 2).astype(np.float32)
    return landmarks, dense_of(landmarks)


@pytest.mark.parametrize(("eyes", "most"), [(20, 1 / 128), (100, 1 / 128), (2000, 0.1)])
def test_what_is_packed_comes_back(eyes: float, most: float) -> None:
    landmarks, dense = face(eyes)
    text = pack_points(landmarks, dense, EXPRESSION)
    assert len(text) == 1448
    points, expression = unpack_points(landmarks, text)
    assert points.shape == (POINTS, 3) and points.dtype == expression.dtype == np.float32
    assert np.array_equal(points[:68, :2], landmarks)
    assert np.abs(points - dense).max() < most + 2e-4
    assert np.abs(expression - EXPRESSION).max() < 0.004
    assert pack_points(landmarks, points, expression) == text


def test_points_far_from_the_face_stay_within_reach() -> None:
    landmarks, dense = face(50)
    dense[100] = 1e6
    points, _ = unpack_points(landmarks, pack_points(landmarks, dense, EXPRESSION))
    assert np.abs(points[100, :2] - landmarks.mean(0)).max() < 1000


def test_68_points_give_no_text() -> None:
    assert pack_known(face(50)[0], None, None) is None


@pytest.mark.parametrize("text", [7, None, "", "AAAA", "*" * 1448, base64.b64encode(b"0" * 1087).decode()])
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="dense points"):
        unpack_points(face(50)[0], text)
