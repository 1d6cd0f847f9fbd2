"""What extracting leaves: crops, index, notes and errors."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.curation.sheet import write_sheet
from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.analysis import analyse
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.sets import extract as extracting
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.pieces import parse_pieces
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.pipeline.faces_from_set import faces_from_set, select_frames
from tests.dense_faces import dense_of
from tests.faces.face_pictures import one, save
from tests.faces.sets.extracting import Extracted, Maker, complete, contents, run


def test_a_video_becomes_a_set(clip: Path, tmp_path: Path, stage: FaceAnalyser) -> None:
    progress = run([clip], tmp_path / "faces", stage)
    last = progress[-1]
    assert (last.state, last.done, last.total, last.faces, last.notes) == ("complete", 40, 40, 37, ())
    assert [p.state for p in progress[:-1]] == ["running"] * 3
    faces = FaceSet.open(tmp_path / "faces")
    assert len(faces) == 37 and complete(faces)
    assert {record.frame for record in faces.records} == set(range(40)) - {20, 21, 22}
    assert {record.track for record in faces.records} <= {0, 1}
    assert (faces.crop_size, faces.side) == (256, geometry.STORED_SIDE)
    record = faces.records[5]
    assert record.crop == "clip_000005_0.jpg" and record.time == pytest.approx(0.2)
    crop = faces.crop(record)
    assert crop.shape == (256, 256, 3)
    inside = geometry.transform(record.landmarks, record.matrix)
    assert np.abs(inside[17:] - geometry.mean_face(256, geometry.STORED_SIDE)[17:]).mean() < 12
    # The crop is the frame through the matrix.
    with VideoReader(clip) as reader:
        frame = next(f for f in reader if f.index == 5)
    assert np.abs(crop.astype(int) - geometry.warp(frame.image, record.matrix, 256)).mean() < 3


def test_an_interlaced_video_is_told(
    clip: Path, tmp_path: Path, stage: FaceAnalyser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracting, "probe", lambda path: replace(probe(path), interlaced=True))
    assert "interlaced" in run([clip], tmp_path / "faces", stage)[-1].notes[0]
    assert "interlaced" in run([clip], tmp_path / "faces", stage)[-1].notes[0]


def test_photos_videos_and_folders(
    clip: Path, tmp_path: Path, stage: FaceAnalyser, face_picture: Image, empty_picture: Image
) -> None:
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    save(folder / "one.jpg", face_picture)
    save(folder / "more" / "one.png", np.ascontiguousarray(np.hstack([face_picture, face_picture])))
    save(folder / "none.png", empty_picture)
    (folder / "broken.jpg").write_bytes(b"no photo")
    out = folder / "faces"  # inside the input folder: its own crops are no inputs
    last = {p.source + p.state: p for p in run([folder, clip], out, stage)}
    assert last["none.pngcomplete"].faces == 0
    assert "broken.jpg" in last["broken.jpgunreadable"].notes[0]
    faces = FaceSet.open(out)
    assert {source.name for source in faces.sources.values()} == {
        "clip.mp4",
        "one.jpg",
        "one.png",
        "none.png",
    }
    assert {r.crop for r in faces.records if not r.crop.startswith("clip")} == {
        f"one{mark}_000000_{k}.jpg" for mark, k in _expected_names(faces)
    }
    two = [r for r in faces.records if faces.sources[r.source].name == "one.png"]
    assert [record.track for record in two] == [0, 1] and two[0].pts is None
    before = contents(out)
    states = {p.state for p in run([folder, clip], out, stage)}
    assert states == {"known", "unreadable"}
    assert contents(out) == before


def _expected_names(faces: FaceSet) -> list[tuple[str, int]]:
    """Marks and numbers of the crops of the two photos called "one"."""
    by_name = {source.name: source.prefix for source in faces.sources.values()}
    assert {by_name["one.jpg"], by_name["one.png"]} == {"one", "one~2"}
    single, double = by_name["one.jpg"][3:], by_name["one.png"][3:]
    return [(single, 0), (double, 0), (double, 1)]


def test_every_nth_frame(clip: Path, tmp_path: Path, stage: FaceAnalyser) -> None:
    last = run([clip], tmp_path / "faces", stage, every=3)[-1]
    assert last.done == 40
    frames = [record.frame for record in FaceSet.open(tmp_path / "faces").records]
    assert frames == [i for i in range(0, 40, 3) if not 20 <= i < 23]


def test_max_faces_and_min_size(tmp_path: Path, stage: FaceAnalyser, face_picture: Image) -> None:
    small = cv2.resize(face_picture, (320, 180), interpolation=cv2.INTER_AREA)
    both = np.full((360, 960, 3), 100, np.uint8)
    both[:, :640], both[:180, 640:] = face_picture, small
    picture = save(tmp_path / "two.png", both)
    assert run([picture], tmp_path / "all", stage)[-1].faces == 2
    for name, options in (("most", {"max_faces": 1}), ("large", {"min_size": 150})):
        assert run([picture], tmp_path / name, stage, **options)[-1].faces == 1
        assert FaceSet.open(tmp_path / name).records[0].box[2] < 640


def test_no_face_anywhere_leaves_nothing(
    tmp_path: Path, stage: FaceAnalyser, empty_picture: Image, make_video: Maker
) -> None:
    photo = save(tmp_path / "a.png", empty_picture)
    clip = make_video([empty_picture] * 20)
    with pytest.raises(UserError, match=r"no face found in a\.png and 1 more"):
        run([photo, clip], tmp_path / "faces", stage)
    assert not (tmp_path / "faces").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match=r"no face found in a\.png"):
        run([photo], tmp_path / "mine", stage)
    assert list((tmp_path / "mine").iterdir()) == []


def test_one_face_among_many_frames(
    tmp_path: Path, empty_picture: Image, face_picture: Image, stage: FaceAnalyser
) -> None:
    small = cv2.resize(face_picture, (320, 180), interpolation=cv2.INTER_AREA)

    def frames() -> list[Frame]:
        return [Frame(i, i / 25, small if i == 117 else empty_picture) for i in range(240)]

    found = [(frame.index, len(faces)) for frame, _, faces in analyse(frames(), stage) if faces]
    assert found == [(117, 1)]


def test_errors_that_say_what_to_do(
    clip: Path, tmp_path: Path, stage: FaceAnalyser, face_picture: Image
) -> None:
    out = tmp_path / "faces"
    with pytest.raises(UserError):
        run([tmp_path / "missing.mp4"], out, stage)
    assert not out.exists()
    with pytest.raises(UserError, match="--every 0"):
        run([clip], out, stage, every=0)
    with pytest.raises(UserError, match="--crop-size"):
        run([clip], out, stage, crop_size=8)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="holds other files"):
        run([clip], tmp_path / "other", stage)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["letter.txt"]
    run([clip], out, stage)
    with pytest.raises(UserError, match="was made with every 1, not 2"):
        run([clip], out, stage, every=2)
    os.utime(clip, (1, 1))
    with pytest.raises(UserError, match="was changed"):
        run([clip], out, stage)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"broken\.mp4"):
        run([broken], tmp_path / "new", stage)
    assert not (tmp_path / "new").exists()


def test_a_damaged_video_gives_what_can_be_read(
    clip: Path, tmp_path: Path, stage: FaceAnalyser, make_video: Maker, talking: list[Image]
) -> None:
    mkv = make_video(talking, "cut.mkv")
    data = mkv.read_bytes()
    mkv.write_bytes(data[: len(data) * 6 // 10])
    last = run([mkv], tmp_path / "faces", stage)[-1]
    assert 5 < last.faces < 37 and last.state == "complete"
    assert FaceSet.open(tmp_path / "faces").sources[0].notes == last.notes


def test_names_that_file_systems_dislike(tmp_path: Path, stage: FaceAnalyser, face_picture: Image) -> None:
    odd = save(tmp_path / "a.png", face_picture).rename(tmp_path / "..we?ird\n:name<b>é.png")
    run([odd], tmp_path / "faces", stage)
    [record] = FaceSet.open(tmp_path / "faces").records
    assert record.crop == "we_ird__name_b_é_000000_0.jpg"
    page, _ = write_sheet(FaceSet.open(tmp_path / "faces"))
    assert "<b>" not in page.read_text(encoding="utf-8")


def test_names_of_bytes_that_are_no_text(tmp_path: Path, stage: FaceAnalyser, face_picture: Image) -> None:
    folder, output = tmp_path / "in", tmp_path / "faces"
    folder.mkdir()
    save(folder / "a.png", face_picture)
    strange = os.fsencode(folder) + b"/b\xe9\xff.png"
    try:
        Path(os.fsdecode(strange)).write_bytes((folder / "a.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such names")
    assert [p.state for p in run([folder], output, stage)] == ["complete", "complete"]
    faces = FaceSet.open(output)
    assert len(faces) == 2 and {os.fsencode(s.path) for s in faces.sources.values()} > {strange}
    write_sheet(faces)
    assert [p.state for p in run([folder], output, stage)] == ["known", "known"]


def test_analysis_does_not_depend_on_where_it_starts(talking: list[Image], stage: FaceAnalyser) -> None:
    frames = [Frame(i, i / 25, image) for i, image in enumerate(talking)]
    whole = list(analyse(frames, stage))
    assert [frame.index for frame, _, _ in whole] == list(range(40))
    late = list(analyse(frames, stage, start=16))
    for (a, shot_a, faces_a), (b, shot_b, faces_b) in zip(whole[16:], late, strict=True):
        assert (a.index, shot_a, len(faces_a)) == (b.index, shot_b, len(faces_b))
        assert all(np.array_equal(x.landmarks, y.landmarks) for x, y in zip(faces_a, faces_b, strict=True))


def test_an_error_while_decoding_reaches_the_caller(stage: FaceAnalyser, face_picture: Image) -> None:
    def frames() -> object:
        yield from (Frame(i, 0.0, face_picture) for i in range(20))
        raise UserError("the disk was pulled out")

    with pytest.raises(UserError, match="pulled out"):
        list(analyse(frames(), stage))


def test_an_error_in_the_detector_reaches_the_caller(stage: FaceAnalyser, face_picture: Image) -> None:
    def broken(frames: object) -> object:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(analyse(one(face_picture), replace(stage, detector=broken)))


def test_the_sheet_does_no_harm(extracted: Extracted, tmp_path: Path, stage: FaceAnalyser) -> None:
    out = shutil.copytree(extracted.faces, tmp_path / "faces")
    (out / "crops" / "clip_000004_0.jpg").write_bytes(b"damaged")
    faces = FaceSet.open(out)
    page, picture = write_sheet(faces)
    assert "crops/clip_000005_0.jpg" in page.read_text(encoding="utf-8")
    assert cv2.imread(str(picture)).shape == (184 * len(faces.tracks()), 1280, 3)
    assert run([extracted.clip], out, stage)[-1].state == "known"


def test_sets_made_twice_are_byte_for_byte_the_same(
    extracted: Extracted, tmp_path: Path, stage: FaceAnalyser
) -> None:
    run([extracted.clip], tmp_path / "again", stage)
    assert contents(tmp_path / "again") == contents(extracted.faces)


def test_dense_points_are_kept_and_given_to_who_converts(extracted: Extracted) -> None:
    faces = FaceSet.open(extracted.dense)
    for record in faces.records[::10]:
        face = record.face
        assert face.dense is not None and face.expression is not None
        assert np.abs(face.dense - dense_of(record.landmarks)).max() < 0.02
        assert face.expression.max() == pytest.approx(record.landmarks[0, 0] / 1000, abs=0.005)
    tracks = faces_from_set(faces, extracted.clip)
    assert tracks.dense is not None and tracks.expression is not None
    assert np.array_equal(tracks.dense[:, :68, :2], tracks.landmarks)
    some = select_frames(tracks, parse_pieces("10-15"))
    assert some.dense is not None and np.array_equal(some.dense[:, :68, :2], some.landmarks)


def test_a_set_of_68_points_is_read_as_ever(extracted: Extracted, tmp_path: Path) -> None:
    index = shutil.copytree(extracted.dense, tmp_path / "faces") / "faces.jsonl"
    before = [json.loads(line) for line in index.read_text().splitlines()]
    for line in before:
        line.pop("dense", None)
    index.write_text("".join(json.dumps(line) + "\n" for line in before))
    faces = FaceSet.open(tmp_path / "faces")
    assert faces.records[0].face.dense is None
    assert faces_from_set(faces, extracted.clip).dense is None
