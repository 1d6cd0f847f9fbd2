from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest

from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.faces.safety.nudity import NudityDetector, describe_detections
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Image
from tests.clips import write_clip
from tests.faces.face_pictures import invented_child, one


@pytest.fixture(scope="module")
def child() -> Image:
    return invented_child()


@pytest.fixture
def child_clip(child: Image, tmp_path: Path) -> Path:
    small = cv2.resize(child, (320, 320), interpolation=cv2.INTER_AREA)
    return write_clip(tmp_path / "child.mp4", [small] * 4)


@pytest.fixture
def adult_clip(face_picture: Image, tmp_path: Path) -> Path:
    return write_clip(tmp_path / "adult.mp4", [face_picture] * 4)


def extracted(clips: list[Path], to: Path, stage: FaceAnalyser, guard: SafetyGuard) -> list[str]:
    return [note for step in extract_faces(clips, to, stage, guard=guard) for note in step.notes]


def test_an_adult_is_not_refused(stage: FaceAnalyser, face_picture: Image) -> None:
    guard = SafetyGuard()
    guard.check_faces(Path("a.jpg"), face_picture, stage.find(one(face_picture))[0])
    guard.check_picture(Path("a.jpg"), face_picture)


def test_a_child_is_refused_unless_all_are_said_to_be_adults(stage: FaceAnalyser, child: Image) -> None:
    faces = stage.find(one(child))[0]
    with pytest.raises(Refusal, match=r"looks like a child's.*--adult-confirmed"):
        SafetyGuard().check_faces(Path("a.jpg"), child, faces)
    SafetyGuard(adults_confirmed=True).check_faces(Path("a.jpg"), child, faces)


def test_unclear_faces_are_no_reason(child: Image) -> None:
    guard = SafetyGuard()
    assert guard.young([child], [0.1], 2.75) is None
    assert guard.young([], [], 2.75) is None


def test_a_set_of_nothing_but_a_child_is_not_made(
    stage: FaceAnalyser, child_clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match="child") as raised:
        extracted([child_clip], tmp_path / "faces", stage, SafetyGuard())
    assert raised.value.exit_code == 3
    assert not (tmp_path / "faces").exists()


def test_a_child_among_others_is_left_out_and_told(
    stage: FaceAnalyser, child_clip: Path, adult_clip: Path, tmp_path: Path
) -> None:
    notes = extracted([adult_clip, child_clip], tmp_path / "faces", stage, SafetyGuard())
    assert any("4 faces left out" in note for note in notes)
    faces = FaceSet.open(tmp_path / "faces")
    assert {record.source for record in faces.records} == {0} and len(faces) == 4


def test_the_set_remembers_that_all_are_adults(stage: FaceAnalyser, child_clip: Path, tmp_path: Path) -> None:
    extracted([child_clip], tmp_path / "said", stage, SafetyGuard(adults_confirmed=True))
    SafetyGuard().check_set(FaceSet.open(tmp_path / "said"))
    assert all(True for _ in extract_faces([child_clip], tmp_path / "unasked", stage))
    with pytest.raises(Refusal, match="unasked: what it shows looks like a child's"):
        SafetyGuard().check_set(FaceSet.open(tmp_path / "unasked"))
    with pytest.raises(UserError, match="adult-confirmed"):
        extracted([child_clip], tmp_path / "said", stage, SafetyGuard())


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], ""),
        ([("FACE_FEMALE", 0.9), ("FEET_EXPOSED", 0.9), ("MALE_BREAST_EXPOSED", 0.9)], ""),
        ([("BUTTOCKS_EXPOSED", 0.49)], ""),
        ([("BUTTOCKS_EXPOSED", 0.5), ("FEMALE_BREAST_EXPOSED", 0.8)], "a bare breast and bare buttocks"),
        ([("MALE_GENITALIA_EXPOSED", 0.8), ("FEMALE_GENITALIA_EXPOSED", 0.7)], "bare genitals"),
    ],
)
def test_what_counts_as_nudity(found: list[tuple[str, float]], words: str) -> None:
    assert (
        describe_detections([{"class": name, "score": score, "box": [0, 0, 1, 1]} for name, score in found])
        == words
    )


@pytest.mark.skipif(find_spec("nudenet") is None, reason="nudenet is not installed")
@pytest.mark.parametrize("size", [(1, 1), (3, 900), (2000, 300), (480, 640)])
def test_pictures_of_no_nudity_pass(size: tuple[int, int], face_picture: Image) -> None:
    detector = NudityDetector.installed()
    assert detector is not None
    image = cv2.resize(face_picture, size[::-1], interpolation=cv2.INTER_AREA)
    assert detector.seen(image) == ""
