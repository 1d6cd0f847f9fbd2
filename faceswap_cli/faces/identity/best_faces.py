"""The best faces of a video's tracks: what is asked about a person is asked of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.geometry import transform
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.identity_encoder import chip_matrix, cut_chip
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.quality import face_sharpness
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Frame, Image


def best_faces_by_frame(faces: FaceTracks) -> dict[int, list[int]]:
    """Where the best faces of each track are seen: places in `faces` by frame number, both rising."""
    best = sorted(
        (int(faces.frames[p]), p) for t in faces.track_numbers() for p in best_face_indices(faces, t)
    )
    by_frame: dict[int, list[int]] = {}
    for number, place in best:
        by_frame.setdefault(number, []).append(place)
    return by_frame


def measure_clarity(frame: Frame, faces: FaceTracks, place: int) -> float:
    """How much the face at a place in `faces` tells of whose it is, by its frame, 0..1."""
    return estimate_clarity(faces, place, _crispness(frame.image, faces.landmarks[place]))


def best_face_indices(faces: FaceTracks, track: int, count: int = track_embedding.LOOKS) -> list[int]:
    """Places in `faces` of a track's best faces, one from each of `count` parts of its length."""
    places = faces.of_track(track)
    return [
        int(places[n])
        for n in track_embedding.best_faces([estimate_clarity(faces, int(p)) for p in places], count)
    ]


def estimate_clarity(faces: FaceTracks, place: int, crispness: float = track_embedding.CRISP) -> float:
    """How much one of the faces tells of whose it is, 0..1; see `track_embedding.face_clarity`."""
    landmarks = faces.landmarks[place]
    sure = 1.0 if faces.confidences is None else float(faces.confidences[place])
    return track_embedding.face_clarity(
        float(faces.scores[place]), estimate_pose(landmarks), landmarks, crispness, sure
    )


def _crispness(image: Image, landmarks: NDArray[np.float32]) -> float:
    return face_sharpness(cut_chip(image, landmarks), transform(landmarks, chip_matrix(landmarks)))
