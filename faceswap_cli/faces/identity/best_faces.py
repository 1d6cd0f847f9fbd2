"""The best faces of a video's tracks: what is asked about a person is asked of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.identity_encoder import chip, chip_matrix
from faceswap_cli.faces.landmarks.pose import pose
from faceswap_cli.faces.quality import sharpness
from faceswap_cli.faces.tracking.face_tracks import Found
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.seeking import Timeline, frames_at


def best_frames(info: MediaInfo, timeline: Timeline, found: Found) -> Iterator[tuple[Frame, list[int]]]:
    """The frames that show the best faces of each track, in order, with those faces' places in `found`."""
    by_frame: dict[int, list[int]] = {}
    for number, place in sorted(
        (int(found.frames[p]), p) for t in found.track_numbers() for p in best_places(found, t)
    ):
        by_frame.setdefault(number, []).append(place)
    with contextlib.closing(frames_at(info, timeline, list(by_frame))) as frames:
        for frame in frames:
            yield frame, by_frame[frame.index]


def clearness(frame: Frame, found: Found, place: int) -> float:
    """How much the face at a place in `found` tells of whose it is, by its frame; see `looks.clarity`."""
    return clarity_of(found, place, _crispness(frame.image, found.landmarks[place]))


def best_places(found: Found, track: int, count: int = track_embedding.LOOKS) -> list[int]:
    """Places in `found` of a track's best faces, one from each of `count` parts of its length."""
    places = found.of_track(track)
    return [
        int(places[n]) for n in track_embedding.best_looks([clarity_of(found, int(p)) for p in places], count)
    ]


def clarity_of(found: Found, place: int, crispness: float = track_embedding.CRISP) -> float:
    """`looks.clarity` of one of the found faces."""
    landmarks = found.landmarks[place]
    return track_embedding.clarity(float(found.scores[place]), pose(landmarks), landmarks, crispness)


def _crispness(image: Image, landmarks: NDArray[np.float32]) -> float:
    return sharpness(chip(image, landmarks), transform(landmarks, chip_matrix(landmarks)))
