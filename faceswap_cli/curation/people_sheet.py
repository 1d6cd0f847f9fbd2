"""A page and a picture of the people that were found in a face set, one row each, the largest first."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from faceswap_cli.curation.people_groups import UNSORTED, GroupingResult
from faceswap_cli.errors import UserError
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.embeddings import TrackKey
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import CROPS, FaceRecord
from faceswap_cli.files import write_bytes, write_text
from faceswap_cli.media.frame import Image

PAGE, PICTURE = "people.html", "people.jpg"

TILE, ACROSS = 128, 10
"""Side of a face on the picture in pixels, and faces of a person."""

MOST_ROWS = 60
"""People on the picture; the page has all."""

_STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:1.5rem;background:#15171a;color:#e6e6e6}"
    "h1{font-size:1.4rem}h2{font-size:1rem;margin:1.4rem 0 .4rem;border-top:1px solid #333;padding-top:.8rem}"
    "a{color:#8ab4f8}small{color:#9aa0a6;font-weight:normal}img{width:112px;height:112px;margin:0 6px 6px 0;"
    "border-radius:4px;background:#222}"
)

Tracks = Mapping[TrackKey, Sequence[FaceRecord]]


def write_people_sheet(faces: FaceSet, found: GroupingResult, tracks: Tracks, folder: Path) -> None:
    """Write `people.html` and `people.jpg` into `folder`, beside the people's own folders.

    Args:
        faces: the set they were found in.
        found: the people.
        tracks: all tracks of the set.
        folder: where the people's folders are.
    """
    rows = [(person.name, person.tracks) for person in found.people]
    if found.unsorted:
        rows.append((UNSORTED, found.unsorted))
    shown = [(name, keys, _chosen(tracks, keys)) for name, keys in rows]
    title = f"{len(found.people)} people in {faces.path.resolve().name}"
    body = "".join(_section(faces, name, _about(faces, tracks, keys), best) for name, keys, best in shown)
    write_text(
        folder / PAGE,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{html.escape(title)} <small>{found.faces} faces</small></h1>"
        "<p>Each person's folder is a face set: give it to <code>train</code> or <code>convert</code>. "
        "One person in two rows: group again with a higher --threshold; two in one: with a lower one.</p>"
        f"{body}</html>\n",
    )
    lines = [
        _row(faces, f"{name}: {_about(faces, tracks, keys)}", best) for name, keys, best in shown[:MOST_ROWS]
    ]
    if lines:
        write_bytes(folder / PICTURE, _jpeg(np.concatenate(lines)))


def _chosen(tracks: Tracks, keys: Sequence[TrackKey]) -> list[FaceRecord]:
    """Faces to show: the clearest of tracks from all over; of few tracks several each."""
    step = max(1, -(-len(keys) // ACROSS))
    picked = keys[::step]
    each = max(1, ACROSS // len(picked))
    found = []
    for key in picked:
        records = tracks[key]
        clarities = [track_embedding.record_clarity(record) for record in records]
        found += [records[place] for place in track_embedding.best_faces(clarities, each)]
    return found[:ACROSS]


def _about(faces: FaceSet, tracks: Tracks, keys: Sequence[TrackKey]) -> str:
    count = sum(len(tracks[key]) for key in keys)
    names = list(dict.fromkeys(faces.sources[source].name for source, _ in keys))
    where = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{count} face{'s' * (count > 1)}, {len(keys)} track{'s' * (len(keys) > 1)}, in {where}"


def _section(faces: FaceSet, name: str, about: str, records: Sequence[FaceRecord]) -> str:
    folder = html.escape(quote(name), quote=True)
    pictures = "".join(
        f'<img src="{html.escape(quote(f"{name}/{CROPS}/{r.crop}"), quote=True)}" alt="" loading="lazy">'
        for r in records
    )
    return (
        f'<section><h2><a href="{folder}/">{html.escape(name)}</a> <small>{html.escape(about)}</small></h2>'
        f"{pictures}</section>\n"
    )


def _row(faces: FaceSet, text: str, records: Sequence[FaceRecord]) -> Image:
    """A heading and faces, (TILE + 24, ACROSS * TILE, 3) uint8 RGB."""
    row = np.full((TILE + 24, ACROSS * TILE, 3), 24, np.uint8)
    for column, record in enumerate(records):
        try:
            crop = cv2.resize(faces.crop(record), (TILE, TILE), interpolation=cv2.INTER_AREA)
        except UserError:
            continue
        row[24:, column * TILE : (column + 1) * TILE] = crop
    plain = text.encode("ascii", "replace").decode()  # OpenCV's letters know no others
    cv2.putText(row, plain, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (220, 220, 220), 1, cv2.LINE_AA)
    return row


def _jpeg(image: Image) -> bytes:
    fine, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert fine
    return data.tobytes()
