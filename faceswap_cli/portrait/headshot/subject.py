"""Whom a business photo shows, and where in the photo they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.geometry import crop_matrix, invert
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import SIDE, SIZE, FaceParser, class_share
from faceswap_cli.faces.parsing.person_segmenter import PersonSegmenter
from faceswap_cli.media.frame import Image
from faceswap_cli.portrait.headshot.framing import (
    EYES_IN_WIDE,
    Framing,
    HeadPlace,
    Limits,
    find_limits,
    place_head,
)
from faceswap_cli.portrait.headshot.matte import body_distance, keep_one_person, shaped_like_body
from faceswap_cli.words import plural

LOOKED_AT = 512
"""Side in pixels of the squares in which the person is looked for."""

FRONTAL = 22.0
"""Degrees of yaw up to which both ears are equally far from the middle of a face."""

Classes = tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """The person in the photo.

    Attributes:
        photo: (H, W, 3) RGB.
        face: theirs.
        head: where it is.
        shares: coarse answers and their squares: how surely a pixel shows them.
        parsed: (classes, SIZE, SIZE), see `face_parser.FaceParser.probabilities`.
        limits: how far the photo shows them.
        hair_top, chin: of the head with what it wears, in units below the eyes.
        shoulders: whether the photo shows them.
        others: how many more faces the photo shows.
    """

    photo: Image
    face: Face
    head: HeadPlace
    shares: Sequence[tuple[Framing, FloatArray]]
    parsed: FloatArray
    limits: Limits
    hair_top: float
    chin: float
    others: int

    @property
    def shoulders(self) -> bool:
        """Whether the photo shows them: from half a unit below the chin on, more than a neck."""
        return self.limits.bottom > self.chin + 0.55

    def share_in(self, framing: Framing) -> FloatArray:
        """(height, width) how surely each pixel of a picture shows the person."""
        size = (framing.width, framing.height)
        total = np.zeros(size[::-1], np.float32)
        weight = np.zeros(size[::-1], np.float32)
        for place, (seen, share) in enumerate(self.shares):
            matrix = _between(seen.matrix, framing.matrix)
            border = cv2.BORDER_CONSTANT if place else cv2.BORDER_REPLICATE
            weight_here = np.ones_like(share) if not place else _faded(share.shape)
            both = np.dstack([share * weight_here, weight_here])
            moved = cv2.warpAffine(both, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)
            total, weight = total + moved[..., 0], weight + moved[..., 1]
        share = np.asarray(total / np.maximum(weight, np.float32(1e-6)), np.float32)
        doubt = np.clip((0.985 - share) / 0.05, 0, 1)  # a hat's brim is sure
        return np.asarray(share * (1 - doubt * self._beside_the_face(framing)), np.float32)

    def _beside_the_face(self, framing: Framing) -> FloatArray:
        """(height, width) in [0, 1] what the parser sees as neither face nor hair, beside cheeks and farther
        out than ears: lamps and leaves, which the person's network takes for part of a head at times."""
        if abs(estimate_pose(self.face.landmarks)[0]) > FRONTAL:
            return np.zeros((framing.height, framing.width), np.float32)
        points = framing.points(self.face.landmarks)
        x = np.arange(framing.width, dtype=np.float32)[None] - 0.5 * (points[1, 0] + points[15, 0])
        y = np.arange(framing.height, dtype=np.float32)[:, None]
        below_eyes = np.clip((y - points[36:48, 1].mean()) / framing.unit / 0.3 + 1, 0, 1)
        above_chin = np.clip((points[8, 1] - y) / framing.unit / 0.3, 0, 1)
        rows = below_eyes * above_chin
        outside = np.clip((np.abs(x) / framing.unit - 0.9) / 0.12, 0, 1)
        other = np.clip((self.classes_in(framing, ("other",)) - 0.75) / 0.2, 0, 1)
        return np.asarray(other * outside * rows, np.float32)

    def hairless_in(self, framing: Framing) -> FloatArray:
        """(height, width) in [0, 1] how surely the head's edge is one of bare skin there: near skin, and away
        from hair that is more than a sideburn."""
        hair = self.classes_in(framing, ("hair",)) > 0.4
        side = 2 * max(1, round(0.06 * framing.unit)) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        mass = cv2.morphologyEx(hair.astype(np.uint8), cv2.MORPH_OPEN, disc)
        skin = (self.classes_in(framing, ("skin", "nose")) > 0.5).astype(np.uint8)
        to_hair, to_skin = (cv2.distanceTransform(1 - m, cv2.DIST_L2, 5) / framing.unit for m in (mass, skin))
        bare = np.clip((to_hair - 0.12) / 0.12, 0, 1) * np.clip((0.4 - to_skin) / 0.1, 0, 1)
        return np.asarray(bare, np.float32)

    def classes_in(self, framing: Framing, names: Classes) -> FloatArray:
        """(height, width) how surely each pixel of a picture shows one of the parser's classes."""
        share = class_share(self.parsed[None], names)[0]
        back = invert(crop_matrix(self.face.landmarks, SIZE, SIDE))
        matrix = _joined(framing.matrix, back)
        moved = cv2.warpAffine(share, matrix, (framing.width, framing.height), flags=cv2.INTER_LINEAR)
        return np.asarray(moved, np.float32)


