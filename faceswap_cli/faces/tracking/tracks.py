"""Linking the faces of single frames into tracks: one person through one shot. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces import geometry
from faceswap_cli.faces.detection.boxes import overlap
from faceswap_cli.faces.face import FloatArray

LONGEST_GAP = 0.5
"""Seconds a face may be away (hidden by a hand, say) and still go on with its track."""

LEAST_OVERLAP = 0.25
"""Intersection over union with where the track was expected, below which it is another face..."""

NEAR = 0.5
"""...unless its landmarks lie, on average, closer than this many eye distances to those expected."""


@dataclass(frozen=True)
class Observation:
    """A face in a frame, as far as linking is concerned.

    Attributes:
        frame: index of the frame.
        time: seconds.
        box: (4,) frame pixels, x0 y0 x1 y1.
        landmarks: (68, 2) frame pixels.
        shot: number of the shot.
    """

    frame: int
    time: float
    box: FloatArray
    landmarks: FloatArray
    shot: int


@dataclass
class _Track:
    number: int
    last: Observation
    velocity: NDArray[np.float64]  # (2,) pixels a second

    def shift(self, time: float) -> NDArray[np.float64]:
        """How far the face is expected to have moved by `time`."""
        return self.velocity * (time - self.last.time)

    def follow(self, seen: Observation) -> None:
        """Go on with the face `seen`."""
        passed = seen.time - self.last.time
        if passed > 0:
            moved = (_centre(seen) - _centre(self.last)) / passed
            self.velocity = 0.5 * self.velocity + 0.5 * moved
        self.last = seen


def link_tracks(observations: Sequence[Observation], longest_gap: float = LONGEST_GAP) -> list[int]:
    """The track number of each observation, from 0 in the order of appearance, in a frame from the left.

    Frame after frame, faces are given to the tracks whose expected place (constant velocity) they fit
    best, the best pair first. A cut ends every track.

    Args:
        observations: in any order; times grow with the frame's index.
        longest_gap: seconds a track survives unseen.
    """
    numbers = [-1] * len(observations)
    active: list[_Track] = []
    started = 0
    by_frame: dict[int, list[int]] = {}
    for i in sorted(range(len(observations)), key=lambda i: _place(observations[i])):
        by_frame.setdefault(observations[i].frame, []).append(i)
    for places in by_frame.values():
        seen = [observations[i] for i in places]
        now, shot = seen[0].time, seen[0].shot
        active = [t for t in active if t.last.shot == shot and now - t.last.time <= longest_gap + 1e-6]
        for track, j in _pairs(active, seen):
            track.follow(seen[j])
            numbers[places[j]] = track.number
        for i in places:
            if numbers[i] < 0:
                active.append(_Track(started, observations[i], np.zeros(2)))
                numbers[i], started = started, started + 1
    return numbers


def allowed_gap(times: Sequence[float]) -> float:
    """A longest gap that suits footage of which only every Nth frame was looked at."""
    steps = np.diff(np.unique(np.asarray(times, np.float64)))
    return max(LONGEST_GAP, 2.5 * float(steps.min())) if steps.size else LONGEST_GAP


def _pairs(tracks: list[_Track], seen: Sequence[Observation]) -> list[tuple[_Track, int]]:
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


def _fit(track: _Track, face: Observation) -> float | None:
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


def _place(seen: Observation) -> tuple[float, ...]:
    """Sorts by frame, then by place in it, so that the order in which faces come does not matter."""
    return (seen.frame, *seen.box.tolist())


def _centre(seen: Observation) -> NDArray[np.float64]:
    return np.asarray(seen.box[:2] + seen.box[2:], np.float64) / 2
