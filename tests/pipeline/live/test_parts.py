"""Quality, people, covering and steadying."""

import numpy as np
import pytest

from faceswap_cli.faces.face import Face
from faceswap_cli.faces.identity.people import Person
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from faceswap_cli.pipeline.live.cover_frame import CELLS, cover_picture
from faceswap_cli.pipeline.live.people import LEFT_ALONE, PeopleAtCamera
from faceswap_cli.pipeline.live.quality import LEVELS, WINDOW, QualityControl
from faceswap_cli.pipeline.live.steady import Steadier
from tests.pipeline.moving_face import face_points, negative, picture

IMAGE = picture(0)


def face(track, index=0):
    points = face_points(index)
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    return Face(box, points, 0.99, track)


class Encoder:
    """Describes whoever is there by a number."""

    def __init__(self):
        self.who, self.looks = 0, 0

    def embed(self, image, landmarks):
        self.looks += 1
        return np.eye(128, dtype=np.float32)[[self.who] * len(landmarks)]


def test_where_the_machine_is_too_slow_quality_is_lowered_step_by_step_and_said():
    control = QualityControl("auto", 30)
    assert control.level is LEVELS[0]
    said = [control.timed(0.01, 0.2) for _ in range(3 * WINDOW)]
    assert [bool(one) for one in said] == [i % WINDOW == WINDOW - 1 for i in range(3 * WINDOW)]
    assert "quality medium" in said[WINDOW - 1] and control.level is LEVELS[-1]
    assert "all that this machine draws" in said[-1]
    assert not any(control.timed(0.01, 0.2) for _ in range(3 * WINDOW))  # said once


def test_a_fast_machine_and_a_named_quality_stay():
    fast, named = QualityControl("auto", 30), QualityControl("medium", 30)
    assert not any(fast.timed(0.02, 0.05) or named.timed(1, 1) for _ in range(3 * WINDOW))
    assert (fast.level.name, named.level.name) == ("high", "medium")
    assert QualityControl("auto", 10).wanted == 10  # a slow camera asks for no more


def test_somebody_who_comes_back_goes_on_under_the_old_number():
    encoder = Encoder()
    people = PeopleAtCamera(SwapPlan([SwapTarget(negative())]), encoder)
    people.look(IMAGE, face(0))
    assert people.target(0) == 0 and people.number(0) == 0
    people.leave([0])
    people.look(IMAGE, face(4))
    assert people.number(4) == 0
    encoder.who = 1
    people.look(IMAGE, face(5))
    assert people.number(5) == 5
    looks = encoder.looks
    people.look(IMAGE, face(5))
    assert encoder.looks == looks  # who is known is not looked at again


def test_only_the_wanted_are_changed_and_after_several_looks():
    looks = np.eye(128, dtype=np.float32)
    encoder = Encoder()
    plan = SwapPlan([SwapTarget(negative(), Person("one", looks[:1]))], [Person("other", looks[1:2])])
    people = PeopleAtCamera(plan, encoder)
    people.look(IMAGE, face(0))
    assert people.target(0) is None
    people.look(IMAGE, face(0)), people.look(IMAGE, face(0))
    encoder.who = 1
    for _ in range(3):
        people.look(IMAGE, face(1))
    assert (people.target(0), people.target(1)) == (0, LEFT_ALONE)


@pytest.mark.parametrize("size", [(360, 640), (1080, 608)])
def test_a_blurred_picture_has_no_detail_left(size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    noise[: size[0] // 2] //= 2
    done = cover_picture(noise, "blur", None)
    cell = min(size) // CELLS
    assert done.shape == noise.shape
    assert np.abs(np.diff(done.astype(int), axis=0)).max() * cell < 255
    assert done[: size[0] // 3].mean() < done[2 * size[0] // 3 :].mean() - 30  # light stays
    assert (cover_picture(noise, "hold", None) == done).all()


@pytest.mark.parametrize("delay", [False, True])
def test_a_still_face_is_steadied(delay):
    rng, steadier = np.random.default_rng(1), Steadier(1.0, delay)
    noisy = [face_points(0) + rng.normal(0, 0.4, (68, 2)).astype(np.float32) for _ in range(60)]
    faces = [Face(face(0).box, points, 0.99, 0) for points in noisy]
    ahead = 6 if delay else 0
    done = []
    for index, one in enumerate(faces):
        if delay:
            steadier.see(index / 30, one)
        if index >= ahead:
            now = index - ahead
            done.append(steadier.plan(now / 30, faces[now], 0, 0).landmarks)
    before, after = (np.abs(np.diff(np.stack(some[20:50]), axis=0)).mean() for some in (noisy, done))
    assert after < 0.5 * before
    off = Steadier(0.0, False).plan(0.0, faces[0], 0, 0)
    assert np.allclose(off.landmarks, noisy[0])
