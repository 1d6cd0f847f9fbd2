"""Tracks that are probably no faces: prints on shirts, patterns, bystanders blurred beyond recognition.

Single frames deceive a detector, whole tracks hardly do. A real face is seen surely somewhere on its way,
and is there from its first frame to its last; what only resembles one is found now and then, never surely.
Nothing is judged by its place or size: small faces, profiles and faces in pictures on a wall are faces.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from faceswap_cli.faces.sets.records import FaceRecord

SURE = 0.9
"""A face that was ever seen more surely than this is one. Prints reached .87, and true faces that stayed
below it (a profile at the frame's edge) were there all the time."""

SHORT = 0.5
"""Seconds: a track that was seen for as long all in all is not doubted for its shortness."""

STEADY = 0.6
"""A face is found in at least this part of the frames from its track's first to its last."""

PHOTO = 0.8
"""In a photo there is only one look at each face: below this score it is doubtful."""

Pace = tuple[int, float]
"""How a source was looked at: every how many frames, and the seconds from one look to the next."""


def frame_pace(frames: ArrayLike, times: ArrayLike) -> Pace:
    """Every how many frames a source was looked at, and how many seconds apart, by the faces found there.

    Args:
        frames: (N,) frame numbers of all its faces, in any order, with repetitions.
        times: (N,) their seconds.

    Returns:
        (1, 0.0) if there is only one frame: a photo.
    """
    numbers, first = np.unique(np.asarray(frames, np.int64), return_index=True)
    if len(numbers) < 2:
        return 1, 0.0
    steps = np.diff(numbers)
    every = int(steps.min())
    seconds = np.diff(np.asarray(times, np.float64)[first]) / steps
    return every, float(np.median(seconds)) * every


def why_doubtful(track: Sequence[FaceRecord], looked: Pace) -> str | None:
    """Why a track of a face set is probably no face, in a few words; None if it seems to be one.

    Args:
        track: all its faces.
        looked: `frame_pace` of its source; see `find_doubtful` for a whole set at once.
    """
    return doubt_track([r.frame for r in track], [r.score for r in track], looked)


def find_doubtful(records: Sequence[FaceRecord]) -> dict[tuple[int, int], str]:
    """The doubtful tracks of a face set, and why: the keys are (source, track)."""
    sources: dict[int, list[FaceRecord]] = {}
    tracks: dict[tuple[int, int], list[FaceRecord]] = {}
    for record in records:
        sources.setdefault(record.source, []).append(record)
        tracks.setdefault((record.source, record.track), []).append(record)
    looked = {
        source: frame_pace([r.frame for r in seen], [r.time for r in seen])
        for source, seen in sources.items()
    }
    reasons = {key: why_doubtful(track, looked[key[0]]) for key, track in tracks.items()}
    return {key: reason for key, reason in reasons.items() if reason}


def doubt_track(frames: Sequence[int], scores: Sequence[float], looked: Pace) -> str | None:
    """`why_doubtful`, for a track given by its frame numbers and its faces' scores (0..1)."""
    every, step = looked
    best = max(scores)
    if step <= 0:
        return f"the detector is not sure of it ({best:.2f})" if best < PHOTO else None
    if best >= SURE:
        return None
    span = (max(frames) - min(frames)) // every + 1
    if len(frames) < STEADY * span:
        return f"found in only {len(frames)} of {span} frames, and never surely (at most {best:.2f})"
    if len(frames) * step < SHORT:
        many = "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
        return f"seen in {many} only, and never surely (at most {best:.2f})"
    return None
