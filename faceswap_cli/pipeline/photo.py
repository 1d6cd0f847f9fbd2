"""Swap faces in one photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.effects.reenact.effect import ReenactEffect
from faceswap_cli.effects.swap import upscale_warning
from faceswap_cli.effects.swap.composite import paste_face, steady_blending
from faceswap_cli.effects.swap.effect import SwapEffect
from faceswap_cli.effects.swap.options import SwapOptions
from faceswap_cli.effects.swap.render import RenderedFrame, render_faces
from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.identity.track_embedding import allowed_distance, face_clarity
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.open import check_readable
from faceswap_cli.media.photo import Photo, check_photo_suffix, read_photo, what_is_lost
from faceswap_cli.media.sequence import is_sequence
from faceswap_cli.networks.swap.renderer import Renderer
from faceswap_cli.pipeline import assignment
from faceswap_cli.pipeline.assignment import SwapPlan
from faceswap_cli.pipeline.options import PipelineOptions
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
    cast: SwapPlan,
    effect: SwapEffect | ReenactEffect,
    options: PipelineOptions,
    stage: FaceAnalyser,
) -> PhotoReport:
    """Swap the faces of the photo `source` and write it to `output`.

    Args:
        source: a photo.
        output: another photo; its suffix chooses the format.
        cast: who is replaced, and who draws the new faces.
        effect: draws them; what concerns time has no meaning here.
        options: of which `allow_8bit` and `marks` count.
        stage: finds the faces.

    Raises:
        UserError: no face, or none of the wanted person; the photo can't be read or written, or has
            more than 8 bits a channel and options.allow_8bit is off.
        Refusal: by the cast's guard, see Guard.check_picture and check_faces.
    """
    options.check()
    effect.check()
    check_photo_suffix(output)
    check_apart(source, output)
    photo = read_photo(source)
    check_depth(source, photo, options.allow_8bit)
    image = np.ascontiguousarray(photo.image)
    if cast.guard:
        cast.guard.check_picture(source, image)
    faces = stage.find([Frame(0, 0.0, image)])[0]
    if not faces:
        raise no_face_error(source)
    chosen = assignment.Assignment(dict.fromkeys(range(len(faces)), 0))
    if cast.asks_who:
        chosen = assign_faces(image, faces, cast)
        if not chosen.roles:
            raise nobody_wanted_error(source, f"{len(faces)} other face{'s' if len(faces) > 1 else ''}")
    if cast.guard:
        cast.guard.check_faces(source, image, [faces[place] for place in chosen.roles])
    result, notes = image, [photo.note] if photo.note else []
    wanted = {
        number: [faces[place] for place, of in chosen.roles.items() if of == number]
        for number in sorted(set(chosen.roles.values()))
    }
    if isinstance(effect, ReenactEffect):
        result = reenact_image(image, wanted, effect)
    else:
        for number, mine in wanted.items():
            renderer = effect.renderers[number]
            result = swap_image(result, mine, renderer, effect.options, effect.parser)
            if said := upscale_warning.warn_of_upscaling(
                np.stack([face.landmarks for face in mine]), renderer
            ):
                notes.append(said)
    write_marked_photo(output, result, options.marks, photo)
    notes += chosen.notes
    if lost := what_is_lost(output, photo):
        notes.append(f"{output.name} does not keep the photo's {' and '.join(lost)}")
    return PhotoReport(len(chosen.roles), len(faces) - len(chosen.roles), "; ".join(notes) or None)


def swap_image(
    image: Image,
    faces: list[Face],
    renderer: Renderer,
    options: SwapOptions,
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
        for drawn in render_faces(batch, renderer, options, parser):
            alone = RenderedFrame(Frame(0, 0.0, image), [drawn])
            paste_face(result, drawn, steady_blending(drawn, alone.frame, [alone], options), options)
    return result


def reenact_image(image: Image, faces: Mapping[int, Sequence[Face]], effect: ReenactEffect) -> Image:
    """A copy of `image` (H, W, 3) with the faces of each role drawn anew: a clip of one frame."""
    roles = [role for role, some in faces.items() for _ in some]
    landmarks = np.stack([face.landmarks for some in faces.values() for face in some])
    numbers, zeros = np.arange(len(roles)), np.zeros(len(roles), np.int64)
    tracks = FaceTracks(
        zeros, numbers, landmarks, zeros.astype(np.float32), np.zeros(1), np.zeros((0, 2), np.int64)
    )
    by_track = dict(enumerate(roles))
    stages = effect.ready_stages(tracks, by_track)
    drawn = stages.draw([Frame(0, 0.0, image)], FacePlan(zeros, numbers, landmarks, by_track))
    return next(stages.composite(drawn)).image


def assign_faces(image: Image, faces: list[Face], cast: SwapPlan) -> assignment.Assignment:
    """Which role each face (a track of one frame, here) plays."""
    embeddings = IdentityEncoder().embed(image, [face.landmarks for face in faces])
    verdicts = [
        assignment.match_embedding(
            number, 1, allowed_distance(_clarity(face), cast.threshold), embedding, cast
        )
        for number, (face, embedding) in enumerate(zip(faces, embeddings, strict=True))
    ]
    chosen = assignment.assign_tracks(cast, verdicts, np.zeros(len(faces), np.int64), np.arange(len(faces)))
    told = [note for note in chosen.notes if "left alone" not in note]  # the report counts those
    return replace(chosen, notes=(*assignment.describe_absent(cast, chosen), *told))


def _clarity(face: Face) -> float:
    return face_clarity(face.score, estimate_pose(face.landmarks), face.landmarks, confidence=face.confidence)


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


def no_face_error(source: Path) -> UserError:
    """The error for sources without any face."""
    return UserError(
        f"no face was found in {source}",
        "Is one to be seen, at least 24 pixels high? Try another --detector, or a lower --min-size",
    )


def nobody_wanted_error(source: Path, others: str) -> UserError:
    """The error for sources in which only other people are seen."""
    return UserError(
        f"nobody who is to be replaced was found in {source}, but {others}",
        "Use --all-faces to replace every face, or a higher --threshold",
    )
