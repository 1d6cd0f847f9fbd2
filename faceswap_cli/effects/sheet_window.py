"""Pages of a photo's faces, changed in several ways: the part that is shown, and its pictures in rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from faceswap_cli.compositing.contact_sheet import draw_contact_sheet, window_around
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.faces.landmarks.dense import scale_dense
from faceswap_cli.media.frame import Image

CELL = 384
"""Height of a picture on the page, pixels."""

ROOM = 2.9
"""Height of what it shows, in heights of the face: with the hair."""

IN_A_ROW = 5
"""Pictures beside each other."""


def draw_rows(pictures: Sequence[tuple[str, Image]], in_a_row: int = IN_A_ROW) -> Image:
    """One picture of several, each with its name above it."""
    rows = [pictures[start : start + in_a_row] for start in range(0, len(pictures), in_a_row)]
    pages = [
        draw_contact_sheet([("", [picture for _, picture in row])], [name for name, _ in row], CELL)
        for row in rows
    ]
    wide = max(page.shape[1] for page in pages)
    return np.vstack([_pad(page, wide) for page in pages])


def _pad(page: Image, wide: int) -> Image:
    return np.pad(page, ((0, 0), (0, wide - page.shape[1]), (0, 0)), constant_values=255)


def cut_faces(image: Image, plan: FacePlan) -> tuple[Image, FacePlan]:
    """The part of the photo around its faces, of the sheet's height at most, and the faces in it."""
    x0, y0, x1, y1 = window_around(plan.landmarks.reshape(-1, 2), image.shape[:2], ROOM)
    part = image[y0:y1, x0:x1]
    scale = min(1.0, 2 * CELL / part.shape[0])
    if scale < 1:
        size = (max(1, round(part.shape[1] * scale)), 2 * CELL)
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    shift = np.array([x0, y0], np.float32)
    moved = ((plan.landmarks - shift + 0.5) * scale - 0.5).astype(np.float32)
    dense = None if plan.dense is None else scale_dense(plan.dense, scale, shift)
    return np.ascontiguousarray(part), replace(plan, landmarks=moved, dense=dense)
