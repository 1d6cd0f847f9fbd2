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

from faceswap_cli.errors import UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.embeddings import Portrait, portraits
from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.faceset import FaceSet
from faceswap_cli.faces.identity import NUMBERS, IdentityEncoder, distance
from faceswap_cli.faces.looks import allowed, clarity, record_clarity
from faceswap_cli.faces.pose import pose
from faceswap_cli.faces.records import FaceRecord
from faceswap_cli.faces.stage import FaceStage
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo

POOR = 0.2
"""A face on a photo that is less clear than this (see `looks.clarity`) is a poor thing to compare with."""


@dataclass(frozen=True)
class Wanted:
    """People by whom faces are chosen.

    Attributes:
        only: (K, 128) embeddings of people whose faces are kept; none keeps everybody's.
        without: (L, 128) embeddings of people whose faces are not.
        settings: what a face set remembers of it: the photos' digests, by option.
        encoder: what the embeddings were made by.
    """

    only: FloatArray
    without: FloatArray
    settings: dict[str, str]
    encoder: IdentityEncoder

    def keeps(self, portrait: Portrait) -> bool:
        """Whether a face or track is kept. Of two people that it is like the nearer one decides."""
        near = allowed(portrait.clarity)
        wanted, unwanted = (_nearest(people, portrait.embedding) for people in (self.only, self.without))
        if len(self.only) and wanted > near:
            return False
        return unwanted > near or (len(self.only) > 0 and wanted < unwanted)


@dataclass(frozen=True)
class Left:
    """What was left out of a source.

    Attributes:
        crops: the names of the crops.
        notes: what to tell the user; empty when there are none.
    """

    crops: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


NOTHING_LEFT = Left()


def read_wanted(
    only: Sequence[Path], without: Sequence[Path], stage: FaceStage, device: str = "cpu"
) -> tuple[Wanted, list[str]]:
    """Find the faces on the photos of `--only` and `--not`.

    Args:
        only: photos of people whose faces are kept.
        without: photos of people whose faces are not.
        stage: finds the faces, thoroughly.
        device: where the identity network runs.

    Returns:
        The people, and what the user should know of the photos.

    Raises:
        UserError: a file is no photo, or has no face.
    """
    encoder = IdentityEncoder(device)
    notes: list[str] = []
    people = {
        option: [_person(path, option, stage, encoder, notes) for path in paths]
        for option, paths in (("only", only), ("not", without))
    }
    settings = {
        option: ",".join(sorted({_digest(path) for path in paths}))
        for option, paths in (("only", only), ("not", without))
        if paths
    }
    found = {option: np.array(rows, np.float32).reshape(-1, NUMBERS) for option, rows in people.items()}
    return Wanted(found["only"], found["not"], settings, encoder), notes


def left_of_tracks(wanted: Wanted, faces: FaceSet, records: Sequence[FaceRecord]) -> Left:
    """What to leave out of a video.

    Args:
        wanted: the people.
        faces: the set the crops are in.
        records: the video's faces, in the order of time, with their tracks.
    """
    tracks: dict[tuple[int, int], list[FaceRecord]] = {}
    for record in records:
        tracks.setdefault((record.source, record.track), []).append(record)
    steps = portraits(faces, tracks, wanted.encoder)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        known = stop.value
    others = [key for key, portrait in known.items() if not wanted.keeps(portrait)]
    crops = frozenset(record.crop for key in others for record in tracks[key])
    return Left(crops, (f"{len(crops)} faces in {len(others)} tracks left out",) if others else ())


def left_of_photo(wanted: Wanted, found: Sequence[tuple[FaceRecord, Image]]) -> Left:
    """What to leave out of a photo, from its faces and their crops."""
    crops = []
    for record, crop in found:
        points = geometry.transform(record.landmarks, record.matrix)
        [embedding] = wanted.encoder.embed(crop, [points])
        if not wanted.keeps(Portrait(embedding, record_clarity(record))):
            crops.append(record.crop)
    return Left(frozenset(crops), (f"{len(crops)} face{'s' * (len(crops) > 1)} left out",) if crops else ())


def _nearest(people: FloatArray, embedding: FloatArray) -> float:
    return float(distance(people, embedding).min()) if len(people) else np.inf


def _person(
    path: Path, option: str, stage: FaceStage, encoder: IdentityEncoder, notes: list[str]
) -> FloatArray:
    """The embedding (128,) of the largest face on a photo."""
    image = read_photo(path).image
    faces = stage.find([Frame(0, 0.0, image)])[0]
    if not faces:
        raise UserError(f"--{option} {path}: no face was found in it", "Give a photo that shows the face")
    face = max(faces, key=_area)
    if len(faces) > 1:
        notes.append(f"{path.name} shows {len(faces)} faces: the largest is meant; crop the photo if not")
    if clarity(face.score, pose(face.landmarks), face.landmarks, confidence=face.confidence) < POOR:
        notes.append(f"the face in {path.name} is small or turned away: a clearer photo is surer")
    [embedding] = encoder.embed(image, [face.landmarks])
    return np.asarray(embedding, np.float32)


def _area(face: Face) -> float:
    return float(np.prod(face.box[2:] - face.box[:2]))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
