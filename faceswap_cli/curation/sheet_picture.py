"""`sheet.jpg`: a few faces of each track with their landmarks, to see at a glance what a set holds."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_cli.curation.sheet_words import about_track, track_heading
from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.media.frame import Image

TILE = 160
"""Side of a face on the picture, in pixels."""

PER_TRACK, MOST_TRACKS = 8, 60
"""Faces of a track and tracks that the picture shows."""


def draw_picture(faces: FaceSet, tracks: Sequence[list[FaceRecord]]) -> bytes:
    """The picture as a JPEG: a row for each track, the first ones if there are too many."""
    rows = [_row(faces, track) for track in tracks[:MOST_TRACKS]]
    sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
    fine, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert fine
    return data.tobytes()


def _row(faces: FaceSet, track: Sequence[FaceRecord]) -> Image:
    """A track's heading and some of its faces, from worst to best, (TILE + 24, PER_TRACK * TILE, 3)."""
    row = np.full((TILE + 24, PER_TRACK * TILE, 3), 24, np.uint8)
    places = np.unique(np.linspace(0, len(track) - 1, PER_TRACK).round().astype(int))
    for column, place in enumerate(places):
        row[24:, column * TILE : (column + 1) * TILE] = _tile(faces, track[place])
    text = f"{track_heading(faces, track)}: {about_track(faces, track)}"
    plain = text.encode("ascii", "replace").decode()  # OpenCV's letters know no others
    cv2.putText(row, plain, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (220, 220, 220), 1, cv2.LINE_AA)
    return row


def _tile(faces: FaceSet, record: FaceRecord) -> Image:
    """A crop with its landmarks, (TILE, TILE, 3)."""
    try:
        crop = faces.crop(record)
    except UserError:  # a damaged crop must not keep one from seeing the others
        return np.full((TILE, TILE, 3), (120, 30, 30), np.uint8)
    tile = cv2.resize(crop, (TILE, TILE), interpolation=cv2.INTER_AREA)
    scale = TILE / faces.crop_size
    for x, y in (geometry.transform(record.landmarks, record.matrix) + 0.5) * scale - 0.5:
        centre = (round(float(x) * 16), round(float(y) * 16))  # in sixteenths of a pixel
        cv2.circle(tile, centre, 20, (90, 255, 120), -1, cv2.LINE_AA, shift=4)
    return tile  # type: ignore[return-value]
