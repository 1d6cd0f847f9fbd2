"""The review sheet in a face set's folder: `sheet.html` has every crop, `sheet.jpg` a few of each track.

Both begin with what one may want to delete: the worst tracks, and in each track the worst faces. Of a set
that was sorted (see `order`) the page shows the files in that order.
"""

from __future__ import annotations

from pathlib import Path

from faceswap_cli.curation.measures import record_quality
from faceswap_cli.curation.sheet_page import render_page
from faceswap_cli.curation.sheet_picture import draw_picture
from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.files import write_bytes, write_text

PAGE, PICTURE = "sheet.html", "sheet.jpg"

LONG_TRACK = 12
"""Faces of a track that is not suspect for being short."""


def write_sheet(faces: FaceSet) -> tuple[Path, Path]:
    """Write both sheets into the face set's folder.

    Returns:
        Paths of the page and of the picture.

    Raises:
        UserError: the set is empty, or the folder can't be written.
    """
    check_not_empty(faces)
    tracks = worst_first(faces)
    write_text(faces.path / PAGE, render_page(faces, tracks))
    write_bytes(faces.path / PICTURE, draw_picture(faces, tracks))
    return faces.path / PAGE, faces.path / PICTURE


def check_not_empty(faces: FaceSet) -> None:
    """Raise a UserError if there is no face to show."""
    if not faces.records:
        raise UserError(
            f"{faces.path} holds no faces", "Extract some, or restore the crops that were deleted"
        )


def worst_first(faces: FaceSet) -> list[list[FaceRecord]]:
    """The tracks from worst to best, each with its faces from worst to best.

    A track is as good as its median face. In a video a track of a few frames is suspect whatever its faces
    look like (a print on a shirt that was taken for a face now and then), so it counts for less.
    """

    def rank(record: FaceRecord) -> float:
        return record_quality(record, faces.crop_size)

    def track_rank(track: list[FaceRecord]) -> tuple[float, str]:
        is_photo = faces.sources[track[0].source].kind == "photo"
        length = 1.0 if is_photo else min(1.0, len(track) / LONG_TRACK)
        return rank(track[len(track) // 2]) * length, track[0].crop

    return sorted((sorted(track, key=rank) for track in faces.tracks().values()), key=track_rank)
