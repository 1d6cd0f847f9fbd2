"""Whose faces an extraction keeps: those of the people on photos, or all but those.

A video's tracks are judged when its end is reached, as a whole and from the stored crops. What is kept
therefore does not depend on whether the extraction was interrupted on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceswap_cli.faces import geometry
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity.embeddings import TrackPortrait, choose_portraits
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.identity.people import Person, rank_people, read_person
from faceswap_cli.faces.identity.track_embedding import allowed_distance, record_clarity
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.media.frame import Image


@dataclass(frozen=True)
class PersonFilter:
    """People by whom faces are chosen.

    Attributes:
        only: people whose faces are kept; none keeps everybody's.
        without: people whose faces are not.
        settings: what a face set remembers of it: the photos' digests, by option.
        encoder: what the embeddings were made by.
    """

    only: Sequence[Person]
    without: Sequence[Person]
    settings: dict[str, str]
    encoder: IdentityEncoder

    def keeps(self, portrait: TrackPortrait) -> bool:
        """Whether a face or track is kept. Of two people that it is like the nearer one decides."""
        limit = allowed_distance(portrait.clarity)
        only, without = (
            [person.distance(portrait.embedding) for person in people] for people in (self.only, self.without)
        )
        return bool(rank_people(only, without, limit)) if only else min(without, default=np.inf) > limit


@dataclass(frozen=True)
class FilteredOut:
    """What was left out of a source.

    Attributes:
        crops: the names of the crops.
        notes: what to tell the user; empty when there are none.
    """

    crops: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


NOTHING_LEFT = FilteredOut()


def read_person_filter(
    only: Sequence[Path], without: Sequence[Path], stage: FaceAnalyser, device: str = "cpu"
) -> tuple[PersonFilter, list[str]]:
    """Find the faces on the photos of `--only` and `--not`.

    Args:
        only: photos (or face sets) of people whose faces are kept.
        without: the same of people whose faces are not.
        stage: finds the faces, thoroughly.
        device: where the identity network runs.

    Returns:
        The people, and what the user should know of the photos.

    Raises:
        UserError: a file is no photo, or has no face.
    """
    encoder = IdentityEncoder(device)
    notes: list[str] = []
    people: dict[str, list[Person]] = {
        option: [read_person(path, option, stage, encoder, notes) for path in paths]
        for option, paths in (("only", only), ("not", without))
    }
    settings = {
        option: ",".join(sorted({_digest(*which) for which in zip(paths, people[option], strict=True)}))
        for option, paths in (("only", only), ("not", without))
        if paths
    }
    return PersonFilter(people["only"], people["not"], settings, encoder), notes


def filter_tracks(wanted: PersonFilter, faces: FaceSet, records: Sequence[FaceRecord]) -> FilteredOut:
    """What to leave out of a video.

    Args:
        wanted: the people.
        faces: the set the crops are in.
        records: the video's faces, in the order of time, with their tracks.
    """
    tracks: dict[tuple[int, int], list[FaceRecord]] = {}
    for record in records:
        tracks.setdefault((record.source, record.track), []).append(record)
    steps = choose_portraits(faces, tracks, wanted.encoder)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        known = stop.value
    others = [key for key, portrait in known.items() if not wanted.keeps(portrait)]
    crops = frozenset(record.crop for key in others for record in tracks[key])
    note = f"faces left out by --only or --not: {len(crops)} (tracks: {len(others)})"
    return FilteredOut(crops, (note,) if others else ())


def filter_photo(wanted: PersonFilter, found: Sequence[tuple[FaceRecord, Image]]) -> FilteredOut:
    """What to leave out of a photo, from its faces and their crops."""
    crops = []
    for record, crop in found:
        points = geometry.transform(record.landmarks, record.matrix)
        [embedding] = wanted.encoder.embed(crop, [points])
        if not wanted.keeps(TrackPortrait(embedding, record_clarity(record))):
            crops.append(record.crop)
    return FilteredOut(
        frozenset(crops), (f"{len(crops)} face{'s' * (len(crops) > 1)} left out",) if crops else ()
    )


def _digest(path: Path, person: Person) -> str:
    data = person.looks.tobytes() if path.is_dir() else path.read_bytes()
    return hashlib.sha256(data).hexdigest()[:12]
