"""A photo that follows somebody before a camera."""

import numpy as np
import pytest

from faceswap_cli.effects.base import Effort, StreamingEffect
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.media.frame import Frame
from faceswap_cli.portrait.animate.driven_faces import AnimatedFace
from faceswap_cli.portrait.animate.effect import AnimateEffect
from faceswap_cli.portrait.animate.options import AnimateOptions
from faceswap_cli.portrait.animate.stream import CALIBRATION
from tests.portrait.animate.test_animate import changed, face, portrait  # noqa: F401

FPS = 25
PLAIN = AnimateOptions(smoothing=0.0)


class Camera:
    """Shows faces to a stream, and gives what it draws."""

    def __init__(self, stream, image):
        self.stream, self.image, self.number = stream, image, 0

    def show(self, dense, track=0, image=None):
        seen = self.image if image is None else image
        frame = Frame(self.number, self.number / FPS, seen)
        self.number += 1
        faces = [PlannedFace(track, dense[:68, :2], 0, dense, np.zeros(26, np.float32))]
        self.stream.learn(frame, faces)
        return self.stream.render(frame, faces, Effort()).image if self.stream.ready(track) else None


@pytest.fixture
def camera(face, portrait):  # noqa: F811
    image, dense = face
    effect = AnimateEffect(image, [AnimatedFace(portrait)], PLAIN)
    assert isinstance(effect, StreamingEffect)
    camera = Camera(effect.open_stream(), image)
    before = [camera.show(dense) for _ in range(int(CALIBRATION * FPS))]
    assert before == [None] * len(before)  # nothing moves until it is known how the face rests
    return camera


def moved(first, second):
    return float(np.abs(first.astype(int) - second).mean())


def test_a_face_at_rest_leaves_the_photo_nearly_as_it_is_and_one_that_moves_moves_it(camera, face):  # noqa: F811
    image, dense = face
    still = camera.show(dense)
    assert camera.stream.still is image and still.shape == image.shape
    turned = camera.show(changed(dense, yaw=10))
    back = camera.show(dense)
    assert moved(still, image) < 1.5 < moved(turned, still)
    assert (back == still).all()  # a frame depends on what is learnt, not on the frame before
    assert any("follows" in note for note in camera.stream.take_notes())
    assert camera.stream.take_notes() == []


def test_a_smaller_picture_of_the_camera_is_no_motion(camera, face):  # noqa: F811
    _, dense = face
    still = camera.show(dense)
    half = np.ascontiguousarray(camera.image[::2, ::2])
    assert moved(camera.show(dense / 2, image=half), still) < 0.5


def test_strength_is_a_dial(camera, face):  # noqa: F811
    _, dense = face
    opened = changed(dense, mouth=0.15)
    camera.stream.strength = 0.1
    little = camera.show(opened)
    camera.stream.strength = 1.0
    much = camera.show(opened)
    still = camera.show(dense)
    assert moved(little, still) < 0.5 * moved(much, still)


def test_what_is_learnt_anew_is_the_rest_from_then_on(camera, face):  # noqa: F811
    _, dense = face
    turned = changed(dense, yaw=8)
    before = camera.show(turned)
    camera.stream.forget(0)
    while (after := camera.show(turned)) is None:
        pass
    assert moved(after, camera.image) < moved(before, camera.image)


def test_the_photo_follows_one_face_and_waits_for_no_other(camera, face):  # noqa: F811
    _, dense = face
    second = dense * 1.0
    second[:, :2] *= 1.5
    assert camera.stream.ready(7)
    frame = Frame(99, 9.9, camera.image)
    faces = [
        PlannedFace(track, points[:68, :2], 0, points, np.zeros(26, np.float32))
        for track, points in ((7, second), (0, dense))
    ]
    camera.stream.learn(frame, faces)
    drawn = camera.stream.render(frame, faces, Effort()).image
    assert moved(drawn, camera.image) < 1.5
