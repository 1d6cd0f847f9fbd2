"""Which faces an effect changes in which frame, and where: tracks, steadied over time, short gaps filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.tracking import smoothing
from faceswap_cli.faces.tracking.face_tracks import FaceTracks

MOST_MISSING = 5
"""A face that is lost within its track for so many frames at most is drawn there too."""


@dataclass(frozen=True)
class PlannedFace:
    """A face to draw.

    Attributes:
        track: its track's number.
        landmarks: (68, 2) float32 frame pixels, steadied. Its crop is cut and put back by these.
        target: which of the plan's targets it is, from 0.
    """

    track: int
    landmarks: FloatArray
    target: int = 0


@dataclass(frozen=True)
class FacePlan:
    """Faces to draw, by frame, in compact arrays (see FaceTracks).

    Attributes:
        frames: (M,) frame numbers, rising.
        tracks: (M,) track numbers.
        landmarks: (M, 68, 2) float32 frame pixels.
        targets: which target each track is; the first, where it isn't said.
    """

    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    landmarks: FloatArray
    targets: Mapping[int, int] = field(default_factory=dict)

    def of_target(self, number: int) -> FloatArray:
        """(K, 68, 2) landmarks of all faces of a target."""
        mine = [track for track in np.unique(self.tracks).tolist() if self.targets.get(track, 0) == number]
        return self.landmarks[np.isin(self.tracks, mine)]

    def faces(self, frame: int) -> list[PlannedFace]:
        """The faces of a frame, the largest last: it is in front of the others."""
        start, stop = np.searchsorted(self.frames, [frame, frame + 1])
        tracks = [int(track) for track in self.tracks[start:stop]]
        faces = [
            PlannedFace(track, landmarks, self.targets.get(track, 0))
            for track, landmarks in zip(tracks, self.landmarks[start:stop], strict=True)
        ]
        return sorted(faces, key=lambda face: float(np.ptp(face.landmarks[:, 1])))


def plan_faces(faces: FaceTracks, targets: Mapping[int, int], strength: float) -> FacePlan:
    """Steady each track's landmarks and fill its short gaps.

    Args:
        faces: all faces.
        targets: which target each track is; tracks that are not there are left alone.
        strength: of the smoothing, 0 for none. Gaps are filled all the same.
    """
    frames, tracks, landmarks = [], [], []
    for track in (number for number in faces.track_numbers() if number in targets):
        places = faces.of_track(track)
        numbers = faces.frames[places]
        smooth = smoothing.smooth_landmarks(faces.times[numbers], faces.landmarks[places], strength)
        removed = faces.removed[faces.removed[:, 1] == track, 0]
        numbers, smooth = smoothing.fill_gaps(numbers, smooth, faces.times, MOST_MISSING, removed)
        frames.append(numbers)
        tracks.append(np.full(len(numbers), track, np.int64))
        landmarks.append(smooth)
    if not frames:
        return FacePlan(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 68, 2), np.float32))
    order = np.argsort(np.concatenate(frames), kind="stable")
    joined = (np.concatenate(frames)[order], np.concatenate(tracks)[order], np.concatenate(landmarks)[order])
    return FacePlan(*joined, dict(targets))
