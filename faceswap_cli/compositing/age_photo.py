"""Make the faces of a photo older or younger: in the photo, or on a sheet of several ages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.compositing import contact, preview
from faceswap_cli.compositing.age_wish import Ages, AgeWish
from faceswap_cli.compositing.ageing import MOST_IN_PHOTO, Brush, ends_of
from faceswap_cli.compositing.photo import check_apart, check_depth, no_face, nobody_wanted, roles_in
from faceswap_cli.compositing.plan import PlannedFace
from faceswap_cli.compositing.who import Cast
from faceswap_cli.errors import UserError
from faceswap_cli.faces.age import AgeEstimate, AgeEstimator
from faceswap_cli.faces.doubt import doubt_of
from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.portrait import find_in_photo
from faceswap_cli.faces.pose import pose
from faceswap_cli.faces.stage import FaceStage
from faceswap_cli.media.frame import Image
from faceswap_cli.media.photo import Photo, check_photo_suffix, read_photo, what_is_lost
from faceswap_cli.provenance.marks import Kind, Marks, write_marked_photo

TURNED = 50.0
"""Yaw in degrees from which a face is left alone: nobody knows how a profile ages."""

UNSURE = 0.25
"""Confidence of the landmarks under which a face may be no photographed one."""

CELL = 384
"""Height of a picture on a sheet of ages, pixels."""

ROOM = 2.9
"""Height of what a sheet shows, in heights of the face: with the hair."""

BATCH = 8
"""Faces that are looked at together, at most."""

IN_A_ROW = 5
"""Pictures beside each other on a sheet."""


AGED = Marks(Kind.AGE)
"""How an aged photo is marked where nobody says otherwise."""


@dataclass(frozen=True)
class Which:
    """Which faces are meant.

    Attributes:
        number: only this one, counted from the left, from 1; None: all.
        cast: whose; None: everybody's.
    """

    number: int | None = None
    cast: Cast | None = None


@dataclass(frozen=True)
class PhotoFace:
    """A face of a photo.

    Attributes:
        number: from the left, from 1.
        landmarks: (68, 2) pixels.
        said: how old it looks.
        alone: why it is left alone; "" if it is not.
        doubt: what speaks against its being a photographed face; "" if nothing.
    """

    number: int
    landmarks: FloatArray
    said: AgeEstimate
    alone: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class OpenedPhoto:
    """A photo whose faces are found and chosen.

    Attributes:
        source: its file.
        photo: decoded.
        faces: from left to right, those that are left alone too.
    """

    source: Path
    photo: Photo
    faces: Sequence[PhotoFace]

    @property
    def wanted(self) -> list[PhotoFace]:
        """The faces to be aged, the largest last: it is in front of the others."""
        chosen = [face for face in self.faces if not face.alone]
        return sorted(chosen, key=lambda face: float(np.ptp(face.landmarks[:, 1])))

    def notes(self) -> list[str]:
        """What the user should know."""
        told = [self.photo.note] if self.photo.note else []
        told += [f"face {face.number} is left alone: {face.alone}" for face in self.faces if face.alone]
        return told + [
            f"face {face.number} is hardly a photographed face ({face.doubt}): look at the result"
            for face in self.wanted
            if face.doubt
        ]


def open_photo(
    source: Path, which: Which, stage: FaceStage, estimator: AgeEstimator, allow_8bit: bool = False
) -> OpenedPhoto:
    """Read a photo, find its faces and choose among them.

    Raises:
        UserError: it can't be read, or has more than 8 bits a channel and `allow_8bit` is off; it has no
            face, none of those asked for, or all are turned too far.
        Refusal: by the cast's guard, see Guard.check_picture and check_faces.
    """
    photo = read_photo(source)
    check_depth(source, photo, allow_8bit)
    image = np.ascontiguousarray(photo.image)
    if which.cast is not None and which.cast.guard:
        which.cast.guard.check_picture(source, image)
    found = sorted(find_in_photo(image, stage), key=lambda face: float(face.box[0] + face.box[2]))
    if not found:
        raise no_face(source)
    alone = _others(source, image, found, which)
    for place, face in enumerate(found):
        yaw = abs(pose(face.landmarks)[0])
        if yaw > TURNED and place not in alone:
            alone[place] = f"it is turned by {yaw:.0f} degrees, and only up to {TURNED:.0f} were learnt"
    if which.cast is not None and which.cast.guard:
        shown = [face for place, face in enumerate(found) if place not in alone]
        which.cast.guard.check_faces(source, image, shown)
    said = estimator.estimate(image, [face.landmarks for face in found])
    faces = [
        PhotoFace(place + 1, face.landmarks, said[place], alone.get(place, ""), _doubt(face))
        for place, face in enumerate(found)
    ]
    opened = OpenedPhoto(source, photo, faces)
    if not opened.wanted:
        first = next(face for face in faces if which.number in (None, face.number))
        raise UserError(
            f"nothing to age in {source}: face {first.number}: {first.alone}", "Try another photo"
        )
    return opened


def _others(source: Path, image: Image, found: Sequence[Face], which: Which) -> dict[int, str]:
    """Places of the faces that were not asked for, and why."""
    alone: dict[int, str] = {}
    if which.number is not None:
        if not 1 <= which.number <= len(found):
            many = f"{len(found)} faces" if len(found) > 1 else "1 face"
            raise UserError(
                f"--face {which.number}: {source} shows {many}", "They are counted from left to right, from 1"
            )
        alone = {place: "not asked for" for place in range(len(found)) if place != which.number - 1}
    if which.cast is not None and which.cast.asks_who:
        chosen = roles_in(image, list(found), which.cast)
        if not chosen.roles:
            raise nobody_wanted(source, f"{len(found)} other face{'s' if len(found) > 1 else ''}")
        alone |= {place: "someone else" for place in range(len(found)) if place not in chosen.roles}
    return alone


def _doubt(face: Face) -> str:
    if why := doubt_of([0], [face.score], (1, 0.0)):
        return why
    return f"its landmarks are unsure: {face.confidence:.2f}" if face.confidence < UNSURE else ""


def age_photo(
    opened: OpenedPhoto, output: Path, wish: AgeWish, brush: Brush, marks: Marks = AGED
) -> dict[int, Ages]:
    """Write the photo with its faces aged.

    Args:
        opened: the photo.
        output: another photo; its suffix chooses the format.
        wish: how old they shall become.
        brush: changes them.
        marks: what the output is marked with.

    Returns:
        The ages of the faces, by their numbers.

    Raises:
        UserError: it can't be written.
    """
    image = np.ascontiguousarray(opened.photo.image)  # nobody else has it: drawn on in place
    ages = change(image, opened.wanted, wish, brush, MOST_IN_PHOTO)
    clear = marks.clear_of([face.landmarks for face in opened.faces], *image.shape[:2])
    write_marked_photo(output, image, clear, opened.photo)
    return ages


def lost_in(output: Path, opened: OpenedPhoto) -> str | None:
    """What the output does not keep of the photo, in words; None if it keeps all."""
    lost = what_is_lost(output, opened.photo)
    return f"{output.name} does not keep the photo's {' and '.join(lost)}" if lost else None


def check_output(source: Path, output: Path) -> None:
    """Raise a UserError if the output can't be written, before any work is done."""
    check_photo_suffix(output)
    check_apart(source, output)


