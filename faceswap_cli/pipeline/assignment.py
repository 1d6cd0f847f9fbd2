"""Who is it, and who draws him? Each track goes to the person that it is most like; others are left alone.

A track is judged as a whole, by the embedding of its best faces (see `faces.looks`): judged frame by frame,
the swap would blink.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.faces.identity import track_embedding
from faceswap_cli.faces.identity.best_faces import best_frames, measure_clarity
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder
from faceswap_cli.faces.identity.people import Person, rank_people
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.seeking import Timeline
from faceswap_cli.networks.swap.renderer import Renderer


@dataclass(frozen=True)
class SwapTarget:
    """Somebody to be replaced, and who draws the new face.

    Attributes:
        renderer: draws it; None where faces are treated in another way.
        person: who is replaced; None: everybody whom no other role replaces.
    """

    renderer: Renderer | None
    person: Person | None = None


@dataclass(frozen=True)
class SwapPlan:
    """Who is replaced by whom.

    Attributes:
        roles: one at least.
        unwanted: people who stay as they are.
        threshold: identity distance up to which a clear face is taken for a person's.
        guard: refuses what must not be changed; None: nothing is refused.
    """

    roles: Sequence[SwapTarget]
    unwanted: Sequence[Person] = ()
    threshold: float = THRESHOLD
    guard: SafetyGuard | None = None

    @property
    def renderers(self) -> list[Renderer]:
        """Who draws, by the place in the roles."""
        return [role.renderer for role in self.roles if role.renderer is not None]

    @property
    def wanted(self) -> list[Person]:
        """The people to be replaced, as far as it matters who they are."""
        return [role.person for role in self.roles if role.person is not None]

    @property
    def asks_who(self) -> bool:
        """Whether anybody must be recognised."""
        return bool(self.wanted or self.unwanted)


@dataclass(frozen=True)
class TrackMatch:
    """How far a track is from the people of a cast.

    Attributes:
        track: its number.
        faces: how many frames the track has.
        limit: up to which distance it may be a person; more for a track of poor faces.
        wanted: identity distances to the people to be replaced.
        unwanted: to those that stay.
    """

    track: int
    faces: int
    limit: float
    wanted: list[float] = field(default_factory=list)
    unwanted: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Assignment:
    """Which role each track plays.

    Attributes:
        roles: place in the cast's roles, by track; tracks that are not there are left alone.
        notes: what the user should know of it.
    """

    roles: dict[int, int]
    notes: tuple[str, ...] = ()


def assign_tracks(
    cast: SwapPlan, verdicts: Sequence[TrackMatch], frames: NDArray[np.int64], tracks: NDArray[np.int64]
) -> Assignment:
    """Give each track its role: the nearest person's, the surest track first.

    Two tracks in one frame get two people, if each may be one of them. Where only one person is near enough
    to both, both get it, and the user is told.

    Args:
        cast: who is replaced by whom.
        verdicts: on every track.
        frames: (M,) frames in which faces are seen, rising.
        tracks: (M,) their tracks.
    """
    named = [place for place, role in enumerate(cast.roles) if role.person is not None]
    others = [place for place, role in enumerate(cast.roles) if role.person is None][:1]
    beside = _in_one_frame(frames, tracks)
    roles: dict[int, int] = {}
    notes = []
    for verdict in sorted(verdicts, key=lambda v: min(v.wanted, default=0.0)):
        fits = [named[i] for i in rank_people(verdict.wanted, verdict.unwanted, verdict.limit)]
        if not fits:
            if others and min(verdict.unwanted, default=np.inf) > verdict.limit:
                roles[verdict.track] = others[0]
            continue
        taken = {roles[other]: other for other in beside.get(verdict.track, ()) if other in roles}
        free = [role for role in fits if role not in taken]
        roles[verdict.track] = role = (free or fits)[0]
        if not free:
            person = cast.roles[role].person
            assert person is not None
            notes.append(
                f"tracks {taken[role]} and {verdict.track} are in one frame, and both are taken for "
                f"{person.name}: lower --threshold if one is not"
            )
    left = [verdict for verdict in verdicts if verdict.track not in roles]
    return Assignment(roles, tuple(([describe_left_alone(left, len(verdicts))] if left else []) + notes))


def describe_absent(cast: SwapPlan, chosen: Assignment) -> list[str]:
    """What to tell the user of people who are to be replaced and are nowhere, if there are others."""
    playing = set(chosen.roles.values())
    return [
        f"{role.person.name} was not found"
        for place, role in enumerate(cast.roles)
        if role.person is not None and place not in playing and len(cast.roles) > 1
    ]


def describe_left_alone(left: Sequence[TrackMatch], of: int) -> str:
    """What to tell the user of tracks that are left alone, out of so many."""
    text = f"{len(left)} of {of} face tracks ({sum(v.faces for v in left)} faces) left alone: someone else"
    if not any(verdict.wanted for verdict in left):
        return text
    limit = max(verdict.limit for verdict in left)
    nearest = closest_distance(left)
    return f"{text} (identity distance {nearest:.2f} or more, the same person has up to {limit:.2f})"


def closest_distance(verdicts: Sequence[TrackMatch]) -> float:
    """The least distance of any track to anybody who is to be replaced."""
    return min((distance for verdict in verdicts for distance in verdict.wanted), default=np.inf)


def _in_one_frame(frames: NDArray[np.int64], tracks: NDArray[np.int64]) -> dict[int, set[int]]:
    """For each track the others that are seen together with it in some frame."""
    beside: dict[int, set[int]] = {}
    starts = np.flatnonzero(np.diff(frames, prepend=-1))
    for group in np.split(tracks, starts[1:]):
        together = {int(track) for track in group}
        for track in together if len(together) > 1 else ():
            beside.setdefault(track, set()).update(together - {track})
    return beside


def match_tracks(
    info: MediaInfo, timeline: Timeline, found: FaceTracks, cast: SwapPlan
) -> Generator[int, None, list[TrackMatch]]:
    """Look at the best faces of each track once more, and judge.

    Yields:
        The numbers of the frames that are looked at.

    Returns:
        The verdicts, one a track.
    """
    encoder = IdentityEncoder()
    seen: dict[int, list[tuple[NDArray[np.float32], float]]] = {}
    for frame, places in best_frames(info, timeline, found):
        embeddings = encoder.embed(frame.image, [found.landmarks[p] for p in places])
        for place, embedding in zip(places, embeddings, strict=True):
            seen.setdefault(int(found.tracks[place]), []).append(
                (embedding, measure_clarity(frame, found, place))
            )
        yield frame.index
    return [_verdict(track, found, of_track, cast) for track, of_track in sorted(seen.items())]


def _verdict(
    track: int, found: FaceTracks, seen: Sequence[tuple[NDArray[np.float32], float]], cast: SwapPlan
) -> TrackMatch:
    clarities = [clearness for _, clearness in seen]
    embedding = track_embedding.combine_embeddings(np.stack([one for one, _ in seen]), clarities)
    limit = track_embedding.allowed_distance(max(clarities), cast.threshold)
    return match_embedding(track, len(found.of_track(track)), limit, embedding, cast)


def match_embedding(
    track: int, faces: int, limit: float, embedding: NDArray[np.float32], cast: SwapPlan
) -> TrackMatch:
    """The verdict on a track or a face with this embedding (128,)."""
    wanted, unwanted = (
        [person.distance(embedding) for person in people] for people in (cast.wanted, cast.unwanted)
    )
    return TrackMatch(track, faces, limit, wanted, unwanted)
