"""Where an effect's frames come from, see `effects.base.FrameSource`: a video, or pictures in memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from faceswap_cli.media import seeking
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.seeking import Timeline


@dataclass(frozen=True)
class VideoFrames:
    """The frames of a video that was read through once; each jump may cost a seek."""

    info: MediaInfo
    timeline: Timeline

    def frames_at(self, numbers: Sequence[int]) -> Generator[Frame]:
        """See FrameSource."""
        yield from seeking.frames_at(self.info, self.timeline, numbers)


@dataclass(frozen=True)
class FramesInMemory:
    """Frames that are decoded already."""

    frames: Sequence[Frame]

    def frames_at(self, numbers: Sequence[int]) -> Generator[Frame]:
        """See FrameSource."""
        wanted = set(numbers)
        yield from (frame for frame in self.frames if frame.index in wanted)
