"""From found faces to faces to draw: steadied over time, and short gaps filled."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.faces.tracking import smoothing
from faceswap_cli.faces.tracking.face_tracks import FaceTracks

MOST_MISSING = 5
"""A face that is lost within its track for so many frames at most is drawn there too."""


def make_plan(
    found: FaceTracks,
    strength: float,
    left_alone: Collection[int] = (),
    roles: Mapping[int, int] | None = None,
) -> FacePlan:
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
        return FacePlan(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 68, 2), np.float32))
    order = np.argsort(np.concatenate(frames), kind="stable")
    joined = (np.concatenate(frames)[order], np.concatenate(tracks)[order], np.concatenate(landmarks)[order])
    return FacePlan(*joined, dict(roles or {}))