def change(
    image: Image, faces: Sequence[PhotoFace], wish: AgeWish, brush: Brush, most: int
) -> dict[int, Ages]:
    """Age faces in a picture, in place.

    Args:
        image: (H, W, 3).
        faces: in its pixels, the one in front last.
        wish: how old they shall become.
        brush: changes them.
        most: pixels that a face's square is computed in, at most.
    """
    wish.check()
    ages = {face.number: wish.ages(face.said) for face in faces}
    if wish.strength == 0:
        return ages
    # All are looked at before one is changed: what is beside a face must not say how that ages.
    planned = [PlannedFace(face.number, face.landmarks) for face in faces]
    ends = [ends_of(ages[face.number]) for face in faces]
    for start in range(0, len(faces), BATCH):
        some = slice(start, start + BATCH)
        for seen in brush.see([(image, one) for one in planned[some]], ends[some]):
            brush.change(image, seen, seen.head.astype(np.float32), most)
    return ages


def sheet(opened: OpenedPhoto, targets: Sequence[float], wish: AgeWish, brush: Brush) -> Image:
    """The photo's faces as they are, and at several ages, each picture with its age.

    Args:
        opened: the photo.
        targets: the ages, years.
        wish: how; its own age does not count.
        brush: changes them.
    """
    window, faces = _cut(opened)
    names = [f"looks {face.said.age:.0f}" if wish.known is None else f"is {wish.known:g}" for face in faces]
    pictures = [("as it is: " + " and ".join(names), window)]
    for target in targets:
        picture = window.copy()
        change(picture, faces, replace(wish, to=target, by=None), brush, MOST_IN_PHOTO)
        pictures.append((f"{target:g}", picture))
    rows = [pictures[start : start + IN_A_ROW] for start in range(0, len(pictures), IN_A_ROW)]
    pages = [
        contact.page([("", [picture for _, picture in row])], [name for name, _ in row], CELL) for row in rows
    ]
    wide = max(page.shape[1] for page in pages)
    return np.vstack([_padded(page, wide) for page in pages])


def _padded(page: Image, wide: int) -> Image:
    return np.pad(page, ((0, 0), (0, wide - page.shape[1]), (0, 0)), constant_values=255)


def _cut(opened: OpenedPhoto) -> tuple[Image, list[PhotoFace]]:
    """The part of the photo around its faces, of a sheet's height at most, and the faces in it."""
    image, faces = opened.photo.image, opened.wanted
    points = np.concatenate([face.landmarks for face in faces])
    x0, y0, x1, y1 = preview.around(points, image.shape[:2], ROOM)
    part = image[y0:y1, x0:x1]
    scale = min(1.0, 2 * CELL / part.shape[0])
    if scale < 1:
        size = (max(1, round(part.shape[1] * scale)), 2 * CELL)
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    shift = np.array([x0, y0], np.float32)
    moved = [
        PhotoFace(face.number, ((face.landmarks - shift + 0.5) * scale - 0.5).astype(np.float32), face.said)
        for face in faces
    ]
    return np.ascontiguousarray(part), moved
