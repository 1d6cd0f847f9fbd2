"""Faces followed through a stream: the detector every few frames, landmarks in every one.

A face is held once the detector and the landmarks agreed on it in HOLD looks, and lost as soon as either is
unsure: what is drawn has to cover it, so a doubt counts against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from faceswap_cli.faces.detection.boxes import overlap
from faceswap_cli.faces.face import Detection, Face, FloatArray
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.media.frame import Frame

HOLD = 2
"""Looks of the detector in a row that must show a face before it is held."""

SURE = 0.35
"""Least confidence of the landmarks (`Face.confidence`) of a face that is held."""

SMALL = 16.0
"""Pixels between the outer eye corners under which a face is too small to be sure of."""

TURNED = 60.0
"""Yaw in degrees from which a face is not held: a drawn face ends before the profile does."""

PATIENCE = 0.5
"""Seconds that a lost face may come back in as the same track."""

SAME = 0.3
"""Overlap (intersection over union) at which two boxes are of one face."""


@dataclass
class _Followed:
    track: int
    face: Face
    time: float
    velocity: FloatArray
    seen: int = 0
    lost: bool = False


@dataclass(frozen=True)
class FollowedFace:
    """A face in a frame.

    Attributes:
        face: where it is; its `track` is known.
        doubt: why it can't be drawn now; "" if it can.
    """

    face: Face
    doubt: str = ""


@dataclass(frozen=True)
class Sight:
    """What was found in a frame.

    Attributes:
        faces: all of them.
        looked: the detector has looked at it.
        fresh: a face came that was in no frame before: those since the detector's last look may show it.
        gone: tracks that do not come back.
    """

    faces: Sequence[FollowedFace]
    looked: bool
    fresh: bool = False
    gone: Sequence[int] = ()


class FaceFollower:
    """Finds and follows.

    Args:
        analyser: finds faces and landmarks.
    """

    def __init__(self, analyser: FaceAnalyser) -> None:
        self._analyser = analyser
        self._live: list[_Followed] = []
        self._number = 0
        self._since = 0

    def follow(self, frame: Frame, every: int) -> Sight:
        """The faces of the next frame.

        Args:
            frame: it.
            every: the detector looks at each so many frames, and at every one while a face is not held.
        """
        self._since += 1
        self._move(frame)
        looked = (
            self._since >= every or not self._live or any(one.seen < HOLD or one.lost for one in self._live)
        )
        fresh = self._look(frame) if looked else False
        if looked:
            self._since = 0
        gone = [one.track for one in self._live if one.lost and frame.time - one.time > PATIENCE]
        self._live = [one for one in self._live if one.track not in gone]
        # One that was never held is no face until it is.
        never = {one.track for one in self._live if one.lost and one.seen < HOLD}
        faces = [
            FollowedFace(replace(one.face, track=one.track), doubt_face(one.face, one.lost, one.seen))
            for one in self._live
            if one.track not in never
        ]
        return Sight(faces, looked, fresh, gone)

    def _move(self, frame: Frame) -> None:
        """Follow the faces that are held by their landmarks."""
        going = [one for one in self._live if not one.lost]
        shifts = [one.velocity * (frame.time - one.time) for one in going]
        points = [one.face.landmarks + shift for one, shift in zip(going, shifts, strict=True)]
        places = [
            Detection(one.face.box + np.tile(shift, 2), five_from_68(p).astype(np.float32), one.face.score)
            for one, shift, p in zip(going, shifts, points, strict=True)
        ]
        found = self._analyser.follow(frame, places, [np.asarray(p, np.float32) for p in points])
        for one, face in zip(going, found, strict=True):
            if face.confidence < SURE or not np.isfinite(face.landmarks).all():
                one.lost = True
            else:
                self._take(one, _boxed(face, one.face), frame.time)

    def _look(self, frame: Frame) -> bool:
        """Let the detector look; whether a face came that was not followed."""
        [found] = self._analyser.find([frame])
        left = list(found)
        for one in sorted(self._live, key=lambda one: one.lost):
            same = [face for face in left if _is_same(one.face, face)]
            if not same:
                one.lost = True  # the detector is asked while landmarks are sure, too: a hand has no eyes
                continue
            best = max(same, key=lambda face: float(overlap(one.face.box, face.box)[0, 0]))
            left = [face for face in left if face is not best]
            one.seen = 1 if one.lost else one.seen + 1
            if one.lost:
                one.velocity = np.zeros(2, np.float32)
            # Points that follow points might slide off: those by the detector's look begin anew.
            one.face, one.lost, one.time = best, False, frame.time
        for face in left:
            self._live.append(_Followed(self._number, face, frame.time, np.zeros(2, np.float32), 1))
            self._number += 1
        return bool(left)

    @staticmethod
    def _take(one: _Followed, face: Face, time: float) -> None:
        passed = max(time - one.time, 1e-3)
        moved = (face.landmarks.mean(0) - one.face.landmarks.mean(0)) / np.float32(passed)
        one.velocity = np.asarray(0.5 * one.velocity + 0.5 * moved, np.float32)
        one.face, one.time = face, time


def doubt_face(face: Face, lost: bool, seen: int) -> str:
    """Why a face can't be drawn; "" if it can."""
    if lost:
        return "lost"
    if seen < HOLD:
        return "not held yet"
    if face.confidence < SURE:
        return "unsure"
    if interocular(face.landmarks) < SMALL and abs(estimate_pose(face.landmarks)[0]) < TURNED / 2:
        return "too small"
    return "turned away" if abs(estimate_pose(face.landmarks)[0]) > TURNED else ""


def _boxed(face: Face, before: Face) -> Face:
    """A followed face with its box where and as large as its landmarks say."""
    old, new = before.landmarks, face.landmarks
    scale = float(np.ptp(new, axis=0).mean() / max(float(np.ptp(old, axis=0).mean()), 1e-3))
    middle, there = old.mean(0), new.mean(0)
    box = (before.box.reshape(2, 2) - middle) * scale + there
    return replace(face, box=np.asarray(box.reshape(4), np.float32))


def _is_same(one: Face, other: Face) -> bool:
    near = float(np.linalg.norm(one.landmarks - other.landmarks, axis=1).mean())
    return float(overlap(one.box, other.box)[0, 0]) > SAME or near < 0.5 * interocular(other.landmarks)
