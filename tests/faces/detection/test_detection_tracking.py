"""What is between the first and the last frame of a batch, which are looked at closely."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from faceswap_cli.faces.detection.boxes import overlap, roll_of
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.media.frame import Frame, Image
from tests.faces.face_pictures import moved


@pytest.fixture(scope="module")
def detector() -> RetinaFaceDetector:
    return RetinaFaceDetector(min_size=16)


def batch(pictures: list[Image], step: float = 0.04) -> list[Frame]:
    return [Frame(i, i * step, picture) for i, picture in enumerate(pictures)]


def small(face_picture: Image, right: float, angle: float = 0.0) -> Image:
    """The face about 28 pixels high in a picture of 320 x 240, which the network sees at twice the size."""
    tiny = cv2.resize(face_picture, (80, 45), interpolation=cv2.INTER_AREA)
    canvas = np.full((240, 320, 3), 110, np.uint8)
    canvas[100:145, 120:200] = tiny
    return moved(canvas, right, 0, angle=angle)


def test_a_small_face_that_moves_is_followed(detector: RetinaFaceDetector, face_picture: Image) -> None:
    found = detector(batch([small(face_picture, 5 * i - 20) for i in range(9)]))
    assert [len(faces) for faces in found] == [1] * 9
    start = found[0][0].box
    for i, faces in enumerate(found):
        assert overlap(faces[0].box, start + np.array([5.0 * i, 0, 5.0 * i, 0]))[0, 0] > 0.6


@pytest.mark.parametrize("comes", [True, False])
def test_a_small_face_that_comes_or_goes_is_followed_to_where_it_is_lost(
    comes: bool, detector: RetinaFaceDetector, face_picture: Image
) -> None:
    there = small(face_picture, 0)
    gone = np.full_like(there, 110)
    pictures = [gone] * 4 + [there] * 5
    found = detector(batch(pictures if comes else pictures[::-1]))
    assert [len(faces) for faces in (found if comes else found[::-1])] == [0] * 4 + [1] * 5


def test_a_turned_face_keeps_its_turn(detector: RetinaFaceDetector, face_picture: Image) -> None:
    pictures = [np.ascontiguousarray(np.rot90(moved(face_picture, 4 * i, 0))) for i in range(6)]
    found = detector(batch(pictures))
    assert [len(faces) for faces in found] == [1] * 6
    for [face] in found:
        assert abs(roll_of(face.points) + 90) < 15


def test_the_result_depends_on_nothing_but_the_batch(face_picture: Image) -> None:
    frames = batch([small(face_picture, 3 * i) for i in range(5)])
    used = RetinaFaceDetector(min_size=16)
    used(batch([face_picture] * 4))
    first, again = RetinaFaceDetector(min_size=16)(frames), used(frames)
    for one, other in zip(first, again, strict=True):
        assert [d.box.tolist() for d in one] == [d.box.tolist() for d in other]


def test_frames_far_apart_are_looked_at_one_by_one(detector: RetinaFaceDetector, face_picture: Image) -> None:
    places = (0, 90, -80, 60, -50)
    found = detector(batch([small(face_picture, right) for right in places], step=1.0))
    assert [len(faces) for faces in found] == [1] * 5
