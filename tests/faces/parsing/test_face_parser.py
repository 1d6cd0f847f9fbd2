"""The face parser: which pixels are face, which are covered."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli import zoo
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import SIDE, SIZE, FaceParser
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.perception.parsing import CLASSES
from tests.faces.face_pictures import one


@pytest.fixture(scope="module")
def parser() -> FaceParser:
    return FaceParser()


@pytest.fixture(scope="module")
def crop(face_picture: Image, stage: FaceAnalyser, parser: FaceParser) -> tuple[Image, np.ndarray]:
    """A crop and its landmarks in crop pixels."""
    landmarks = stage.find(one(face_picture))[0][0].landmarks
    return parser.crop(face_picture, landmarks), transform(landmarks, crop_matrix(landmarks, SIZE, SIDE))


def masks(parser: FaceParser, image: Image) -> tuple[np.ndarray, np.ndarray]:
    found = parser.probabilities([image])
    return face_parser.swap_region(found)[0], face_parser.occlusion(found)[0]


def at(mask: np.ndarray, point: np.ndarray) -> float:
    x, y = np.rint(point).astype(int)
    return float(mask[y - 1 : y + 2, x - 1 : x + 2].mean())


PLACES = {"cheek": (2, 30), "other cheek": (14, 30), "chin": (8, 57), "nose": (30, 30), "mouth": (51, 57)}


def place(points: np.ndarray, name: str) -> np.ndarray:
    first, second = PLACES[name]
    return (points[first] + points[second]) / 2


def test_a_bare_face_is_face_and_free(parser: FaceParser, crop: tuple[Image, np.ndarray]) -> None:
    image, points = crop
    region, free = masks(parser, image)
    for name in PLACES:
        assert at(region, place(points, name)) > 0.8, name
        assert at(free, place(points, name)) > 0.8, name
    forehead = points[27] + 1.6 * (points[19:25].mean(0) - points[27])
    assert at(region, forehead) > 0.7  # above the brows, where the landmarks end
    for corner in region[[0, 0, -1, -1], [0, -1, 0, -1]]:
        assert corner < 0.3


def test_parts_lie_where_the_landmarks_are(parser: FaceParser, crop: tuple[Image, np.ndarray]) -> None:
    image, points = crop
    label = parser.probabilities([image])[0].argmax(0)
    for name, part in (("brows", slice(17, 22)), ("nose", slice(29, 31)), ("mouth", slice(48, 60))):
        ys, xs = np.nonzero(label == CLASSES.index(name))
        far = np.hypot(*(np.stack([xs, ys], 1)[:, None] - points[None, part]).transpose(2, 0, 1))
        assert far.min() < 4, name


@pytest.mark.parametrize("where", ["mouth", "other cheek"])
def test_what_stands_before_it_is_covered_and_the_rest_stays_free(
    parser: FaceParser, crop: tuple[Image, np.ndarray], where: str
) -> None:
    image, points = crop
    middle = place(points, where)
    covered = image.copy()
    ball = tuple(np.rint(middle).astype(int).tolist())
    cv2.line(covered, ball, (ball[0] + 6, SIZE), (40, 40, 44), 9, cv2.LINE_AA)
    cv2.circle(covered, ball, 14, (22, 22, 24), -1, cv2.LINE_AA)
    region, free = masks(parser, covered)
    assert at(free, middle) < 0.3 and at(region, middle) < 0.3
    assert at(free, place(points, "cheek")) > 0.8


@pytest.mark.parametrize("value", [0, 255, "noise"])
def test_any_picture_gives_numbers(parser: FaceParser, value: int | str) -> None:
    shape = (SIZE, SIZE, 3)
    random = np.random.default_rng(0)
    image = random.integers(0, 256, shape, np.uint8) if value == "noise" else np.full(shape, value, np.uint8)
    found = parser.probabilities([image])
    assert found.shape == (1, len(CLASSES), SIZE, SIZE) and found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(1), 1, atol=1e-4)
    for mask in (face_parser.swap_region(found), face_parser.occlusion(found)):
        assert mask.shape == (1, SIZE, SIZE) and mask.min() >= 0 and mask.max() <= 1


def test_a_crop_is_parsed_alike_alone_and_among_others(
    parser: FaceParser, crop: tuple[Image, np.ndarray]
) -> None:
    image = crop[0]
    many = parser.probabilities([image[:, ::-1].copy(), *[image] * (face_parser.MOST + 2)])
    alone = parser.probabilities([image])
    assert many.shape[0] == face_parser.MOST + 3
    assert np.abs(many[-1] - alone[0]).max() < 1e-3
    assert parser.probabilities([]).shape == (0, len(CLASSES), SIZE, SIZE)


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(zoo.models_folder() / face_parser.NAME, tmp_path / face_parser.NAME)
    weights = tmp_path / face_parser.NAME / zoo.WEIGHTS
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    monkeypatch.setattr(zoo, "models_folder", lambda: tmp_path)
    zoo.shared_network.cache_clear()
    with pytest.raises(UserError, match="damaged"):
        FaceParser().load()
    zoo.shared_network.cache_clear()
