"""Ageing as a treatment of the convert pipeline: each person's age is found once, then the faces are changed.

An age is estimated from the best faces of all of a person's tracks, never from a frame: else the change would
flicker with the estimates, and jump from one shot to the next.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from faceswap_cli.effects.age.age_request import AgeChange, AgeRequest
from faceswap_cli.effects.age.render import AgeStages, FaceAger, frontal_share, source_and_target
from faceswap_cli.effects.base import ConvertProgress, EffectInput, EffectStages
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.faces.age.estimator import WEIGHTS, AgeEstimate, AgeEstimator
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.best_faces import best_frames, measure_clarity
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder, identity_distance
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.journal import fingerprint
from faceswap_cli.zoo import card

MOST_TOLD = 4
"""People whose ages are told one by one."""


@dataclass(frozen=True)
class TrackAge:
    """What a few of a track's faces say.

    Attributes:
        track: its number.
        embedding: (128,) who it is.
        clarity: of the clearest look.
        said: how old, on average.
    """

    track: int
    embedding: Sequence[float]
    clarity: float
    said: AgeEstimate


@dataclass(frozen=True)
class AgedPerson:
    """Tracks of one person.

    Attributes:
        tracks: their numbers.
        said: how old, on average over the tracks.
    """

    tracks: tuple[int, ...]
    said: AgeEstimate


@dataclass(frozen=True)
class AgeEffect:
    """See `base.FaceEffect`.

    Attributes:
        brush: changes faces.
        wish: how old they shall become.
        estimator: says how old they are.
        options: how.
    """

    brush: FaceAger
    wish: AgeRequest
    estimator: AgeEstimator
    options: EffectOptions = field(default_factory=EffectOptions)

    def check(self) -> None:
        """See FaceEffect."""
        self.options.check()

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        ager, options = self.brush.ager, asdict(self.options)
        return [self.brush.mark, ager.size, ager.side, asdict(self.wish), _eyes(), options]

    def stages(
        self, effect_input: EffectInput
    ) -> Generator[ConvertProgress, None, tuple[EffectStages, Mapping[int, int]]]:
        """See FaceEffect."""
        chosen = effect_input
        seen = yield from self._looks(chosen)
        persons = group_tracks([one for one in seen if one.track in chosen.roles], frames_of(chosen.found))
        ages = {person: self.wish.ages(person.said) for person in persons}
        for line in describe_ages(
            [(_named(chosen.found, one), ages[one]) for one in _by_length(chosen.found, ages)]
        ):
            yield ConvertProgress("faces", 0, None, note=line)
        ends = {track: source_and_target(age) for person, age in ages.items() for track in person.tracks}
        return AgeStages(self.brush, ends, self.options), {t: chosen.roles[t] for t in ends}

    def notes(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect."""
        turned = sum(frontal_share(landmarks) < 0.5 for landmarks in plan.landmarks)
        if turned:
            yield f"{turned} of {len(plan.frames)} faces are turned too far: they stay as they are"

    def _looks(self, chosen: EffectInput) -> Generator[ConvertProgress, None, list[TrackAge]]:
        """What is known of the tracks, or is found by looking at them."""
        journal = chosen.open_journal("ages", fingerprint(chosen.cache_key, _eyes()))
        if (known := next(journal.read(), None)) is not None:
            return [TrackAge(**{**one, "said": AgeEstimate(**one["said"])}) for one in known["looks"]]
        yield ConvertProgress("faces", 0, None, note="looking how old the faces are")
        looking = measure_tracks(chosen, self.estimator)
        try:
            while True:
                yield ConvertProgress("faces", next(looking) + 1, len(chosen.found.times))
        except StopIteration as stop:
            seen: list[TrackAge] = stop.value
        journal.append([{"looks": [asdict(one) for one in seen]}])
        return seen


def _eyes() -> str:
    """What estimates depend on."""
    return str(card(WEIGHTS).facts["sha256"])


