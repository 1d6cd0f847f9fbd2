"""`faceswap convert` without a model: a photo's own pixels on the faces of a picture or a video."""

import cv2
import numpy as np
import pytest

from faceswap_cli.evaluation.metrics import hull_mask
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.reader import VideoReader
from tests.cli.conftest import PICTURE
from tests.clips import write_clip


@pytest.fixture(scope="module")
def tinted(tmp_path_factory):
    """A photo of the same person with a mark on the cheek: what is put on shows it."""
    image = cv2.imread(str(PICTURE))
    face = build_analyser(thorough=True).find([Frame(0, 0.0, image[..., ::-1].copy())])[0][0]
    spot = (face.landmarks[2] * 0.6 + face.landmarks[31] * 0.4).astype(int)
    radius = max(3, round(0.04 * float(np.ptp(face.landmarks[:, 0]))))
    cv2.circle(image, tuple(int(v) for v in spot), radius, (40, 40, 60), -1)
    path = tmp_path_factory.mktemp("tinted") / "photo.png"
    cv2.imwrite(str(path), image)
    return path, spot, face.landmarks


def test_a_photo_gets_another_photos_face(faceswap, tinted, tmp_path):
    photo, (x, y), landmarks = tinted
    output = tmp_path / "out.png"
    done = faceswap("convert", "photo", PICTURE, "--face", photo, "-o", output, "--no-mark", "--grain", 0)
    assert done.code == 0, done.err
    before, after = read_photo(PICTURE).image.astype(int), read_photo(output).image.astype(int)
    assert (before - after)[y - 1 : y + 2, x - 1 : x + 2].mean() > 25
    outside = ~hull_mask(landmarks, before.shape, 0.2)
    assert np.array_equal(before[outside], after[outside])


def test_a_video_gets_a_photos_face_and_can_be_repeated(faceswap, tinted, tmp_path):
    photo, (x, y), _ = tinted
    picture = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    clip = write_clip(tmp_path / "clip.mp4", [np.roll(picture, k, axis=1) for k in range(4)])
    outputs = [tmp_path / name for name in ("one.mkv", "two.mkv")]
    for output in outputs:
        how = ("--no-mark", "--encoder", "ffv1")
        done = faceswap("convert", "video", clip, "--face", photo, "-o", output, *how)
        assert done.code == 0, done.err
    with VideoReader(clip) as source, VideoReader(outputs[0]) as one, VideoReader(outputs[1]) as two:
        frames = list(zip(source, one, two, strict=True))
    assert len(frames) == 4
    for before, after, again in frames:
        assert np.array_equal(after.image, again.image)
        at = x + before.index
        spots = [f.image[y - 1 : y + 2, at - 1 : at + 2].mean() for f in (before, after)]
        assert spots[0] - spots[1] > 15


def test_a_preview_shows_the_photos_face_and_a_trial_writes_nothing(faceswap, tinted, tmp_path):
    photo, _, _ = tinted
    preview, output = tmp_path / "preview.png", tmp_path / "out.mkv"
    shown = faceswap(
        "convert", "photo", PICTURE, "--face", photo, "-o", tmp_path / "o.png", "--preview", preview
    )
    assert shown.code == 0, shown.err
    assert preview.exists() and not (tmp_path / "o.png").exists()
    picture = np.ascontiguousarray(cv2.imread(str(PICTURE))[..., ::-1])
    clip = write_clip(tmp_path / "clip.mp4", [np.roll(picture, k, axis=1) for k in range(4)])
    tried = faceswap("convert", "video", clip, "--face", photo, "-o", output, "--dry-run")
    assert tried.code == 0, tried.err
    assert "replaced" in tried.out + tried.err and not output.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("whose face",)),
        (("--face", "absent.jpg"), ("absent.jpg", "no such photo")),
        (("--face", f"{PICTURE}:0.7", "--face", PICTURE), ("weight", "none")),
        (("--face", f"{PICTURE}:0", "--face", f"{PICTURE}:0"), ("mixed",)),
        (("--face", f"{PICTURE}:0.7", "--face", f"{PICTURE.parent}:0.3"), ("folder",)),
        (("--face", PICTURE, "--sharpen", 0, "--mask", "hull"), ("--mask", "--sharpen", "model")),
        (("--face", PICTURE, "-m", "conditional", "--shape", 0.5), ("--shape", "without a model")),
    ],
)
def test_what_cannot_be_is_told(faceswap, tmp_path, options, words):
    done = faceswap("convert", "photo", PICTURE, "-o", tmp_path / "out.png", *options)
    assert done.is_one_line_error(*words), done.err
    assert not (tmp_path / "out.png").exists()


def test_photos_are_mixed_by_weight_and_a_kept_part_stays(faceswap, tinted, tmp_path):
    photo, (x, y), _ = tinted
    spots = {}
    for name, how in {
        "whole": (photo,),
        "half": (f"{photo}:0.5", f"{PICTURE}:0.5"),
        "kept": (photo, "--keep", "beard"),
    }.items():
        faces = [part for one in how[: 2 if name == "half" else 1] for part in ("--face", one)]
        rest = how[2 if name == "half" else 1 :]
        output = tmp_path / f"{name}.png"
        done = faceswap("convert", "photo", PICTURE, *faces, *rest, "-o", output, "--no-mark", "--grain", 0)
        assert done.code == 0, done.err
        spots[name] = read_photo(output).image[y - 1 : y + 2, x - 1 : x + 2].mean()
    before = read_photo(PICTURE).image[y - 1 : y + 2, x - 1 : x + 2].mean()
    assert before - spots["whole"] > 25
    assert 0.3 < (before - spots["half"]) / (before - spots["whole"]) < 0.7
    assert spots["kept"] > spots["whole"] - 5


def test_a_folder_of_one_persons_photos_is_one_face(faceswap, tinted, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(tinted[0].read_bytes())
    done = faceswap("convert", "photo", PICTURE, "--face", folder, "-o", tmp_path / "out.png")
    assert done.code == 0, done.err


def test_a_photo_of_nobody_is_told(faceswap, tmp_path):
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), np.full((200, 200, 3), 128, np.uint8))
    done = faceswap("convert", "photo", PICTURE, "--face", grey, "-o", tmp_path / "out.png")
    assert done.is_one_line_error("no face was found", "grey.png"), done.err


def test_a_face_that_is_partly_hidden_is_told_and_one_that_is_wholly_refused(faceswap, tmp_path):
    image = cv2.imread(str(PICTURE))
    face = build_analyser(thorough=True).find([Frame(0, 0.0, image[..., ::-1].copy())])[0][0]
    middle = round(float(face.landmarks[27:31, 0].mean() + np.ptp(face.landmarks[:, 0]) / 6))
    for name, photo in (("cut", image[:, :middle]), ("blurred", cv2.GaussianBlur(image, (0, 0), 12))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), photo)
    output = tmp_path / "out.png"
    done = faceswap("convert", "photo", PICTURE, "--face", tmp_path / "cut.png", "-o", output)
    assert done.code == 0, done.err
    assert "% of the face in cut.png is covered" in done.err
    output.unlink()
    done = faceswap("convert", "photo", PICTURE, "--face", tmp_path / "blurred.png", "-o", output)
    assert done.is_one_line_error("blurred.png", "covered, blurred")
    assert not output.exists()
