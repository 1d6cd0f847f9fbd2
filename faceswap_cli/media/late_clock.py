"""When a source's clock begins, and whether its result begins then too.

In most files 0 is when playing begins, and what comes later is meant to. The clock of a broadcast or a live
stream runs on from wherever it was, and what was cut out of one begins hours after a 0 that means nothing.
"""

from __future__ import annotations

from fractions import Fraction

from av.container import InputContainer

from faceswap_cli.media.probe import MediaInfo

FREE = ("mpegts", "mpeg", "flv", "asf", "rm", "mpegtsraw")
"""FFmpeg's names of formats whose clocks begin anywhere."""

LATE = 60
"""Seconds after which nobody waits for a first picture, in any format."""


def clock_origin(source: InputContainer, info: MediaInfo) -> Fraction:
    """The second of the source that is 0 in the result, for all of its streams: 0 where times are kept."""
    starts = [
        stream.start_time * stream.time_base
        for stream in source.streams.audio
        if stream.start_time is not None and stream.time_base is not None
    ]
    if info.start_pts is not None:
        starts.append(info.start_pts * info.time_base)
    first = min(starts, default=Fraction(0))
    free = bool(set(FREE) & set(source.format.name.split(",")))
    return first if free or first >= LATE else Fraction(0)


def late_clock_note(origin: Fraction) -> list[str]:
    """What is told of it."""
    if origin < LATE:
        return []
    minutes, seconds = divmod(int(origin), 60)
    clock = f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    return [f"the source's clock begins at {clock}; the result's begins at 0"]
