"""Known people: what they look like, read from photos and face sets, and whose a face is taken for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.identity.embeddings import choose_portraits
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.identity.identity_encoder import identity_distance as apart
from faceswap_cli.faces.identity.track_embedding import face_clarity
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.quality import face_sharpness
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo

POOR = 0.2
"""A face on a photo that is less clear than this (see `track_embedding.face_clarity`) is a poor thing to
compare with."""

BLURRED = 0.1
"""Sharpness (see `quality.face_sharpness`) below which a face is told to be blurred."""

DRAWN, LEAST_EYES, GOOD_EYES = "face", 14, 60
"""The option that says whom to draw, and pixels between the outer eye corners that this takes."""

NEAREST = 0.25
"""A face's distance to a person is this quantile of its distances to the person's known looks: some of those
are turned or blurred and far from everything."""


@dataclass(frozen=True)
class Person:
    """Somebody who can be recognised.

    Attributes:
        name: for messages.
        looks: (K, 128) embeddings of the person's faces or tracks, one at least.
    """

    name: str
    looks: FloatArray

    def distance(self, embedding: FloatArray) -> float:
        """How far a face's or a track's embedding (128,) is from this person."""
        return float(np.quantile(apart(self.looks, embedding), NEAREST))


def rank_people(wanted: Sequence[float], unwanted: Sequence[float], limit: float) -> list[int]:
    """Who a face may be, by its distances to people.

    Args:
        wanted: to those that are looked for.
        unwanted: to those that are not.
        limit: farther ones are somebody else.

    Returns:
        The places in `wanted`, nearest first, that are near enough and nearer than any unwanted person.
    """
    near = [distance for distance in unwanted if distance <= limit]
    fits = [i for i, one in enumerate(wanted) if one <= limit and all(one < other for other in near)]
    return sorted(fits, key=lambda i: wanted[i])


def read_person(
    path: Path,
    option: str,
    stage: FaceAnalyser,
    encoder: IdentityEncoder,
    notes: list[str],
    guard: SafetyGuard | None = None,
) -> Person:
    """A person by a photo, or by a face set of nobody else (such as a folder by `faceswap faces group`).

    Args:
        path: a photo, whose largest face is meant, or a face set's folder.
        option: by which it was given, for messages.
        stage: finds the faces of photos, thoroughly.
        encoder: makes the embeddings.
        notes: gets what the user should know.
        guard: refuses whom it must, where the person is to be drawn.

    Raises:
        UserError: it is neither, or shows no face.
        Refusal: see Guard.
    """
    if path.is_dir():
        if guard:
            guard.check_set(FaceSet.open(path))
        return Person(path.name, _of_face_set(path, option, encoder))
    return Person(path.name, _of_photo(path, option, stage, encoder, notes, guard)[None])


def _of_face_set(path: Path, option: str, encoder: IdentityEncoder) -> FloatArray:
    """(K, 128) embeddings of the tracks of a face set."""
    faces = FaceSet.open(path)
    tracks: dict[tuple[int, int], list[FaceRecord]] = {}
    for record in faces.records:
        tracks.setdefault((record.source, record.track), []).append(record)
    steps = choose_portraits(faces, tracks, encoder)
    try:
        while True:
            next(steps)
    except StopIteration as stop:
        known = stop.value
    if not known:
        raise UserError(f"--{option} {path}: the face set is empty", "Give one that shows the person")
    return np.stack([portrait.embedding for portrait in known.values()])


def _of_photo(
    path: Path,
    option: str,
    stage: FaceAnalyser,
    encoder: IdentityEncoder,
    notes: list[str],
    guard: SafetyGuard | None,
) -> FloatArray:
    """The embedding (128,) of the largest face on a photo."""
    image, face = find_person(path, option, stage, notes, guard)
    [embedding] = encoder.embed(image, [face.landmarks])
    return np.asarray(embedding, np.float32)


def find_person(
    path: Path, option: str, stage: FaceAnalyser, notes: list[str], guard: SafetyGuard | None
) -> tuple[Image, Face]:
    """A photo (H, W, 3) and the largest face on it; see `read_person`."""
    image = read_photo(path).image
    faces = stage.find([Frame(0, 0.0, image)])[0]
    if not faces:
        raise UserError(f"--{option} {path}: no face was found in it", "Give a photo that shows the face")
    face = max(faces, key=_area)
    if len(faces) > 1:
        notes.append(f"{path.name} shows {len(faces)} faces: the largest is meant; crop the photo if not")
    if guard:
        guard.check_faces(path, image, [face])
    eyes, crisp = interocular(face.landmarks), face_sharpness(image, face.landmarks)
    if option == DRAWN and eyes < LEAST_EYES:
        raise UserError(
            f"--{option} {path}: the face has {eyes:.0f} pixels from eye to eye, too few to draw it from",
            f"Give a photo with {LEAST_EYES} at least, better {GOOD_EYES}",
        )
    if (
        face_clarity(face.score, estimate_pose(face.landmarks), face.landmarks, confidence=face.confidence)
        < POOR
    ):
        notes.append(f"the face in {path.name} is small or turned away: a clearer photo is surer")
    elif crisp < BLURRED:
        notes.append(f"the face in {path.name} is blurred: a sharper photo is surer")
    return image, face


def _area(face: Face) -> float:
    return float(np.prod(face.box[2:] - face.box[:2]))
