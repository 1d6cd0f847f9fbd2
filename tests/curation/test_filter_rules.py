from __future__ import annotations

from pathlib import Path

import pytest

from faceswap_cli.curation.filter_options import FilterRules
from faceswap_cli.curation.filter_rules import FailingFaces, apply_rules
from faceswap_cli.curation.sort import sort_faces
from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter, Source
from tests.face_sets import HEADER, crop, files, make_set, record


def failing(folder: Path, rules: FilterRules) -> FailingFaces:
    steps = apply_rules(FaceSet.open(folder), rules)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def frames(folder: Path, rules: FilterRules) -> list[int]:
    return sorted(int(name.removesuffix(".jpg").split("_")[-2]) for name in failing(folder, rules).reasons)


@pytest.fixture
def six(tmp_path: Path) -> Path:
    """Six faces that get less sharp, less sure, lighter, more turned to the left."""
    return make_set(
        tmp_path / "faces",
        6,
        change=lambda k: {
            "sharpness": 1 - k / 10,
            "score": 1 - k / 20,
            "confidence": 1 - k / 10,
            "pose": (-10.0 * k, 5.0 * k, -k),
            "box": (0, 0, 100 - 10 * k, 50),
        },
        track=lambda k: k // 3,
        level=lambda k: 40 * k + 10,
    )


@pytest.mark.parametrize(
    ("rules", "bad"),
    [
        (FilterRules(min_size=80), [3, 4, 5]),
        (FilterRules(min_sharpness=0.7), [4, 5]),
        (FilterRules(min_score=0.8), [5]),
        (FilterRules(min_confidence=0.65), [4, 5]),
        (FilterRules(min_quality=0.95), [1, 2, 3, 4, 5]),
        (FilterRules(max_yaw=30), [4, 5]),
        (FilterRules(max_pitch=9), [2, 3, 4, 5]),
        (FilterRules(max_roll=4), [5]),
        (FilterRules(min_brightness=0.1), [0]),
        (FilterRules(max_brightness=0.8), [5]),
        (FilterRules(min_brightness=0.1, max_brightness=0.8, max_yaw=30), [0, 4, 5]),
        (FilterRules(tracks=("1",)), [3, 4, 5]),
        (FilterRules(tracks=("clip.mp4:0",)), [0, 1, 2]),
    ],
)
def test_rules(six: Path, rules: FilterRules, bad: list[int]) -> None:
    assert frames(six, rules) == bad


def test_every_reason_is_counted(six: Path) -> None:
    found = failing(six, FilterRules(min_size=60, max_yaw=30))
    assert found.counts == {"smaller than 60 px": 1, "turned by more than 30 degrees (yaw)": 2}
    assert found.reasons["clip_000005_0.jpg"] == [
        "smaller than 60 px",
        "turned by more than 30 degrees (yaw)",
    ]


def test_crops_that_can_t_be_measured_stay(six: Path) -> None:
    (six / "crops" / "clip_000002_0.jpg").write_bytes(b"no picture")
    found = failing(six, FilterRules(min_brightness=1))
    assert (len(found.reasons), found.unreadable) == (5, 1)
    found = failing(six, FilterRules(min_brightness=1, tracks=("0",)))
    assert (len(found.reasons), found.unreadable) == (6, 0)


def test_doubtful_tracks(tmp_path: Path) -> None:
    folder = make_set(
        tmp_path / "faces",
        40,
        change=lambda k: {"score": 0.82 if k in (3, 9) else 0.99},
        track=lambda k: 1 if k in (3, 9) else 0,
    )
    assert frames(folder, FilterRules(doubtful=True)) == [3, 9]
    for k in range(2, 38):  # the good track is nearly gone, but was good
        (folder / "crops" / f"clip_{k:06d}_0.jpg").unlink()
    assert frames(folder, FilterRules(doubtful=True)) == []


def test_tracks_of_several_sources(six: Path) -> None:
    make_set(six, 2, "more: less.mp4", track=lambda k: 1)
    with pytest.raises(UserError, match=r"2 sources have a track 1.*clip\.mp4:1"):
        failing(six, FilterRules(tracks=("1",)))
    assert frames(six, FilterRules(tracks=("0",))) == [0, 1, 2]  # only one source has it
    assert frames(six, FilterRules(tracks=("more: less.mp4:1",))) == [0, 1]
    for unknown in ("7", "other.mp4:1", "x", ""):
        with pytest.raises(UserError, match=f"has no track {unknown}"):
            failing(six, FilterRules(tracks=(unknown,)))


def test_lists_may_be_of_any_sort(six: Path, tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text(
        "\ufeffclip_000001_0.jpg\r\n\r\n  crops/clip_000002_0.jpg \nC:\\f\\crops\\clip_000004_0.jpg"
    )
    assert frames(six, FilterRules(list=names)) == [1, 2, 4]
    list(sort_faces(six, "blur", reverse=True))
    assert frames(six, FilterRules(list=names)) == [1, 2, 4]
    names.write_text("\n".join(files(six / "crops")[:2]))  # names with ranks
    assert frames(six, FilterRules(list=names)) == [0, 1]
    list(sort_faces(six, "time"))
    assert frames(six, FilterRules(list=names)) == [0, 1]
    (six / "crops" / "clip_000000_0.jpg").unlink()  # gone already: no reason to complain
    assert frames(six, FilterRules(list=names)) == [1]


def test_lists_with_unknown_names_are_refused(six: Path, tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text("clip_000001_0.jpg\nclip_000009_0.jpg\n../x.jpg\n")
    with pytest.raises(UserError, match=r"2 of 3 names on .*list\.txt.*\(clip_000009_0\.jpg, \.\.\.\)"):
        failing(six, FilterRules(list=names))
    names.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="it is not text"):
        failing(six, FilterRules(list=names))
    with pytest.raises(UserError, match="can't be read: No such file"):
        failing(six, FilterRules(list=tmp_path / "nothing.txt"))


def test_tracks_of_an_unfinished_set_are_not_known(tmp_path: Path) -> None:
    with FaceSetWriter(tmp_path, HEADER) as writer:
        known = writer.add_source(Source(-1, "a.mp4", "/a.mp4", "video", 64, 64, "a", 1, 1))
        writer.add(known, [(record("a_000000_0.jpg", 0, sharpness=0.1), crop(9, 0))])
    for rules in (FilterRules(doubtful=True), FilterRules(tracks=("0",))):
        with pytest.raises(UserError, match="Run the same"):
            failing(tmp_path, rules)
    assert len(failing(tmp_path, FilterRules(min_sharpness=0.5)).reasons) == 1
