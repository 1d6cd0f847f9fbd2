"""From two clips to a swapped one, by the commands of the README, with a network as small as it goes."""

import json

import av
import cv2
import numpy as np
import pytest

from tests.cli.conftest import PICTURE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whole-way")


@pytest.fixture(autouse=True)
def extracted_and_trained(faceswap, clips, folder):
    """Made once; the commands themselves go on where they are."""
    if (folder / "run" / "preview.jpg").exists():
        return
    for name, clip in zip("ab", clips, strict=True):
        done = faceswap("extract", clip, "-o", folder / name)
        assert (done.code, "6 faces" in done.out) == (0, True), done.err
    done = faceswap(*train(folder, steps=4))
    assert done.code == 0, done.err


def train(folder, steps):
    people = ("-A", folder / "a", "-B", folder / "b", "-m", folder / "run")
    return ("train", *people, "--steps", steps, "--resolution", 32, "--batch", 2, "--device", "cpu")


def frames(path):
    with av.open(str(path)) as container:
        return [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def test_extract_leaves_what_a_person_needs(folder):
    assert len(list((folder / "a" / "crops").iterdir())) == 6
    assert (folder / "a" / "sheet.html").is_file() and (folder / "a" / "sheet.jpg").is_file()


def test_a_finished_extract_has_nothing_to_do(faceswap, clips, folder):
    done = faceswap("extract", clips[0], "-o", folder / "a")
    assert done.code == 0 and "nothing to do" in done.out


def test_train_goes_on_and_stops_when_it_is_enough(faceswap, folder):
    done = faceswap(*train(folder, steps=6))
    assert done.code == 0 and "step 6" in done.out and "going on at step 4" in done.err
    done = faceswap(*train(folder, steps=6))
    assert done.code == 0 and "nothing to do" in done.out


def test_train_leaves_a_report_that_opens_from_the_disk(folder):
    page = (folder / "run" / "train.html").read_text()
    assert "trained whole, it has fewer than 20 faces" in page
    assert list((folder / "run" / "previews").glob("step-*.jpg")) != []
    lines = [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
    assert any("validation" in line for line in lines)


def test_a_run_of_other_settings_is_refused_and_untouched(faceswap, folder):
    before = sorted(p.name for p in (folder / "run" / "checkpoints").iterdir())
    done = faceswap(*train(folder, steps=9)[:-6], "--resolution", 48)
    assert done.is_one_line_error("other settings", "resolution")
    assert sorted(p.name for p in (folder / "run" / "checkpoints").iterdir()) == before


def test_convert_video_changes_the_face_and_keeps_the_times(faceswap, clips, folder):
    output = folder / "out.mp4"
    done = faceswap("convert", "video", clips[0], "-m", folder / "run", "-o", output, "--device", "cpu")
    assert done.code == 0, done.err
    before, after = frames(clips[0]), frames(output)
    assert [t for t, _ in before] == [t for t, _ in after]
    change = np.abs(before[3][1].astype(int) - after[3][1].astype(int)).mean(2)
    assert change[80:300, 230:370].mean() > 5  # where the face is
    assert change[:, :120].mean() < 2  # far from it
    assert list(folder.glob(".out.mp4*")) == []


def test_convert_by_face_set_leaves_a_deleted_face_alone(faceswap, clips, folder):
    faceswap("extract", clips[0], "-o", folder / "curated")
    removed = sorted((folder / "curated" / "crops").iterdir())[2]
    removed.unlink()
    output = folder / "curated.mkv"
    done = faceswap(
        *("convert", "video", clips[0], "-m", folder / "run", "-o", output),
        *("--faces", folder / "curated", "--encoder", "ffv1", "--smoothing", 0),
    )
    assert done.code == 0, done.err
    before, after = frames(clips[0]), frames(output)
    pairs = zip(before, after, strict=True)
    changed = [int(np.abs(b.astype(int) - a.astype(int)).max()) > 20 for (_, b), (_, a) in pairs]
    assert changed == [True, True, False, True, True, True]


def test_convert_photo(faceswap, folder):
    output = folder / "photo.png"
    done = faceswap("convert", "photo", PICTURE, "-m", folder / "run", "-o", output)
    assert done.code == 0, done.err
    before, after = cv2.imread(str(PICTURE)), cv2.imread(str(output))
    assert np.abs(before.astype(int) - after)[80:300, 230:370].mean() > 5
    assert (before[:, :120] == after[:, :120]).all()


def test_models_show(faceswap, folder):
    done = faceswap("models", "show", folder / "run")
    assert done.code == 0 and '"resolution": 32' in done.out
