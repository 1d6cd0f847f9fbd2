"""Reading a video from any frame on, and getting exactly the frames that reading from its beginning gives.

Containers say too little to be trusted with that: a keyframe may be none, pictures after it may need those
before (open groups of pictures), and timestamps may be missing. So a video is read through once, which the
search for faces does anyway, and each frame's timestamp and every few frames' checksum is written down: the
`Timeline`. Reading from the middle seeks to a keyframe before the wanted frame, finds its place by the
timestamps and its truth by the checksums; where they disagree it begins farther back, at last at the
beginning.
"""

from __future__ import annotations

import contextlib
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.reader import VideoReader

CHECKED = 8
"""Every frame whose index this divides has a checksum: 0.1 ms a frame at 640x360, on average."""

ROOM = (16, 320)
"""So many frames before the wanted one are asked for first; the keyframe is somewhere before. A few, because
decoders and filters may need some pictures to come right, and because containers find keyframes by decoding
time, which is earlier than that of showing. The second is for pictures that come right only after a while."""

FAR = 300
"""A seek, with what must be decoded before a frame comes right, costs about as much as reading so many."""


@dataclass(frozen=True)
class Timeline:
    """The frames of a video, as reading it from its beginning gave them.

    Attributes:
        pts: (F,) int64 timestamps in ticks, rising.
        sums: checksums of frames by index; see `checksum`.
        damage: what was wrong with the video, in words for the user; None if nothing was.
    """

    pts: NDArray[np.int64]
    sums: Mapping[int, int]
    damage: str | None = None

    def __len__(self) -> int:
        return len(self.pts)

    def seconds(self, info: MediaInfo) -> NDArray[np.float64]:
        """(F,) the frames' times."""
        return np.array([float(int(pts) * info.time_base) for pts in self.pts], np.float64)


def checksum(frame: Frame) -> int | None:
    """The CRC-32 of a frame's pixels if it is one of those that are checked, else None."""
    return zlib.crc32(np.ascontiguousarray(frame.image).data) if frame.index % CHECKED == 0 else None


def frames_from(info: MediaInfo, timeline: Timeline, first: int) -> Generator[Frame]:
    """The frames of a video from index `first` on, each exactly as reading from the beginning gives it.

    A damaged video is always read from its beginning: what decoders make of damage depends on the way there.

    Raises:
        UserError: the video is not the one that the timeline is of, any more.
    """
    expected = first
    for near in () if timeline.damage else _entries(timeline, first):
        with contextlib.suppress(UserError):  # nothing can be read from there on
            for frame in _after(info, timeline, near, expected):
                yield frame
                expected = frame.index + 1
        if expected >= len(timeline):
            return
    with VideoReader(info.path, info) as reader:
        for frame in reader:
            known = timeline.pts[frame.index] if frame.index < len(timeline) else None
            if known != frame.pts and not timeline.damage:
                raise _changed(info)
            if frame.index >= expected and known is not None:
                yield frame
                expected = frame.index + 1
    if expected < len(timeline) and not timeline.damage:
        raise _changed(info)


def frames_at(info: MediaInfo, timeline: Timeline, wanted: Sequence[int]) -> Generator[Frame]:
    """Single frames of a video, by their indices, rising; long ways between them are not read.

    Raises:
        UserError: see frames_from.
    """
    left = deque(wanted)
    while left:
        with contextlib.closing(frames_from(info, timeline, left[0])) as frames:
            for frame in frames:
                if frame.index == left[0]:
                    left.popleft()
                    yield frame
                if not left or (left[0] - frame.index > FAR and not timeline.damage):
                    break


def _entries(timeline: Timeline, first: int) -> list[int]:
    """Timestamps to seek to, one after the other, until one of them leads to the frames."""
    return [int(timeline.pts[first - room]) for room in ROOM if first > room]


def _after(info: MediaInfo, timeline: Timeline, near: int, first: int) -> Iterator[Frame]:
    """The frames from `first` on that follow a keyframe near a timestamp, as long as they are right."""
    following = first // CHECKED * CHECKED
    with VideoReader(info.path, info, near) as reader:
        for frame in reader:
            index = _index(timeline, frame.pts)
            if index is None or index < following:
                continue
            found = replace(frame, index=index)
            if index != following or not _agrees(found, timeline):
                return
            if index >= first:
                yield found
            following += 1


def _index(timeline: Timeline, pts: int | None) -> int | None:
    """The frame with this timestamp; None if there is none."""
    place = int(np.searchsorted(timeline.pts, pts if pts is not None else -1))
    return place if place < len(timeline) and timeline.pts[place] == pts else None


def _agrees(frame: Frame, timeline: Timeline) -> bool:
    known = timeline.sums.get(frame.index)
    return known is None or known == checksum(frame)


def _changed(info: MediaInfo) -> UserError:
    return UserError(f"{info.path} gives other frames than before", "Has it been changed? Run this again")
