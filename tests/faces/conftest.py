"""Pictures and clips with a real face, made from the one test picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.media.frame import Image
from tests.clips import write_clip
from tests.faces.face_pictures import DATA, load, moved


@pytest.fixture(scope="session")
def face_picture() -> Image:
    """(360, 640, 3) uint8 RGB with one face, its box about 150 x 220 pixels."""
    return load(DATA / "face.jpg")


@pytest.fixture(scope="session")
def stage() -> FaceAnalyser:
    return build_analyser()


@pytest.fixture(scope="session")
def empty_picture() -> Image:
    """(180, 320, 3) without a face."""
    y, x = np.mgrid[0:180, 0:320]
    return np.stack([x * 200 // 320, y * 200 // 180, (x + y) % 256], -1).astype(np.uint8)


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes pictures as a 25 fps video."""

    def make(pictures: Sequence[Image], name: str = "clip.mp4") -> Path:
        return write_clip(tmp_path / name, pictures)

    return make


@pytest.fixture(scope="session")
def talking(face_picture: Image) -> list[Image]:
    """Forty small frames of the face wandering about, with a pause without a face."""
    small = cv2.resize(face_picture, (320, 180), interpolation=cv2.INTER_AREA)
    frames = [moved(small, 12 * np.sin(i / 6), 8 * np.cos(i / 5), 1 + 0.1 * np.sin(i / 9)) for i in range(40)]
    for i in range(20, 23):
        frames[i] = np.full_like(small, 90)
    return frames
