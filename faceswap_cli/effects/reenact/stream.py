"""A photo's face on somebody before a camera: how their face rests is learnt from the first second, and then
from a running median over the last moments."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from faceswap_cli.effects.base import Effort
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.reenact import folds
from faceswap_cli.effects.reenact.folds import SkinLight
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout, select_points
from faceswap_cli.effects.reenact.motion import (
    CROSS_FADE,
    LEAST_FRAMES,
    DrawnPerson,
    TrackMotion,
    face_points,
    follow_track,
    require_dense,
)
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.refine import Refiner
from faceswap_cli.effects.reenact.source import nearest_source
from faceswap_cli.effects.reenact.stages import ReenactStages, RenderedFrame
from faceswap_cli.effects.streaming import RefreshedParser, StageStream
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame, Image

CALIBRATION = 1.0
"""Seconds of a face that are looked at before it is drawn, and LEAST_FRAMES frames."""

EVERY, MOST, AGAIN = 0.1, 60, 5.0
"""Seconds between looks; looks that are kept; seconds after which rest is found anew from those."""


@dataclass
class _Look:
    """A face at one moment: (222, 3) points, the parser's crop, the skin once it was asked for."""

    frame: int
    dense: FloatArray
    crop: Image
    skin: SkinLight | None = None


@dataclass
class _Learnt:
    """What is known of a track."""

    first: float
    target: int
    looks: deque[_Look] = field(default_factory=lambda: deque(maxlen=MOST))
    last: float = -np.inf
    measured: float = -np.inf
    nearest: deque[int] = field(default_factory=lambda: deque(maxlen=CROSS_FADE))


class ReenactStream(StageStream[ReenactStages]):
    """See `base.EffectStream`.

    Args:
        people: who is drawn, by the target.
        options: how; their `shape` is the stream's strength.
        parser: of faces.
    """

    def __init__(self, people: Sequence[DrawnPerson], options: ReenactOptions, parser: FaceParser) -> None:
        refreshed = RefreshedParser(parser)
        self._motions: dict[int, TrackMotion] = {}
        refiner = Refiner(parser.device) if options.refine == "on" else None
        super().__init__(ReenactStages(people, self._motions, options, refreshed, refiner), refreshed)
        self._looking, self._tracks = parser, dict[int, _Learnt]()
        self._shape = options.shape

    @property
    def strength(self) -> float | None:  # type: ignore[override]
        """See EffectStream."""
        return self._shape

    @strength.setter
    def strength(self, value: float | None) -> None:
        assert value is not None
        self._shape = value
        self._options = replace(self._options, shape=value)  # type: ignore[call-arg]

    def learn(self, frame: Frame, faces: Sequence[PlannedFace]) -> None:
        """See EffectStream."""
        for face in faces:
            known = self._tracks.setdefault(face.track, _Learnt(frame.time, face.target))
            dense = require_dense(face.dense, "a face")
            calibrating = face.track not in self._motions
            if frame.time - known.last >= (0 if calibrating else EVERY):
                crop = self._looking.crop(frame.image, face.landmarks)
                known.looks.append(_Look(frame.index, dense, crop))
                known.last = frame.time
            enough = frame.time - known.first >= CALIBRATION and len(known.looks) >= LEAST_FRAMES
            if enough if calibrating else frame.time - known.measured >= AGAIN:
                self._motions[face.track] = self._measured(known)
                known.measured = frame.time

    def ready(self, track: int) -> bool:
        """See EffectStream."""
        return track in self._motions

    def draw(self, frame: Frame, faces: Sequence[PlannedFace], effort: Effort) -> RenderedFrame:
        """See StageStream."""
        for face in faces:
            person = self.stages.people[face.target]
            if len(person.photos) > 1 and person.weights is None:
                self._choose_photo(frame, face, person)
        found = super().draw(frame, faces, effort)
        assert isinstance(found, RenderedFrame)
        return found

    def forget(self, track: int) -> None:
        """See EffectStream."""
        self._tracks.pop(track, None)
        self._motions.pop(track, None)

    def _measured(self, known: _Learnt) -> TrackMotion:
        """How a face rests, by the looks that are kept of it."""
        frames = np.array([look.frame for look in known.looks], np.int64)
        dense = np.stack([look.dense for look in known.looks])
        motion = follow_track(frames, dense, self.stages.people[known.target])
        calm = [self._skin(look) for look in known.looks if look.frame in motion.calmest]
        return replace(motion, skin=folds.rest_light(calm) if calm else None)

    def _skin(self, look: _Look) -> SkinLight:
        """The skin of a face at one moment; the parser is asked once for each."""
        if look.skin is None:
            landmarks = look.dense[:68, :2]
            free = face_parser.occlusion(self._looking.probabilities([look.crop]))[0]
            matrix = crop_matrix(landmarks, face_parser.SIZE, face_parser.SIDE)
            points = transform(face_points(landmarks, look.dense).points[:, :2], matrix)
            look.skin = folds.flatten_skin(look.crop, points, free, face_layout())
        return look.skin

    def _choose_photo(self, frame: Frame, face: PlannedFace, person: DrawnPerson) -> None:
        """The nearest photo, and those of the last frames, which fade out."""
        layout, taken = face_layout(), self._tracks[face.track].nearest
        points = select_points(require_dense(face.dense, "a face"))
        pose = fit_head(points, layout)
        before = taken[-1] if taken else None
        taken.append(nearest_source(person.photos, pose, pose.lift(points), layout, before))
        shares = np.eye(len(person.photos))[list(taken)].mean(0, keepdims=True)
        self._motions[face.track] = replace(
            self._motions[face.track], frames=np.array([frame.index]), shares=shares
        )
