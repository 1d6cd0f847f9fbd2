"""Pictures that are no portraits, through the whole stage: no crash, no infinite number, no eaten memory."""

from __future__ import annotations

import resource
import sys

import cv2
import numpy as np
import pytest

from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.media.frame import Frame, Image
from tests.faces.face_pictures import one


@pytest.fixture(scope="module")
def photo_stage() -> FaceAnalyser:
    return build_analyser(device="cpu", thorough=True)


def finite(faces: list[Face]) -> bool:
    return all(
        np.isfinite(face.landmarks).all() and np.isfinite(face.box).all() and 0 <= face.score <= 1
        for face in faces
    )


def hostile(name: str) -> Image:
    noise = np.random.default_rng(5).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    return {
        "black": np.zeros((240, 320, 3), np.uint8),
        "white": np.full((240, 320, 3), 255, np.uint8),
        "noise": noise,
        "one pixel": noise[:1, :1].copy(),
        "one line": noise[:1].copy(),
        "long": np.tile(noise[:50], (1, 63, 1))[:, :20000],
        "high": np.tile(noise[:, :20], (84, 1, 1))[:20000],
        "checks": np.kron(np.indices((12, 16)).sum(0) % 2, np.ones((20, 20)))[..., None].repeat(3, 2) * 255,
    }[name].astype(np.uint8)


@pytest.mark.parametrize(
    "name", ["black", "white", "noise", "one pixel", "one line", "long", "high", "checks"]
)
def test_pictures_without_faces(name: str, stage: FaceAnalyser, photo_stage: FaceAnalyser) -> None:
    for finder in (stage, photo_stage):
        assert finder.find(one(hostile(name))) == [[]]


def test_a_batch_of_hostile_pictures(stage: FaceAnalyser, face_picture: Image) -> None:
    names = ["black", "noise", "one pixel", "checks"]
    frames = [Frame(i, i / 25, hostile(name)) for i, name in enumerate(names)]
    *none, there = stage.find([*frames, Frame(4, 0.16, face_picture)])
    assert none == [[]] * 4 and len(there) == 1


def tiled(face_picture: Image, columns: int, rows: int) -> Image:
    """The same face many times over, each about 45 pixels high."""
    return np.tile(
        cv2.resize(face_picture[:, 160:480], (64, 72), interpolation=cv2.INTER_AREA), (rows, columns, 1)
    )


def test_a_hundred_faces(stage: FaceAnalyser, photo_stage: FaceAnalyser, face_picture: Image) -> None:
    for finder, columns, rows in ((stage, 10, 10), (photo_stage, 5, 4)):
        [faces] = finder.find(one(tiled(face_picture, columns, rows)))
        assert 0.95 * columns * rows <= len(faces) <= columns * rows
        assert finite(faces)
        cells = {tuple((face.landmarks.mean(0) // (64, 72)).astype(int)) for face in faces}
        assert len(cells) == len(faces)


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_faces_cut_by_the_frame(side: str, stage: FaceAnalyser, face_picture: Image) -> None:
    [[face]] = stage.find(one(face_picture))
    x, y = face.landmarks.mean(0).astype(int)
    parts = {
        "left": face_picture[:, x:],
        "right": face_picture[:, :x],
        "top": face_picture[y:],
        "bottom": face_picture[:y],
    }
    for cut in (parts[side], face_picture[y - 20 : y + 20], face_picture[y : y + 2, x : x + 9]):
        assert finite(stage.find(one(np.ascontiguousarray(cut)))[0])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no getrusage")
def test_a_huge_photo_is_looked_at_in_tiles(photo_stage: FaceAnalyser, face_picture: Image) -> None:
    huge = np.full((3000, 4000, 3), 110, np.uint8)
    small = cv2.resize(face_picture, (90, 50), interpolation=cv2.INTER_AREA)  # its face is 31 pixels high
    # In the middle of the picture, on the edges of tiles.
    for x, y in ((1250, 1260), (2400, 1180), (20, 2900)):
        huge[y : y + 50, x : x + 90] = small
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    [faces] = photo_stage.find(one(huge))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(faces) == 3
    assert (after - before) * (1 if sys.platform == "darwin" else 1024) < 1.5e9
