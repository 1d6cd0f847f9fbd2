"""What a conversion would do, and about how long it would take, tried on a few moments of the video."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from faceswap_cli.media.encode import SEGMENT_SUFFIX, SegmentWriter
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.pipeline.convert_video import written_info
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.pipeline.preview import Preview, PreviewFace

KEY_EVERY = 250
"""Frames from one keyframe to the next, about, in what encoders write."""


@dataclass(frozen=True)
class TrialResult:
    """What a few moments taught.

    Attributes:
        looked: moments that were looked at.
        people: the faces in the middle frame of each moment that had one.
        find: seconds to read a frame and look for its faces.
        draw: seconds to draw and blend a frame with a face.
        encode: seconds to encode a frame.
        key_bytes: of an encoded keyframe.
        other_bytes: of any other encoded frame.
    """

    looked: int
    people: Sequence[Sequence[PreviewFace]]
    find: float
    draw: float
    encode: float
    key_bytes: float
    other_bytes: float

    @property
    def replaced(self) -> int:
        """Moments in which somebody is replaced."""
        return sum(any(person.drawn for person in seen) for seen in self.people)

    def seconds(self, frames: int) -> float:
        """About how long a video of so many frames takes, if nothing of it runs side by side."""
        share = self.replaced / max(self.looked, 1)
        return frames * (self.find + share * self.draw + self.encode)

    def video_bytes(self, frames: int) -> float:
        """About how large its pictures become."""
        keys = 1 + frames // KEY_EVERY
        return keys * self.key_bytes + max(frames - keys, 0) * self.other_bytes


def run_trial(info: MediaInfo, preview: Preview, looking: float, options: PipelineOptions) -> TrialResult:
    """Draw and encode the moments of a preview into a temporary folder, and measure.

    Args:
        info: the video.
        preview: of the moments that were looked at, with or without a face.
        looking: seconds that took.
        options: how it would be converted.
    """
    clips = preview.clips
    started = time.monotonic()
    drawn = [preview.convert(clip) for clip in clips if clip.has_face]
    drawing = time.monotonic() - started
    parts, told = (drawn, written_info(info, options)) if drawn else ([clip.frames for clip in clips], info)
    seconds, key_bytes, other_bytes = _encode(told, parts, options)
    return TrialResult(
        looked=len(clips),
        people=[preview.faces(clip) for clip in clips if clip.has_face],
        find=looking / max(sum(len(clip.frames) for clip in clips), 1),
        draw=drawing / max(sum(len(frames) for frames in drawn), 1),
        encode=seconds,
        key_bytes=key_bytes,
        other_bytes=other_bytes,
    )


def _encode(
    info: MediaInfo, parts: Sequence[Sequence[Frame]], options: PipelineOptions
) -> tuple[float, float, float]:
    """Seconds a frame, bytes of a keyframe, bytes of another: each part encoded by itself."""
    keys: list[int] = []
    others: list[int] = []
    seconds = 0.0
    with tempfile.TemporaryDirectory(prefix="faceswap-") as folder:
        for number, part in enumerate(parts):
            path = Path(folder) / f"{number}{SEGMENT_SUFFIX}"
            started = time.monotonic()
            with SegmentWriter(path, info, options.encode) as writer:
                for frame in part:
                    writer.write(frame)
            seconds += time.monotonic() - started
            with av.open(str(path)) as container:
                for packet in container.demux(video=0):
                    if packet.size:
                        (keys if packet.is_keyframe else others).append(packet.size)
    count = len(keys) + len(others)
    key = sum(keys) / max(len(keys), 1)
    return seconds / max(count, 1), key, sum(others) / len(others) if others else key


def free_bytes(output: Path) -> int:
    """Free bytes where an output would stand."""
    folder = output.absolute().parent
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
