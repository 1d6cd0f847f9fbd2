"""Linking the faces of single frames into tracks: one person through one shot. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.boxes import overlap
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.tracking.face_tracks import UNLINKED, FaceTracks

LONGEST_GAP = 0.5
"""Seconds a face may be away (hidden by a hand, say) and still go on with its track."""

LEAST_OVERLAP = 0.25
"""Intersection over union with where the track was expected, below which it is another face..."""

NEAR = 0.5
"""...unless its landmarks lie, on average, closer than this many eye distances to those expected."""


@dataclass(frozen=True)
class _Seen:
    """A face in a frame, as far as linking is concerned; boxes and landmarks in frame pixels."""

    time: float
    box: FloatArray
    landmarks: FloatArray
    shot: int


@dataclass
class _Track:
    number: int
    last: _Seen
    velocity: NDArray[np.float64]  # (2,) pixels a second

    def shift(self, time: float) -> NDArray[np.float64]:
        """How far the face is expected to have moved by `time`."""
        return self.velocity * (time - self.last.time)

    def follow(self, seen: _Seen) -> None:
        """Go on with the face `seen`."""
        passed = seen.time - self.last.time
        if passed > 0:
            moved = (_centre(seen) - _centre(self.last)) / passed
            self.velocity = 0.5 * self.velocity + 0.5 * moved
        self.last = seen


def link_tracks(faces: FaceTracks, longest_gap: float = LONGEST_GAP) -> FaceTracks:
    """The faces with their track numbers, from 0 in the order of appearance, in a frame from the left.

    Frame after frame, faces are given to the tracks whose expected place (constant velocity) they fit
    best, the best pair first. A cut ends every track.

    Args:
        faces: with boxes and shots; their order does not matter.
        longest_gap: seconds a track survives unseen.
    """
    boxes, shots = faces.boxes, faces.shots
    assert boxes is not None and shots is not None, "linking needs them"
    numbers = np.full(len(faces), UNLINKED, np.int64)
    active: list[_Track] = []
    started = 0
    by_frame: dict[int, list[int]] = {}
    order = sorted(range(len(faces)), key=lambda i: (int(faces.frames[i]), *boxes[i].tolist()))
    for i in order:
        by_frame.setdefault(int(faces.frames[i]), []).append(i)
    for frame, places in by_frame.items():
        now, shot = float(faces.times[frame]), int(shots[frame])
        seen = [_Seen(now, boxes[i], faces.landmarks[i], shot) for i in places]
        active = [t for t in active if t.last.shot == shot and now - t.last.time <= longest_gap + 1e-6]
        for track, j in _pairs(active, seen):
            track.follow(seen[j])
            numbers[places[j]] = track.number
        for i, face in zip(places, seen, strict=True):
            if numbers[i] == UNLINKED:
                active.append(_Track(started, face, np.zeros(2)))
                numbers[i], started = started, started + 1
    return replace(faces, tracks=numbers)


def allowed_gap(times: Sequence[float]) -> float:
    """A longest gap that suits footage of which only every Nth frame was looked at."""
    steps = np.diff(np.unique(np.asarray(times, np.float64)))
    return max(LONGEST_GAP, 2.5 * float(steps.min())) if steps.size else LONGEST_GAP


def _pairs(tracks: list[_Track], seen: Sequence[_Seen]) -> list[tuple[_Track, int]]:
    """Tracks and the places in `seen` that go together, none twice, best fits first."""
    fits = []
    for a, track in enumerate(tracks):
        for b, face in enumerate(seen):
            fit = _fit(track, face)
            if fit is not None:
                fits.append((-fit, a, b))
    taken_tracks: set[int] = set()
    taken_faces: set[int] = set()
    pairs = []
    for _, a, b in sorted(fits):
        if a not in taken_tracks and b not in taken_faces:
            taken_tracks.add(a)
            taken_faces.add(b)
            pairs.append((tracks[a], b))
    return pairs


def _fit(track: _Track, face: _Seen) -> float | None:
    """How well a face goes on with a track: the higher the better; None if it can't."""
    shift = track.shift(face.time)
    eyes = max(geometry.interocular(track.last.landmarks), 1e-3)
    growth = geometry.interocular(face.landmarks) / eyes
    expected = track.last.landmarks + shift
    apart = float(np.linalg.norm(face.landmarks - expected, axis=1).mean()) / eyes
    shared = float(overlap(track.last.box + np.tile(shift, 2), face.box)[0, 0])
    # Turning from the side to the front doubles the distance of the eyes; more is another face.
    if (shared < LEAST_OVERLAP and apart > NEAR) or not 1 / 3 < growth < 3:
        return None
    return shared - apart


def _centre(seen: _Seen) -> NDArray[np.float64]:
    return np.asarray(seen.box[:2] + seen.box[2:], np.float64) / 2
