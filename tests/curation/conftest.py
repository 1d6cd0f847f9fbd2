"""A real face, and what finds it."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.media.frame import Image


@pytest.fixture(scope="session")
def face_picture() -> Image:
    """(360, 640, 3) uint8 RGB with one face, its box about 150 x 220 pixels."""
    return cv2.cvtColor(cv2.imread(str(Path(__file__).parents[1] / "data" / "face.jpg")), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="session")
def stage() -> FaceAnalyser:
    return build_analyser()
