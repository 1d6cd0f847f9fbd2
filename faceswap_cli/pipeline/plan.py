"""Which faces are drawn in which frame, and where: found faces, steadied over time and gaps filled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.tracking import smoothing

MOST_MISSING = 5
"""A face that is lost within its track for so many frames at most is drawn there too."""


@dataclass(frozen=True)
class Found:
    """Faces as they were found, in compact arrays: about 600 bytes a face.

    Attributes:
        frames: (M,) frame numbers, rising.
        tracks: (M,) track numbers.
        landmarks: (M, 68, 2) float32, frame pixels.
        scores: (M,) float32, the detector's confidence.
        times: (F,) float64 seconds of every frame of the video.
        removed: (R, 2) frame and track of faces that the user took out of the face set.
    """

    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    landmarks: FloatArray
    scores: NDArray[np.float32]
    times: NDArray[np.float64]
    removed: NDArray[np.int64]

    def of_track(self, track: int) -> NDArray[np.int64]:
        """Places in the arrays of one track's faces, in time's order."""
        return np.nonzero(self.tracks == track)[0]

    def track_numbers(self) -> list[int]:
        """All tracks, in order."""
        return [int(number) for number in np.unique(self.tracks)]


@dataclass(frozen=True)
class PlannedFace:
    """A face to draw.

    Attributes:
        track: its track's number.
        landmarks: (68, 2) float32 frame pixels, steadied. Its crop is cut and put back by these.
        drawn_by: which of several renderers draws it, from 0.
    """

    track: int
    landmarks: FloatArray
    drawn_by: int = 0


@dataclass(frozen=True)
class Plan:
    """Faces to draw, by frame, in compact arrays (see Found).

    Attributes:
        roles: which renderer draws each track's faces; the first, where it isn't said.
    """

    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    landmarks: FloatArray
    roles: Mapping[int, int] = field(default_factory=dict)

    def drawn_by(self, number: int) -> FloatArray:
        """(K, 68, 2) landmarks of all faces that a renderer, by its number, draws."""
        mine = [track for track in np.unique(self.tracks).tolist() if self.roles.get(track, 0) == number]
        return self.landmarks[np.isin(self.tracks, mine)]

    def faces(self, frame: int) -> list[PlannedFace]:
        """The faces of a frame, the largest last: it is in front of the others."""
        start, stop = np.searchsorted(self.frames, [frame, frame + 1])
        tracks = [int(track) for track in self.tracks[start:stop]]
        found = [
            PlannedFace(track, landmarks, self.roles.get(track, 0))
            for track, landmarks in zip(tracks, self.landmarks[start:stop], strict=True)
        ]
        return sorted(found, key=lambda face: float(np.ptp(face.landmarks[:, 1])))


def make_plan(
    found: Found,
    strength: float,
    left_alone: Collection[int] = (),
    roles: Mapping[int, int] | None = None,
) -> Plan:
    """Steady each track's landmarks and fill its short gaps.

    Args:
        found: all faces.
        strength: of the smoothing, 0 for none. Gaps are filled all the same.
        left_alone: tracks that are not drawn.
        roles: which renderer draws each track, see Plan.
    """
    frames, tracks, landmarks = [], [], []
    for track in found.track_numbers():
        if track in left_alone:
            continue
        places = found.of_track(track)
        numbers = found.frames[places]
        smooth = smoothing.smooth_landmarks(found.times[numbers], found.landmarks[places], strength)
        taken_out = found.removed[found.removed[:, 1] == track, 0]
        numbers, smooth = smoothing.fill_gaps(numbers, smooth, found.times, MOST_MISSING, taken_out)
        frames.append(numbers)
        tracks.append(np.full(len(numbers), track, np.int64))
        landmarks.append(smooth)
    if not frames:
        return Plan(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 68, 2), np.float32))
    order = np.argsort(np.concatenate(frames), kind="stable")
    joined = (np.concatenate(frames)[order], np.concatenate(tracks)[order], np.concatenate(landmarks)[order])
    return Plan(*joined, dict(roles or {}))
