"""Photos of the person to be drawn: read, judged, made ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.motion import DrawnPerson, face_points, require_dense
from faceswap_cli.effects.reenact.source import FacePoints, SourcePhoto, prepare_source
from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder, identity_distance
from faceswap_cli.faces.identity.people import DRAWN, find_person
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES
from faceswap_cli.faces.landmarks.head_model import estimate_head_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.media.frame import Image

TURNED, TURNED_TOO_FAR = 20.0, 45.0
"""Degrees of yaw from which a photo is told to lack a side of the face, and beyond which it is refused."""

HIDDEN, HIDDEN_TOO_MUCH = 0.05, 0.6
"""Share of a photo's face that is not to be seen, from which on that is told, or the photo refused."""


MOST_PHOTOS = 12
"""Photos of one person that are made ready: of more, the clearest in different poses and expressions."""

MOST_LOOKED_AT = 40
"""Photos of a folder or a face set that are looked at: of more, so many evenly over the whole."""

SMILING = 0.5
"""Coefficient of a smile from which on its folds are told of."""

CLOSED = 0.5
"""Coefficient of a blink from which on it is told of."""


def read_photos(
    paths: Sequence[Path],
    weights: Sequence[float] | None,
    stage: FaceAnalyser,
    parser: FaceParser,
    notes: list[str],
    guard: SafetyGuard,
) -> DrawnPerson:
    """Make the photos of who is drawn ready.

    Args:
        paths: of the photos; the largest face of each is meant.
        weights: of several people who are mixed; None: they show one person.
        stage: finds faces, thoroughly.
        parser: of faces.
        notes: gets what the user should know.
        guard: refuses whom it must.

    Raises:
        UserError: a photo shows no face, too small a one, or one that is turned too far; they show several
            people and have no weights.
        Refusal: see SafetyGuard.
    """
    encoder, found, left_out = IdentityEncoder(), [], []
    for path in _spread(paths, MOST_LOOKED_AT) if weights is None else paths:
        try:
            found.append(_read_photo(path, encoder, stage, notes, guard))
        except Refusal:
            raise
        except UserError as error:
            if len(paths) == 1 or weights is not None:
                raise
            left_out.append(str(error))
    if not found:
        raise UserError(f"none of {len(paths)} photos can be used: {left_out[0]}", "Give a clear photo")
    if left_out:
        notes.append(f"{len(left_out)} of {len(paths)} photos are left out: {left_out[0]}")
    if weights is None:
        found = _choose_different(_of_one_person(found, notes))
    if len(found) == 1 or weights is not None:
        notes += [
            f"the face in {one.path.name} is turned by {one.yaw:.0f} degrees: one cheek will be smeared"
            for one in found
            if one.yaw > TURNED
        ]
    sources = [prepare_source(photo.image, photo.points, face_layout(), parser) for photo in found]
    sources = _leave_hidden(found, sources, notes, alone=len(found) == 1 or weights is not None)
    if min(_strength(source, "blink") for source in sources) > CLOSED:
        notes.append(
            "the photo's eyes are nearly closed, and will be smeared where the other face's are open: "
            "give one with open eyes, or --keep eyes"
        )
    if min(_strength(source, "smile") for source in sources) > SMILING:
        notes.append(
            "the photo smiles, and some of its folds stay on a calm face: one with a calm face is better"
        )
    return DrawnPerson(sources, weights)


def _leave_hidden(
    photos: Sequence[_Photo], sources: list[SourcePhoto], notes: list[str], *, alone: bool
) -> list[SourcePhoto]:
    """The sources of which enough is seen; a photo that stands alone is refused, or told of."""
    left = []
    for photo, source in zip(photos, sources, strict=True):
        if source.hidden > HIDDEN_TOO_MUCH and alone:
            raise UserError(
                f"--face {photo.path}: {source.hidden:.0%} of the face is covered, blurred or beyond the "
                "border",
                "Give a clearer photo",
            )
        if source.hidden > HIDDEN and alone:
            notes.append(
                f"{source.hidden:.0%} of the face in {photo.path.name} is covered, blurred or beyond the "
                "border: it is guessed, and fingers may be drawn along"
            )
        if source.hidden <= HIDDEN or alone:
            left.append(source)
    return left or [min(sources, key=lambda source: source.hidden)]


