from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection import face_alignment_backend
from faceswap_cli.faces.face import Detection
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.faces.landmarks.pose import _POINTS, _SHAPE, estimate_pose
from faceswap_cli.faces.quality import face_quality, face_sharpness
from faceswap_cli.media.frame import Image
from tests.faces.face_pictures import load, moved, one, shared_file


def turned(points: np.ndarray, angle: float, size: tuple[int, int] = (640, 360)) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle, 1.0)
    return geometry.transform(points, matrix)


@pytest.mark.parametrize("angle", [-170, -110, -60, -30, -10, 15, 40, 75, 120, 180])
def test_landmarks_turn_with_the_face(angle: float, stage: FaceAnalyser, face_picture: Image) -> None:
    [[upright]] = stage.find(one(face_picture))
    [[found]] = stage.find(one(moved(face_picture, 0, 0, 1.0, angle)))
    eyes = geometry.interocular(upright.landmarks)
    apart = np.linalg.norm(found.landmarks - turned(upright.landmarks, angle), axis=1)
    assert apart[17:].mean() < 0.05 * eyes
    assert apart.max() < 0.35 * eyes


def test_landmarks_lie_on_the_face(stage: FaceAnalyser, face_picture: Image) -> None:
    [[face]] = stage.find(one(face_picture))
    eyes = geometry.interocular(face.landmarks)
    by_eye = np.array([[258, 163], [328, 159], [296, 205], [264, 236], [328, 234]])  # read off the picture
    assert np.linalg.norm(five_from_68(face.landmarks) - by_eye, axis=1).max() < 0.12 * eyes
    assert face.landmarks.dtype == np.float32 and face.track == -1


def test_landmarks_are_steady_under_small_shifts(stage: FaceAnalyser, face_picture: Image) -> None:
    [[still]] = stage.find(one(face_picture))
    apart = []
    for shift in (0.5, 1.0, 1.5, 2.0, 2.5):
        [[face]] = stage.find(one(moved(face_picture, shift, 0)))
        apart.append(np.linalg.norm(face.landmarks - [shift, 0] - still.landmarks, axis=1)[17:].mean())
    assert np.mean(apart) < 0.012 * geometry.interocular(still.landmarks)


def test_landmarks_of_faces_half_outside_the_frame_are_finite(
    stage: FaceAnalyser, face_picture: Image
) -> None:
    [faces] = stage.find(one(np.ascontiguousarray(face_picture[:, :310])))
    assert all(np.isfinite(face.landmarks).all() for face in faces)
    collapsed = Detection(np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0)
    assert stage.describe(one(face_picture), [[collapsed]]) == [[]]


def test_false_faces_lose_their_score(stage: FaceAnalyser, face_picture: Image) -> None:
    wall = np.array([400, 40, 520, 200], np.float32)
    points = np.array([[420, 90], [500, 180], [410, 120], [505, 60], [450, 190]], np.float32)
    assert stage.describe(one(face_picture), [[Detection(wall, points, 0.99)]]) == [[]]


def test_missing_fan_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(UserError) as error:
        build_analyser(landmarks="fan", device="cpu")
    text = str(error.value)
    assert (
        face_alignment_backend.LANDMARK_WEIGHTS in text
        and str(tmp_path) in text
        and "--landmarks compact" in text
    )
    assert "\n" not in text


def test_pose_signs() -> None:
    def seen(yaw: float, pitch: float, roll: float) -> tuple[float, float, float]:
        y, p, r = np.radians([-yaw, -pitch, roll])
        turn_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        turn_p = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
        turn_r = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
        points = np.zeros((68, 2))
        points[_POINTS] = 80 * (_SHAPE @ (turn_r @ turn_p @ turn_y).T)[:, :2] + 200
        # The nose's tip moves where the face turns to.
        assert np.sign(points[30, 0] - points[27, 0]) == np.sign(yaw) or roll
        return estimate_pose(points)

    for angles in ((30, 0, 0), (-40, 10, 0), (20, -15, 0), (25, 10, 35), (-10, 20, -60)):
        assert seen(*angles) == pytest.approx(angles, abs=1e-6)


def test_pose_of_pictures(stage: FaceAnalyser, face_picture: Image) -> None:
    yaw, pitch, roll = estimate_pose(stage.find(one(face_picture))[0][0].landmarks)
    assert abs(yaw) < 12 and abs(pitch) < 20 and abs(roll) < 10
    tilted = estimate_pose(
        stage.find(one(moved(face_picture, 0, 0, 1, -30)))[0][0].landmarks
    )  # with the clock
    assert tilted[2] == pytest.approx(roll + 30, abs=4)
    mirrored = estimate_pose(stage.find(one(np.ascontiguousarray(face_picture[:, ::-1])))[0][0].landmarks)
    assert mirrored[0] == pytest.approx(-yaw, abs=5) and mirrored[2] == pytest.approx(-roll, abs=4)


def test_pose_is_never_nan() -> None:
    assert estimate_pose(np.zeros((68, 2))) == (0.0, 0.0, 0.0)
    assert estimate_pose(np.full((68, 2), np.nan)) == (0.0, 0.0, 0.0)
    assert np.isfinite(estimate_pose(np.linspace(0, 1, 136).reshape(68, 2))).all()


def test_pose_of_profiles() -> None:
    stills = shared_file("samples", "stills")
    stage = build_analyser(thorough=True)
    for name, sign in (("sfhq_face_pose_4.jpg", -1), ("sfhq_face_pose_5.jpg", 1), ("sfhq_hats_11.jpg", 1)):
        face = stage.find(one(load(stills / name)))[0][0]
        assert estimate_pose(face.landmarks)[0] * sign > 25, name


def test_sharpness_falls_with_blur_and_with_size_but_not_with_light(
    stage: FaceAnalyser, face_picture: Image
) -> None:
    face = stage.find(one(face_picture))[0][0]

    def measured(image: Image) -> float:
        crop = geometry.align(image, face, 256, geometry.STORED_SIDE)
        return face_sharpness(crop.image, geometry.transform(face.landmarks, crop.matrix))

    crisp = measured(face_picture)
    blurred = measured(cv2.GaussianBlur(face_picture, (0, 0), 3))
    small = cv2.resize(face_picture, (160, 90), interpolation=cv2.INTER_AREA)
    assert blurred < 0.2 * crisp
    assert measured(cv2.resize(small, (640, 360), interpolation=cv2.INTER_CUBIC)) < 0.4 * crisp
    assert measured((face_picture * 0.5).astype(np.uint8)) == pytest.approx(crisp, rel=0.2)


def test_quality_prefers_sure_crisp_frontal_large_faces() -> None:
    large = geometry.mean_face(256, geometry.STORED_SIDE).astype(np.float32)
    best = face_quality(1.0, 1.0, (0, 0, 0), large, 256)
    assert best == pytest.approx(1.0, abs=0.05)
    worse = [
        face_quality(0.8, 1.0, (0, 0, 0), large, 256),
        face_quality(1.0, 0.2, (0, 0, 0), large, 256),
        face_quality(1.0, 1.0, (60, 0, 0), large, 256),
        face_quality(1.0, 1.0, (0, 0, 0), large / 6, 256),
    ]
    assert all(0 <= value < 0.75 * best for value in worse)
