"""A photo that moves as somebody before a camera does: how their face rests is learnt from the first second.

The pose that they hold in that second is the photo's from then on; what is seen of their shut eyes and lips
is found again and again from the last moments, for nobody blinks on demand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.base import Effort
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import Points, face_layout, select_points
from faceswap_cli.effects.reenact.motion import require_dense
from faceswap_cli.effects.reenact.shape import find_rest
from faceswap_cli.faces.landmarks.pose import rotation_angles
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.portrait.animate.driven_faces import AnimatedFace, DrivenFace
from faceswap_cli.portrait.animate.motion import (
    MOST_PARTED,
    DriverMotion,
    mean_rotation,
    parted_level,
    shut_level,
)
from faceswap_cli.portrait.animate.mouth import skin_tone
from faceswap_cli.portrait.animate.options import AnimateOptions
from faceswap_cli.portrait.animate.render import draw_frame
from faceswap_cli.portrait.animate.shape import match_photo

CALIBRATION, LEAST_FRAMES = 1.0, 8
"""Seconds, and frames, of a face that are looked at before the photo follows it."""

MOST, AGAIN = 200, 2.0
"""Frames that are kept of a face; seconds after which its shut eyes and lips are found anew from those."""


@dataclass(frozen=True)
class _Rest:
    """How a face is held and rests.

    Attributes:
        rotation: (3, 3) from head to camera.
        place: (2,) of the head, in widths of the frame: its picture may be made smaller on the way.
        scale: widths of the frame for a face unit.
        driven: the photo against it; its motion has the levels, and no frame.
    """

    rotation: NDArray[np.float64]
    place: NDArray[np.float64]
    scale: float
    driven: DrivenFace


@dataclass
class _Learnt:
    first: float
    heads: deque[Points] = field(default_factory=lambda: deque(maxlen=MOST))
    poses: list[tuple[HeadPose, int]] = field(default_factory=list)
    tones: list[NDArray[np.float64]] = field(default_factory=list)
    rest: _Rest | None = None
    measured: float = 0.0


class PuppetStream:
    """See `base.EffectStream`: the photo is what is shown, and nothing of the camera's picture but the
    inside of an open mouth.

    Args:
        image: (H, W, 3) uint8 the photo.
        face: of it, that moves.
        options: how; their `strength` is the stream's.
    """

    def __init__(self, image: Image, face: AnimatedFace, options: AnimateOptions) -> None:
        self.still: Image | None = image
        self._image, self._face, self._options = image, face, options
        self._learnt: dict[int, _Learnt] = {}
        self._follows: int | None = None
        self._notes: list[str] = []

    @property
    def strength(self) -> float | None:
        """See EffectStream."""
        return self._options.strength

    @strength.setter
    def strength(self, value: float | None) -> None:
        assert value is not None
        self._options = replace(self._options, strength=value)

    def learn(self, frame: Frame, faces: Sequence[PlannedFace]) -> None:
        """See EffectStream."""
        if not faces:
            return
        face, layout = self._followed(faces), face_layout()
        points = select_points(require_dense(face.dense, "a face"))
        known = self._learnt.setdefault(face.track, _Learnt(frame.time))
        pose = fit_head(points, layout)
        known.heads.append(pose.lift(points))
        if known.rest is None:
            known.poses.append((pose, frame.image.shape[1]))
            known.tones.append(skin_tone(frame.image, points[:, :2]))
            if frame.time - known.first >= CALIBRATION and len(known.poses) >= LEAST_FRAMES:
                known.rest, known.measured = self._find_rest(known), frame.time
        elif frame.time - known.measured >= AGAIN:
            before = known.rest.driven
            driven = self._match(known, before.motion.rest, before.gain)
            known.rest, known.measured = replace(known.rest, driven=driven), frame.time

    def ready(self, track: int) -> bool:
        """See EffectStream: nobody waits for those whom the photo does not follow."""
        if track != self._follows:
            return True
        return track in self._learnt and self._learnt[track].rest is not None

    def covers(self, face: PlannedFace) -> bool:
        """See EffectStream: all of the camera's picture is covered."""
        return True

    def render(self, frame: Frame, faces: Sequence[PlannedFace], effort: Effort) -> Frame:
        """See EffectStream."""
        face, layout = self._followed(faces), face_layout()
        rest = self._learnt[face.track].rest
        assert rest is not None
        points = select_points(require_dense(face.dense, "a face"))
        pose = fit_head(points, layout)
        width = frame.image.shape[1]
        motion = replace(
            rest.driven.motion,
            heads=pose.lift(points)[None].astype(np.float32),
            angles=np.array([rotation_angles(pose.rotation @ rest.rotation.T)]),
            shift=((pose.shift[:2] / width - rest.place) / rest.scale)[None],
            size=np.array([pose.scale / width / rest.scale]),
            seen=np.ones(1, np.bool_),
            points=points[None, :, :2].astype(np.float32),
        )
        driven = replace(rest.driven, motion=motion)
        canvas = self._image.copy()
        interior = driven.interior(replace(frame, index=0))
        draw_frame(self._face.portrait, driven.photo, motion, 0, self._options, layout, interior, canvas)
        return replace(frame, image=canvas, picture=None, fine=None)

    def forget(self, track: int) -> None:
        """See EffectStream."""
        self._learnt.pop(track, None)
        if track == self._follows:
            self._follows = None

    def take_notes(self) -> list[str]:
        """See EffectStream."""
        notes, self._notes = self._notes, []
        return notes

    def _followed(self, faces: Sequence[PlannedFace]) -> PlannedFace:
        """The face that the photo follows: the same as before, else the largest."""
        for face in faces:
            if face.track == self._follows:
                return face
        largest = max(faces, key=lambda face: float(np.ptp(face.landmarks[:, 1])))
        self._follows = largest.track
        return largest

    def _find_rest(self, known: _Learnt) -> _Rest:
        """How a face is held and rests, by what is known of it so far."""
        face = find_rest(np.array(known.heads), face_layout())
        rotation = mean_rotation(np.array([pose.rotation for pose, _ in known.poses]))
        place = np.median([pose.shift[:2] / width for pose, width in known.poses], axis=0)
        scale = float(np.median([pose.scale / width for pose, width in known.poses]))
        own = skin_tone(self._image, self._face.portrait.points[:, :2])
        gain = own / np.maximum(np.median(known.tones, axis=0), 1.0)
        self._notes.append("the photo follows from here on: as you hold your head now, so does the photo")
        return _Rest(rotation, np.asarray(place), scale, self._match(known, face, gain))

    def _match(self, known: _Learnt, face: Points, gain: NDArray[np.float64]) -> DrivenFace:
        """The photo against a face at rest (N, 3), by what is seen of its shut eyes and lips so far."""
        heads, layout = np.array(known.heads), face_layout()
        parted = np.clip(parted_level(heads, layout), 0, MOST_PARTED)
        none = np.empty((0, 3))
        motion = DriverMotion(
            face, shut_level(heads, face, layout), parted, none[None].astype(np.float32), none, none[:, :2],
            none[:, 0], np.empty(0, np.bool_), none[None, :, :2].astype(np.float32),
        )  # fmt: skip
        return DrivenFace(self._face, motion, match_photo(self._face.portrait.head, motion, layout), gain)
