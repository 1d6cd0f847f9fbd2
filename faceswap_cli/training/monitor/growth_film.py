"""How a run's pictures grew, as the frames of a film: its kept previews, each fading into the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Image
from faceswap_cli.media.photo import read_photo
from faceswap_cli.training.monitor.preview_history import FOLDER, preview_file, preview_steps

STILL = 0.5
"""Share of the time that a preview stands still before it fades into the next."""

LEAST = 2


def read_previews(run: Path) -> tuple[list[int], list[Image]]:
    """The steps whose previews a run has kept, and these pictures, all of the last one's size.

    Raises:
        UserError: there are hardly any, or one can't be read.
    """
    folder = run / FOLDER
    steps = preview_steps(folder)
    if len(steps) < LEAST:
        raise UserError(
            f"{run} has kept {len(steps)} previews, and a film needs {LEAST}",
            "Train on, or with a shorter --preview-every",
        )
    pictures = [read_photo(preview_file(folder, step)).image for step in steps]
    height, width = (side // 2 * 2 for side in pictures[-1].shape[:2])  # most encoders want even sides
    return steps, [_resized(picture, width, height) for picture in pictures]


def film_frames(pictures: list[Image], frames: int) -> Iterator[Image]:
    """So many frames: each picture stands still for a while and then fades into the next; the last stays."""
    for number in range(frames):
        place = number * len(pictures) / frames
        first = int(place)
        share = max(0.0, (place - first - STILL) / (1 - STILL))
        after = pictures[min(first + 1, len(pictures) - 1)]
        yield cv2.addWeighted(pictures[first], 1 - share, after, share, 0)  # type: ignore[misc]


def _resized(picture: Image, width: int, height: int) -> Image:
    if picture.shape[:2] == (height, width):
        return picture
    # Early sheets show few pixels: they stay squares.
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST))
