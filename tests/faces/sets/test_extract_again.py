"""Extracting that was stopped, killed or done already goes on, and ends in the same set."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.files import locked
from faceswap_cli.media.frame import Image
from tests.faces.face_pictures import DATA, save
from tests.faces.sets.extracting import Extracted, Maker, complete, contents, run
from tests.python import Python


def test_a_folder_that_is_taken_is_left_as_it_is(clip: Path, tmp_path: Path, stage: FaceAnalyser) -> None:
    pytest.importorskip("fcntl")
    (tmp_path / "faces" / "crops").mkdir(parents=True)
    with locked(tmp_path / "faces"), pytest.raises(UserError, match="another faceswap"):
        run([clip], tmp_path / "faces", stage)
    assert (tmp_path / "faces" / "crops").is_dir()
    assert len(run([clip], tmp_path / "faces", stage)) > 1


def test_running_again_has_nothing_to_do(extracted: Extracted, tmp_path: Path, stage: FaceAnalyser) -> None:
    out = shutil.copytree(extracted.faces, tmp_path / "faces")
    before = contents(out)
    [again] = run([extracted.clip], out, stage)
    assert (again.state, again.faces, again.done) == ("known", 37, 40)
    assert contents(out) == before


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_stopped_and_taken_up_again_it_is_the_same(
    batches: int, extracted: Extracted, tmp_path: Path, stage: FaceAnalyser
) -> None:
    parts = tmp_path / "parts"
    running = extract_faces([extracted.clip], parts, stage)
    for _ in range(batches):
        next(running)
    running.close()
    if batches:
        assert not complete(FaceSet.open(parts))
    last = run([extracted.clip], parts, stage)[-1]
    assert last.state == "complete" and last.faces == 37
    assert contents(parts) == contents(extracted.faces)


CHILD = """
import sys
from pathlib import Path
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.face_analyser import build_analyser
stage = build_analyser()
print("ready", flush=True)
for progress in extract_faces([Path(p) for p in sys.argv[2:]], Path(sys.argv[1]), stage):
    print(progress.done, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="kills by a signal")
def test_killed_at_random_it_is_the_same(make_video: Maker, tmp_path: Path, stage: FaceAnalyser) -> None:
    small = cv2.resize(cv2.imread(str(DATA / "face.jpg"))[..., ::-1], (320, 180))
    clip = make_video([np.roll(small, i, axis=1) for i in range(64)])
    photo = save(tmp_path / "photo.png", small)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run([clip, photo], whole, stage)
    generator = random.Random(os.urandom(8))
    delays = [generator.uniform(0.0, 1.2) for _ in range(3)]
    for delay in delays:
        child = Python("-c", CHILD, parts, clip, photo)
        child.wait_for("ready\n")
        time.sleep(delay)
        child.kill()
        child.wait()
        if (parts / "faces.jsonl").exists():
            FaceSet.open(parts)  # readable at any moment
    run([clip, photo], parts, stage)
    assert contents(parts) == contents(whole), f"killed after {delays}"


def test_crops_without_a_line_are_overwritten(clip: Path, tmp_path: Path, stage: FaceAnalyser) -> None:
    out = tmp_path / "faces"
    running = extract_faces([clip], out, stage)
    next(running)
    running.close()
    orphan = out / "crops" / "clip_000030_0.jpg"
    orphan.write_bytes(b"half a pict")
    run([clip], out, stage)
    faces = FaceSet.open(out)
    [record] = [one for one in faces.records if one.frame == 30]
    assert faces.crop(record).shape == (256, 256, 3)


def test_deleted_crops_stay_deleted(clip: Path, tmp_path: Path, stage: FaceAnalyser) -> None:
    out = tmp_path / "faces"
    running = extract_faces([clip], out, stage)
    next(running)
    running.close()
    (out / "crops" / "clip_000003_0.jpg").unlink()
    run([clip], out, stage)
    other = save(tmp_path / "other.png", cv2.imread(str(DATA / "face.jpg"))[..., ::-1])
    run([clip, other], out, stage)
    faces = FaceSet.open(out)
    assert [record.crop for record in faces.deleted] == ["clip_000003_0.jpg"]
    assert len(faces) == 37


def test_moved_and_renamed_files_are_known(clip: Path, tmp_path: Path, stage: FaceAnalyser) -> None:
    output = tmp_path / "faces"
    run([clip], output, stage)
    before = len(FaceSet.open(output))
    moved = tmp_path / "elsewhere" / clip.name
    moved.parent.mkdir()
    clip.rename(moved)
    assert [p.state for p in run([moved], output, stage)] == ["known"]
    renamed = moved.rename(tmp_path / "another name.mp4")
    assert [p.state for p in run([renamed], output, stage)] == ["known"]
    faces = FaceSet.open(output)
    assert len(faces) == before
    [source] = faces.sources.values()
    assert (source.path, source.name) == (str(renamed.resolve()), "another name.mp4")


def test_other_files_of_one_length_and_time_are_not_taken_for_moved(
    tmp_path: Path, stage: FaceAnalyser, face_picture: Image
) -> None:
    # As pictures are that come out of an archive: all of one size, all of one time.
    output = tmp_path / "faces"
    for folder, names in (("a", ("1.bmp", "2.bmp")), ("b", ("3.bmp", "4.bmp")), ("c", ("1.bmp",))):
        (tmp_path / folder).mkdir()
        for number, name in enumerate(names):
            save(tmp_path / folder / name, np.roll(face_picture, number * 3, 1))
            os.utime(tmp_path / folder / name, ns=(10**18, 10**18))
    assert [p.state for p in run([tmp_path / "a"], output, stage)] == ["complete"] * 2
    assert [p.state for p in run([tmp_path / "c"], output, stage)] == ["complete"]
    for file in (tmp_path / "a").iterdir():
        file.unlink()
    assert [p.state for p in run([tmp_path / "b"], output, stage)] == ["complete"] * 2
