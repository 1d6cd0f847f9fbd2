"""What grouping a face set into people gives."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_cli.faces.identity.embeddings import TrackKey

UNSORTED = "unsorted"
"""The folder of faces that are nobody's."""


@dataclass(frozen=True)
class PersonGroup:
    """One person of a face set.

    Attributes:
        name: its folder's.
        tracks: the tracks, by source and number.
        faces: how many there are in them.
    """

    name: str
    tracks: tuple[TrackKey, ...]
    faces: int


@dataclass(frozen=True)
class GroupingResult:
    """What became of a face set.

    Attributes:
        people: the largest first.
        singles: people of whom there is one face only; they are in `unsorted`.
        unsorted: faces in `unsorted`, those of singles included.
        faces: all.
    """

    people: tuple[PersonGroup, ...]
    singles: int
    unsorted: tuple[TrackKey, ...]
    faces: int
