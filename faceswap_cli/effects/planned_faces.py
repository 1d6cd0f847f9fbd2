"""Which faces an effect changes in which frame, and where: tracks, steadied over time, short gaps filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.tracking import smoothing
from faceswap_cli.faces.tracking.face_tracks import FaceTracks, join_known, stack_known

MOST_MISSING = 5
"""A face that is lost within its track for so many frames at most is drawn there too."""


@dataclass(frozen=True)
class PlannedFace:
    """A face to draw.

    Attributes:
        track: its track's number.
        landmarks: (68, 2) float32 frame pixels, steadied. Its crop is cut and put back by these.
        target: which of the plan's targets it is, from 0.
        dense: (222, 3) float32 frame pixels, steadied, see `landmarks.dense`; the first 68 are the landmarks.
            None if the landmarker gives 68 points only.
        expression: (26,) float32, steadied, see `landmarks.dense.EXPRESSIONS`; None likewise.
    """

    track: int
    landmarks: FloatArray
    target: int = 0
    dense: FloatArray | None = None
    expression: FloatArray | None = None


@dataclass(frozen=True)
class FacePlan:
    """Faces to draw, by frame, in compact arrays (see FaceTracks).

    Attributes:
        frames: (M,) frame numbers, rising.
        tracks: (M,) track numbers.
        landmarks: (M, 68, 2) float32 frame pixels.
        targets: which target each track is; the first, where it isn't said.
        dense: (M, 222, 3) float32 frame pixels, or None.
        expression: (M, 26) float32, or None.
    """

    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    landmarks: FloatArray
    targets: Mapping[int, int] = field(default_factory=dict)
    dense: FloatArray | None = None
    expression: FloatArray | None = None

    def of_target(self, number: int) -> FloatArray:
        """(K, 68, 2) landmarks of all faces of a target."""
        mine = [track for track in np.unique(self.tracks).tolist() if self.targets.get(track, 0) == number]
        return self.landmarks[np.isin(self.tracks, mine)]

    def faces(self, frame: int) -> list[PlannedFace]:
        """The faces of a frame, the largest last: it is in front of the others."""
        start, stop = np.searchsorted(self.frames, [frame, frame + 1])
        faces = [self._face(place) for place in range(int(start), int(stop))]
        return sorted(faces, key=lambda face: float(np.ptp(face.landmarks[:, 1])))

    def _face(self, place: int) -> PlannedFace:
        track = int(self.tracks[place])
        dense = None if self.dense is None else self.dense[place]
        expression = None if self.expression is None else self.expression[place]
        return PlannedFace(track, self.landmarks[place], self.targets.get(track, 0), dense, expression)


def plan_frame(frame: int, faces: Sequence[PlannedFace]) -> FacePlan:
    """The plan of one frame's faces, as they are."""
    return FacePlan(
        np.full(len(faces), frame, np.int64),
        np.array([face.track for face in faces], np.int64),
        np.array([face.landmarks for face in faces], np.float32).reshape(-1, 68, 2),
        {face.track: face.target for face in faces},
        stack_known([face.dense for face in faces]),
        stack_known([face.expression for face in faces]),
    )


def plan_faces(faces: FaceTracks, targets: Mapping[int, int], strength: float) -> FacePlan:
    """Steady each track's landmarks and fill its short gaps.

    Args:
        faces: all faces.
        targets: which target each track is; tracks that are not there are left alone.
        strength: of the smoothing, 0 for none. Gaps are filled all the same.
    """
    parts = [_steady(faces, track, strength) for track in faces.track_numbers() if track in targets]
    if not parts:
        return FacePlan(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 68, 2), np.float32))
    plan = FacePlan(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.tracks for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        dict(targets),
        join_known([part.dense for part in parts]),
        join_known([part.expression for part in parts]),
    )
    order = np.argsort(plan.frames, kind="stable")
    return replace(
        plan,
        frames=plan.frames[order],
        tracks=plan.tracks[order],
        landmarks=plan.landmarks[order],
        dense=None if plan.dense is None else plan.dense[order],
        expression=None if plan.expression is None else plan.expression[order],
    )


def _steady(faces: FaceTracks, track: int, strength: float) -> FacePlan:
    """One track's faces, steadied, its short gaps filled."""
    places = faces.of_track(track)
    numbers = faces.frames[places]
    times = faces.times[numbers]
    # The 68 are the first of the dense points: steadied together, so that they are the same ones.
    points = faces.landmarks if faces.dense is None else faces.dense
    values = [smoothing.smooth_landmarks(times, points[places], strength)]
    if faces.expression is not None:
        values.append(smoothing.smooth_expression(times, faces.expression[places], strength))
    removed = faces.removed[faces.removed[:, 1] == track, 0]
    numbers, values = smoothing.fill_gaps(numbers, values, faces.times, MOST_MISSING, removed)
    return FacePlan(
        numbers,
        np.full(len(numbers), track, np.int64),
        np.ascontiguousarray(values[0][:, :68, :2]),
        dense=None if faces.dense is None else values[0],
        expression=None if faces.expression is None else values[1],
    )
