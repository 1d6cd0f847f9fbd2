"""Make the faces of a photo older or younger: in the photo, or on a sheet of several ages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.compositing import contact_sheet
from faceswap_cli.effects.age.age_request import AgeChange, AgeRequest
from faceswap_cli.effects.age.render import MOST_IN_PHOTO, FaceAger, source_and_target
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.errors import UserError
from faceswap_cli.faces.age.estimator import AgeEstimate, AgeEstimator
from faceswap_cli.faces.detection.photo_faces import find_in_photo
from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.tracking.false_positive_tracks import doubt_track
from faceswap_cli.media.frame import Image
from faceswap_cli.media.photo import Photo, check_photo_suffix, read_photo, what_is_lost
from faceswap_cli.pipeline import preview
from faceswap_cli.pipeline.assignment import SwapPlan
from faceswap_cli.pipeline.photo import (
    assign_faces,
    check_apart,
    check_depth,
    no_face_error,
    nobody_wanted_error,
)
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
class FaceSelection:
    """Which faces are meant.

    Attributes:
        number: only this one, counted from the left, from 1; None: all.
        cast: whose; None: everybody's.
    """

    number: int | None = None
    cast: SwapPlan | None = None


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
    source: Path, which: FaceSelection, stage: FaceAnalyser, estimator: AgeEstimator, allow_8bit: bool = False
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
        raise no_face_error(source)
    alone = _others(source, image, found, which)
    for place, face in enumerate(found):
        yaw = abs(estimate_pose(face.landmarks)[0])
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


def _others(source: Path, image: Image, found: Sequence[Face], which: FaceSelection) -> dict[int, str]:
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
        chosen = assign_faces(image, list(found), which.cast)
        if not chosen.roles:
            raise nobody_wanted_error(source, f"{len(found)} other face{'s' if len(found) > 1 else ''}")
        alone |= {place: "someone else" for place in range(len(found)) if place not in chosen.roles}
    return alone


def _doubt(face: Face) -> str:
    if why := doubt_track([0], [face.score], (1, 0.0)):
        return why
    return f"its landmarks are unsure: {face.confidence:.2f}" if face.confidence < UNSURE else ""


def age_photo(
    opened: OpenedPhoto, output: Path, wish: AgeRequest, brush: FaceAger, marks: Marks = AGED
) -> dict[int, AgeChange]:
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
    ages = change_faces(image, opened.wanted, wish, brush, MOST_IN_PHOTO)
    write_marked_photo(output, image, marks, opened.photo)
    return ages


def describe_lost(output: Path, opened: OpenedPhoto) -> str | None:
    """What the output does not keep of the photo, in words; None if it keeps all."""
    lost = what_is_lost(output, opened.photo)
    return f"{output.name} does not keep the photo's {' and '.join(lost)}" if lost else None


def check_photo_output(source: Path, output: Path) -> None:
    """Raise a UserError if the output can't be written, before any work is done."""
    check_photo_suffix(output)
    check_apart(source, output)


def change_faces(
    image: Image, faces: Sequence[PhotoFace], wish: AgeRequest, brush: FaceAger, most: int
) -> dict[int, AgeChange]:
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
    ends = [source_and_target(ages[face.number]) for face in faces]
    for start in range(0, len(faces), BATCH):
        some = slice(start, start + BATCH)
        for seen in brush.see([(image, one) for one in planned[some]], ends[some]):
            brush.change(image, seen, seen.head.astype(np.float32), most)
    return ages


def draw_age_sheet(opened: OpenedPhoto, targets: Sequence[float], wish: AgeRequest, brush: FaceAger) -> Image:
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
        change_faces(picture, faces, replace(wish, to=target, by=None), brush, MOST_IN_PHOTO)
        pictures.append((f"{target:g}", picture))
    rows = [pictures[start : start + IN_A_ROW] for start in range(0, len(pictures), IN_A_ROW)]
    pages = [
        contact_sheet.draw_contact_sheet(
            [("", [picture for _, picture in row])], [name for name, _ in row], CELL
        )
        for row in rows
    ]
    wide = max(page.shape[1] for page in pages)
    return np.vstack([_padded(page, wide) for page in pages])


def _padded(page: Image, wide: int) -> Image:
    return np.pad(page, ((0, 0), (0, wide - page.shape[1]), (0, 0)), constant_values=255)


def _cut(opened: OpenedPhoto) -> tuple[Image, list[PhotoFace]]:
    """The part of the photo around its faces, of a sheet's height at most, and the faces in it."""
    image, faces = opened.photo.image, opened.wanted
    points = np.concatenate([face.landmarks for face in faces])
    x0, y0, x1, y1 = preview.window_around(points, image.shape[:2], ROOM)
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
