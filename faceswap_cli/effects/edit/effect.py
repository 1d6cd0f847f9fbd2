"""Editing as an effect: a person's features are read once, then the faces are changed.

They are read from the best faces of a track, never from each frame: what is done to a face is the same in
all of them, so that it goes on moving as it did.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from faceswap_cli.effects.base import ConvertProgress, EffectInput, EffectStream, PreparedEffect
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
from faceswap_cli.effects.edit.stream import EditStream
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.faces.identity.best_faces import best_faces_by_frame
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.zoo import card

MOST_TOLD = 4
"""People of a video whose features are told one by one."""

VERSION = 3
"""Goes up when the same request gives other pictures: unfinished work is then begun anew."""


@dataclass(frozen=True)
class EditEffect:
    """See `base.FaceEffect`.

    Attributes:
        request: what is changed.
        parser: says where parts of faces are.
        options: how.
        also: features that are read, and not changed: a sheet's.
    """

    request: EditRequest
    parser: FaceParser
    options: EffectOptions = field(default_factory=EffectOptions)
    also: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """See FaceEffect."""
        return "edited"

    def check(self) -> None:
        """See FaceEffect."""
        self.options.check()
        if not self.also:
            self.request.check()

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        head = str(card("head").facts["sha256"])
        return [
            VERSION,
            self.parser.mark,
            head,
            self.request.wanted,
            self.request.strength,
            asdict(self.options),
        ]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[EditStages]]:
        """See FaceEffect."""
        wanted = self.request.wanted
        require_points(clip.tracks.dense, [*wanted, *self.also])
        readings = yield from self._read(clip)
        edits = {
            track: plan_edit(reading, wanted, self.request.strength) for track, reading in readings.items()
        }
        left = {
            track: "; ".join(edit.missing) for track, edit in edits.items() if edit.missing and not edit.lines
        }
        kept = {track: edit for track, edit in edits.items() if track not in left}
        lines = _describe(clip, kept)
        return PreparedEffect(
            EditStages(self.parser, kept, self.options, self.request.strength, clip.is_photo, readings),
            {track: clip.targets[track] for track in kept},
            left,
            lines,
            {"changes": list(self.request.set)},
        )

    def open_stream(self) -> EffectStream:
        """See `base.StreamingEffect`."""
        return EditStream(self.request, self.parser, self.options)

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect: what can't be done is told with what is read."""
        yield from ()

    def _read(self, clip: EffectInput) -> Generator[ConvertProgress, None, dict[int, FaceReading]]:
        """What the features of each chosen track are."""
        faces, wanted = clip.tracks, {**dict.fromkeys(self.also, 0.0), **self.request.wanted}
        found: dict[int, list[FaceReading]] = {}
        best = {
            number: [place for place in places if int(faces.tracks[place]) in clip.targets]
            for number, places in best_faces_by_frame(faces).items()
        }
        for frame, places in clip.read_faces({number: some for number, some in best.items() if some}):
            for place in places:
                track = int(faces.tracks[place])
                dense = None if faces.dense is None else faces.dense[place]
                expression = None if faces.expression is None else faces.expression[place]
                face = PlannedFace(track, faces.landmarks[place], 0, dense, expression)
                found.setdefault(track, []).append(read_face(self.parser, frame.image, face, wanted))
            if not clip.is_photo:
                yield ConvertProgress("faces", frame.index + 1, len(faces.times))
        return {track: combine_readings(some) for track, some in sorted(found.items())}


def _describe(clip: EffectInput, edits: dict[int, FaceEdit]) -> list[str]:
    """What is read of people and what becomes of it, those first who are seen longest."""
    tracks = sorted(edits, key=lambda track: (-len(clip.tracks.of_track(track)), track))
    told = tracks if clip.is_photo else tracks[:MOST_TOLD]
    lines = [
        f"{clip.describe([track])}: {', '.join([*edits[track].lines, *edits[track].missing])}"
        for track in told
    ]
    return lines + ([f"{len(tracks) - len(told)} more faces are edited"] if len(tracks) > len(told) else [])
