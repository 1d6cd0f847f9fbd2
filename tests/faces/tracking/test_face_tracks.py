"""Faces in arrays: what is known of each stays with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from faceswap_cli.effects.planned_faces import plan_faces
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.geometry import MEAN_FACE
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.tracks import link_tracks
from tests.dense_faces import dense_of, expression_of


def face(x: float, dense: bool = True, smile: float = 0.0) -> Face:
    landmarks = (MEAN_FACE * 40 + (x, 100)).astype(np.float32)
    box = np.concatenate([landmarks.min(0), landmarks.max(0)])
    if not dense:
        return Face(box, landmarks, 0.9)
    points, expression = dense_of(landmarks), expression_of(smile_left=smile)
    return Face(box, landmarks, 0.9, dense=points, expression=expression)


def tracks_of(*faces: tuple[int, Face]) -> FaceTracks:
    count = max(frame for frame, _ in faces) + 1 if faces else 3
    return link_tracks(FaceTracks.of_faces(faces, (np.arange(count) / 25).tolist(), [0] * count))


def test_dense_points_follow_their_faces() -> None:
    """Two faces, the right one first in each frame, a frame between without either."""
    found = [(k, face(x + k, smile=x / 1000)) for k in (0, 1, 3) for x in (400, 200)]
    tracks = tracks_of(*found)
    assert tracks.dense is not None and tracks.expression is not None
    assert np.array_equal(tracks.dense[:, :68, :2], tracks.landmarks)
    left = tracks.select(tracks.tracks == 0)
    assert left.dense is not None and left.expression is not None and len(left.dense) == 3
    assert np.allclose(left.expression.max(1), 0.2)
    plan = plan_faces(tracks, {0: 0, 1: 0}, 1.0)
    assert plan.dense is not None and plan.frames.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert np.array_equal(plan.dense[:, :68, :2], plan.landmarks)
    for frame in range(4):
        for one in plan.faces(frame):
            assert one.dense is not None and one.expression is not None
            x = 200 if one.track == 0 else 400
            assert np.abs(one.dense - face(x + frame).dense).max() < 0.01
            assert abs(one.expression.max() - x / 1000) < 1e-3


def test_68_points_stay_68() -> None:
    tracks = tracks_of((0, face(200, dense=False)), (1, face(200)))
    assert tracks.dense is None and tracks.expression is None
    [one] = plan_faces(tracks, {0: 0}, 1.0).faces(1)
    assert one.dense is None and one.expression is None


def test_parts_without_faces_cost_no_points_and_those_of_68_do() -> None:
    full, empty, plain = tracks_of((0, face(200))), tracks_of(), tracks_of((0, face(200, dense=False)))
    joined = FaceTracks.concatenate([full, empty, replace(full, frames=full.frames + 4)], np.arange(5.0))
    assert joined.dense is not None and joined.expression is not None and len(joined.dense) == 2
    assert FaceTracks.concatenate([full, plain], np.arange(2.0)).dense is None
    assert FaceTracks.concatenate([empty], np.arange(3.0)).dense is None
