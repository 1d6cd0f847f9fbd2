"""A face set's people: whose tracks they are, and a face set for each of them.

```
FOLDER/
  person_1/       the one with the most faces: a face set like any other
  person_2/ ...
  unsorted/       people seen only once, and tracks too poor to tell; a face set too
  people.html, people.jpg
```
The set that is grouped is only read (but for the store of embeddings in it). Crops become hard links where
the file system can: they take no space, and deleting one of them leaves the other.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from faceswap_cli.curation.people import cluster_tracks
from faceswap_cli.curation.people_groups import UNSORTED, GroupingResult, PersonGroup
from faceswap_cli.curation.people_sheet import write_people_sheet
from faceswap_cli.errors import UserError
from faceswap_cli.faces.identity.embeddings import (
    EmbeddingStore,
    TrackEmbedding,
    TrackKey,
    TrackPortrait,
    choose_portraits,
    tracks_in_one_picture,
)
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.identity.track_embedding import allowed_distance
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import CROPS, INDEX, FaceRecord, Index, format_index
from faceswap_cli.files import hidden_name, make_folder, said_plainly, sync_folder, write_text

THRESHOLD = 0.45
"""Two groups of tracks are one person's if their embeddings are no further apart (root mean square)."""

CLEAR_ENOUGH = 0.15
"""Tracks whose clearest look is worse than this are joined to a person, but make none: blurred faces of
different people look like one."""

Tracks = dict[TrackKey, list[FaceRecord]]


Steps = Generator[TrackEmbedding, None, GroupingResult]


def find_people(
    faces: FaceSet,
    encoder: IdentityEncoder,
    threshold: float = THRESHOLD,
    names: Sequence[str] = (),
) -> Steps:
    """Find out which tracks are one person.

    Args:
        faces: the set.
        encoder: makes embeddings; they are kept in the set's folder.
        threshold: see `THRESHOLD`; less makes more people.
        names: of the largest people, in order; the others are person_N.

    Yields:
        Progress.

    Raises:
        UserError: the set is empty or unfinished.
    """
    _check(faces)
    tracks = faces.tracks()
    known = yield from choose_portraits(faces, tracks, encoder, EmbeddingStore(faces))
    groups = merge_people(known, tracks_in_one_picture(tracks), threshold)
    sized = sorted(((sum(len(tracks[key]) for key in keys), keys) for keys in groups), key=_largest_first)
    people = [(count, keys) for count, keys in sized if count > 1]
    grouped = {key for _, keys in people for key in keys}
    return GroupingResult(
        tuple(
            PersonGroup(names[n] if n < len(names) else f"person_{n + 1}", tuple(keys), count)
            for n, (count, keys) in enumerate(people)
        ),
        len(sized) - len(people),
        tuple(sorted(set(tracks) - grouped)),
        len(faces),
    )


def merge_people(
    known: Mapping[TrackKey, TrackPortrait],
    apart: Sequence[tuple[TrackKey, TrackKey]],
    threshold: float,
) -> list[list[TrackKey]]:
    """Tracks by person: the clear ones are clustered, the others join the nearest person they may.

    Args:
        known: what is known of each track.
        apart: tracks that are not one person.
        threshold: see `THRESHOLD`.

    Returns:
        Groups of tracks; unclear tracks near nobody are in none.
    """
    foes: dict[TrackKey, set[TrackKey]] = {}
    for a, b in apart:
        foes.setdefault(a, set()).add(b)
        foes.setdefault(b, set()).add(a)
    clear = sorted(key for key, portrait in known.items() if portrait.clarity >= CLEAR_ENOUGH)
    if not clear:
        return []
    places = {key: place for place, key in enumerate(clear)}
    embeddings = np.array([known[key].embedding for key in clear], np.float64)
    weights = np.array([known[key].clarity for key in clear])
    pairs = [(places[a], places[b]) for a, b in apart if a in places and b in places]
    clusters = cluster_tracks(embeddings, threshold, pairs, weights)
    groups = [[clear[place] for place in members] for members in clusters]
    means = np.stack([np.average(embeddings[m], axis=0, weights=weights[m]) for m in clusters])
    spread = np.array(
        [
            np.average(((embeddings[m] - mean) ** 2).sum(1), weights=weights[m])
            for m, mean in zip(clusters, means, strict=True)
        ]
    )
    unclear = sorted(set(known) - set(clear), key=lambda key: (-known[key].clarity, key))
    for key in unclear:  # the clearest first: two of one picture can't both have the same person
        away = ((means - known[key].embedding) ** 2).sum(1) + spread
        away[[bool(foes.get(key, set()) & set(group)) for group in groups]] = np.inf
        nearest = int(away.argmin())
        if away[nearest] <= (threshold + allowed_distance(known[key].clarity) - allowed_distance(1.0)) ** 2:
            groups[nearest].append(key)
    return [sorted(group) for group in groups]


