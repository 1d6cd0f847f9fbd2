"""A review sheet in a face set's folder: `sheet.html` with every crop, `sheet.jpg` with a few of each track.

Both show the worst tracks, and in each track the worst faces, first: those one may want to delete. The
quality is `quality.quality`. The page needs no network and no script; crops are loaded as they scroll into
view, so that ten thousand of them do no harm.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.faceset import FaceSet
from faceswap_cli.faces.quality import quality
from faceswap_cli.faces.records import CROPS, FaceRecord, Source
from faceswap_cli.files import atomic_output, write_text
from faceswap_cli.media.frame import Image

PAGE, PICTURE = "sheet.html", "sheet.jpg"

TILE = 160
"""Side of a face on the picture, in pixels."""

PER_TRACK, MOST_TRACKS = 8, 60
"""Faces of a track and tracks that the picture shows."""

_STYLE = """
body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem;background:#15171a;color:#e6e6e6}
h1{font-size:1.4rem}h2{font-size:1rem;margin:1.6rem 0 .4rem;border-top:1px solid #333;padding-top:.8rem}
small{color:#9aa0a6;font-weight:normal}.grid{display:flex;flex-wrap:wrap;gap:6px}
figure{margin:0;width:112px}img{width:112px;height:112px;display:block;border-radius:4px;background:#222}
figcaption{font-size:11px;color:#9aa0a6;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.poor{color:#ff9a76}
"""

LONG_TRACK = 12
"""Faces of a track that is not suspect for being short."""

POOR = 0.25
"""Faces of less quality than this are marked on the page."""


def write_sheet(faces: FaceSet) -> tuple[Path, Path]:
    """Write both sheets into the face set's folder.

    Returns:
        Paths of the page and of the picture.

    Raises:
        UserError: the set is empty, or the folder can't be written.
    """
    if not faces.records:
        raise UserError(
            f"{faces.path} holds no faces", "Extract some, or restore the crops that were deleted"
        )
    tracks = worst_first(faces)
    page = faces.path / PAGE
    write_text(page, _page(faces, tracks))
    return page, _picture(faces, tracks)


def record_quality(record: FaceRecord, crop_size: int) -> float:
    """A stored face's quality, 0 (worst) to 1."""
    return quality(record.score, record.sharpness, record.pose, record.landmarks, crop_size)


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


def _page(faces: FaceSet, tracks: Sequence[list[FaceRecord]]) -> str:
    title = html.escape(f"Faces in {faces.path.resolve().name}")
    count = f"{len(faces.records)} faces, {len(tracks)} tracks, {len(faces.sources)} sources"
    if faces.deleted:
        count += f", {len(faces.deleted)} deleted"
    body = "".join(_section(faces, track) for track in tracks)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title} <small>{count}</small></h1>"
        "<p>Worst tracks first, and in each the worst faces first. Delete a face's file in "
        f"<code>{CROPS}</code> to remove it from the set.</p>{body}</html>\n"
    )


def _section(faces: FaceSet, track: Sequence[FaceRecord]) -> str:
    figures = "".join(_figure(faces, record) for record in track)
    head = html.escape(_heading(faces.sources[track[0].source], track))
    about = html.escape(_about(faces, track))
    return f'<section><h2>{head} <small>{about}</small></h2><div class="grid">{figures}</div></section>\n'


def _figure(faces: FaceSet, record: FaceRecord) -> str:
    value = record_quality(record, faces.crop_size)
    name = html.escape(record.crop, quote=True)
    link = html.escape(quote(f"{CROPS}/{record.crop}"), quote=True)
    yaw, pitch, roll = record.pose
    tip = (
        f"{name}&#10;score {record.score:.2f}, sharpness {record.sharpness:.2f}, "
        f"yaw {yaw:.0f}, pitch {pitch:.0f}, roll {roll:.0f}"
    )
    mark = ' class="poor"' if value < POOR else ""
    return (
        f'<figure title="{tip}"><a href="{link}"><img src="{link}" alt="" loading="lazy" decoding="async">'
        f"</a><figcaption{mark}>{value:.2f} {name}</figcaption></figure>"
    )


def _heading(source: Source, track: Sequence[FaceRecord]) -> str:
    times = [record.time for record in track]
    when = "" if source.kind == "photo" else f", {_clock(min(times))} - {_clock(max(times))}"
    return f"{source.name}, track {track[0].track}{when}"


def _about(faces: FaceSet, track: Sequence[FaceRecord]) -> str:
    yaw, pitch, roll = np.median([record.pose for record in track], axis=0)
    value = float(np.median([record_quality(record, faces.crop_size) for record in track]))
    number = f"{len(track)} face" + ("s" if len(track) > 1 else "")
    return f"{number}, quality {value:.2f}, median yaw {yaw:.0f}, pitch {pitch:.0f}, roll {roll:.0f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:05.2f}"


def _picture(faces: FaceSet, tracks: Sequence[list[FaceRecord]]) -> Path:
    """Write the picture: a row for each track (the worst, if there are too many)."""
    rows = [_row(faces, track) for track in tracks[:MOST_TRACKS]]
    sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
    fine, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert fine
    path = faces.path / PICTURE
    with atomic_output(path) as temporary:
        temporary.write_bytes(data.tobytes())
    return path


def _row(faces: FaceSet, track: Sequence[FaceRecord]) -> Image:
    """A track's heading and some of its faces, from worst to best, (TILE + 24, PER_TRACK * TILE, 3)."""
    row = np.full((TILE + 24, PER_TRACK * TILE, 3), 24, np.uint8)
    places = np.unique(np.linspace(0, len(track) - 1, PER_TRACK).round().astype(int))
    for column, place in enumerate(places):
        row[24:, column * TILE : (column + 1) * TILE] = _tile(faces, track[place])
    text = f"{_heading(faces.sources[track[0].source], track)}: {_about(faces, track)}"
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
