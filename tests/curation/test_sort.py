from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.curation.measures import measure_brightness
from faceswap_cli.curation.sort import ORDERS, SortResult, sort_faces
from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.crop_files import crop_name, ranked_name
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter, Source
from tests.face_sets import HEADER, contents, crop, files, killed, make_set, packed, record

SHARPNESS = [0.5, 0.1, 0.9, 0.3, 0.7]


def run(*arguments: object, **options: object) -> SortResult:
    steps = sort_faces(*arguments, **options)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture
def five(tmp_path: Path) -> Path:
    return make_set(
        tmp_path / "faces",
        5,
        change=lambda k: {
            "sharpness": SHARPNESS[k],
            "pose": (30.0 - 15 * k, k, -k),
            "confidence": 1 - k / 10,
            "packed": packed(0.35 - 0.05 * k, 0.1 * k, (0.4, 0.8, -0.8, -0.4, 0)[k]),
        },
        track=lambda k: 4 - k,
        level=lambda k: (120, 200, 40, 240, 80)[k],
    )


def shown(folder: Path) -> list[int]:
    """The frames in the order a file manager shows their crops."""
    return [int(file.removesuffix(".jpg").split("_")[-2]) for file in files(folder / "crops")]


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("blur", [1, 3, 0, 4, 2]),
        ("yaw", [4, 3, 2, 1, 0]),
        ("pitch", [0, 1, 2, 3, 4]),
        ("roll", [4, 3, 2, 1, 0]),
        ("confidence", [4, 3, 2, 1, 0]),
        ("lids", [4, 3, 2, 1, 0]),
        ("mouth", [0, 1, 2, 3, 4]),
        ("gaze", [2, 3, 4, 0, 1]),
        ("track", [4, 3, 2, 1, 0]),
        ("brightness", [2, 4, 0, 1, 3]),
        ("size", [0, 1, 2, 3, 4]),  # all alike: in the order of time
        ("time", [0, 1, 2, 3, 4]),
    ],
)
def test_file_managers_show_the_order(five: Path, by: str, order: list[int]) -> None:
    before = contents(five)
    index = (five / "faces.jsonl").read_bytes()
    assert run(five, by).faces == 5
    assert shown(five) == order
    run(five, by, reverse=True)
    assert shown(five) == (order if by == "size" else order[::-1])
    assert contents(five) == before and (five / "faces.jsonl").read_bytes() == index
    run(five, "time")
    assert files(five / "crops") == [f"clip_{k:06d}_0.jpg" for k in range(5)]


def test_a_rank_is_replaced_and_never_stacked(five: Path) -> None:
    run(five, "blur")
    assert files(five / "crops")[0] == "000000@clip_000001_0.jpg"
    assert run(five, "yaw").renamed > 0 and run(five, "yaw").renamed == 0
    assert files(five / "crops")[0] == "000000@clip_000004_0.jpg"
    assert all(file.count("@") == 1 for file in files(five / "crops"))


def test_names_survive_their_rank() -> None:
    for name in ("clip_000001_0.jpg", "000123_000001_0.jpg", "12@.jpg"):
        assert crop_name(name) == name
        assert crop_name(ranked_name(name, 7)) == crop_name(ranked_name(name, 1_234_567)) == name


def test_deleting_a_block_of_a_sorted_set_removes_those_faces(five: Path) -> None:
    run(five, "blur")
    for file in files(five / "crops")[:2]:
        (five / "crops" / file).unlink()
    faces = FaceSet.open(five)
    assert [one.frame for one in faces.records] == [0, 2, 4]
    assert [one.frame for one in faces.deleted] == [1, 3]
    assert run(five, "blur").faces == 3 and shown(five) == [0, 4, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("calls", [0, 1, 3])
def test_killed_at_any_rename_nothing_is_lost(five: Path, calls: int) -> None:
    before = contents(five)
    run(five, "yaw")
    assert killed(lambda: run(five, "blur"), "rename", calls)
    assert contents(five) == before
    run(five, "blur")
    assert shown(five) == [1, 3, 0, 4, 2] and contents(five) == before
    assert len(files(five / "crops")) == 5


def test_a_sorted_set_can_be_added_to(five: Path) -> None:
    run(five, "blur")
    make_set(five, 2, "more.mp4", change=lambda k: {"sharpness": 0.2 + k})
    assert len(FaceSet.open(five)) == 7
    run(five, "blur")
    assert [one.split("@")[1][:4] for one in files(five / "crops")].index("more") == 1


def test_crops_that_can_t_be_read_come_first(five: Path) -> None:
    crops = five / "crops"
    (crops / "clip_000003_0.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(crops / "clip_000001_0.jpg"), np.zeros((32, 32, 3), np.uint8))  # of another size
    assert run(five, "brightness").unreadable == 2
    assert shown(five) == [1, 3, 2, 4, 0]
    run(five, "brightness", reverse=True)
    assert shown(five)[:2] == [1, 3]


def test_brightness_is_the_face_s_mean_luma(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "faces", 3, level=lambda k: (0, 102, 255)[k])
    steps = measure_brightness(FaceSet.open(folder))
    reports = []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as end:
            values = end.value
            break
    assert np.abs(values - [0, 0.4, 1]).max() < 0.01  # the light corner lies outside the face
    assert [(r.done, r.total) for r in reports] == [(3, 3)]


def test_an_unfinished_extraction_is_refused(tmp_path: Path) -> None:
    with FaceSetWriter(tmp_path, HEADER) as writer:
        known = writer.add_source(Source(-1, "a.mp4", "/a.mp4", "video", 64, 64, "a", 1, 1))
        writer.add(known, [(record("a_000000_0.jpg", 0), crop(9, 0))])
    with pytest.raises(UserError, match=r"stopped in a\.mp4.*Run the same"):
        run(tmp_path, "blur")
    assert files(tmp_path / "crops") == ["a_000000_0.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="no file locks of this kind")
def test_a_running_extract_is_not_disturbed(five: Path) -> None:
    with FaceSetWriter(five, HEADER), pytest.raises(UserError, match="another faceswap is working"):
        run(five, "blur")
    assert shown(five) == [0, 1, 2, 3, 4]


def test_a_crop_that_is_there_twice_is_named(five: Path) -> None:
    shutil.copy(five / "crops" / "clip_000002_0.jpg", five / "crops" / "000009@clip_000002_0.jpg")
    assert len(FaceSet.open(five)) == 5
    with pytest.raises(UserError, match=r"one crop twice: 000009@clip_000002_0\.jpg and clip_000002_0\.jpg"):
        run(five, "blur")
    assert len(files(five / "crops")) == 6


def test_what_makes_no_sense_is_said(five: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--by beauty is not known.*blur, size"):
        run(five, "beauty")
    with pytest.raises(UserError, match="--to"):
        run(five, "likeness")
    with pytest.raises(UserError, match="--to has no meaning"):
        run(five, "blur", to=tmp_path)
    with pytest.raises(UserError, match="no dense points, which --by gaze needs"):
        run(make_set(tmp_path / "plain", 3), "gaze")
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="not a face set"):
        run(tmp_path / "other", "blur")
    assert files(tmp_path / "other") == []
    assert set(ORDERS) >= {"blur", "size", "yaw", "pitch", "roll", "brightness", "likeness", "outlier"}
