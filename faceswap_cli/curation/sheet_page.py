"""`sheet.html`: every crop of a set on one page that opens from the disk, fifty thousand of them as well.

The page carries what is known of the crops as JSON, and a script (`sheet_page.js`) that builds only the rows
in view and takes the thumbnails from `crops/`. A page with an element for each crop would keep a browser
busy for a minute. Nothing is fetched, so it works without a network and from `file://`.

Names of files come from outside: in the page's own text they are escaped, inside the JSON no "<" is left
that could end the script element, and the script sets text and never markup.
"""

from __future__ import annotations

import html
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any
from urllib.parse import quote

import numpy as np

from faceswap_cli.curation.measures import STORED, stored_states
from faceswap_cli.curation.sheet_words import about_track, track_heading
from faceswap_cli.faces.landmarks.dense_states import STATES
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import CROPS, FaceRecord
from faceswap_cli.faces.tracking.false_positive_tracks import find_doubtful
from faceswap_cli.words import plural

WITHOUT_SCRIPT = 200
"""Crops, of the worst tracks, that a browser without scripts shows."""


def render_page(faces: FaceSet, tracks: Sequence[list[FaceRecord]]) -> str:
    """The page.

    Args:
        faces: the set.
        tracks: its faces by track, in the order in which they are shown.
    """
    name = faces.path.resolve().name
    title = html.escape(f"Faces in {name}")
    count = ", ".join(
        [plural(len(faces), "face"), plural(len(tracks), "track"), plural(len(faces.sources), "source")]
    )
    if faces.deleted:
        count += f", {len(faces.deleted)} removed"
    command = html.escape(f"faceswap faces filter {shlex.quote(name)} --list list.txt")
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>\n{_asset("sheet_page.css")}</style>\n'
        f"<header><h1>{title} <small>{count}</small></h1>\n"
        f"{_asset('sheet_controls.html').replace('COMMAND', command)}</header>\n"
        f'<main id="grid"></main>\n<noscript>{_without_script(faces, tracks)}</noscript>\n'
        f'<script type="application/json" id="data">{_json(_data(faces, tracks))}</script>\n'
        f"<script>\n{_asset('sheet_page.js')}</script>\n</html>\n"
    )


def _data(faces: FaceSet, tracks: Sequence[list[FaceRecord]]) -> dict[str, Any]:
    """What the script knows: a list for each property, all in the order of `tracks`."""
    doubts = find_doubtful([*faces.records, *faces.deleted])
    records = [record for track in tracks for record in track]
    columns = {
        name: [measure(record, faces.crop_size) for record in records] for name, measure in _COLUMNS.items()
    }
    states = stored_states(faces, records)
    if states is not None:
        hundredths = np.rint(states.T * 100).astype(int)
        columns |= {name: column.tolist() for name, column in zip(STATES, hundredths, strict=True)}
    return {
        "folder": f"{CROPS}/",
        "sorted": faces.is_sorted,
        "files": [faces.crop_file(record) for record in records],
        "track": [number for number, track in enumerate(tracks) for _ in track],
        **columns,
        "tracks": [_track(faces, track, doubts) for track in tracks],
        "sources": [[source.id, source.name] for source in faces.sources.values()],
    }


def _track(
    faces: FaceSet, track: Sequence[FaceRecord], doubts: Mapping[tuple[int, int], str]
) -> dict[str, Any]:
    """What the script knows of a track."""
    return {
        "name": track_heading(faces, track),
        "about": about_track(faces, track),
        "source": track[0].source,
        "number": track[0].track,
        "doubt": doubts.get((track[0].source, track[0].track)),
    }


def _column(name: str, factor: int) -> Callable[[FaceRecord, int], int]:
    """A figure in whole hundredths and the like: half the bytes of a decimal fraction."""
    return lambda record, size: round(STORED[name](record, size) * factor)


_COLUMNS: dict[str, Callable[[FaceRecord, int], int]] = {
    **{name: _column(name, 100) for name in ("quality", "sharpness", "score", "confidence")},
    **{name: _column(name, 1) for name in ("size", "yaw", "pitch", "roll")},
    "time": lambda record, _: round(record.time * 100),
}


def _json(data: dict[str, Any]) -> str:
    """JSON that may stand in a script element: "<" is the only character by which one can be left."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _without_script(faces: FaceSet, tracks: Sequence[list[FaceRecord]]) -> str:
    """The worst crops as plain figures, and where the others are."""
    records = [record for track in tracks for record in track][:WITHOUT_SCRIPT]
    figures = "".join(_figure(faces, record) for record in records)
    return (
        f"<p>This page shows all {len(faces)} crops by a script, which your browser does not run. "
        f'Here are {len(records)} of the worst tracks. The others are in <a href="{CROPS}/">{CROPS}</a>, and '
        '<a href="sheet.jpg">sheet.jpg</a> shows some of each track. Delete the file of a crop to remove '
        f'the face from the set.</p><div class="plain">{figures}</div>'
    )


def _figure(faces: FaceSet, record: FaceRecord) -> str:
    file = faces.crop_file(record)
    name, link = html.escape(file), html.escape(quote(f"{CROPS}/{file}"))
    return (
        f'<figure><a href="{link}"><img src="{link}" alt="" loading="lazy"></a>'
        f"<figcaption>{name}</figcaption></figure>"
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
