"""What a finished conversion did, in one line."""

from __future__ import annotations

import numpy as np

from faceswap_cli.effects.planned_faces import FacePlan


def summarise(plan: FacePlan, frames: int, found_tracks: int) -> str:
    """Say how many faces were drawn.

    Args:
        plan: the faces that were drawn.
        frames: of the video.
        found_tracks: face tracks that were found, drawn or not.
    """
    tracks, with_face = len(np.unique(plan.tracks)), len(np.unique(plan.frames))
    alone = found_tracks - tracks
    left = f", {_counted(alone, 'track')} left alone" if alone > 0 else ""
    faces = f"{_counted(len(plan.frames), 'face')} of {_counted(tracks, 'track')} drawn"
    return f"{faces} in {with_face} of {_counted(frames, 'frame')}{left}"


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
