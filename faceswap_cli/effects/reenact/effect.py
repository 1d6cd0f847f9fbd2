"""One photo's face onto a target, from the photo's own pixels: no network draws anything."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from faceswap_cli.effects.base import ConvertProgress, EffectInput, EffectStream, PreparedEffect
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.effects.reenact.motion import (
    DrawnPerson,
    follow_track,
    measure_rest,
    require_dense,
)
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.refine import Refiner, refiner_key
from faceswap_cli.effects.reenact.source import SourcePhoto
from faceswap_cli.effects.reenact.stages import ReenactStages
from faceswap_cli.effects.reenact.stream import ReenactStream
from faceswap_cli.faces.parsing.face_parser import FaceParser


@dataclass(frozen=True)
class ReenactEffect:
    """See `base.FaceEffect`.

    Attributes:
        people: who is drawn, by the place in the plan's targets.
        options: how.
        parser: of faces.
    """

    people: Sequence[DrawnPerson]
    options: ReenactOptions = field(default_factory=ReenactOptions)
    parser: FaceParser = field(default_factory=FaceParser)

    @property
    def outcome(self) -> str:
        """See FaceEffect."""
        return "replaced"

    def check(self) -> None:
        """See FaceEffect."""
        self.options.check()

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        photos = [[[_digest(photo) for photo in one.photos], one.weights] for one in self.people]
        refiner = refiner_key() if self.options.refine == "on" else ""
        return ["reenact", photos, self.parser.mark, refiner, asdict(self.options)]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[ReenactStages]]:
        """See FaceEffect: how each face is at rest, and which photo is nearest, come from its points."""
        dense = require_dense(clip.tracks.dense, f"the faces of {clip.source.name}")
        motions = {}
        for track, target in clip.targets.items():
            places = clip.tracks.of_track(track)
            motions[track] = follow_track(clip.tracks.frames[places], dense[places], self.people[target])
        skins = yield from measure_rest(clip, motions, self.parser)
        motions = {track: replace(motion, skin=skins.get(track)) for track, motion in motions.items()}
        refiner = Refiner(self.parser.device) if self.options.refine == "on" else None
        stages = ReenactStages(self.people, motions, self.options, self.parser, refiner)
        return PreparedEffect(stages, clip.targets)

    def open_stream(self) -> EffectStream:
        """See `base.StreamingEffect`."""
        return ReenactStream(self.people, self.options, self.parser)

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect: photos that can't be drawn well are told of when they are read."""
        yield from ()


def _digest(photo: SourcePhoto) -> str:
    whole = hashlib.sha256(np.ascontiguousarray(photo.levels[0]).tobytes())
    whole.update(np.ascontiguousarray(photo.points).tobytes())
    return whole.hexdigest()
