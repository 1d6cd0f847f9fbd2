"""Ageing as an effect: each person's age is found once, then the faces are changed.

An age is estimated from the best faces of all of a person's tracks, never from a frame: else the change would
flicker with the estimates, and jump from one shot to the next.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from faceswap_cli.effects.ageing.estimates import average_estimates, describe_ages
from faceswap_cli.effects.ageing.render import AgeStages, FaceAger, frontal_share
from faceswap_cli.effects.ageing.request import AgeRequest
from faceswap_cli.effects.ageing.stream import AgeStream
from faceswap_cli.effects.base import ConvertProgress, EffectInput, EffectStream, PreparedEffect
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.faces.age.estimator import WEIGHTS, AgeEstimate, AgeEstimator
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.best_faces import best_faces_by_frame, measure_clarity
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder, identity_distance
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.journal import fingerprint
from faceswap_cli.zoo import card

MOST_TOLD = 4
"""People of a video whose ages are told one by one."""

TURNED = 50.0
"""Yaw in degrees from which a face of a photo is left alone: nobody knows how a profile ages."""


@dataclass(frozen=True)
class TrackAge:
    """What a few of a track's faces say.

    Attributes:
        track: its number.
        embedding: (128,) who it is.
        clarity: of the clearest face.
        estimate: how old, on average.
    """

    track: int
    embedding: Sequence[float]
    clarity: float
    estimate: AgeEstimate


@dataclass(frozen=True)
class AgedPerson:
    """Tracks of one person.

    Attributes:
        tracks: their numbers.
        estimate: how old, on average over the tracks.
    """

    tracks: tuple[int, ...]
    estimate: AgeEstimate


@dataclass(frozen=True)
class AgeEffect:
    """See `base.FaceEffect`.

    Attributes:
        ager: changes faces.
        request: how old they shall become.
        estimator: says how old they are.
        options: how.
    """

    ager: FaceAger
    request: AgeRequest
    estimator: AgeEstimator
    options: EffectOptions = field(default_factory=EffectOptions)

    @property
    def outcome(self) -> str:
        """See FaceEffect."""
        return "aged"

    def check(self) -> None:
        """See FaceEffect."""
        self.options.check()
        self.request.check()

    @property
    def cache_key(self) -> list[Any]:
        """See FaceEffect."""
        ager, options = self.ager.ager, asdict(self.options)
        weights = estimator_key()
        return [self.ager.cache_key, ager.size, ager.side, asdict(self.request), weights, options]

    def prepare(self, clip: EffectInput) -> Generator[ConvertProgress, None, PreparedEffect[AgeStages]]:
        """See FaceEffect."""
        turned = _find_turned(clip) if clip.is_photo else {}
        chosen = {track: target for track, target in clip.targets.items() if track not in turned}
        measured = yield from self._measure(clip)
        persons = group_tracks([one for one in measured if one.track in chosen], frames_of(clip.tracks))
        changes = {person: self.request.ages(person.estimate) for person in persons}
        ages = {track: age for person, age in changes.items() for track in person.tracks}
        in_words = [(clip.describe(one.tracks), changes[one]) for one in _sort(clip, persons)]
        return PreparedEffect(
            AgeStages(self.ager, ages, self.options, clip.is_photo),
            {track: chosen[track] for track in ages},
            turned,
            describe_ages(in_words, len(in_words) if clip.is_photo else MOST_TOLD),
            {"ages": [ages[track].target for track in sorted(ages)]},
        )

    def open_stream(self) -> EffectStream:
        """See `base.StreamingEffect`."""
        return AgeStream(self.ager, self.request, self.estimator, self.options)

    def warn(self, plan: FacePlan) -> Iterator[str]:
        """See FaceEffect."""
        turned = sum(frontal_share(landmarks) < 0.5 for landmarks in plan.landmarks)
        if turned:
            yield f"{turned} of {len(plan.frames)} faces are turned too far: they stay as they are"

    def _measure(self, clip: EffectInput) -> Generator[ConvertProgress, None, list[TrackAge]]:
        """What is known of the tracks, or is found by looking at them."""
        key = fingerprint(clip.cache_key, estimator_key(), TrackAge.__match_args__)
        if (known := clip.recall("ages", key)) is not None:
            return [
                TrackAge(**{**one, "estimate": AgeEstimate(**one["estimate"])}) for one in known["tracks"]
            ]
        yield ConvertProgress("faces", 0, None, note="looking how old the faces are")
        measured = yield from measure_tracks(clip, self.estimator)
        clip.keep("ages", key, {"tracks": [asdict(one) for one in measured]})
        return measured


def estimator_key() -> str:
    """What estimates of ages depend on."""
    return str(card(WEIGHTS).facts["sha256"])


def _find_turned(clip: EffectInput) -> dict[int, str]:
    """The faces of a photo that are turned too far, and by how much."""
    faces = clip.tracks
    points = {track: faces.landmarks[faces.of_track(track)[0]] for track in clip.targets}
    yaws = {track: abs(estimate_pose(landmarks)[0]) for track, landmarks in points.items()}
    return {
        track: f"it is turned by {yaw:.0f} degrees, and only up to {TURNED:.0f} were learnt"
        for track, yaw in yaws.items()
        if yaw > TURNED
    }


def measure_tracks(
    clip: EffectInput, estimator: AgeEstimator
) -> Generator[ConvertProgress, None, list[TrackAge]]:
    """Look at the best faces of each track.

    Returns:
        What they say, one a track.
    """
    faces, encoder = clip.tracks, IdentityEncoder()
    measured: dict[int, list[tuple[AgeEstimate, FloatArray, float]]] = {}
    for frame, places in clip.read_faces(best_faces_by_frame(faces)):
        points = [faces.landmarks[place] for place in places]
        estimates = estimator.estimate(frame.image, points)
        # In one picture everybody is somebody else: nobody must be recognised.
        embeddings = np.zeros((len(points), 0)) if clip.is_photo else encoder.embed(frame.image, points)
        for place, estimate, embedding in zip(places, estimates, embeddings, strict=True):
            one = (estimate, embedding, measure_clarity(frame, faces, place))
            measured.setdefault(int(faces.tracks[place]), []).append(one)
        yield ConvertProgress("faces", frame.index + 1, len(faces.times))
    return [summarise_track(track, of_track) for track, of_track in sorted(measured.items())]


def summarise_track(track: int, measured: Sequence[tuple[AgeEstimate, FloatArray, float]]) -> TrackAge:
    """What single faces, each with its clarity, say of a track."""
    clarities = [clarity for _, _, clarity in measured]
    embedding = track_embedding.combine_embeddings(np.stack([one for _, one, _ in measured]), clarities)
    estimate = average_estimates([one for one, _, _ in measured], clarities)
    return TrackAge(track, embedding.tolist(), max(clarities), estimate)


def frames_of(faces: FaceTracks) -> dict[int, set[int]]:
    """The numbers of the frames that show each track."""
    return {track: set(faces.frames[faces.of_track(track)].tolist()) for track in faces.track_numbers()}


def group_tracks(tracks: Sequence[TrackAge], frames: Mapping[int, set[int]]) -> list[AgedPerson]:
    """Whose tracks they are: each track goes to the nearest person of longer ones, if that is near enough.

    Tracks that are seen in one frame are two people.

    Args:
        tracks: what is known of each.
        frames: which show each of them.
    """
    groups: list[list[TrackAge]] = []
    for one in sorted(tracks, key=lambda track: (-len(frames[track.track]), track.track)):
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
    first, second = (np.asarray(each.embedding, np.float32) for each in (one, other))
    return float(identity_distance(first, second))


def _person(group: Sequence[TrackAge]) -> AgedPerson:
    tracks = tuple(sorted(one.track for one in group))
    clarities = [one.clarity for one in group]
    return AgedPerson(tracks, average_estimates([one.estimate for one in group], clarities))


def _sort(clip: EffectInput, persons: Iterable[AgedPerson]) -> list[AgedPerson]:
    """People, those first who are in most frames; of a photo from left to right."""
    faces = clip.tracks
    return sorted(
        persons, key=lambda one: (-sum(len(faces.of_track(t)) for t in one.tracks), min(one.tracks))
    )
