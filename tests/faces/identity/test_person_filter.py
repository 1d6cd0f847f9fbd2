"""Extraction of one person's faces. The picture shows two people; one of them is on a photo of his own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity.person_filter import PersonFilter, read_person_filter
from faceswap_cli.faces.sets.extract import extract_faces
from faceswap_cli.faces.sets.extract_options import ExtractOptions
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.media.frame import Image
from tests.faces.face_pictures import load, moved, save, shared_file

Maker = Callable[..., Path]


@pytest.fixture(scope="module")
def both() -> Image:
    picture = load(shared_file("samples", "stills", "fr_two_people.jpg"))
    return cv2.resize(picture, (360, 2 * round(180 * picture.shape[0] / picture.shape[1])))


@pytest.fixture(scope="module")
def photo() -> Path:
    return shared_file("samples", "stills", "fr_obama.jpg")


@pytest.fixture(scope="module")
def only(photo: Path, stage: FaceAnalyser) -> PersonFilter:
    return read_person_filter([photo], [], stage)[0]


@pytest.fixture
def clip(make_video: Maker, both: Image) -> Path:
    return make_video([moved(both, i % 5, i % 3) for i in range(20)])


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_one_of_two_people(
    clip: Path, only: PersonFilter, photo: Path, tmp_path: Path, stage: FaceAnalyser
) -> None:
    options = ExtractOptions()
    list(extract_faces([clip], tmp_path / "all", stage, options))
    last = list(extract_faces([clip], tmp_path / "only", stage, options, wanted=only))[-1]
    without, _ = read_person_filter([], [photo], stage)
    list(extract_faces([clip], tmp_path / "not", stage, options, wanted=without))
    everybody, kept, others = (FaceSet.open(tmp_path / name) for name in ("all", "only", "not"))
    assert len(everybody) == 40 and len(kept) == len(others) == 20 == last.faces
    assert last.notes == ("faces left out by --only or --not: 20 (tracks: 1)",)
    assert {r.crop for r in kept.records} | {r.crop for r in others.records} == {
        r.crop for r in everybody.records
    }
    # A whole person each: crops that are left out are gone, and so are their lines.
    for faces in (kept, others):
        assert len({r.track for r in faces.records}) == 1 and not faces.deleted
        assert len(list((faces.path / "crops").iterdir())) == 20
    assert kept.sources[0].faces == 20


@pytest.mark.parametrize("batches", [1, 2])
def test_stopped_and_taken_up_again_it_is_the_same(
    batches: int, clip: Path, only: PersonFilter, tmp_path: Path, stage: FaceAnalyser
) -> None:
    list(extract_faces([clip], tmp_path / "whole", stage, wanted=only))
    running = extract_faces([clip], tmp_path / "parts", stage, wanted=only)
    for _ in range(batches):
        next(running)
    running.close()
    list(extract_faces([clip], tmp_path / "parts", stage, wanted=only))
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_what_a_crash_left_while_dropping_is_removed(
    clip: Path, only: PersonFilter, tmp_path: Path, stage: FaceAnalyser
) -> None:
    out = tmp_path / "faces"
    list(extract_faces([clip], out, stage, wanted=only))
    before = contents(out)
    kept = next((out / "crops").iterdir())
    for name in ("clip_000003_7.jpg", "mine.jpg"):
        (out / "crops" / name).write_bytes(kept.read_bytes())
    list(extract_faces([clip], out, stage, wanted=only))
    assert (out / "crops" / "mine.jpg").is_file()
    (out / "crops" / "mine.jpg").unlink()
    assert contents(out) == before


def test_photos(both: Image, only: PersonFilter, tmp_path: Path, stage: FaceAnalyser) -> None:
    picture = save(tmp_path / "two.png", both)
    last = list(extract_faces([picture], tmp_path / "faces", stage, wanted=only))[-1]
    assert (last.faces, last.notes) == (1, ("1 face left out",))
    assert len(FaceSet.open(tmp_path / "faces")) == 1


def test_other_photos_are_another_set(
    clip: Path, only: PersonFilter, both: Image, tmp_path: Path, stage: FaceAnalyser
) -> None:
    out = tmp_path / "faces"
    list(extract_faces([clip], out, stage, wanted=only))
    with pytest.raises(UserError, match="made with other photos for --only"):
        list(extract_faces([clip], out, stage))
    other, notes = read_person_filter([save(tmp_path / "two.png", both)], [], stage)
    assert len(notes) == 1 and "2 faces: the largest" in notes[0]
    with pytest.raises(UserError, match="made with other photos for --only"):
        list(extract_faces([clip], out, stage, wanted=other))
    list(extract_faces([clip], tmp_path / "all", stage))
    with pytest.raises(UserError, match="made without --only"):
        list(extract_faces([clip], tmp_path / "all", stage, wanted=only))


def test_photos_that_show_nobody(
    clip: Path, tmp_path: Path, empty_picture: Image, stage: FaceAnalyser
) -> None:
    empty = save(tmp_path / "empty.png", empty_picture)
    with pytest.raises(UserError, match=r"--only .*empty\.png: no face"):
        read_person_filter([empty], [], stage)
    with pytest.raises(UserError, match=r"clip\.mp4"):
        read_person_filter([], [clip], stage)
    with pytest.raises(UserError, match=r"missing\.jpg"):
        read_person_filter([tmp_path / "missing.jpg"], [], stage)


def test_nobody_of_the_photo(
    face_picture: Image, only: PersonFilter, tmp_path: Path, stage: FaceAnalyser
) -> None:
    picture = save(tmp_path / "her.png", np.ascontiguousarray(face_picture))
    with pytest.raises(UserError, match=r"no face of the people asked for found in her\.png"):
        list(extract_faces([picture], tmp_path / "faces", stage, wanted=only))
    assert not (tmp_path / "faces").exists()
