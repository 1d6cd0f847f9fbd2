"""Whose faces are before the camera: those that are to be changed, and those that were here before.

A track is judged by the mean of its first clear looks, as a clip's are by its best. Somebody who comes back
after the track was given up goes on under the old number, so that nothing has to be learnt again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder, identity_distance
from faceswap_cli.faces.identity.people import rank_people
from faceswap_cli.faces.safety.guard import clarity_of_face
from faceswap_cli.media.frame import Image
from faceswap_cli.pipeline.assignment import SwapPlan

LOOKS = 3
"""Looks at a track that are averaged."""

CLEAR = 0.15
"""Faces less clear than this (see `track_embedding.face_clarity`) are not looked at..."""

TRIES = 12
"""...unless so many came in a row."""

MOST = 8
"""People that are remembered after they left."""

LEFT_ALONE = -1
"""In place of a target: somebody who stays as they are."""


@dataclass
class _Known:
    number: int
    embeddings: list[FloatArray] = field(default_factory=list)
    clarities: list[float] = field(default_factory=list)
    unclear: int = 0
    target: int | None = None

    @property
    def mean(self) -> FloatArray:
        return track_embedding.combine_embeddings(np.stack(self.embeddings), self.clarities)


class PeopleAtCamera:
    """Decides who is changed.

    Args:
        plan: whose faces are changed.
        encoder: describes faces.
    """

    def __init__(self, plan: SwapPlan, encoder: IdentityEncoder) -> None:
        self._plan, self._encoder = plan, encoder
        self._known: dict[int, _Known] = {}
        self._left: list[_Known] = []

    def look(self, image: Image, face: Face) -> None:
        """Look at a held face, if it is not known yet whose it is."""
        known = self._known.setdefault(face.track, _Known(face.track))
        if known.target is not None:
            return
        clarity = clarity_of_face(face)
        if clarity < CLEAR and known.unclear < TRIES:
            known.unclear += 1
            return
        [embedding] = self._encoder.embed(image, [face.landmarks])
        if not known.embeddings:
            self._recognise(known, np.asarray(embedding, np.float32))
        known.embeddings.append(np.asarray(embedding, np.float32))
        known.clarities.append(clarity)
        if not self._plan.asks_who or len(known.embeddings) >= LOOKS:
            known.target = self._decided(known)

    def target(self, track: int) -> int | None:
        """Which of the plan's targets a track is, LEFT_ALONE, or None while that is not known."""
        known = self._known.get(track)
        return None if known is None else known.target

    def number(self, track: int) -> int:
        """The number under which a track goes on: its own, or an older one of the same person."""
        known = self._known.get(track)
        return track if known is None else known.number

    @property
    def numbers(self) -> list[int]:
        """Of all who are here."""
        return [one.number for one in self._known.values()]

    def leave(self, tracks: Sequence[int]) -> list[int]:
        """These tracks do not come back; gives the numbers of people who are forgotten for them."""
        for track in tracks:
            if (known := self._known.pop(track, None)) is not None and known.embeddings:
                self._left = [one for one in self._left if one.number != known.number] + [known]
        forgotten, self._left = self._left[:-MOST], self._left[-MOST:]
        return [one.number for one in forgotten]

    def _recognise(self, known: _Known, embedding: FloatArray) -> None:
        """Go on with somebody who left, if it is the same person."""
        here = {one.number for one in self._known.values() if one is not known}
        free = [one for one in self._left if one.number not in here]
        near = [(float(identity_distance(one.mean, embedding)), place) for place, one in enumerate(free)]
        apart, place = min(near, default=(np.inf, -1))
        if apart <= THRESHOLD:
            known.number = free[place].number

    def _decided(self, known: _Known) -> int:
        plan = self._plan
        if not plan.asks_who:
            return 0
        mean = known.mean
        limit = track_embedding.allowed_distance(max(known.clarities), plan.threshold)
        wanted, unwanted = ([one.distance(mean) for one in people] for people in (plan.wanted, plan.unwanted))
        named = [place for place, one in enumerate(plan.targets) if one.person is not None]
        if fits := rank_people(wanted, unwanted, limit):
            return named[fits[0]]
        others = [place for place, one in enumerate(plan.targets) if one.person is None]
        if others and min(unwanted, default=np.inf) > limit:
            return others[0]
        return LEFT_ALONE