def choose_face(faces: Sequence[Face], number: int | None) -> Face:
    """The face that is meant: by its number from the left, from 1, or the largest.

    Raises:
        UserError: there are not so many.
    """
    if number is None:
        return max(faces, key=lambda face: float((face.box[2:] - face.box[:2]).prod()))
    ordered = sorted(faces, key=lambda face: float(face.box[0] + face.box[2]))
    if not 1 <= number <= len(ordered):
        raise UserError(
            f"--face-index {number}: there are {plural(len(ordered), 'face')}",
            "They are counted from left to right, from 1",
        )
    return ordered[number - 1]


def find_subject(
    photo: Image,
    faces: Sequence[Face],
    face: Face,
    segmenter: PersonSegmenter,
    parser: FaceParser,
    straighten: bool = True,
) -> Subject:
    """Look for the person whom a face belongs to.

    Args:
        photo: (H, W, 3) RGB.
        faces: all in the photo.
        face: the one that is meant.
        segmenter: finds people.
        parser: finds the parts of a face.
        straighten: turn the head upright.
    """
    head = place_head(face.landmarks, straighten)
    others = [one for one in faces if one is not face]
    shares = []
    for square in (head.wide(LOOKED_AT), head.near(LOOKED_AT)):
        seen = segmenter.share(square.cut(photo))
        shares.append((square, _own_share(seen, square, face, others)))
    wide, share = shares[0]
    [parsed] = parser.probabilities([parser.crop(photo, face.landmarks)])
    return Subject(
        photo,
        face,
        head,
        shares,
        parsed,
        find_limits(share, wide, photo.shape),
        _hair_top(share, wide, photo.shape),
        float(wide.points(face.landmarks)[8, 1] / wide.unit - EYES_IN_WIDE),
        len(others),
    )


def _own_share(share: FloatArray, square: Framing, face: Face, others: Sequence[Face]) -> FloatArray:
    """Of everybody's share the one person's."""
    distances = []
    for one in (face, *others):
        place = place_head(one.landmarks)
        x, y = square.points(place.eyes[None])[0]
        distances.append(
            body_distance(share.shape, (float(x), float(y)), square.unit * place.unit / _unit(face))
        )
    own = shaped_like_body(share, distances[0])
    return keep_one_person(own, distances[0], distances[1:])


def _unit(face: Face) -> float:
    return place_head(face.landmarks).unit


def _hair_top(share: FloatArray, wide: Framing, shape: tuple[int, ...]) -> float:
    """The highest row of the head in the photo, in units below the eyes."""
    middle = slice(round(wide.width / 2 - 0.7 * wide.unit), round(wide.width / 2 + 0.7 * wide.unit))
    rows = ((share > 0.5) & (wide.inside(shape) > 0))[:, middle].sum(1) > 0.08 * wide.unit
    # Upwards from the eyes as far as it hangs together.
    row = round(EYES_IN_WIDE * wide.unit)
    while row > 0 and rows[row - 1]:
        row -= 1
    return float(min(row / wide.unit - EYES_IN_WIDE, -0.6))


def _faded(shape: tuple[int, ...]) -> FloatArray:
    """3 in the middle of a square, 0 at its border: in the narrower one more is seen."""
    ramp = np.clip(4 * np.minimum(np.linspace(0, 1, shape[0]), np.linspace(1, 0, shape[0])), 0, 1)
    return np.asarray(3 * ramp[:, None] * ramp[None], np.float32)


def _between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """From one picture's pixels to another's, both given by their matrices from the photo."""
    return _joined(target, invert(source))


def _joined(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    whole = np.vstack([first, [0, 0, 1]])
    return np.asarray(np.asarray(second, np.float64) @ whole)
