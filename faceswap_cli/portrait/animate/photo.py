"""The faces of a photo that are to move, judged and made ready, and what further photos add."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.effects.reenact.motion import face_points, require_dense
from faceswap_cli.effects.reenact.photos import TURNED, TURNED_TOO_FAR
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.faces.identity.identity_encoder import THRESHOLD, IdentityEncoder, identity_distance
from faceswap_cli.faces.identity.people import DRAWN, GOOD_EYES, LEAST_EYES, find_person
from faceswap_cli.faces.landmarks.head_model import estimate_head_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.media.frame import Image
from faceswap_cli.portrait.animate.mouth import Interior, skin_tone
from faceswap_cli.portrait.animate.render import Portrait, prepare_portrait

OPEN_MOUTH = 0.06
"""Face units between the lips of a further photo from which on its teeth are taken."""


def read_portrait(
    path: Path,
    image: Image,
    landmarks: FloatArray,
    dense: FloatArray | None,
    parser: FaceParser,
    notes: list[str],
) -> Portrait:
    """A face of a photo, ready to be animated.

    Args:
        path: of the photo, for messages.
        image: (H, W, 3) uint8.
        landmarks: (68, 2) pixels.
        dense: (222, 3), see `landmarks.dense`.
        parser: of faces.
        notes: gets what the user should know.

    Raises:
        UserError: the face is too small, or turned too far.
    """
    eyes = interocular(landmarks)
    if eyes < LEAST_EYES:
        raise UserError(
            f"{path}: the face has {eyes:.0f} pixels from eye to eye, too few to animate it",
            f"Give a photo with {LEAST_EYES} at least, better {GOOD_EYES}",
        )
    points = require_dense(dense, f"the face in {path.name}")
    yaw = abs(estimate_head_pose(points)[0])
    if yaw > TURNED_TOO_FAR:
        raise UserError(
            f"{path}: the face is turned away by {yaw:.0f} degrees, half of it is not to be seen",
            "Give a photo that looks to the camera",
        )
    if yaw > TURNED:
        notes.append(f"the face in {path.name} is turned by {yaw:.0f} degrees: one cheek will be smeared")
    return prepare_portrait(image, face_points(landmarks, points), face_layout(), parser)


def find_open_mouth(
    portrait: Portrait,
    landmarks: FloatArray,
    others: Sequence[Path],
    stage: FaceAnalyser,
    guard: SafetyGuard,
    notes: list[str],
) -> Interior | None:
    """The mouth of the further photo whose mouth is widest open; None if none of them is open.

    Args:
        portrait: the face that is animated.
        landmarks: (68, 2) of it.
        others: further photos of the same person.
        stage: finds faces, thoroughly.
        guard: refuses whom it must.
        notes: gets what the user should know.

    Raises:
        UserError: a photo shows no face, or somebody else.
    """
    layout, encoder = face_layout(), IdentityEncoder()
    own = encoder.embed(portrait.image, [landmarks])[0]
    best: tuple[float, Interior] | None = None
    for path in others:
        image, face = find_person(path, DRAWN, stage, notes, guard)
        if float(identity_distance(own, encoder.embed(image, [face.landmarks])[0])) > THRESHOLD:
            raise UserError(f"{path} shows somebody else", "Give photos of one person")
        points = face_points(face.landmarks, require_dense(face.dense, f"the face in {path.name}")).points
        opened = float(gaps(fit_head(points, layout).lift(points), layout.mouth).max())
        if opened > OPEN_MOUTH and (best is None or opened > best[0]):
            gain = skin_tone(portrait.image, portrait.points[:, :2]) / skin_tone(image, points[:, :2])
            best = opened, Interior(image, points[:, :2], gain, np.zeros(1))
    if best is None and others:
        notes.append("no further photo shows an open mouth")
    return None if best is None else best[1]
