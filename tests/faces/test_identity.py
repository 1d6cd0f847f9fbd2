from __future__ import annotations

import itertools

import numpy as np
import pytest
from face_pictures import load, moved, one, shared_file

from faceswap_cli.errors import UserError
from faceswap_cli.faces import dlib_models
from faceswap_cli.faces.identity import THRESHOLD, IdentityEncoder, distance
from faceswap_cli.faces.stage import FaceStage
from faceswap_cli.media.frame import Image
from faceswap_cli.media.reader import VideoReader


@pytest.fixture(scope="module")
def encoder() -> IdentityEncoder:
    return IdentityEncoder()


def test_one_face_is_near_itself(encoder: IdentityEncoder, stage: FaceStage, face_picture: Image) -> None:
    [[face]] = stage.find(one(face_picture))
    turned = moved(face_picture, 10, 5, 0.8, 25)
    [[again]] = stage.find(one(turned))
    first = encoder.embed(face_picture, [face.landmarks, face.landmarks])
    assert first.shape == (2, 128) and first.dtype == np.float32
    assert distance(first[0], first[1]) == 0
    assert distance(first[0], encoder.embed(turned, [again.landmarks])[0]) < 0.6 * THRESHOLD
    assert encoder.embed(face_picture, []).shape == (0, 128)


def test_two_people_are_told_apart(encoder: IdentityEncoder, stage: FaceStage) -> None:
    picture = load(shared_file("samples", "stills", "fr_two_people.jpg"))
    alone = load(shared_file("samples", "stills", "fr_obama.jpg"))
    [faces] = stage.find(one(picture))
    both = encoder.embed(picture, [face.landmarks for face in faces])
    [obama] = encoder.embed(alone, [stage.find(one(alone))[0][0].landmarks])
    assert distance(both[0], both[1]) > THRESHOLD
    near, far = sorted(distance(both, obama))
    assert near < 0.8 * THRESHOLD < THRESHOLD < far


def test_speakers(encoder: IdentityEncoder, stage: FaceStage) -> None:
    clips = sorted(shared_file("samples", "clips").glob("grid_*"))
    tracks = {}
    for clip in clips:
        with VideoReader(clip) as reader:
            frame = next(iter(reader))
        tracks[clip.stem] = encoder.embed(frame.image, [stage.find([frame])[0][0].landmarks])[0]
    for a, b in itertools.combinations(tracks, 2):
        is_one = {a, b} == {"grid_id2_swwp2s", "grid_pwij3p"}
        assert (distance(tracks[a], tracks[b]) < THRESHOLD) == is_one, (a, b)


def test_a_missing_model_says_what_to_install(monkeypatch: pytest.MonkeyPatch, face_picture: Image) -> None:
    monkeypatch.setattr(dlib_models, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install"):
        IdentityEncoder().embed(face_picture, [np.zeros((68, 2))])
