"""From two clips to a swapped one, by the commands of the README, with a network as small as it goes."""

import importlib.util
import json
import shutil
import signal
import time

import av
import cv2
import numpy as np
import pytest

from tests.cli.conftest import PICTURE
from tests.python import Python


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
    assert change[:, :120].mean() < 2  # far from it there is the watermark alone
    assert faceswap("verify", output).code == 0 and "marked: watermark, metadata" in done.out
    assert list(folder.glob(".out.mp4*")) == []


def test_convert_says_at_the_end_what_it_did(faceswap, clips, folder):
    done = faceswap("convert", "video", clips[0], "-m", folder / "run", "-o", folder / "told.mp4")
    assert done.code == 0, done.err
    assert "6 faces of 1 track drawn in 6 of 6 frames" in done.out


def test_a_preview_and_a_dry_run_write_nothing_else(faceswap, clips, folder, tmp_path):
    output = tmp_path / "out.mp4"
    convert = ("convert", "video", clips[0], "-m", folder / "run", "-o", output)
    done = faceswap(*convert, "--preview", tmp_path / "look.png")
    assert done.code == 0, done.err
    assert [path.name for path in tmp_path.iterdir()] == ["look.png"]
    page = cv2.imread(str(tmp_path / "look.png"))
    assert page.shape[0] > 256 and page.shape[1] > 3 * 200
    done = faceswap(*convert, "--dry-run")
    assert done.code == 0 and "nothing was written" in done.out, done.err
    for told in ("6 frames", "replaced in", "time", "size"):
        assert told in done.out
    assert [path.name for path in tmp_path.iterdir()] == ["look.png"]


def test_a_preview_of_a_photo(faceswap, folder, tmp_path):
    photo = ("convert", "photo", PICTURE, "-m", folder / "run", "-o", tmp_path / "out.png")
    done = faceswap(*photo, "--preview", tmp_path / "look.png")
    assert done.code == 0, done.err
    assert [path.name for path in tmp_path.iterdir()] == ["look.png"]


def test_a_sheet_compares_settings(faceswap, clips, folder, tmp_path):
    sheet = ("convert", "sheet", clips[0], "-m", folder / "run", "-o", tmp_path / "sheet.png")
    done = faceswap(*sheet, "--vary", "colour=rct,none", "--vary", "mask=hull,parsed")
    assert done.code == 0 and "4 settings" in done.out, done.err
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[0] > 5 * 256
    done = faceswap(*sheet[:-1], tmp_path / "no.png", "--vary", "nonsense=1")
    assert done.is_one_line_error("--vary nonsense=1", "colour")
    done = faceswap(*sheet[:-1], tmp_path / "no.png", "--vary", "colour=rct", "--map", "nobody")
    assert done.is_one_line_error("--map nobody is not PERSON=NAME")
    done = faceswap(*sheet, "--vary", "colour=rct", "--map", f"{PICTURE}=b")
    assert done.code == 0 and "(1 setting, " in done.out, done.err
    done = faceswap(*sheet[:-1], tmp_path / "no.xyz", "--vary", "colour=rct")
    assert done.code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_convert_by_face_set_leaves_a_deleted_face_alone(faceswap, clips, folder):
    faceswap("extract", clips[0], "-o", folder / "curated")
    removed = sorted((folder / "curated" / "crops").iterdir())[2]
    removed.unlink()
    output = folder / "curated.mkv"
    done = faceswap(
        *("convert", "video", clips[0], "-m", folder / "run", "-o", output),
        *("--faces", folder / "curated", "--encoder", "ffv1", "--smoothing", 0, "--no-mark"),
    )
    assert done.code == 0, done.err
    before, after = frames(clips[0]), frames(output)
    pairs = zip(before, after, strict=True)
    changed = [int(np.abs(b.astype(int) - a.astype(int)).max()) > 20 for (_, b), (_, a) in pairs]
    assert changed == [True, True, False, True, True, True]


