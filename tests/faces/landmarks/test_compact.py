"""The tool's own landmark network, as shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import nn

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.face_alignment_backend import five_points
from faceswap_cli.faces.detection.retinaface import RetinaFaceDetector
from faceswap_cli.faces.face import Detection, Points
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.mean_shape import MIRROR, five_from_68
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.networks.perception.landmarks import LandmarkConfig, LandmarkNetwork
from tests.faces.face_pictures import load, moved, shared_file


@pytest.fixture(scope="module")
def compact() -> CompactLandmarker:
    return CompactLandmarker()


@pytest.fixture(scope="module")
def answer(compact: CompactLandmarker, face_picture: Image) -> Points:
    [[found]] = RetinaFaceDetector()([Frame(0, 0.0, face_picture)])
    [[points]] = compact([face_picture], [[found]])
    return points


def boxed(landmarks: np.ndarray) -> Detection:
    """A detector's word that knows nothing of which way is up."""
    box = np.concatenate([landmarks.min(0), landmarks.max(0)]).astype(np.float32)
    return Detection(box, five_points(box), 0.9)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance over the eye distance."""
    return float(np.linalg.norm(a - b, axis=1).mean() / geometry.interocular(b))


def test_points_lie_on_the_face(answer: Points) -> None:
    by_eye = np.array([[258, 163], [328, 159], [296, 205], [264, 236], [328, 234]])  # read off the picture
    assert apart_five(answer, by_eye) < 0.09
    assert answer.landmarks.dtype == np.float32 and answer.landmarks.shape == (68, 2)
    assert answer.face > 0.9 and answer.visible.mean() > 0.8
    assert 0 < np.median(answer.spread) < 0.06 * geometry.interocular(answer.landmarks)


def apart_five(points: Points, truth: np.ndarray) -> float:
    eyes = geometry.interocular(points.landmarks)
    return float(np.linalg.norm(five_from_68(points.landmarks) - truth, axis=1).max() / eyes)


@pytest.mark.parametrize("angle", [-90, -60, -40, -20, 20, 40, 60, 90, 150, 180])
def test_a_turned_picture_gives_turned_points_though_only_the_box_is_known(
    angle: float, compact: CompactLandmarker, answer: Points, face_picture: Image
) -> None:
    size = (face_picture.shape[1], face_picture.shape[0])
    matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle, 1.0)
    truth = geometry.transform(answer.landmarks, matrix)
    [[found]] = compact([moved(face_picture, 0, 0, 1.0, angle)], [[boxed(truth)]])
    assert apart(found.landmarks, truth) < 0.03


def test_the_mirror_image_gives_the_mirrored_points(
    compact: CompactLandmarker, answer: Points, face_picture: Image
) -> None:
    mirrored = np.ascontiguousarray(face_picture[:, ::-1])
    truth = (answer.landmarks * [-1, 1] + [face_picture.shape[1] - 1, 0])[MIRROR]
    [[found]] = compact([mirrored], [[boxed(truth)]])
    assert apart(found.landmarks, truth) < 0.03


def test_many_faces_at_once_are_as_good_as_one_by_one(
    compact: CompactLandmarker, answer: Points, face_picture: Image
) -> None:
    pictures = [moved(face_picture, 3 * k, -2 * k, 1 + 0.02 * k) for k in range(5)]
    found = [[boxed(answer.landmarks)] * (k % 3) for k in range(5)]
    together = compact(pictures, found)
    assert [len(points) for points in together] == [0, 1, 2, 0, 1]
    for picture, detections, points in zip(pictures, found, together, strict=True):
        for alone, one in zip(compact([picture], [detections])[0], points, strict=True):
            assert np.abs(alone.landmarks - one.landmarks).max() < 0.05


def test_a_covered_mouth_is_known_to_be_hidden(
    compact: CompactLandmarker, answer: Points, face_picture: Image
) -> None:
    picture = face_picture.copy()
    mouth = answer.landmarks[48:60].mean(0)
    cv2.ellipse(picture, (int(mouth[0]), int(mouth[1])), (50, 32), 0, 0, 360, (40, 90, 160), -1)
    [[found]] = compact([picture], [[boxed(answer.landmarks)]])
    assert found.visible[48:60].mean() < 0.5 < found.visible[36:48].mean()
    assert found.spread[48:60].mean() > 1.3 * answer.spread[48:60].mean()
    assert apart(found.landmarks, answer.landmarks) < 0.06


def test_what_is_no_face_is_told_and_nothing_is_ever_nan(compact: CompactLandmarker) -> None:
    random = np.random.default_rng(0)
    pictures = [
        np.zeros((200, 200, 3), np.uint8),
        np.full((200, 200, 3), 255, np.uint8),
        random.integers(0, 256, (200, 200, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 50, 0).repeat(3, 2),
    ]
    box = np.array([40, 40, 160, 170], np.float32)
    nowhere = Detection(np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0)
    for [points, lost] in compact(pictures, [[Detection(box, five_points(box), 0.9), nowhere]] * 5):
        assert points.face < 0.5
        for part in (points.landmarks, points.spread, points.visible, lost.landmarks, lost.spread):
            assert np.isfinite(part).all()


def test_nothing_in_nothing_out(compact: CompactLandmarker, face_picture: Image) -> None:
    assert compact([], []) == [] and compact([face_picture], [[]]) == [[]]


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "landmarks"
    folder.mkdir()
    for name in (zoo.CARD, zoo.WEIGHTS):
        (folder / name).write_bytes((zoo.models_folder() / "landmarks" / name).read_bytes()[:-1] + b" ")
    monkeypatch.setattr(zoo, "models_folder", lambda: tmp_path)
    zoo.shared_network.cache_clear()
    with pytest.raises(UserError, match=r"landmarks.* is damaged"):
        CompactLandmarker()
    zoo.shared_network.cache_clear()


@pytest.mark.parametrize(("name", "sign"), [("sfhq_face_pose_4.jpg", -1), ("sfhq_face_pose_5.jpg", 1)])
def test_profiles_read_as_turned(name: str, sign: int, compact: CompactLandmarker) -> None:
    from faceswap_cli.faces.landmarks.pose import estimate_pose

    image = load(shared_file("samples", "stills", name))
    found = RetinaFaceDetector(thorough=True)([Frame(0, 0.0, image)])[0][:1]
    [[points]] = compact([image], [found])
    assert estimate_pose(points.landmarks)[0] * sign > 25


class Counting(CompactLandmarker):
    """Counts what goes through the network."""

    looks = 0

    def _look(self, images, matrices):  # type: ignore[no-untyped-def]
        self.looks += len(images)
        return super()._look(images, matrices)


def walk(picture: Image, answer: Points, steps: list[float]) -> tuple[list[Image], list[list[Detection]]]:
    """The face moved so many pixels in each picture, and what a detector would say."""
    images, found = [], []
    for step in steps:
        images.append(moved(picture, step, 0, 1.0, 0))
        place = answer.landmarks + np.float32([step, 0])
        box = np.concatenate([place.min(0), place.max(0)]).astype(np.float32)
        found.append([Detection(box, five_from_68(place), 0.99)])
    return images, found


def test_a_face_in_a_video_is_looked_at_less_than_twice_with_the_same_answer(
    compact: CompactLandmarker, answer: Points, face_picture: Image
) -> None:
    images, found = walk(face_picture, answer, [3.0 * i for i in range(9)])
    counting = Counting()
    together = counting(images, found)
    assert counting.looks == 9 + 3  # the first, the fifth and the last are anchors
    for image, faces, [points] in zip(images, found, together, strict=True):
        [[alone]] = compact([image], [faces])
        assert apart(points.landmarks, alone.landmarks) < 0.01


def test_a_face_that_jumps_is_looked_at_as_if_it_were_alone(
    compact: CompactLandmarker, answer: Points, face_picture: Image
) -> None:
    images, found = walk(face_picture, answer, [0, 0, 20, 0, 0])
    together = compact(images, found)
    [[alone]] = compact([images[2]], [found[2]])
    assert np.array_equal(together[2][0].landmarks, alone.landmarks)


def test_faces_of_other_people_and_places_are_no_chain(answer: Points, face_picture: Image) -> None:
    images, found = walk(face_picture, answer, [0, -200, 0, -200])
    counting = Counting()
    counting(images, found)
    assert counting.looks == 2 * 4


@pytest.fixture
def with_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[nn.Module], None]]:
    """Puts another network in the place of models/landmarks."""

    def put(network: nn.Module) -> None:
        facts = {"config": asdict(network.config), "licence": "", "data": [], "figures": {}, "remake": ""}
        zoo.write(tmp_path / "landmarks", network, facts)
        monkeypatch.setattr(zoo, "models_folder", lambda: tmp_path)
        zoo.shared_network.cache_clear()

    yield put
    zoo.shared_network.cache_clear()


def test_weights_of_the_second_version_give_more_points(answer: Points) -> None:
    assert answer.landmarks.shape == (68, 2) and answer.spread.shape == answer.visible.shape == (68,)
    assert answer.dense is not None and answer.dense.shape == (222, 3)
    assert (answer.dense[:68, :2] == answer.landmarks).all()
    assert answer.expression is not None and answer.expression.shape == (26,)


def test_weights_of_the_first_version_give_68_points(
    with_weights: Callable[[nn.Module], None], face_picture: Image
) -> None:
    """Which network a card is of is seen from its configuration; who reads 68 points goes on as before."""
    with_weights(LandmarkNetwork(LandmarkConfig()))
    [[found]] = RetinaFaceDetector()([Frame(0, 0.0, face_picture)])
    [[points]] = CompactLandmarker()([face_picture], [[found]])
    assert points.landmarks.shape == (68, 2)
    assert points.dense is None and points.expression is None
