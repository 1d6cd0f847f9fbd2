from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.sets.faceset import FaceRecord, FaceSet, FaceSetWriter, Header, Source
from faceswap_cli.faces.sets.records import as_stored

HEADER = Header(96, geometry.STORED_SIDE, {"every": "1", "min-size": "24"})


def source(name: str = "a.mp4", **changes: object) -> Source:
    base = Source(-1, name, f"/films/{name}", "video", 640, 360, Path(name).stem, 1000, 5)
    return replace(base, **changes)


def record(number: int, of: int = 0, frame: int = 0) -> FaceRecord:
    landmarks = (geometry.MEAN_FACE * 40 + (200 + number, 150)).astype(np.float32)
    return as_stored(
        FaceRecord(
            crop=f"a_{frame:06d}_{number}.jpg",
            source=of,
            frame=frame,
            time=frame / 25,
            pts=frame * 512,
            box=np.array([150, 100, 250, 220], np.float32),
            landmarks=landmarks,
            matrix=geometry.crop_matrix(landmarks, 96, geometry.STORED_SIDE),
            score=0.99,
            track=-1,
            shot=0,
            sharpness=0.8,
            pose=(1.0, -2.0, 3.0),
        )
    )


def crop(colour: tuple[int, int, int] = (200, 90, 30)) -> np.ndarray:
    return np.full((96, 96, 3), colour, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of three faces in two frames of one video."""
    path = tmp_path / "faces"
    with FaceSetWriter(path, HEADER) as writer:
        known = writer.add_source(source())
        records = [record(0), record(1), record(0, frame=3)]
        writer.add(replace(known, seen=1), [(one, crop()) for one in records[:2]])
        writer.add(replace(known, seen=4), [(records[2], crop((10, 200, 60)))])
        writer.finish(replace(known, seen=4), {one.crop: k for k, one in enumerate(records)})
    return path


def test_what_was_written_is_read(folder: Path) -> None:
    faces = FaceSet.open(folder)
    assert len(faces) == 3 and faces.deleted == []
    assert all(known.complete for known in faces.sources.values())
    assert (faces.crop_size, faces.side) == (96, geometry.STORED_SIDE)
    first = faces.records[0]
    assert first.track == 0 and first.pose == (1.0, -2.0, 3.0) and first.pts == 0
    assert np.array_equal(first.landmarks, record(0).landmarks)
    assert np.abs(first.matrix - record(0).matrix).max() == 0
    assert first.face.landmarks.shape == (68, 2) and first.face.track == 0
    assert np.abs(faces.crop(first).astype(int) - (200, 90, 30)).max() < 6  # RGB, not BGR
    assert [one.frame for one in faces.records] == [0, 0, 3]
    assert sorted(faces.tracks()) == [(0, 0), (0, 1), (0, 2)]


def test_sets_that_say_nothing_of_confidence_are_sure(folder: Path) -> None:
    unsure = as_stored(replace(record(0), confidence=0.43217))
    assert unsure.confidence == 0.4322
    fields = [json.loads(line) for line in lines_of(folder)]
    older = [{k: v for k, v in one.items() if k != "confidence"} for one in fields]
    (folder / "faces.jsonl").write_text("".join(json.dumps(one) + "\n" for one in older))
    assert [one.confidence for one in FaceSet.open(folder).records] == [1.0, 1.0, 1.0]


def test_deleting_a_crop_removes_the_face(folder: Path) -> None:
    (folder / "crops" / "a_000000_1.jpg").unlink()
    faces = FaceSet.open(folder)
    assert [one.crop for one in faces.records] == ["a_000000_0.jpg", "a_000003_0.jpg"]
    assert [one.crop for one in faces.deleted] == ["a_000000_1.jpg"]


def test_what_can_t_be_read_is_said_so(folder: Path) -> None:
    faces = FaceSet.open(folder)
    path = faces.crop_path(faces.records[0])
    path.unlink()
    with pytest.raises(UserError, match=r"a_000000_0\.jpg can't be read"):
        faces.crop(faces.records[0])
    path.mkdir()
    with pytest.raises(UserError, match=r"a_000000_0\.jpg can't be read"):
        faces.crop(faces.records[0])


def test_other_folders_are_no_face_sets(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no face set"):
        FaceSet.open(tmp_path / "nothing")
    with pytest.raises(UserError, match="not a face set"):
        FaceSet.open(tmp_path)
    for text in ("", "hello\n", '{"format":"other"}\n', "[1]\n", "3\n"):
        (tmp_path / "faces.jsonl").write_text(text)
        with pytest.raises(UserError, match="not the index of a face set"):
            FaceSet.open(tmp_path)
    (tmp_path / "faces.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="damaged"):
        FaceSet.open(tmp_path)


def lines_of(folder: Path) -> list[str]:
    return (folder / "faces.jsonl").read_text().splitlines(keepends=True)


def test_other_versions_are_refused(folder: Path) -> None:
    head, *rest = lines_of(folder)
    newer = json.dumps({**json.loads(head), "version": 2}) + "\n"
    (folder / "faces.jsonl").write_text(newer + "".join(rest))
    with pytest.raises(UserError, match="version 2"):
        FaceSet.open(folder)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        '{"crop":"a.jpg"}',
        '{"crop":"../a.jpg","of":0}',
        '{"source":0,"name":"x"}',
        '{"source":0,"surprise":1}',
    ],
)
def test_damaged_lines_are_named(folder: Path, line: str) -> None:
    lines = lines_of(folder)
    (folder / "faces.jsonl").write_text("".join([*lines[:2], line + "\n", *lines[2:]]))
    with pytest.raises(UserError, match=r"line 3 of .*faces\.jsonl is damaged"):
        FaceSet.open(folder)


@pytest.mark.parametrize(
    "name", ["../x.jpg", "/etc/x.jpg", "a\\b.jpg", "..", "x.png", "", ".jpg/../y.jpg", 7]
)
def test_crop_names_can_t_lead_out_of_the_folder(folder: Path, name: object) -> None:
    lines = lines_of(folder)
    lines[1] = json.dumps({**json.loads(lines[1]), "crop": name}) + "\n"
    (folder / "faces.jsonl").write_text("".join(lines))
    with pytest.raises(UserError, match="damaged"):
        FaceSet.open(folder)


def test_nan_in_the_index_is_damage(folder: Path) -> None:
    lines = lines_of(folder)
    fields = json.loads(lines[1])
    fields["box"][0] = float("nan")
    (folder / "faces.jsonl").write_text("".join([lines[0], json.dumps(fields) + "\n", *lines[2:]]))
    with pytest.raises(UserError, match="damaged"):
        FaceSet.open(folder)


@pytest.mark.parametrize(
    "fields",
    [
        {"landmarks": [[7, 7]] * 68},
        {"landmarks": [[1e30 * k, 5] for k in range(68)]},
        {"matrix": [[0, 0, 3], [0, 0, 3]]},
        {"matrix": [[1e30, 0, 3], [0, 1e30, 3]]},
    ],
)
def test_landmarks_that_no_face_has_are_damage(folder: Path, fields: dict[str, object]) -> None:
    lines = lines_of(folder)
    lines[1] = json.dumps({**json.loads(lines[1]), **fields}) + "\n"
    (folder / "faces.jsonl").write_text("".join(lines))
    with pytest.raises(UserError, match="no face's"):
        FaceSet.open(folder)


def test_cut_short_anywhere_the_index_still_opens(folder: Path) -> None:
    data = (folder / "faces.jsonl").read_bytes()
    head = data.index(b"\n") + 1
    counts = []
    for end in range(head, len(data), 97):
        (folder / "faces.jsonl").write_bytes(data[:end])
        counts.append(len(FaceSet.open(folder)))
    assert set(counts) == {0}  # of a finished set the source's line comes last, and commits
    (folder / "faces.jsonl").write_bytes(data)
    assert len(FaceSet.open(folder)) == 3


def test_a_batch_without_its_source_line_does_not_count(folder: Path) -> None:
    lines = lines_of(folder)
    late = json.dumps({**json.loads(lines[1]), "crop": "a_000009_0.jpg", "frame": 9}) + "\n"
    (folder / "faces.jsonl").write_text("".join([*lines, late]))
    assert len(FaceSet.open(folder)) == 3
    with FaceSetWriter(folder, HEADER):
        pass
    assert lines_of(folder) == lines  # swept out


def test_damaged_and_resized_crops(folder: Path) -> None:
    faces = FaceSet.open(folder)
    path = faces.crop_path(faces.records[0])
    path.write_bytes(b"")
    with pytest.raises(UserError, match="not a picture"):
        faces.crop(faces.records[0])
    cv2.imwrite(str(path), np.zeros((50, 96, 3), np.uint8))
    with pytest.raises(UserError, match="96 x 50 pixels, not 96 x 96"):
        faces.crop(faces.records[0])
    path.unlink()
    with pytest.raises(UserError):
        faces.crop(faces.records[0])


def test_other_settings_are_refused_with_their_name(folder: Path) -> None:
    with pytest.raises(UserError, match="every 1, not 2"):
        FaceSetWriter(folder, replace(HEADER, settings={**HEADER.settings, "every": "2"}))
    with pytest.raises(UserError, match="crop-size 96, not 128"):
        FaceSetWriter(folder, replace(HEADER, crop_size=128))


def test_sources_of_one_name_get_prefixes_of_their_own(folder: Path) -> None:
    with FaceSetWriter(folder, HEADER) as writer:
        again = writer.add_source(source())
        assert (again.id, again.complete) == (0, True)
        second = writer.add_source(source(path="/other/a.mp4"))
        assert (second.id, second.prefix) == (1, "a~2")
        writer.add(replace(second, seen=1), [])
        third = writer.add_source(source("A.mp4", path="/third/A.mp4"))
        assert (third.id, third.prefix) == (2, "A~3")  # file systems may not tell A from a
        with pytest.raises(UserError, match="was changed"):
            writer.add_source(source(mtime_ns=6))


@pytest.mark.skipif(os.name == "nt", reason="no file locks of this kind")
def test_two_runs_can_t_write_at_once(folder: Path) -> None:
    with (
        FaceSetWriter(folder, HEADER),
        pytest.raises(UserError, match="another faceswap is working"),
    ):
        FaceSetWriter(folder, HEADER)
    with FaceSetWriter(folder, HEADER):
        pass


def test_ten_thousand_records_are_read_in_seconds(tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    with FaceSetWriter(tmp_path, HEADER) as writer:
        known = writer.add_source(source())
        base = record(0)
        records = [replace(base, crop=f"a_{i:06d}_0.jpg", frame=i) for i in range(10_000)]
        writer.index.records[known.id] = records
        writer.finish(known, {one.crop: 0 for one in records})
    faces = FaceSet.open(tmp_path)
    assert len(faces) == 0 and len(faces.deleted) == 10_000