def measure_tracks(chosen: EffectInput, estimator: AgeEstimator) -> Generator[int, None, list[TrackAge]]:
    """Look at the best faces of each track.

    Yields:
        The numbers of the frames that are looked at.

    Returns:
        What is seen, one a track.
    """
    found, encoder = chosen.found, IdentityEncoder()
    seen: dict[int, list[tuple[AgeEstimate, FloatArray, float]]] = {}
    for frame, places in best_frames(chosen.info, chosen.timeline, found):
        points = [found.landmarks[place] for place in places]
        said, embeddings = estimator.estimate(frame.image, points), encoder.embed(frame.image, points)
        for place, one, embedding in zip(places, said, embeddings, strict=True):
            known = (one, embedding, measure_clarity(frame, found, place))
            seen.setdefault(int(found.tracks[place]), []).append(known)
        yield frame.index
    return [summarise_track(track, of_track) for track, of_track in sorted(seen.items())]


def summarise_track(track: int, seen: Sequence[tuple[AgeEstimate, FloatArray, float]]) -> TrackAge:
    """What single looks, each with how clear it is, say of a track."""
    clarities = [clarity for _, _, clarity in seen]
    embedding = track_embedding.combine_embeddings(np.stack([one for _, one, _ in seen]), clarities)
    said = average_estimates([one for one, _, _ in seen], clarities)
    return TrackAge(track, embedding.tolist(), max(clarities), said)


def average_estimates(said: Sequence[AgeEstimate], clarities: Sequence[float]) -> AgeEstimate:
    """Several estimates of one person as one; clear faces count more."""
    weights = np.square(np.asarray(clarities, np.float64))
    rows = np.array([(one.age, one.spread, one.female, one.minor) for one in said])
    return AgeEstimate(*(weights @ rows / weights.sum()).tolist())


def frames_of(found: FaceTracks) -> dict[int, set[int]]:
    """The numbers of the frames that show each track."""
    return {track: set(found.frames[found.of_track(track)].tolist()) for track in found.track_numbers()}


def group_tracks(seen: Sequence[TrackAge], frames: Mapping[int, set[int]]) -> list[AgedPerson]:
    """Whose tracks they are: each track goes to the nearest person of longer ones, if that is near enough.

    Tracks that are seen in one frame are two people.

    Args:
        seen: the tracks.
        frames: which show each of them.
    """
    groups: list[list[TrackAge]] = []
    for one in sorted(seen, key=lambda track: (-len(frames[track.track]), track.track)):
        limit = track_embedding.allowed_distance(one.clarity, THRESHOLD)
        near = [
            (_apart(group[0], one), place)
            for place, group in enumerate(groups)
            if all(frames[one.track].isdisjoint(frames[other.track]) for other in group)
        ]
        apart, place = min(near, default=(np.inf, -1))
        if apart <= limit:
            groups[place].append(one)
        else:
            groups.append([one])
    return [_person(group) for group in groups]


def _apart(one: TrackAge, other: TrackAge) -> float:
    first, second = (np.asarray(seen.embedding, np.float32) for seen in (one, other))
    return float(identity_distance(first, second))


def _person(group: Sequence[TrackAge]) -> AgedPerson:
    tracks = tuple(sorted(one.track for one in group))
    return AgedPerson(tracks, average_estimates([one.said for one in group], [one.clarity for one in group]))


def describe_ages(ages: Sequence[tuple[str, AgeChange]]) -> Iterator[str]:
    """What the user should know of people's ages: each in words, the most important first."""
    for name, age in ages[:MOST_TOLD]:
        yield f"{name} {age.spoken()}"
    if len(ages) > MOST_TOLD:
        yield f"{len(ages) - MOST_TOLD} more people are aged"


def _by_length(found: FaceTracks, persons: Iterable[AgedPerson]) -> list[AgedPerson]:
    """People, those first who are in most frames."""
    return sorted(persons, key=lambda person: -sum(len(found.of_track(t)) for t in person.tracks))


def _named(found: FaceTracks, person: AgedPerson) -> str:
    """A person in words, by when they come."""
    first = min(float(found.times[found.frames[found.of_track(track)[0]]]) for track in person.tracks)
    many = f" ({len(person.tracks)} tracks)" if len(person.tracks) > 1 else ""
    return f"the face that comes at {first:.1f} s{many}"
