"""Some frames from the middle of a video, at about a time: for looking, where their numbers don't matter."""

from __future__ import annotations

from collections import deque

from av.error import FFmpegError
from av.video.stream import VideoStream

from faceswap_cli.media.colour import Converter
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo, open_video


def glimpse(info: MediaInfo, seconds: float, around: int) -> list[Frame]:
    """The frame shown at a time, and up to `around` frames on either side of it.

    Decoding begins at a keyframe before; of a file that can't seek it begins at the start.

    Args:
        info: a video.
        seconds: after the first frame.
        around: frames on either side.

    Returns:
        Frames in order, numbered from 0; none if nothing there can be decoded.
    """
    start = (info.start_pts or 0) + int(seconds / info.time_base)
    before: deque[Frame] = deque(maxlen=around + 1)
    after: list[Frame] = []
    with open_video(info.path) as container:
        stream = container.streams[info.stream_index]
        assert isinstance(stream, VideoStream)
        converter = Converter(info.tags, info.stored_width, info.stored_height)
        try:
            # A little earlier: seeking goes by decoding time, and the frames before are wanted too.
            room = int((around + 2) * info.last_duration)
            container.seek(max(start - room, info.start_pts or 0), stream=stream)
        except FFmpegError:
            container.seek(0)
        try:
            for picture in container.decode(stream):
                pts = picture.pts or 0
                image = info.orientation.apply(converter.to_rgb(picture))
                frame = Frame(0, float(pts * info.time_base), image, pts)
                (before if pts <= start else after).append(frame)
                if len(after) >= around:
                    break
        except FFmpegError:
            pass  # what was decoded until there will do
    return [*before, *after]
