"""What ageing a video would look like, for `preview` and `trial`: who is how old, seen in a few moments.

Like the ageing itself it finds each person's age once, from all that is seen of them: here from the middle
frames of the moments alone, so that the age told may be some years off that of the real run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from faceswap_cli.compositing.apply_change import locate_region
from faceswap_cli.effects.age.effect import AgeEffect, TrackAge, describe_ages, group_tracks, summarise_track
from faceswap_cli.effects.age.render import (
    MOST_IN_VIDEO,
    AgeStages,
    average_over_time,
    neighbours_in_time,
    source_and_target,
)
from faceswap_cli.effects.base import EffectStages
from faceswap_cli.faces.identity import best_faces
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.safety.guard import refuse_minor
from faceswap_cli.media.frame import Image
from faceswap_cli.pipeline import preview
from faceswap_cli.pipeline.assignment import SwapPlan
from faceswap_cli.pipeline.preview_clips import PreviewClip

Key = tuple[float, int]
"""A moment's time, and a track's number in it."""


@dataclass(frozen=True)
class AgePreview:
    """A `preview.PreviewRenderer` of ageing.

    Attributes:
        cast: whose faces are aged.
        effect: changes them.
        ends: source and target age of the tracks, once it is known: after `ready`.
        said: what the user should know of the ages; the same.
    """

    cast: SwapPlan
    effect: AgeEffect
    ends: dict[Key, tuple[float, float]] = field(default_factory=dict)
    said: Sequence[str] = ()

    @property
    def done(self) -> str:
        """See PreviewRenderer."""
        return "aged"

    def ready(self, source: Path, moments: Sequence[PreviewClip]) -> AgePreview:
        """See PreviewRenderer.

        Raises:
            Refusal: a face is a child's, as in the real run.
        """
        keys: list[Key] = []
        seen: list[TrackAge] = []
        for moment in moments:
            wanted = [one.track for one in preview.faces_of_clip(moment, self) if one.drawn]
            self._refuse(source, moment, wanted)
            for one in self._looks(moment, wanted):
                seen.append(replace(one, track=len(keys)))
                keys.append((moment.time, one.track))
        # A moment counts as a frame: those who are in it together are two people.
        when = [time for time, _ in keys]
        persons = group_tracks(seen, {track: {when.index(time)} for track, time in enumerate(when)})
        names = {one: f"the face at {min(when[track] for track in one.tracks):.1f} s" for one in persons}
        ages = {one: self.effect.wish.ages(one.said) for one in persons}
        ends = {keys[track]: source_and_target(age) for one, age in ages.items() for track in one.tracks}
        by_number = sorted(persons, key=lambda one: -len(one.tracks))
        return replace(
            self, ends=ends, said=list(describe_ages([(names[one], ages[one]) for one in by_number]))
        )

    def stages(self, moment: PreviewClip) -> EffectStages:
        """See PreviewRenderer."""
        ends = {track: ages for (time, track), ages in self.ends.items() if time == moment.time}
        return AgeStages(self.effect.brush, ends, self.effect.options)

    def mask(self, item: Any, around: Iterable[Any]) -> Image:
        """See PreviewRenderer."""
        image = item.frame.image
        mask = np.zeros(image.shape, np.uint8)
        for face in item.faces:
            steady, head = average_over_time(
                face, item, neighbours_in_time(item, around), self.effect.options.smoothing
            )
            place = locate_region(image, steady.face.landmarks, head, MOST_IN_VIDEO)
            if place is None or face.share == 0:
                continue
            x0, y0, x1, y1 = place.grid.box
            shown = cv2.resize(place.mask, place.grid.box_size, interpolation=cv2.INTER_LINEAR)
            grey = np.rint(255 * face.share * shown).astype(np.uint8)[..., None]
            np.maximum(mask[y0:y1, x0:x1], grey, out=mask[y0:y1, x0:x1])
        return mask

    def _refuse(self, source: Path, moment: PreviewClip, tracks: Sequence[int]) -> None:
        """Refuse children, by the cast's guard."""
        found, frame, guard = moment.found, moment.frames[moment.middle], self.cast.guard
        if found is None or guard is None:
            return
        for place in np.nonzero((found.frames == moment.middle) & np.isin(found.tracks, tracks))[0]:
            crop = guard.crop(frame.image, found.landmarks[place])
            age = guard.young([crop], [best_faces.estimate_clarity(found, int(place))])
            if age is not None:
                raise refuse_minor(source, f"the face at {moment.time:.1f} s", age)

    def _looks(self, moment: PreviewClip, tracks: Sequence[int]) -> list[TrackAge]:
        """What a moment's middle frame says of some of its tracks."""
        found, frame = moment.found, moment.frames[moment.middle]
        if found is None or not tracks:
            return []
        here = np.nonzero((found.frames == moment.middle) & np.isin(found.tracks, tracks))[0]
        points = [found.landmarks[place] for place in here]
        said = self.effect.estimator.estimate(frame.image, points)
        embeddings = IdentityEncoder().embed(frame.image, points)
        return [
            summarise_track(
                int(found.tracks[place]), [(one, looks, best_faces.measure_clarity(frame, found, int(place)))]
            )
            for place, one, looks in zip(here, said, embeddings, strict=True)
        ]
