"""What both review sheets say of a track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceswap_cli.curation.measures import record_quality
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.words import plural


def track_heading(faces: FaceSet, track: Sequence[FaceRecord]) -> str:
    """Which track it is: source, number, from when to when."""
    source = faces.sources[track[0].source]
    times = [record.time for record in track]
    when = "" if source.kind == "photo" else f", {_clock(min(times))} - {_clock(max(times))}"
    return f"{source.name}, track {track[0].track}{when}"


def about_track(faces: FaceSet, track: Sequence[FaceRecord]) -> str:
    """How long, how good and how turned it is, by its median face."""
    yaw, pitch, roll = (round(float(angle)) for angle in np.median([r.pose for r in track], axis=0))
    value = float(np.median([record_quality(record, faces.crop_size) for record in track]))
    return f"{plural(len(track), 'face')}, quality {value:.2f}, median yaw {yaw}, pitch {pitch}, roll {roll}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:05.2f}"
