"""Refuse to convert a video in which a face that would be drawn over looks like a child's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from faceswap_cli.faces.identity.best_faces import best_face_indices, estimate_clarity
from faceswap_cli.faces.safety.guard import SafetyGuard, refuse_minor
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Image
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.seeking import Timeline, frames_at

LOOKS = 3
"""Faces of a track that are looked at; each may cost a seek."""

MOST_FRAMES = 24
"""Frames that are looked at, at most: of a crowd the longest tracks are asked for."""


def check_tracks(
    info: MediaInfo, timeline: Timeline, found: FaceTracks, tracks: Iterable[int], guard: SafetyGuard
) -> None:
    """Look at a few clear faces of each track.

    Args:
        info: the video.
        timeline: of its frames.
        found: its faces.
        tracks: those that would be drawn.
        guard: judges them.

    Raises:
        Refusal: a track looks like a child's.
    """
    if guard.adults_confirmed:
        return
    looks: dict[int, list[tuple[Image, float]]] = {}
    wanted = _wanted(found, tracks)
    with contextlib.closing(frames_at(info, timeline, sorted(wanted))) as frames:
        for frame in frames:
            for place in wanted[frame.index]:
                crop = guard.crop(frame.image, found.landmarks[place])
                looks.setdefault(int(found.tracks[place]), []).append((crop, estimate_clarity(found, place)))
    for track, seen in looks.items():
        age = guard.young([crop for crop, _ in seen], [clarity for _, clarity in seen])
        if age is not None:
            first = float(found.times[found.frames[found.of_track(track)[0]]])
            raise refuse_minor(info.path, f"the face that comes at {first:.1f} s (track {track})", age)


def _wanted(found: FaceTracks, tracks: Iterable[int]) -> dict[int, list[int]]:
    """The faces to look at, by frame: their places in `found`."""
    wanted: dict[int, list[int]] = {}
    for track in sorted(tracks, key=lambda track: -len(found.of_track(track))):
        for place in best_face_indices(found, track, LOOKS):
            frame = int(found.frames[place])
            if frame in wanted or len(wanted) < MOST_FRAMES:
                wanted.setdefault(frame, []).append(place)
    return wanted
