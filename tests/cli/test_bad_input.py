"""Whatever a user does wrong: one line that says what and what to do, and nothing lost or left behind."""

import os
import shutil

import cv2
import numpy as np
import pytest

from faceswap_cli.faces.sets.faceset import FaceSet
from tests.cli.conftest import PICTURE, face_frames
from tests.clips import write_clip
from tests.face_sets import make_set


@pytest.fixture
def no_face(tmp_path):
    plain = np.full((120, 160, 3), 90, np.uint8)
    return write_clip(tmp_path / "plain.mp4", [plain] * 4)


def everything(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_no_such_file(faceswap, tmp_path):
    done = faceswap("extract", tmp_path / "nothing.mp4", "-o", tmp_path / "faces")
    assert done.is_one_line_error("nothing.mp4")
    assert everything(tmp_path) == []


def test_text_named_video(faceswap, tmp_path):
    (tmp_path / "notes.mp4").write_text("no video at all\n" * 50)
    done = faceswap("extract", tmp_path / "notes.mp4", "-o", tmp_path / "faces")
    assert done.is_one_line_error("notes.mp4")
    assert everything(tmp_path) == ["notes.mp4"]


def test_no_face_anywhere(faceswap, tmp_path, no_face):
    before = everything(tmp_path)
    done = faceswap("extract", no_face, "-o", tmp_path / "faces")
    assert done.is_one_line_error("no face found", "plain.mp4")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("shape", [(1, 1), (40, 20000)])
def test_odd_photos_without_a_face(faceswap, tmp_path, shape):
    cv2.imwrite(str(tmp_path / "odd.png"), np.full((*shape, 3), 120, np.uint8))
    done = faceswap("extract", tmp_path / "odd.png", "-o", tmp_path / "faces")
    assert done.is_one_line_error("no face found")


@pytest.mark.parametrize("kind", ["grey", "alpha", "sixteen bits"])
def test_unusual_photos_are_served(faceswap, tmp_path, kind):
    picture = cv2.imread(str(PICTURE))
    made = {
        "grey": cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY),
        "alpha": np.dstack([picture, np.full(picture.shape[:2], 200, np.uint8)]),
        "sixteen bits": picture.astype(np.uint16) * 257,
    }[kind]
    cv2.imwrite(str(tmp_path / "photo.png"), made)
    done = faceswap("extract", tmp_path / "photo.png", "-o", tmp_path / "faces")
    assert done.code == 0, done.err
    assert len(FaceSet.open(tmp_path / "faces")) == 1


def test_truncated_video_gives_what_can_be_read_and_says_so(faceswap, tmp_path):
    whole = write_clip(tmp_path / "whole.mkv", face_frames(8), "mjpeg", "yuvj420p")  # frames alike in size
    data = whole.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 2 // 3])
    done = faceswap("extract", tmp_path / "cut.mkv", "-o", tmp_path / "faces")
    assert done.code == 0, done.err
    assert 0 < len(FaceSet.open(tmp_path / "faces")) < 8


def test_output_is_a_file(faceswap, tmp_path, clips):
    (tmp_path / "faces").write_text("mine")
    done = faceswap("extract", clips[0], "-o", tmp_path / "faces")
    assert done.is_one_line_error("faces")
    assert (tmp_path / "faces").read_text() == "mine"


def test_train_without_face_sets(faceswap, tmp_path):
    (tmp_path / "a").mkdir()
    done = faceswap("train", "-A", tmp_path / "a", "-B", tmp_path / "a", "-m", tmp_path / "run")
    assert done.is_one_line_error("face set")
    assert not (tmp_path / "run").exists()


def test_train_until_plateau_without_measures(faceswap, tmp_path):
    done = faceswap(
        *("train", "-A", tmp_path / "a", "-B", tmp_path / "b", "-m", tmp_path / "run"),
        *("--until-plateau", "--measure-every", 0),
    )
    assert done.is_one_line_error("--until-plateau", "--measure-every")


def test_train_into_a_folder_of_something_else(faceswap, tmp_path):
    make_set(tmp_path / "a", 4)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    done = faceswap("train", "-A", tmp_path / "a", "-B", tmp_path / "a", "-m", tmp_path / "run", "--steps", 1)
    assert done.is_one_line_error("not empty")
    assert everything(tmp_path / "run") == ["thesis.txt"]


