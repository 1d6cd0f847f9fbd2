"""Helpers of the tests about faces: reading, writing and moving pictures."""

from __future__ import annotations

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.media.frame import Frame, Image

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[3] / "shared"


def shared_file(*parts: str) -> Path:
    """A file of the shared samples; the test is skipped where they are absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs the shared samples ({'/'.join(parts)})")
    return path


def load(path: Path) -> Image:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def save(path: Path, image: Image) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


def one(image: Image) -> list[Frame]:
    return [Frame(0, 0.0, image)]


def moved(image: Image, right: float, down: float, scale: float = 1.0, angle: float = 0.0) -> Image:
    """The picture shifted, scaled and turned (degrees against the clock) about its middle."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] += (right, down)
    return cv2.warpAffine(image, matrix, (width, height), borderValue=(110, 110, 110))


INVENTED_CHILD = "textual_search_2_Lighting_top_10_matches__r832_c1513.jpg"
"""Nobody: a network made the picture."""


def invented_child() -> Image:
    """(H, W, 3) RGB: a picture of a child that does not exist."""
    with tarfile.open(shared_file("datasets", "sfhq_synthetic_mit.tar")) as tar:
        file = tar.extractfile(INVENTED_CHILD)
        assert file is not None
        data = np.frombuffer(file.read(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
