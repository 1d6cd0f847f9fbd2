"""A sheet to look at: the original and the swapped frame side by side, a few times."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import write_photo
from faceswap_cli.media.reader import VideoReader

CELL = 320
"""Height of a picture on the sheet, in pixels."""

_GAP, _HEAD, _PAPER, _INK = 8, 34, 255, 40


def write_side_by_side(source: Path, output: Path, path: Path, count: int = 6) -> None:
    """Write a sheet of `count` frames of a video before and after, spread over those that were changed most.

    Args:
        source: the original video.
        output: the converted one, with the same frames.
        path: the sheet; its suffix chooses the format.
        count: pairs on the sheet.

    Raises:
        UserError: the two videos are of different sizes, or a file can't be read or written.
    """
    chosen = _spread(_changed(source, output), count)
    pairs = []
    with VideoReader(source) as before, VideoReader(output) as after:
        for old, new in zip(before, after, strict=False):
            if old.index in chosen:
                pairs.append((old, new))
                if len(pairs) == len(chosen):
                    break
    write_photo(path, draw_pairs(pairs))


def draw_pairs(pairs: list[tuple[Frame, Frame]]) -> Image:
    """Pairs of frames, two pairs a row, each labelled and framed to where it changed."""
    cells = [_cell(old, new) for old, new in pairs]
    width = max(cell.shape[1] for cell in cells)
    padded = [_pad(cell, width) for cell in cells]
    if len(padded) % 2 and len(padded) > 1:
        padded.append(np.full_like(padded[0], _PAPER))
    rows = [np.hstack(padded[i : i + 2]) for i in range(0, len(padded), 2)]
    page = np.vstack(rows)
    return cv2.copyMakeBorder(page, _GAP, _GAP, _GAP, _GAP, cv2.BORDER_CONSTANT, value=(_PAPER,) * 3)  # type: ignore[return-value]


def _changed(source: Path, output: Path) -> list[tuple[int, float]]:
    """How much each frame was changed: (frame, share of its pixels that differ clearly)."""
    changes = []
    with VideoReader(source) as before, VideoReader(output) as after:
        for old, new in zip(before, after, strict=False):
            if old.image.shape != new.image.shape:
                raise UserError(
                    f"{output} is not as large as {source}", "Compare a video with its own conversion"
                )
            changes.append((old.index, float(_difference(old.image, new.image).mean())))
    return changes


def _difference(old: Image, new: Image) -> NDArray[np.bool_]:
    """(h, w), a quarter of the size: where two pictures differ by more than encoding does."""
    small = [cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for image in (old, new)]
    differs = (cv2.absdiff(small[0], small[1]).max(axis=2) > 10).astype(np.uint8)
    return np.asarray(cv2.medianBlur(differs, 5) > 0)  # an encoder's stray blocks are not a face


def _spread(changes: list[tuple[int, float]], count: int) -> set[int]:
    """From each part of the video the frame that changed most."""
    parts = np.array_split(np.arange(len(changes)), min(count, len(changes)))
    return {max((changes[i] for i in part), key=lambda change: change[1])[0] for part in parts}


def _cell(old: Frame, new: Frame) -> Image:
    pictures = []
    x0, y0, x1, y1 = _window(old.image, new.image)
    for frame in (old, new):
        picture = frame.image[y0:y1, x0:x1]
        scale = CELL / picture.shape[0]
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        size = (max(1, round(picture.shape[1] * scale)), CELL)
        pictures.append(cv2.resize(picture, size, interpolation=way))
    gap = np.full((CELL, _GAP // 2, 3), _PAPER, np.uint8)
    body = np.hstack([pictures[0], gap, pictures[1]])
    head = np.full((_HEAD, body.shape[1], 3), _PAPER, np.uint8)
    right = pictures[0].shape[1] + gap.shape[1]
    for text, x in ((f"original  {old.time:.2f} s", 2), ("swapped", right + 2)):
        cv2.putText(head, text, (x, _HEAD - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (_INK,) * 3, 1, cv2.LINE_AA)
    return np.vstack([head, body])


def _window(old: Image, new: Image) -> tuple[int, int, int, int]:
    """The part of the frame to show, x0 y0 x1 y1: around what changed, at 4:3 or the frame's own shape."""
    height, width = old.shape[:2]
    rows, columns = np.nonzero(_difference(old, new))
    if not len(rows):
        return 0, 0, width, height
    # A few stray blocks of the encoder must not widen the window: the middle 96 % of what changed.
    top, bottom = np.quantile(rows, [0.02, 0.98]) * 4
    left, right = np.quantile(columns, [0.02, 0.98]) * 4
    tall = min(height, max(2.2 * (bottom - top), 2.2 * (right - left) * 0.75, 96))
    wide = min(width, tall * 4 / 3)
    x0 = int(np.clip((left + right) / 2 - wide / 2, 0, width - wide))
    y0 = int(np.clip((top + bottom) / 2 - tall / 2, 0, height - tall))
    return x0, y0, x0 + int(wide), y0 + int(tall)


def _pad(cell: Image, width: int) -> Image:
    """A cell brought to a common width, with a margin."""
    right = width - cell.shape[1]
    return cv2.copyMakeBorder(cell, 0, _GAP, _GAP, right + _GAP, cv2.BORDER_CONSTANT, value=(_PAPER,) * 3)  # type: ignore[return-value]
