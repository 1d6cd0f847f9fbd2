"""A page of pictures in rows and columns, each row and column with its name."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.media.frame import Image

CELL = 256
"""Height of a picture on the page, in pixels."""

ROOM = 2.0
"""How much of a frame a picture on a page shows, in heights of the face."""

LEAST_SIDE = 64
"""And at least so many pixels."""

_GAP, _LINE, _PAPER, _INK = 6, 26, 255, 40
_FONT, _SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.5


def draw_contact_sheet(
    rows: Sequence[tuple[str, Sequence[Image]]], columns: Sequence[str], cell: int = CELL
) -> Image:
    """One picture of them all.

    Args:
        rows: a row's name and its pictures (H, W, 3), which are brought to one height.
        columns: the columns' names.
        cell: the pictures' height on the page, in pixels.
    """
    cells = [[_scaled(picture, cell) for picture in pictures] for _, pictures in rows]
    widths = [max(row[number].shape[1] for row in cells) for number in range(len(columns))]
    whole = sum(widths) + _GAP * (len(widths) + 1)
    whole = max(whole, *(_width(name) + 2 * _GAP for name, _ in rows))
    parts = [_head(columns, widths, whole)]
    for (name, _), row in zip(rows, cells, strict=True):
        if name:
            parts.append(_text(name, whole))
        parts.append(_row(row, widths, whole))
    return np.vstack(parts)


def _scaled(picture: Image, height: int) -> Image:
    scale = height / picture.shape[0]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, (max(1, round(picture.shape[1] * scale)), height), interpolation=way)  # type: ignore[return-value]


def _row(cells: Sequence[Image], widths: Sequence[int], whole: int) -> Image:
    row = np.full((cells[0].shape[0] + _GAP, whole, 3), _PAPER, np.uint8)
    left = _GAP
    for cell, width in zip(cells, widths, strict=True):
        row[: cell.shape[0], left : left + cell.shape[1]] = cell
        left += width + _GAP
    return row


def _head(columns: Sequence[str], widths: Sequence[int], whole: int) -> Image:
    head = np.full((_LINE, whole, 3), _PAPER, np.uint8)
    left = _GAP
    for name, width in zip(columns, widths, strict=True):
        _write(head[:, left : left + width], name)
        left += width + _GAP
    return head


def _text(name: str, whole: int) -> Image:
    line = np.full((_LINE, whole, 3), _PAPER, np.uint8)
    _write(line[:, _GAP:], name)
    return line


def _write(where: Image, text: str) -> None:
    canvas = np.ascontiguousarray(where)
    cv2.putText(canvas, text, (0, _LINE - 8), _FONT, _SIZE, (_INK,) * 3, 1, cv2.LINE_AA)
    where[:] = canvas


def _width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, _SIZE, 1)[0][0])


def window_around(
    points: FloatArray, shape: tuple[int, int], room: float = ROOM
) -> tuple[int, int, int, int]:
    """The part of a picture (height, width) to show, x0 y0 x1 y1, for faces with landmarks (N, 2)."""
    height, width = shape
    (left, top), (right, bottom) = points.min(0), points.max(0)
    tall = min(height, max(room * (bottom - top), room * (right - left), LEAST_SIDE))
    wide = min(width, max(tall, room / 2 * (right - left)))
    x0 = int(np.clip((left + right - wide) / 2, 0, width - wide))
    # The points end at the brows: a little more above.
    y0 = int(np.clip((top + bottom - tall) / 2 - 0.06 * tall, 0, height - tall))
    return x0, y0, x0 + int(wide), y0 + int(tall)
