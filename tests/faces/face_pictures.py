"""Helpers of the tests about faces: reading, writing and moving pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
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