def _spread(paths: Sequence[Path], most: int) -> list[Path]:
    """At most so many of some paths, evenly chosen."""
    if len(paths) <= most:
        return list(paths)
    return [paths[int(place)] for place in np.linspace(0, len(paths) - 1, most)]


def _read_photo(
    path: Path, encoder: IdentityEncoder, stage: FaceAnalyser, notes: list[str], guard: SafetyGuard
) -> _Photo:
    """A photo and its largest face.

    Raises:
        UserError: it shows none, too small a one, or one that is turned too far.
        Refusal: see SafetyGuard.
    """
    image, face = find_person(path, DRAWN, stage, notes, guard)
    dense = require_dense(face.dense, f"the face in {path.name}")
    yaw = abs(estimate_head_pose(dense)[0])
    if yaw > TURNED_TOO_FAR:
        raise UserError(
            f"--face {path}: the face is turned away by {yaw:.0f} degrees, half of it is not to be seen",
            "Give a photo that looks to the camera",
        )
    points = face_points(face.landmarks, dense)
    return _Photo(path, image, points, encoder.embed(image, [face.landmarks]), yaw)


@dataclass(frozen=True)
class _Photo:
    """A photo that may be drawn from: its file, picture, points, embedding and yaw in degrees."""

    path: Path
    image: Image
    points: FacePoints
    embedding: NDArray[np.float32]
    yaw: float


def _of_one_person(photos: list[_Photo], notes: list[str]) -> list[_Photo]:
    """The photos that show the same person as their medoid does; others among many are left out.

    Raises:
        UserError: a third of them or more show somebody else.
    """
    apart = np.array(
        [[float(identity_distance(a.embedding, b.embedding)[0]) for b in photos] for a in photos]
    )
    middle = int(np.median(apart, axis=1).argmin())
    others = np.flatnonzero(apart[middle] > THRESHOLD)
    if 3 * len(others) >= len(photos):
        raise UserError(
            f"{photos[middle].path} and {photos[int(others[0])].path} show two people",
            "Give photos of one, or a weight to each to mix people: --face A.jpg:0.7 --face B.jpg:0.3",
        )
    if len(others):
        notes.append(f"{len(others)} of {len(photos)} photos are left out: they look like somebody else")
    return [photo for place, photo in enumerate(photos) if place not in others]


def _choose_different(photos: list[_Photo]) -> list[_Photo]:
    """At most MOST_PHOTOS of one person's photos: the least turned, then always the least alike in pose and
    expression."""
    if len(photos) <= MOST_PHOTOS:
        return photos
    layout = face_layout()
    heads = []
    for photo in photos:
        pose = fit_head(photo.points.points, layout)
        heads.append(np.concatenate([pose.lift(photo.points.points).ravel(), 3 * pose.rotation[2]]))
    heads_of = np.array(heads)
    chosen = [int(np.argmin([photo.yaw for photo in photos]))]
    while len(chosen) < MOST_PHOTOS:
        apart = np.linalg.norm(heads_of[:, None] - heads_of[chosen][None], axis=2).min(1)
        chosen.append(int(apart.argmax()))
    return [photos[number] for number in sorted(chosen)]


def _strength(source: SourcePhoto, name: str) -> float:
    """How much a photo's face smiles, or has its eyes closed ("blink"), 0..1."""
    sides = [EXPRESSION_NAMES.index(f"{name}_{side}") for side in ("right", "left")]
    return float(source.expression[sides].mean())
