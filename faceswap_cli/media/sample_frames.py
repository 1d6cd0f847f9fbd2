"""Some frames from the middle of a video, at about a time: for looking, where their numbers don't matter."""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import replace

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.reader import VideoReader

EARLIER = (0.0, 2.0, 10.0)
"""Seconds before the wanted frames at which decoding begins; where a file's seeking comes out behind them (as
MPEG program streams' does), the next is tried."""


def sample_frames(info: MediaInfo, seconds: float, around: int) -> list[Frame]:
    """The frame shown at a time, and up to `around` frames on either side of it.

    Args:
        info: a video; all its frames count, also with pieces.
        seconds: after the first frame.
        around: frames on either side.

    Returns:
        Frames in order, not numbered; none if nothing there can be decoded.
    """
    info = replace(info, pieces=())
    first = info.start_pts or 0
    wanted = first + int(seconds / info.time_base)
    frames: list[Frame] = []
    for more in EARLIER:
        # A little earlier than the first of them: seeking goes by decoding time.
        entry = wanted - (around + 2) * info.last_duration - int(more / info.time_base)
        frames = _decoded(info, entry if entry > first else None, wanted, around)
        if entry <= first or (frames and (frames[0].pts or 0) <= wanted):
            break
    return frames


def _decoded(info: MediaInfo, entry: int | None, wanted: int, around: int) -> list[Frame]:
    """The frames around the timestamp `wanted`, decoded from before `entry`, or None: from the start."""
    before: deque[Frame] = deque(maxlen=around + 1)
    after: list[Frame] = []
    # Nothing could be decoded from there: what came until then, mostly nothing, will do.
    with VideoReader(info.path, info, entry) as reader, contextlib.suppress(UserError):
        for frame in reader:
            (before if (frame.pts or 0) <= wanted else after).append(frame)
            if len(after) >= around:
                break
    return [*before, *after]
