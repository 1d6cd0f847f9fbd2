"""The best faces of a video's tracks: what is asked about a person is asked of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.identity_encoder import chip_matrix, cut_chip
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.quality import face_sharpness
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.seeking import Timeline, frames_at


def best_frames(info: MediaInfo, timeline: Timeline, found: FaceTracks) -> Iterator[tuple[Frame, list[int]]]:
    """The frames that show the best faces of each track, in order, with those faces' places in `found`."""
    by_frame: dict[int, list[int]] = {}
    for number, place in sorted(
        (int(found.frames[p]), p) for t in found.track_numbers() for p in best_face_indices(found, t)
    ):
        by_frame.setdefault(number, []).append(place)
    with contextlib.closing(frames_at(info, timeline, list(by_frame))) as frames:
        for frame in frames:
            yield frame, by_frame[frame.index]


def measure_clarity(frame: Frame, found: FaceTracks, place: int) -> float:
    """`track_embedding.face_clarity` of the face at a place in `found`, sharpness in the frame counted."""
    return estimate_clarity(found, place, _crispness(frame.image, found.landmarks[place]))


def best_face_indices(found: FaceTracks, track: int, count: int = track_embedding.LOOKS) -> list[int]:
    """Places in `found` of a track's best faces, one from each of `count` parts of its length."""
    places = found.of_track(track)
    return [
        int(places[n])
        for n in track_embedding.best_faces([estimate_clarity(found, int(p)) for p in places], count)
    ]


def estimate_clarity(found: FaceTracks, place: int, crispness: float = track_embedding.CRISP) -> float:
    """`track_embedding.face_clarity` of one of the found faces."""
    landmarks = found.landmarks[place]
    return track_embedding.face_clarity(
        float(found.scores[place]), estimate_pose(landmarks), landmarks, crispness
    )


def _crispness(image: Image, landmarks: NDArray[np.float32]) -> float:
    return face_sharpness(cut_chip(image, landmarks), transform(landmarks, chip_matrix(landmarks)))
