"""Editing before a camera."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.effects.base import Effort, StreamingEffect
from faceswap_cli.effects.edit.effect import EditEffect
from faceswap_cli.effects.edit.request import EditRequest
from faceswap_cli.effects.edit.stream import EVERY, LOOKS
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame

PICTURE = Path(__file__).resolve().parents[2] / "data" / "face.jpg"


@pytest.fixture(scope="module")
def seen():
    """A picture and its face."""
    image = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    face = build_analyser(thorough=True).find([Frame(0, 0.0, image)])[0][0]
    return image, PlannedFace(0, face.landmarks, 0, face.dense, face.expression)


def open_stream(*settings):
    effect = EditEffect(EditRequest(settings), FaceParser(), EffectOptions(smoothing=0.0))
    assert isinstance(effect, StreamingEffect)
    return effect.open_stream()


def show(stream, image, face, count):
    """What comes out of so many frames of a still picture; None until the stream is ready."""
    done = []
    for number in range(count):
        frame = Frame(number, number * EVERY * 1.01, image)
        stream.learn(frame, [face])
        ready = stream.ready(face.track)
        done.append(stream.render(frame, [face], Effort(3)).image if ready else None)
    return done


def test_features_are_read_first_and_told_and_then_changed(seen):
    image, face = seen
    stream = open_stream("smile=.9", "lips=#aa2233")
    done = show(stream, image, face, LOOKS + 2)
    assert done[: LOOKS - 1] == [None] * (LOOKS - 1) and done[-1] is not None
    changed = (done[-1] != image).any(-1)
    assert 0 < changed.mean() < 0.2 and not changed[:20].any()
    [told] = stream.take_notes()
    assert "smile" in told and "lips" in told
    stream.forget(0)
    assert not stream.ready(0)


def test_strength_is_a_dial(seen):
    image, face = seen
    stream = open_stream("smile=.9")
    full = show(stream, image, face, LOOKS)[-1].astype(int)
    stream.strength = 0.2
    little = show(stream, image, face, 1)[-1].astype(int)
    assert 0 < np.abs(little - image).mean() < 0.6 * np.abs(full - image).mean()


def test_landmarks_that_see_too_little_are_told(seen):
    image, face = seen
    stream = open_stream("smile=.9")
    with pytest.raises(UserError, match="landmarks"):
        stream.learn(Frame(0, 0.0, image), [PlannedFace(0, face.landmarks)])