def write_people(faces: FaceSet, found: GroupingResult, output: Path) -> None:
    """Make a face set of each person in the new folder `output`, whole or not at all.

    Args:
        faces: the set they were found in.
        found: the people.
        output: a folder that is not there, or empty.

    Raises:
        UserError: it is neither, or can't be written.
    """
    check_new(output)
    tracks = faces.tracks()
    sets = {person.name: person.tracks for person in found.people}
    if found.unsorted:
        sets[UNSORTED] = found.unsorted
    output.parent.mkdir(parents=True, exist_ok=True)
    building = output.with_name(hidden_name(output.name, ".faceswap-group"))
    shutil.rmtree(building, ignore_errors=True)  # left by a run that was killed
    try:
        make_folder(building)
        for name, keys in sets.items():
            _write_set(faces, {key: tracks[key] for key in keys}, building / name)
        write_people_sheet(faces, found, tracks, building)
        with said_plainly(output):
            if output.is_dir():
                output.rmdir()
            building.replace(output)
            sync_folder(output.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def check_new(output: Path) -> None:
    """Raise a UserError if `output` holds anything."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output} is there already and not empty", "Choose a new folder")


def check_names(names: Sequence[str]) -> None:
    """Raise a UserError if names can't be those of folders beside each other."""
    for name in names:
        if not name or name != name.strip(" .") or set(name) & set('/\\:*?"<>|') or not name.isprintable():
            raise UserError(f"--names: {name!r} can't be a folder's name", "Use letters, digits, - and _")
    folded = [name.casefold() for name in names]
    if len(set(folded)) < len(folded) or UNSORTED in folded:
        raise UserError(
            f"--names {','.join(names)}: each must differ, and none be {UNSORTED}", "Choose others"
        )
    if any(name.startswith("person_") for name in folded):
        raise UserError("--names: person_N is what people without a name are called", "Choose others")


def _check(faces: FaceSet) -> None:
    if not faces.records:
        raise UserError(f"{faces.path} holds no faces", "Extract some first")
    for source in faces.sources.values():
        if not source.complete:
            raise UserError(
                f"{faces.path} holds only a part of {source.name}: its extraction was interrupted",
                "Run the same `faceswap extract` again, it goes on where it stopped",
            )


def _largest_first(sized: tuple[int, list[TrackKey]]) -> tuple[int, TrackKey]:
    return -sized[0], sized[1][0]


def _write_set(faces: FaceSet, tracks: Mapping[TrackKey, list[FaceRecord]], folder: Path) -> None:
    """A face set of some tracks. It knows all sources, and the tracks' faces that were deleted by hand."""
    make_folder(folder / CROPS)
    gone = [record for record in faces.deleted if (record.source, record.track) in tracks]
    for records in tracks.values():
        for record in records:
            _link(faces.crop_path(record), folder / CROPS / record.crop)
    by_source: dict[int, list[FaceRecord]] = {}
    for record in [*(r for records in tracks.values() for r in records), *gone]:
        by_source.setdefault(record.source, []).append(record)
    index = Index(
        faces.header,
        {n: replace(source, faces=len(by_source.get(n, []))) for n, source in faces.sources.items()},
        {n: sorted(found, key=lambda r: (r.frame, r.crop)) for n, found in by_source.items()},
    )
    sync_folder(folder / CROPS)
    write_text(folder / INDEX, format_index(index))


def _link(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file system can't."""
    with said_plainly(target):
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT):
                raise
            shutil.copy2(source, target)