def test_convert_several_videos_in_two_processes(faceswap, clips, folder):
    how = ("-m", folder / "run", "--all-faces", "--segment", 3, "--device", "cpu", "--no-mark")
    done = faceswap("convert", "video", *clips, "-o", f"{folder / 'several'}/", "--workers", 2, *how)
    assert done.code == 0, done.err
    for clip in clips:
        done = faceswap("convert", "video", clip, "-o", folder / "alone.mp4", *how)
        assert done.code == 0, done.err
        assert (folder / "several" / clip.name).read_bytes() == (folder / "alone.mp4").read_bytes()
    (folder / "no.mp4").write_bytes(b"no video")
    done = faceswap("convert", "video", folder / "no.mp4", clips[1], "-o", folder / "more", *how)
    assert (
        done.is_one_line_error("1 of 2 videos were not converted") and "no.mp4 was not converted" in done.err
    )
    assert [path.name for path in (folder / "more").iterdir()] == ["two.mp4"]
    done = faceswap("convert", "video", clips[0], clips[0], "-o", folder / "more", *how)
    assert done.is_one_line_error("two videos would become")


def test_convert_by_a_map_of_people(faceswap, clips, folder):
    output = folder / "mapped.mp4"
    convert = ("convert", "video", clips[0], "-m", folder / "run", "-o", output, "--no-mark")
    done = faceswap(*convert, "--map", f"{PICTURE}=a", "--map", f"{folder / 'b'}={folder / 'run'}:b")
    assert done.code == 0 and "b was not found" in done.err, done.err
    drawn = frames(output)[3][1]
    done = faceswap(*convert, "--face", "a", "--all-faces")
    assert done.code == 0 and np.array_equal(frames(output)[3][1], drawn)
    done = faceswap(*convert, "--only", folder / "a", "--face", "a")
    assert done.code == 0 and np.array_equal(frames(output)[3][1], drawn)
    output.unlink()
    done = faceswap(*convert, "--all-faces", "--not", PICTURE)
    assert done.is_one_line_error("nobody who is to be replaced was found")
    for wrong, words in (
        (("--map", f"{PICTURE}=nobody"), "has no face nobody"),
        (("--map", f"{PICTURE}"), "is not PERSON=NAME"),
        (("--map", "nowhere.jpg=a"), "nowhere.jpg"),
        (("--map", f"{folder}=a"), str(folder)),
        (("--map", f"{PICTURE}=a", "--only", PICTURE), "--only and --map say different things"),
        (("--only", PICTURE, "--all-faces"), "--all-faces and --only say different things"),
        (("--ray", "127.0.0.1:1"), "--ray" if importlib.util.find_spec("ray") is None else "127.0.0.1:1"),
        (("--ray", "nonsense"), "--ray"),
    ):
        assert faceswap(*convert, *wrong).is_one_line_error(words), wrong
    assert not output.exists()


def test_convert_by_a_damaged_model(faceswap, clips, folder):
    run = shutil.copytree(folder / "run", folder / "damaged")
    for checkpoint in (run / "checkpoints").iterdir():
        data = bytearray(checkpoint.read_bytes())
        data[-100] ^= 1
        checkpoint.write_bytes(data)
    done = faceswap("convert", "video", clips[0], "-m", run, "-o", folder / "no.mp4", "--workers", 2)
    assert done.is_one_line_error(str(run))


def test_convert_photo(faceswap, folder):
    output = folder / "photo.png"
    done = faceswap("convert", "photo", PICTURE, "-m", folder / "run", "-o", output, "--no-mark")
    assert done.code == 0 and "carries no mark" in done.err and "NOT MARKED" in done.out, done.err
    before, after = cv2.imread(str(PICTURE)), cv2.imread(str(output))
    assert np.abs(before.astype(int) - after)[80:300, 230:370].mean() > 5
    assert (before[:, :120] == after[:, :120]).all()


def test_models_show(faceswap, folder):
    done = faceswap("models", "show", folder / "run")
    assert done.code == 0 and '"resolution": 32' in done.out


