"""What the tests and the script that made the old files agree on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HERE = "@HERE@"
"""Stands in the old files for the folder that they lie in."""

SECONDS = 1_700_000_000
"""The time of change of every old file: unfinished work belongs to a source of that time."""

ROW = {
    "model": ("convert", "photo", f"{HERE}/photo.jpg", "-m", f"{HERE}/model.safetensors", "--all-faces"),
    "shared": (
        "convert",
        "photo",
        f"{HERE}/photo.jpg",
        "-m",
        f"{HERE}/shared",
        "--face",
        "woman",
        "--all-faces",
    ),
    "conditional": ("convert", "photo", f"{HERE}/photo.jpg", "-m", f"{HERE}/conditional", "--all-faces"),
    "gan": ("convert", "photo", f"{HERE}/photo.jpg", "-m", f"{HERE}/gan", "--all-faces"),
    "age": ("age", "photo", f"{HERE}/photo.jpg", "-m", f"{HERE}/age", "--from", "40", "--to", "70"),
}
"""Commands that draw the photo by each of the old models."""


def block_means(picture: Path) -> np.ndarray:
    """(18, 32, 3) means of the blocks of 10 pixels of a (180, 320) picture, rounded."""
    image = cv2.imread(str(picture)).astype(np.float64)
    return np.rint(image.reshape(18, 10, 32, 10, 3).mean((1, 3))).astype(int)
