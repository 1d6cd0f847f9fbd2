"""A few moments of a video, each with the frames around it: enough to draw it as a conversion would.

For previews and trials, which must not wait for all frames to be looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from faceswap_cli.effects.frame_window import COLOUR_REACH
from faceswap_cli.faces.analysis import analyse
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.tracks import link_tracks
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.sample_frames import sample_frames
from faceswap_cli.pipeline.photo import link_photo

TRIES = 4
"""So many times as many places are looked at, at most, as moments with a face are wanted."""


@dataclass(frozen=True)
class PreviewClip:
    """One frame and those around it.

    Attributes:
        time: of the frame, in seconds.
        frames: in order.
        middle: which of them is meant.
        faces: theirs, in tracks.
    """

    time: float
    frames: Sequence[Frame]
    middle: int
    faces: FaceTracks

    @property
    def has_face(self) -> bool:
        """Whether there is a face in the frame that is meant."""
        return len(self.faces.of_frame(self.frames[self.middle].index)) > 0


def preview_clips(info: MediaInfo, analyser: FaceAnalyser, count: int) -> Iterator[PreviewClip]:
    """Moments spread over a video, or a photo's only one.

    Those without a face are told too, so that a caller can say how often there was none; they end when
    `count` had one, or after TRIES times as many. A short video has fewer moments, so that they do not
    show the same again.
    """
    if info.kind == "photo":
        frame = Frame(0, 0.0, np.ascontiguousarray(read_photo(info.path).image))
        yield PreviewClip(0.0, [frame], 0, link_photo(analyser.find([frame])[0]))
        return
    seen, last = 0, info.duration or 0.0
    start = float((info.start_pts or 0) * info.time_base)
    frames = info.frames or round(last * float(info.average_rate or 25))
    enough = max(1, min(count, frames // COLOUR_REACH))
    for share in itertools.islice(_spread(enough), TRIES * count):
        wanted = _place(info, share) if info.pieces else share * last
        around = sample_frames(info, wanted, COLOUR_REACH)
        if not around:
            continue
        moment = _detect(around, start + wanted, analyser)
        seen += moment.has_face
        yield moment
        if seen >= enough or last == 0:
            return


def _place(info: MediaInfo, share: float) -> float:
    """Seconds after the first frame at which a share of the wanted frames is reached, by the mean rate."""
    rate = float(info.average_rate or 25)
    known = round((info.duration or 0.0) * rate)
    ends = [(first, max(first, known - 1 if last is None else last)) for first, last in info.pieces]
    left = int(share * sum(last - first + 1 for first, last in ends))
    for first, last in ends:
        if left <= last - first:
            return (first + left) / rate
        left -= last - first + 1
    return ends[-1][1] / rate


def _spread(count: int) -> Iterator[float]:
    """Shares of a length: the middles of `count` equal parts, then between them, ever finer."""
    finer = (odd / 2**depth for depth in itertools.count(2) for odd in range(1, 2**depth, 2))
    for shift in itertools.chain((0.5, 0.0), finer):
        yield from ((part + shift) / count for part in range(count))


def _detect(frames: Sequence[Frame], wanted: float, analyser: FaceAnalyser) -> PreviewClip:
    """A moment whose middle is the frame nearest to the `wanted` seconds on the video's clock."""
    frames = [replace(frame, index=number) for number, frame in enumerate(frames)]
    looked = list(analyse(frames, analyser))
    found = [(frame.index, face) for frame, _, faces in looked for face in faces]
    times, shots = [frame.time for frame in frames], [shot for _, shot, _ in looked]
    middle = min(range(len(frames)), key=lambda number: abs(frames[number].time - wanted))
    faces = link_tracks(FaceTracks.of_faces(found, times, shots))
    return PreviewClip(frames[middle].time, frames, middle, faces)