def test_missing_device_is_an_error_not_a_fallback(faceswap, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA card here")
    make_set(tmp_path / "a", 4)
    done = faceswap(
        *("train", "-A", tmp_path / "a", "-B", tmp_path / "a", "-m", tmp_path / "run", "--device", "cuda")
    )
    assert done.is_one_line_error("--device cuda", "cpu")


def test_too_few_faces(faceswap, tmp_path):
    make_set(tmp_path / "a", 2)
    done = faceswap("train", "-A", tmp_path / "a", "-B", tmp_path / "a", "-m", tmp_path / "run", "--steps", 1)
    assert done.is_one_line_error("2 faces", "too few")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def trained(faceswap, tmp_path_factory):
    """Two face sets and the run of a step on them; to be copied before it is changed."""
    folder = tmp_path_factory.mktemp("trained")
    man, woman = make_set(folder / "man", 4), make_set(folder / "woman", 4, level=lambda k: 90)
    run = ("-m", folder / "run", "--steps", 1, "--resolution", 32, "--batch", 2, "--measure-every", 0)
    assert faceswap("train", "-A", man, "-B", woman, *run).code == 0
    return man, woman, folder / "run"


def test_exchanged_face_sets_are_noticed(faceswap, trained):
    man, woman, run = trained
    done = faceswap("train", "-A", woman, "-B", man, "-m", run, "--steps", 1)
    assert done.is_one_line_error("other face sets", "A = man")


@pytest.mark.parametrize("damage", ['"resolution": 100', '"resolution": "32"', '"resolutions": 32'])
def test_settings_edited_by_hand_are_told(faceswap, trained, tmp_path, damage):
    man, woman, run = trained
    card = shutil.copytree(run, tmp_path / "run") / "run.json"
    card.write_text(card.read_text().replace('"resolution": 32', damage))
    done = faceswap("train", "-A", man, "-B", woman, "-m", tmp_path / "run", "--steps", 1)
    assert done.is_one_line_error("Restore run.json")


def test_convert_with_no_run(faceswap, tmp_path, clips):
    done = faceswap("convert", "video", clips[0], "-m", tmp_path / "run", "-o", tmp_path / "out.mp4")
    assert done.is_one_line_error("no trained run")
    assert everything(tmp_path) == []


def test_damaged_run_card(faceswap, tmp_path, clips):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"format": "faceswap-run", "ver')
    done = faceswap("convert", "video", clips[0], "-m", tmp_path / "run", "-o", tmp_path / "out.mp4")
    assert done.is_one_line_error("run.json", "damaged")


def test_wrong_usage_is_two(faceswap):
    assert faceswap("train").code == 2
    assert faceswap("convert", "video", "x.mp4", "-m", "r", "-o", "o.mp4", "--crf", "99").code == 2


@pytest.mark.parametrize("mask", ["oval", "hull+hat", "occlusion"])
@pytest.mark.parametrize("kind", ["video", "photo"])
def test_masks_that_are_not_known(faceswap, kind, mask):
    done = faceswap("convert", kind, "x.mp4", "-m", "r", "-o", "o.mp4", "--mask", mask)
    assert done.is_one_line_error(f"--mask {mask}", "hull")


@pytest.mark.parametrize(
    "words", [("extract", ""), ("convert", "photo", PICTURE, "--face", ""), ("extract", PICTURE, "--output=")]
)
def test_an_empty_argument_is_not_the_current_folder(faceswap, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(PICTURE.read_bytes())
    output = () if "--output=" in words else ("-o", tmp_path / "out")
    assert faceswap(*words, *output).is_one_line_error("empty" if "" in words else "--output", "variable")
    assert everything(tmp_path) == ["a.jpg"]


@pytest.mark.parametrize("way", ["--face", "--only", "--not", "--map"])
def test_a_photo_that_is_read_is_not_written_over(faceswap, tmp_path, way):
    photo = tmp_path / "anna.jpg"
    photo.write_bytes(PICTURE.read_bytes())
    given = {"--map": ("--map", f"{PICTURE}={photo}")}.get(way, (way, photo))
    face = () if way in ("--face", "--map") else ("--face", PICTURE)
    done = faceswap("convert", "photo", PICTURE, *face, *given, "-o", photo)
    assert done.is_one_line_error("anna.jpg", "written over")
    if way in ("--only", "--not"):
        done = faceswap("age", "photo", PICTURE, "--to", 60, *given, "-o", photo)
        assert done.is_one_line_error("anna.jpg", "written over")
    assert photo.read_bytes() == PICTURE.read_bytes()


def test_a_name_is_told_as_it_is(faceswap, tmp_path):
    assert ":smile:" in faceswap("extract", tmp_path / "a:smile:.mp4", "-o", tmp_path / "faces").err


def test_a_kind_of_tiff_that_is_not_read_is_not_called_broken_off(faceswap, tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), np.ones((40, 40, 3), np.float32))
    assert faceswap("extract", tmp_path / "a.tif", "-o", tmp_path / "faces").is_one_line_error("not read")


@pytest.mark.parametrize("command", ["convert", "age"])
def test_where_a_photo_cannot_go_is_told_before_faces_are_looked_for(faceswap, tmp_path, command):
    os.mkfifo(tmp_path / "pipe.png")
    how = ("--face", PICTURE) if command == "convert" else ("--to", 60)
    for output, word in (
        ("-", "standard output"),
        (tmp_path / "new" / "a.png", "does not exist"),
        (tmp_path / "pipe.png", "no regular file"),
        (PICTURE, "source itself"),
    ):
        done = faceswap(command, "photo", PICTURE, *how, "-o", output)
        assert done.is_one_line_error(word) and "every face" not in done.err
    assert (tmp_path / "pipe.png").is_fifo()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("convert", "photo", "clip.mp4", "--face", PICTURE, "-o", "x.jpg"), ["named like a video"]),
        (("convert", "photo", PICTURE, "--face", "clip.mp4", "-o", "x.jpg"), ["named like a video"]),
        (("age", "video", PICTURE, "--to", 70, "-o", "x.mp4"), ["is a photo", "the command for photos"]),
        (("convert", "video", "clip.mp4", "--face", PICTURE, "-o", "x.jpg"), ["written as '.jpg'", ".mp4"]),
        (("animate", PICTURE, "--loop", "idle", "-o", "x.txt"), ["written as '.txt'", ".gif"]),
    ],
)
def test_a_photo_for_a_video_and_the_other_way_round(faceswap, tmp_path, monkeypatch, words, told):
    write_clip(tmp_path / "clip.mp4", face_frames(2))
    monkeypatch.chdir(tmp_path)
    assert faceswap(*words).is_one_line_error(*told)
    assert everything(tmp_path) == ["clip.mp4"]


def test_a_run_of_another_family_is_answered_with_those_that_do(faceswap, trained, tmp_path):
    done = faceswap("generate", "-m", trained[-1], "-o", tmp_path / "x.png")
    assert done.is_one_line_error("family", "--family generator")
