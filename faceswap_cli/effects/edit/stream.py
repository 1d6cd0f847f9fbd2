"""Editing before a camera: features are read in the first moments, and the change then stays the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from faceswap_cli.effects.edit.plan import (
    FaceEdit,
    FaceReading,
    combine_readings,
    plan_edit,
    read_face,
    require_points,
)
from faceswap_cli.effects.edit.render import EditStages
from faceswap_cli.effects.edit.request import EditRequest
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.effects.streaming import RefreshedParser, StageStream
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Frame

LOOKS, EVERY = 5, 0.15
"""Readings of a face that are combined, and seconds between them."""


@dataclass
class _Looks:
    last: float = -1e9
    readings: list[FaceReading] = field(default_factory=list)


class EditStream(StageStream[EditStages]):
    """See `base.EffectStream`; its strength is the request's.

    Args:
        request: what is changed.
        parser: of faces.
        options: how.
    """

    def __init__(self, request: EditRequest, parser: FaceParser, options: EffectOptions) -> None:
        refreshed = RefreshedParser(parser)
        self._edits: dict[int, FaceEdit] = {}
        super().__init__(EditStages(refreshed, self._edits, options, request.strength), refreshed)
        self._request, self._looking = request, parser
        self._looks: dict[int, _Looks] = {}

    @property
    def strength(self) -> float | None:  # type: ignore[override]
        """See EffectStream."""
        return self._request.strength

    @strength.setter
    def strength(self, value: float | None) -> None:
        assert value is not None
        self._request = replace(self._request, strength=value)
        self.stages = replace(self.stages, strength=value)
        for track in self._edits:
            self._edits[track] = self._plan(track)

    def learn(self, frame: Frame, faces: Sequence[PlannedFace]) -> None:
        """See EffectStream."""
        for face in faces:
            looks = self._looks.setdefault(face.track, _Looks())
            if face.track in self._edits or frame.time - looks.last < EVERY:
                continue
            require_points(face.dense, self._request.wanted)
            looks.readings.append(read_face(self._looking, frame.image, face, self._request.wanted))
            looks.last = frame.time
            if len(looks.readings) >= LOOKS:
                self._edits[face.track] = edit = self._plan(face.track)
                self.notes.append(f"face {face.track + 1}: {', '.join([*edit.lines, *edit.missing])}")

    def ready(self, track: int) -> bool:
        """See EffectStream."""
        return track in self._edits

    def forget(self, track: int) -> None:
        """See EffectStream."""
        self._looks.pop(track, None)
        self._edits.pop(track, None)

    def _plan(self, track: int) -> FaceEdit:
        reading = combine_readings(self._looks[track].readings)
        return plan_edit(reading, self._request.wanted, self._request.strength)
