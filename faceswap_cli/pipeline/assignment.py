"""Who is it? Each track goes to the person of the plan that it is most like; others are left alone.

A track is judged as a whole, by the embedding of its best faces (see `faces.identity.best_faces`): judged
frame by frame, the swap would blink.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.base import ConvertProgress, EffectInput
from faceswap_cli.errors import UserError
from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.best_faces import best_faces_by_frame, measure_clarity
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder
from faceswap_cli.faces.identity.people import Person, rank_people
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.journal import fingerprint
from faceswap_cli.networks.swap.renderer import Renderer
from faceswap_cli.words import plural


@dataclass(frozen=True)
class SwapTarget:
    """Somebody whose face is changed, and who draws the new one.

    Attributes:
        renderer: draws it; None where faces are treated in another way.
        person: whose face is changed; None: everybody's who is no other target.
    """

    renderer: Renderer | None
    person: Person | None = None


@dataclass(frozen=True)
class SwapPlan:
    """Whose faces are changed, and into whose.

    Attributes:
        targets: one at least.
        unwanted: people who stay as they are.
        threshold: identity distance up to which a clear face is taken for a person's.
        guard: refuses what must not be changed; None: nothing is refused.
    """

    targets: Sequence[SwapTarget]
    unwanted: Sequence[Person] = ()
    threshold: float = THRESHOLD
    guard: SafetyGuard | None = None

    @property
    def renderers(self) -> list[Renderer]:
        """Who draws, by the place in the targets."""
        return [target.renderer for target in self.targets if target.renderer is not None]

    @property
    def wanted(self) -> list[Person]:
        """The people to be changed, as far as it matters who they are."""
        return [target.person for target in self.targets if target.person is not None]

    @property
    def asks_who(self) -> bool:
        """Whether anybody must be recognised."""
        return bool(self.wanted or self.unwanted)

    def cache_key(self, faces: str) -> str:
        """What the decision whose faces are changed depends on.

        Args:
            faces: what the found faces depend on.
        """
        if not self.asks_who:
            return fingerprint(faces, None)
        named = [target.person is not None for target in self.targets]
        people = [[_digest(person) for person in people] for people in (self.wanted, self.unwanted)]
        return fingerprint(faces, named, people, self.threshold)


def _digest(person: Person) -> str:
    return hashlib.sha256(np.ascontiguousarray(person.looks, np.float32).tobytes()).hexdigest()


@dataclass(frozen=True)
class TrackMatch:
    """How far a track is from the people of a plan.

    Attributes:
        track: its number.
        faces: how many frames the track has.
        limit: up to which distance it may be a person; more for a track of poor faces.
        wanted: identity distances to the people to be changed.
        unwanted: to those that stay.
    """

    track: int
    faces: int
    limit: float
    wanted: list[float] = field(default_factory=list)
    unwanted: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Assignment:
    """Which target each track is.

    Attributes:
        targets: place in the plan's targets, by track; tracks that are not there are left alone.
        matches: what that was decided by; none where it does not matter who they are.
        left_alone: the tracks of other people, in words; "" if there are none.
        notes: what else the user should know.
    """

    targets: dict[int, int]
    matches: Sequence[TrackMatch] = ()
    left_alone: str = ""
    notes: tuple[str, ...] = ()


def assign_faces(clip: EffectInput, plan: SwapPlan) -> Generator[ConvertProgress, None, Assignment]:
    """Decide which target each track of a clip is, by looking at its best faces once more.

    Args:
        clip: of which the targets are not known yet; what is found is kept in its journal.
        plan: whose faces are changed.
    """
    if not plan.asks_who:
        return Assignment(dict.fromkeys(clip.tracks.track_numbers(), 0))
    key = plan.cache_key(clip.cache_key)
    if (known := clip.recall("who", key)) is not None:
        matches = [TrackMatch(**match) for match in known["verdicts"]]
    else:
        yield ConvertProgress("faces", 0, None, note="looking whose faces they are")
        matches = yield from match_tracks(clip, plan)
        clip.keep("who", key, {"verdicts": [vars(match) for match in matches]})
    return assign_tracks(plan, matches, clip.tracks)


def match_tracks(clip: EffectInput, plan: SwapPlan) -> Generator[ConvertProgress, None, list[TrackMatch]]:
    """Look at the best faces of each track, and measure how far they are from the people of a plan.

    Returns:
        One match a track.
    """
    faces, encoder = clip.tracks, IdentityEncoder()
    embeddings: dict[int, list[NDArray[np.float32]]] = {}
    clarities: dict[int, list[float]] = {}
    for frame, places in clip.read_faces(best_faces_by_frame(faces)):
        embedded = encoder.embed(frame.image, [faces.landmarks[place] for place in places])
        for place, embedding in zip(places, embedded, strict=True):
            embeddings.setdefault(int(faces.tracks[place]), []).append(embedding)
            clarities.setdefault(int(faces.tracks[place]), []).append(measure_clarity(frame, faces, place))
        yield ConvertProgress("faces", frame.index + 1, len(faces.times))
    matches = []
    for track, of_track in sorted(embeddings.items()):
        mean = track_embedding.combine_embeddings(np.stack(of_track), clarities[track])
        limit = track_embedding.allowed_distance(max(clarities[track]), plan.threshold)
        wanted, unwanted = ([one.distance(mean) for one in people] for people in (plan.wanted, plan.unwanted))
        matches.append(TrackMatch(track, len(faces.of_track(track)), limit, wanted, unwanted))
    return matches


def assign_tracks(plan: SwapPlan, matches: Sequence[TrackMatch], faces: FaceTracks) -> Assignment:
    """Give each track its target: the nearest person's, the surest track first.

    Two tracks in one frame get two people, if each may be one of them. Where only one person is near enough
    to both, both get it, and the user is told.

    Args:
        plan: whose faces are changed.
        matches: of every track.
        faces: where the tracks are seen.
    """
    named = [place for place, target in enumerate(plan.targets) if target.person is not None]
    others = [place for place, target in enumerate(plan.targets) if target.person is None][:1]
    beside = _seen_together(faces)
    targets: dict[int, int] = {}
    notes = []
    for match in sorted(matches, key=lambda one: min(one.wanted, default=0.0)):
        fits = [named[i] for i in rank_people(match.wanted, match.unwanted, match.limit)]
        if not fits:
            if others and min(match.unwanted, default=np.inf) > match.limit:
                targets[match.track] = others[0]
            continue
        taken = {targets[other]: other for other in beside.get(match.track, ()) if other in targets}
        free = [target for target in fits if target not in taken]
        targets[match.track] = target = (free or fits)[0]
        if not free:
            person = plan.targets[target].person
            assert person is not None
            notes.append(
                f"tracks {taken[target]} and {match.track} are in one frame, and both are taken for "
                f"{person.name}: lower --threshold if one is not"
            )
    left = [match for match in matches if match.track not in targets]
    return Assignment(
        targets,
        matches,
        describe_left_alone(left, len(matches)) if left else "",
        (*describe_absent(plan, targets.values()), *notes),
    )


def describe_absent(plan: SwapPlan, assigned: Iterable[int]) -> list[str]:
    """What to tell the user of people who are to be changed and are nowhere, if there are others."""
    seen = set(assigned)
    return [
        f"{target.person.name} was not found"
        for place, target in enumerate(plan.targets)
        if target.person is not None and place not in seen and len(plan.targets) > 1
    ]


def describe_left_alone(left: Sequence[TrackMatch], of: int) -> str:
    """What to tell the user of tracks that are left alone, out of so many."""
    text = (
        f"{len(left)} of {of} face tracks ({sum(one.faces for one in left)} faces) left alone: someone else"
    )
    if not any(match.wanted for match in left):
        return text
    limit, nearest = max(match.limit for match in left), closest_distance(left)
    return f"{text} (identity distance {nearest:.2f} or more, the same person has up to {limit:.2f})"


def closest_distance(matches: Sequence[TrackMatch]) -> float:
    """The least distance of any track to anybody who is to be changed."""
    return min((distance for match in matches for distance in match.wanted), default=np.inf)


def nobody_wanted_error(clip: EffectInput, assignment: Assignment) -> UserError:
    """The error for a clip in which only other people are seen."""
    count = len(assignment.matches)
    if clip.is_photo:
        others = plural(count, "other face")
    else:
        others = f"{plural(count, 'face track')} of others {'were' if count > 1 else 'was'}"
        nearest = closest_distance(assignment.matches)
        others += f" (nearest identity distance {nearest:.2f})" if np.isfinite(nearest) else ""
    return UserError(
        f"nobody who is to be replaced was found in {clip.source}, but {others}",
        "Use --all-faces to replace every face, or a higher --threshold",
    )


def _seen_together(faces: FaceTracks) -> dict[int, set[int]]:
    """For each track the others that are seen together with it in some frame."""
    beside: dict[int, set[int]] = {}
    starts = np.flatnonzero(np.diff(faces.frames, prepend=-1))
    for group in np.split(faces.tracks, starts[1:]):
        together = {int(track) for track in group}
        for track in together if len(together) > 1 else ():
            beside.setdefault(track, set()).update(together - {track})
    return beside
