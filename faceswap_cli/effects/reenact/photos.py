"""Photos of the person to be drawn: read, judged, made ready."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from faceswap_cli.effects.reenact.layout import LAYOUT_68
from faceswap_cli.effects.reenact.source import SourcePhoto, prepare_source
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder, identity_distance
from faceswap_cli.faces.identity.people import DRAWN, find_person
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.safety.guard import SafetyGuard

TURNED, TURNED_TOO_FAR = 20.0, 45.0
"""Degrees of yaw from which a photo is told to lack a side of the face, and beyond which it is refused."""

HIDDEN, HIDDEN_TOO_MUCH = 0.05, 0.6
"""Share of a photo's face that is not to be seen, from which on that is told, or the photo refused."""


def read_photos(
    paths: Sequence[Path], stage: FaceAnalyser, parser: FaceParser, notes: list[str], guard: SafetyGuard
) -> list[SourcePhoto]:
    """Make photos of one person ready.

    Args:
        paths: of the photos; the largest face of each is meant.
        stage: finds faces, thoroughly.
        parser: of faces.
        notes: gets what the user should know.
        guard: refuses whom it must.

    Raises:
        UserError: a photo shows no face, too small a one, or one that is turned too far; they show several
            people.
        Refusal: see SafetyGuard.
    """
    encoder, sources, embeddings = IdentityEncoder(), [], []
    for path in paths:
        image, face = find_person(path, DRAWN, stage, notes, guard)
        yaw = abs(estimate_pose(face.landmarks)[0])
        if yaw > TURNED_TOO_FAR:
            raise UserError(
                f"--face {path}: the face is turned away by {yaw:.0f} degrees, half of it is not to be seen",
                "Give a photo that looks to the camera",
            )
        if yaw > TURNED:
            notes.append(f"the face in {path.name} is turned by {yaw:.0f} degrees: one cheek will be smeared")
        source = prepare_source(image, face.landmarks, face.landmarks, LAYOUT_68, parser)
        if source.hidden > HIDDEN_TOO_MUCH:
            raise UserError(
                f"--face {path}: {source.hidden:.0%} of the face is covered, blurred or beyond the border",
                "Give a clearer photo",
            )
        if source.hidden > HIDDEN:
            notes.append(
                f"{source.hidden:.0%} of the face in {path.name} is covered, blurred or beyond the border: "
                "it is guessed, and fingers may be drawn along"
            )
        sources.append(source)
        embeddings.append(encoder.embed(image, [face.landmarks]))
    for (first, one), (second, other) in pairwise(zip(paths, embeddings, strict=True)):
        if float(identity_distance(one, other)[0]) > THRESHOLD:
            raise UserError(
                f"{first} and {second} show two people",
                "Give photos of one; to mix people use -m conditional --face A.jpg:0.7 --face B.jpg:0.3",
            )
    return sources
