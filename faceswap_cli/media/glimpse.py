"""Some frames from the middle of a video, at about a time: for looking, where their numbers don't matter."""

from __future__ import annotations

import contextlib
from collections import deque

from av.error import FFmpegError
from av.video.stream import VideoStream

from faceswap_cli.media.colour import Converter
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo, open_video

EARLIER = (0.0, 2.0, 10.0)
"""Seconds before the wanted frames at which decoding begins; where a file's seeking comes out behind them (as
MPEG program streams' does), the next is tried."""


def glimpse(info: MediaInfo, seconds: float, around: int) -> list[Frame]:
    """The frame shown at a time, and up to `around` frames on either side of it.

    Args:
        info: a video.
        seconds: after the first frame.
        around: frames on either side.

    Returns:
        Frames in order, not numbered; none if nothing there can be decoded.
    """
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
    # A damaged place, or one that can't be sought: what was decoded until there will do.
    with open_video(info.path) as container, contextlib.suppress(FFmpegError):
        stream = container.streams[info.stream_index]
        assert isinstance(stream, VideoStream)
        converter = Converter(info.tags, info.stored_width, info.stored_height)
        if entry is not None:
            container.seek(entry, stream=stream)
        for picture in container.decode(stream):
            pts = picture.pts or 0
            image = info.orientation.apply(converter.to_rgb(picture))
            frame = Frame(0, float(pts * info.time_base), image, pts)
            (before if pts <= wanted else after).append(frame)
            if len(after) >= around:
                break
    return [*before, *after]
