"""What both review sheets say of a track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceswap_cli.faces.faceset import FaceSet
from faceswap_cli.faces.measures import record_quality
from faceswap_cli.faces.records import FaceRecord


def track_heading(faces: FaceSet, track: Sequence[FaceRecord]) -> str:
    """Which track it is: source, number, from when to when."""
    source = faces.sources[track[0].source]
    times = [record.time for record in track]
    when = "" if source.kind == "photo" else f", {_clock(min(times))} - {_clock(max(times))}"
    return f"{source.name}, track {track[0].track}{when}"


def about_track(faces: FaceSet, track: Sequence[FaceRecord]) -> str:
    """How long, how good and how turned it is, by its median face."""
    yaw, pitch, roll = np.median([record.pose for record in track], axis=0)
    value = float(np.median([record_quality(record, faces.crop_size) for record in track]))
    number = f"{len(track)} face" + ("s" if len(track) > 1 else "")
    return f"{number}, quality {value:.2f}, median yaw {yaw:.0f}, pitch {pitch:.0f}, roll {roll:.0f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{int(minutes)}:{rest:05.2f}"
