"""Swap faces in one photo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceswap_cli.compositing import closeup, who
from faceswap_cli.compositing.composite import paste_face, steady_look
from faceswap_cli.compositing.drawing import DrawnFrame, draw_faces
from faceswap_cli.compositing.options import ConvertOptions
from faceswap_cli.compositing.plan import PlannedFace
from faceswap_cli.compositing.who import Cast, Role
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.identity import IdentityEncoder
from faceswap_cli.faces.looks import allowed, clarity
from faceswap_cli.faces.parsing import FaceParser
from faceswap_cli.faces.pose import pose
from faceswap_cli.faces.stage import FaceStage
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.open import check_readable
from faceswap_cli.media.photo import Photo, check_photo_suffix, read_photo, what_is_lost
from faceswap_cli.media.sequence import is_sequence
from faceswap_cli.networks.renderer import Renderer
from faceswap_cli.provenance.marks import write_marked_photo


@dataclass(frozen=True)
class PhotoReport:
    """What was done to a photo.

    Attributes:
        swapped: faces that were drawn.
        left_alone: faces that were clearly of someone else.
        note: what else the user should know; None if nothing.
    """

    swapped: int
    left_alone: int
    note: str | None = None


def convert_photo(
    source: Path,
    output: Path,
    cast: Cast | Renderer,
    options: ConvertOptions,
    stage: FaceStage,
    parser: FaceParser | None = None,
) -> PhotoReport:
    """Swap the faces of the photo `source` and write it to `output`.

    Args:
        source: a photo.
        output: another photo; its suffix chooses the format.
        cast: who is replaced, and who draws the new faces; a renderer alone draws everybody.
        options: how; what concerns time has no meaning here.
        stage: finds the faces.
        parser: needed when `options.mask` names a mask that it makes.

    Raises:
        UserError: no face, or none of the wanted person; the photo can't be read or written, or has
            more than 8 bits a channel and options.allow_8bit is off.
        Refusal: by the cast's guard, see Guard.check_picture and check_faces.
    """
    options.check()
    whole_cast = cast if isinstance(cast, Cast) else Cast((Role(cast),))
    whole_cast.check()
    check_photo_suffix(output)
    check_apart(source, output)
    photo = read_photo(source)
    check_depth(source, photo, options.allow_8bit)
    image = np.ascontiguousarray(photo.image)
    if whole_cast.guard:
        whole_cast.guard.check_picture(source, image)
    faces = stage.find([Frame(0, 0.0, image)])[0]
    if not faces:
        raise no_face(source)
    chosen = who.Chosen(dict.fromkeys(range(len(faces)), 0))
    if whole_cast.asks_who and options.identity:
        chosen = roles_in(image, faces, whole_cast)
        if not chosen.roles:
            raise nobody_wanted(source, f"{len(faces)} other face{'s' if len(faces) > 1 else ''}")
    if whole_cast.guard:
        whole_cast.guard.check_faces(source, image, [faces[place] for place in chosen.roles])
    result, notes = image, [photo.note] if photo.note else []
    for number, renderer in enumerate(whole_cast.renderers):
        wanted = [faces[place] for place, of in chosen.roles.items() if of == number]
        result = swap_image(result, wanted, renderer, options, parser)
        if wanted and (said := closeup.spoken(np.stack([face.landmarks for face in wanted]), renderer)):
            notes.append(said)
    marks = options.marks.clear_of([face.landmarks for face in faces], *result.shape[:2])
    write_marked_photo(output, result, marks, photo)
    notes += chosen.notes
    if lost := what_is_lost(output, photo):
        notes.append(f"{output.name} does not keep the photo's {' and '.join(lost)}")
    return PhotoReport(len(chosen.roles), len(faces) - len(chosen.roles), "; ".join(notes) or None)


def swap_image(
    image: Image,
    faces: list[Face],
    renderer: Renderer,
    options: ConvertOptions,
    parser: FaceParser | None = None,
) -> Image:
    """A copy of `image` (H, W, 3) with `faces` drawn anew."""
    result = image.copy()
    planned = sorted(
        (PlannedFace(number, face.landmarks) for number, face in enumerate(faces)),
        key=lambda face: float(np.ptp(face.landmarks[:, 1])),
    )
    for start in range(0, len(planned), options.batch):
        batch = [(image, face) for face in planned[start : start + options.batch]]
        for drawn in draw_faces(batch, renderer, options, parser):
            alone = DrawnFrame(Frame(0, 0.0, image), [drawn])
            paste_face(result, drawn, steady_look(drawn, alone.frame, [alone], options), options)
    return result


def roles_in(image: Image, faces: list[Face], cast: Cast) -> who.Chosen:
    """Which role each face (a track of one frame, here) plays."""
    embeddings = IdentityEncoder().embed(image, [face.landmarks for face in faces])
    verdicts = [
        who.judged(number, 1, allowed(_clarity(face), cast.threshold), embedding, cast)
        for number, (face, embedding) in enumerate(zip(faces, embeddings, strict=True))
    ]
    chosen = who.choose(cast, verdicts, np.zeros(len(faces), np.int64), np.arange(len(faces)))
    told = [note for note in chosen.notes if "left alone" not in note]  # the report counts those
    return replace(chosen, notes=(*who.absent(cast, chosen), *told))


def _clarity(face: Face) -> float:
    return clarity(face.score, pose(face.landmarks), face.landmarks, confidence=face.confidence)


def check_apart(source: Path, output: Path) -> None:
    """Raise a UserError if the source can't be read, or the output is the source itself."""
    if not is_sequence(source):
        check_readable(source)
    if source.resolve() == output.resolve() or (
        output.exists() and source.exists() and source.samefile(output)
    ):
        raise UserError(f"{output} is the source itself", "Choose another output")


def check_depth(source: Path, photo: Photo, allow_8bit: bool) -> None:
    """Raise a UserError for a photo of more than 8 bits, unless that is allowed."""
    if photo.bit_depth > 8 and not allow_8bit:
        raise UserError(
            f"{source} has {photo.bit_depth} bits a channel, and faces are drawn with 8",
            "Use --eight-bit to convert it all the same",
        )


def no_face(source: Path) -> UserError:
    """The error for sources without any face."""
    return UserError(
        f"no face was found in {source}",
        "Is one to be seen, at least 24 pixels high? Try another --detector, or a lower --min-size",
    )


def nobody_wanted(source: Path, others: str) -> UserError:
    """The error for sources in which only other people are seen."""
    return UserError(
        f"nobody who is to be replaced was found in {source}, but {others}",
        "Use --all-faces to replace every face, or a higher --threshold",
    )
