from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.curation.filter_options import FilterRules
from faceswap_cli.curation.filter_rules import FailingFaces, apply_rules
from faceswap_cli.curation.similarity import distances_to_median, measure_similarity
from faceswap_cli.curation.sort import sort_faces
from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter, Source
from faceswap_cli.media.frame import Frame, Image
from tests.face_sets import HEADER, SIZE, files, record

OTHERS = (2, 5)
"""Crops of the set below that show something else."""


def somebody_else(number: int) -> Image:
    """A painted face with the mean face's proportions."""
    picture = np.full((SIZE, SIZE, 3), (200, 150, 120), np.uint8)
    points = geometry.mean_face(SIZE, geometry.STORED_SIDE)
    for x, y in points[17:]:
        cv2.circle(picture, (round(x), round(y)), 1 + number % 2, (60, 20, 20), -1)
    return picture


@pytest.fixture
def mixed(tmp_path: Path, stage: FaceAnalyser, face_picture: Image) -> Path:
    """Seven crops, most of them of the one real face, in different light."""
    [[face]] = stage.find([Frame(0, 0.0, face_picture)])
    matrix = geometry.crop_matrix(face.landmarks, SIZE, geometry.STORED_SIDE)
    real = geometry.warp(face_picture, matrix, SIZE)
    folder = tmp_path / "faces"
    folder.mkdir()
    with FaceSetWriter(folder, HEADER) as writer:
        known = writer.add_source(Source(-1, "a.mp4", "/a.mp4", "video", 640, 360, "a", 1, 1))
        found = []
        for k in range(7):
            base = record(f"a_{k:06d}_0.jpg", k)
            if k in OTHERS:
                found.append((base, somebody_else(k)))
            else:
                lit = np.clip(real * (0.7 + 0.1 * k), 0, 255).astype(np.uint8)
                found.append((replace(base, landmarks=face.landmarks, matrix=matrix), lit))
        writer.add(replace(known, seen=7), found)
        writer.finish(replace(known, seen=7), {one.crop: 0 for one, _ in found})
    return folder


@pytest.fixture
def photo(tmp_path: Path, face_picture: Image) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), face_picture[..., ::-1])
    return path


def failing(folder: Path, rules: FilterRules) -> FailingFaces:
    steps = apply_rules(FaceSet.open(folder), rules)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def shown(folder: Path) -> list[int]:
    return [int(file.removesuffix(".jpg").split("_")[-2]) for file in files(folder / "crops")]


def test_others_come_first(mixed: Path, photo: Path) -> None:
    list(sort_faces(mixed, "likeness", to=photo))
    assert sorted(shown(mixed)[:2]) == list(OTHERS)
    list(sort_faces(mixed, "likeness", reverse=True, to=photo))
    assert sorted(shown(mixed)[-2:]) == list(OTHERS)
    list(sort_faces(mixed, "time"))
    list(sort_faces(mixed, "outlier"))
    assert sorted(shown(mixed)[:2]) == list(OTHERS)


def test_filters_by_likeness(mixed: Path, photo: Path) -> None:
    others = [f"a_{k:06d}_0.jpg" for k in OTHERS]
    found = failing(mixed, FilterRules(like=(photo,), threshold=0.4))
    assert sorted(found.reasons) == others and found.counts == {"not like photo.png": 2}
    assert [one.faces for one in found.likenesses] == [1]
    assert len(failing(mixed, FilterRules(unlike=(photo,), threshold=0.4)).reasons) == 5
    assert len(failing(mixed, FilterRules(like=(photo,), threshold=0)).reasons) == 7
    assert len(failing(mixed, FilterRules(unlike=(photo,), threshold=2)).reasons) == 7
    assert len(failing(mixed, FilterRules(like=(photo,), unlike=(photo,))).reasons) == 7


def test_unreadable_crops_stay(mixed: Path, photo: Path) -> None:
    (mixed / "crops" / "a_000001_0.jpg").write_bytes(b"no picture")
    found = failing(mixed, FilterRules(like=(photo,), threshold=0.4))
    assert (len(found.reasons), found.unreadable) == (2, 1)
    list(sort_faces(mixed, "outlier"))
    assert shown(mixed)[0] == 1


def test_embeddings_are_kept_over_sorts(mixed: Path, photo: Path) -> None:
    list(sort_faces(mixed, "outlier"))
    list(sort_faces(mixed, "blur", reverse=True))
    assert list(sort_faces(mixed, "likeness", to=photo)) == []  # nothing was left to measure
    (mixed / "crops" / files(mixed / "crops")[0]).write_bytes(b"changed")
    assert len(list(sort_faces(mixed, "outlier"))) == 1


def test_the_middle_of_nothing() -> None:
    assert np.isnan(distances_to_median(np.full((3, 128), np.nan))).all()


def test_photos_without_a_face(mixed: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "plain.png"), np.full((200, 200, 3), 90, np.uint8))
    before = files(mixed / "crops")
    with pytest.raises(UserError, match=r"no face found in .*plain\.png"):
        list(sort_faces(mixed, "likeness", to=tmp_path / "plain.png"))
    with pytest.raises(UserError, match=r"no face found in .*plain\.png"):
        failing(mixed, FilterRules(unlike=(tmp_path / "plain.png",)))
    with pytest.raises(UserError, match=r"nothing\.png"):
        list(sort_faces(mixed, "likeness", to=tmp_path / "nothing.png"))
    assert files(mixed / "crops") == before


def test_the_largest_face_of_a_photo_counts(tmp_path: Path, face_picture: Image) -> None:
    small = cv2.resize(face_picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    both = np.zeros((face_picture.shape[0], face_picture.shape[1] + small.shape[1], 3), np.uint8)
    both[: small.shape[0], : small.shape[1]] = small[:, ::-1]
    both[:, small.shape[1] :] = face_picture
    cv2.imwrite(str(tmp_path / "two.png"), both[..., ::-1])
    cv2.imwrite(str(tmp_path / "one.png"), face_picture[..., ::-1])
    encoder = IdentityEncoder()
    two, alone = (measure_similarity(tmp_path / f"{name}.png", encoder) for name in ("two", "one"))
    assert (two.faces, alone.faces) == (2, 1)
    assert np.linalg.norm(two.embedding - alone.embedding) < 0.3
