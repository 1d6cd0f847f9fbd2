"""Effects on a stream: what they learn of the frames before, and what they draw by it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.ageing.effect import AgeEffect
from faceswap_cli.effects.ageing.request import AgeRequest
from faceswap_cli.effects.base import Effort, StreamingEffect
from faceswap_cli.effects.planned_faces import PlannedFace, plan_frame
from faceswap_cli.effects.reenact.effect import ReenactEffect
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.motion import DrawnPerson, face_points
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.source import prepare_source
from faceswap_cli.effects.streaming import RefreshedParser
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.evaluation.metrics import hull_mask
from faceswap_cli.faces.age.estimator import AgeEstimate, AgeEstimator
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame
from tests.pipeline.ager import AGER
from tests.pipeline.moving_face import face_points as moving_points
from tests.pipeline.moving_face import negative, picture

PICTURE = Path(__file__).resolve().parents[1] / "data" / "face.jpg"
PARSER = FaceParser()


def frames(count):
    return [Frame(index, index / 25, picture(index)) for index in range(count)]


def moving(index, track=0):
    return PlannedFace(track, moving_points(index))


@pytest.fixture(scope="module")
def face():
    """A picture and a face of it, with dense points."""
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    found = build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0][0]
    return image, PlannedFace(0, found.landmarks, 0, found.dense, found.expression)


def test_a_swap_streams_as_its_stages_draw():
    options = SwapOptions(mask="hull", grain=0.0)
    effect = SwapEffect([negative()], options)
    assert isinstance(effect, StreamingEffect)
    stream = effect.open_stream()
    first = frames(1)[0]
    stages = effect.open_stream().stages
    [plain] = stages.composite(stages.draw([first], plan_frame(0, [moving(0)])))
    assert stream.ready(0) and stream.strength is None
    assert (stream.render(first, [moving(0)], Effort()).image == plain.image).all()


def test_a_frame_is_finished_by_those_before_it():
    effect = SwapEffect([negative()], SwapOptions(mask="hull", colour="rct", smoothing=2.0))
    some, alone = frames(6), effect.open_stream()
    stream = effect.open_stream()
    shaded = [
        Frame(f.index, f.time, (f.image * (0.6 if f.index < 5 else 1.0)).astype(np.uint8)) for f in some
    ]
    for frame in shaded:
        done = stream.render(frame, [moving(frame.index)], Effort())
    assert (done.image != alone.render(shaded[5], [moving(5)], Effort()).image).any()
    gap = Frame(50, 2.0, some[5].image)
    fresh = alone.render(gap, [moving(5)], Effort()).image
    assert (stream.render(gap, [moving(5)], Effort()).image == fresh).all()  # those are too long ago


def test_without_finish_blur_and_grain_are_left_out():
    effect = SwapEffect([negative()], SwapOptions(mask="hull"))
    stream = effect.open_stream()
    stream.render(frames(1)[0], [moving(0)], Effort(finish=False))
    assert (stream.stages.options.grain, stream.stages.options.defocus) == (0.0, 0.0)
    stream.render(frames(2)[1], [moving(1)], Effort())
    assert stream.stages.options == effect.options


def test_the_parser_is_asked_every_few_frames_and_for_other_faces_at_once(face):
    image, planned = face
    parser = RefreshedParser(PARSER)
    crop = parser.crop(image, planned.landmarks)
    black = np.zeros_like(crop)
    parser.begin([planned], 3)
    first = parser.probabilities([crop])
    for _ in range(2):
        parser.begin([planned], 3)
        assert (parser.probabilities([black]) == first).all()
    parser.begin([planned], 3)
    assert (parser.probabilities([black]) != first).any()
    parser.begin([PlannedFace(1, planned.landmarks)], 3)
    assert (parser.probabilities([crop]) == first).all()


def test_a_photo_is_drawn_after_the_first_second_and_shows_the_photo(face):
    image, planned = face
    at = face_points(planned.landmarks, planned.dense)
    other = np.ascontiguousarray(image[..., ::-1])  # the same face with its colours turned about
    source = prepare_source(other, at, face_layout(), PARSER)
    effect = ReenactEffect([DrawnPerson([source])], ReenactOptions(grain=0.0, light=0.0), PARSER)
    assert isinstance(effect, StreamingEffect)
    stream = effect.open_stream()
    ready = []
    for index in range(16):
        frame = Frame(index, index / 12, image)
        stream.learn(frame, [planned])
        ready.append(stream.ready(0))
    assert ready == [index >= 12 for index in range(16)]
    done = stream.render(Frame(16, 16 / 12, image), [planned], Effort(2, finish=False)).image
    inside = hull_mask(planned.landmarks, image.shape, -0.15)
    assert np.abs(done.astype(int) - image)[inside].mean() > 8
    outside = ~hull_mask(planned.landmarks, image.shape, 0.4)
    assert (done[outside] == image[outside]).all()
    stream.strength = 0.2
    assert stream.strength == 0.2
    stream.forget(0)
    assert not stream.ready(0)


def test_an_age_is_found_once_and_the_change_goes_with_the_face(monkeypatch):
    asked = []

    def estimate(self, image, landmarks):
        asked.append(len(asked))
        return [AgeEstimate(30.0 + 2 * len(asked), 5.0, 0.5, 0.0)] * len(landmarks)

    monkeypatch.setattr(AgeEstimator, "estimate", estimate)
    effect = AgeEffect(AGER, AgeRequest(to=70.0), AgeEstimator())
    assert isinstance(effect, StreamingEffect)
    stream = effect.open_stream()
    ready = []
    for frame in frames(20):
        stream.learn(frame, [moving(frame.index)])
        ready.append(stream.ready(0))
    assert ready.index(True) == 12 and len(asked) == 4  # one look each 0.15 s
    assert stream.take_notes() == ["face 1: looks 35, becomes 70"] and stream.take_notes() == []
    done = [stream.render(frame, [moving(frame.index)], Effort(3)) for frame in frames(5)]
    assert all((new.image != old.image).any() for new, old in zip(done, frames(5), strict=True))
    assert stream.covers(moving(0))
    profile = moving_points(0).copy()
    profile[:, 0] = profile[:, 0].mean() + 0.15 * (profile[:, 0] - profile[:, 0].mean())
    profile[27:36, 0] += 14
    assert not stream.covers(PlannedFace(0, profile))