def test_an_exported_file_converts_like_its_run(faceswap, folder):
    file = folder / "model.safetensors"
    done = faceswap("models", "export", folder / "run", "-o", file, "--with-reference", "--licence", "CC0")
    assert done.code == 0 and "biometric" in done.err, done.err
    for model, output in ((folder / "run", "by-run.png"), (file, "by-file.png")):
        # A file has no crops that could lend their detail.
        convert = (
            "convert",
            "photo",
            PICTURE,
            "-m",
            model,
            "-o",
            folder / output,
            "--no-mark",
            "--detail",
            0,
        )
        done = faceswap(*convert, "--device", "cpu")
        assert done.code == 0 and "faces replaced: 1" in done.out, done.err
    one, other = (cv2.imread(str(folder / name)).astype(int) for name in ("by-run.png", "by-file.png"))
    assert np.abs(one - other).max() <= 2
    assert np.abs(one - cv2.imread(str(PICTURE)))[80:300, 230:370].mean() > 5
    shown = faceswap("models", "show", file)
    assert shown.code == 0 and '"licence": "CC0"' in shown.out and str(folder) not in shown.out


def test_an_exported_file_without_reference_says_so(faceswap, folder):
    file = folder / "plain.safetensors"
    done = faceswap("models", "export", folder / "run", "-o", file, "--face", "b", "--no-names")
    assert done.code == 0 and "replace all faces" in done.err, done.err
    done = faceswap("convert", "photo", PICTURE, "-m", file, "-o", folder / "plain.png", "--device", "cpu")
    assert done.code == 0 and "every face counts" in done.err and "holds no crops" in done.err
    done = faceswap("convert", "photo", PICTURE, "-m", file, "-o", folder / "a.png", "--face", "a")
    assert done.is_one_line_error("no face a") and not (folder / "a.png").exists()


def test_what_is_no_model_is_told_in_a_line(faceswap, folder):
    for wrong, words in (
        (PICTURE, "no model of this tool"),
        (next((folder / "run" / "checkpoints").iterdir()), "no model of this tool"),
    ):
        done = faceswap("convert", "photo", PICTURE, "-m", wrong, "-o", folder / "no.png")
        assert done.is_one_line_error(words) and not (folder / "no.png").exists()
    assert faceswap("models", "export", folder / "run", "-o", folder / "x.pt").is_one_line_error("suffix")


def test_rollback_by_itself_says_where_the_run_stands(faceswap, folder):
    shutil.copytree(folder / "run", folder / "back")
    done = faceswap("train", "-m", folder / "back", "--rollback", 5)
    assert done.code == 0 and "stands at step 4" in done.out and "set-aside" in done.out, done.err
    done = faceswap("train", "-m", folder / "back", "--rollback", 5)
    assert done.code == 0 and "nothing is later" in done.out
    before = sorted((folder / "back" / "checkpoints").iterdir())
    for more in (("--steps", 9), ("--until-plateau",), ("-A", folder / "a")):
        assert faceswap("train", "-m", folder / "back", "--rollback", 0, *more).code == 2
    assert sorted((folder / "back" / "checkpoints").iterdir()) == before
    assert faceswap("train", "-m", folder / "none", "--rollback", 5).is_one_line_error("no trained run")


def test_a_second_training_in_a_run_folder_is_refused(faceswap, folder):
    """Two processes, both real."""
    shutil.copytree(folder / "run", folder / "shared")
    command = [str(argument) for argument in train(folder, steps=10**6)]
    command[command.index("-m") + 1] = str(folder / "shared")
    process = Python("-m", "faceswap_cli", *command, "--save-every", "1")
    try:
        store, begun = folder / "shared" / "checkpoints", time.monotonic()
        before = sorted(store.iterdir())
        while sorted(store.iterdir()) == before:
            assert process.returncode is None and time.monotonic() - begun < 120
            time.sleep(0.1)
        for arguments in (command, ("train", "-m", folder / "shared", "--rollback", 4)):
            done = faceswap(*arguments)
            assert done.is_one_line_error("another faceswap is working in", "shared", "Wait for it")
        assert process.returncode is None  # the first one is not disturbed
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    assert faceswap("train", "-m", folder / "shared", "--rollback", 10**6).code == 0
