"""Face sets that somebody else made: nothing in them leads out of their folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.curation.trash import restore
from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter
from tests.face_sets import HEADER, crop, make_set, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_set(tmp_path / "faces", 4)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"crop":"clip_000001_0.jpg"', '"crop":"../../clip_000001_0.jpg"'),
        ('"prefix":"clip"', '"prefix":"../clip"'),
        ('"prefix":"clip"', '"prefix":"/tmp/clip"'),
        ('"time":0.04', '"time":NaN'),
        ('"frame":1', '"frame":-1'),
        ('"frame":1', '"frame":99999999999999999999'),
        ('"crop_size":64', '"crop_size":1000000'),
        ('"seen":4', '"seen":[]'),
        ('"kind":"video"', '"kind":"pipe"'),
        ('"settings":{', '"settings":7,"x":{'),
        ('"confidence":1.0}', '"confidence":1.0,"dense":"AAAA"}'),
        ('"confidence":1.0}', '"confidence":1.0,"dense":[1,2]}'),
    ],
)
def test_a_hostile_index_is_refused(folder: Path, old: str, new: str) -> None:
    index = folder / "faces.jsonl"
    text = index.read_text(encoding="utf-8")
    assert old in text
    index.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        FaceSet.open(folder)


def test_a_crop_is_not_written_through_a_link(folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    (folder / "crops" / "clip_000009_0.jpg").symlink_to(mine)
    with FaceSetWriter(folder, HEADER) as writer:
        source = writer.index.sources[0]
        with pytest.raises(UserError, match="clip_000009_0"):
            writer.add(source, [(record("clip_000009_0.jpg", 9), crop(90, 9))])
    assert mine.read_text() == "precious"


def test_crops_that_are_a_link_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "crops").rename(tmp_path / "elsewhere")
    (folder / "crops").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link"):
        FaceSet.open(folder)


def test_a_huge_crop_is_refused_before_it_is_decoded(folder: Path) -> None:
    import cv2

    faces = FaceSet.open(folder)
    cv2.imwrite(str(faces.crop_path(faces.records[0])), np.zeros((65, 64, 3), np.uint8))
    with pytest.raises(UserError, match="64 x 65 pixels"):
        faces.crop(faces.records[0])


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../evil.jpg", "bin/evil.jpg"),
        ("letter.jpg", "../../letter.jpg"),
        ("letter.jpg", "bin/other.jpg"),
        ("letter.jpg", "{outside}/letter.jpg"),
    ],
)
def test_the_bin_gives_back_crops_only(folder: Path, tmp_path: Path, name: str, file: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "letter.jpg").write_bytes(b"a letter")
    (tmp_path / "letter.jpg").write_bytes(b"a letter")
    line = f'{{"crop": "{name}", "file": "{file.format(outside=outside)}", "why": []}}\n'
    (folder / "bin.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(UserError, match=r"bin\.jsonl"):
        restore(folder)
    assert (outside / "letter.jpg").exists() and (tmp_path / "letter.jpg").exists()
