"""Run an effect over one photo: a clip of one frame, whose tracks are its faces from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from faceswap_cli.effects.base import EffectInput, EffectStages, FaceEffect, PreparedEffect, run_to_end
from faceswap_cli.effects.planned_faces import FacePlan, plan_faces
from faceswap_cli.errors import UserError
from faceswap_cli.faces.detection.boxes import overlap
from faceswap_cli.faces.detection.photo_faces import find_in_photo, glance_at
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.false_positive_tracks import doubt_track
from faceswap_cli.files import check_writable
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import Photo, check_photo_suffix, read_photo, what_is_lost
from faceswap_cli.pipeline.assignment import SwapPlan, assign_faces, nobody_wanted_error
from faceswap_cli.pipeline.checks import check_apart, check_children, no_face_error
from faceswap_cli.pipeline.frame_sources import FramesInMemory
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.provenance.marks import Marks, write_marked_photo
from faceswap_cli.words import plural

UNSURE = 0.25
"""Confidence of the landmarks under which a face may be no photographed one."""

SAME = 0.5
"""Overlap of two boxes (intersection over union) from which on they are of one face."""

NOT_SELECTED = "not asked for"

S = TypeVar("S", bound=EffectStages)


@dataclass(frozen=True)
class FaceSelection:
    """Which faces of a photo are meant, of those that the plan wants.

    Attributes:
        number: only this one, counted from the left, from 1; None: all.
        quick: a quick look will do where it finds large faces only: nobody else is to be changed.
    """

    number: int | None = None
    quick: bool = False


ALL_FACES = FaceSelection()


@dataclass(frozen=True)
class OpenedPhoto:
    """A photo whose faces are found and chosen.

    Attributes:
        photo: decoded.
        frame: the photo as an effect sees it.
        clip: likewise, with its faces.
        left_alone: why faces are not changed, by their tracks.
        notes: what the user should know.
    """

    photo: Photo
    frame: Frame
    clip: EffectInput
    left_alone: Mapping[int, str]
    notes: Sequence[str]


@dataclass(frozen=True)
class PreparedPhoto(Generic[S]):
    """A photo, and an effect that knows all it has to of it.

    Attributes:
        opened: the photo.
        effect: what is done to its faces.
        plan: to which.
        left_alone: why others are not changed, by their tracks.
        notes: what the user should know.
    """

    opened: OpenedPhoto
    effect: PreparedEffect[S]
    plan: FacePlan
    left_alone: Mapping[int, str]
    notes: Sequence[str]

    def render(self) -> Image:
        """The photo with its faces changed (H, W, 3)."""
        stages = self.effect.stages
        [done] = stages.composite(stages.draw([self.opened.frame], self.plan))
        return done.image


@dataclass(frozen=True)
class PhotoReport:
    """What was done to a photo.

    Attributes:
        changed: faces that were changed.
        left_alone: faces that were not.
        notes: what the user should know.
        people: what the user should know of the people who were changed.
        facts: what a sidecar tells.
    """

    changed: int
    left_alone: int
    notes: Sequence[str] = ()
    people: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def note(self) -> str | None:
        """The notes in one line; None if there are none."""
        return "; ".join(self.notes) or None


def convert_photo(
    source: Path,
    output: Path,
    plan: SwapPlan,
    effect: FaceEffect,
    options: PipelineOptions,
    analyser: FaceAnalyser,
    selection: FaceSelection = ALL_FACES,
) -> PhotoReport:
    """Change the faces of the photo `source` and write it to `output`.

    Args:
        source: a photo.
        output: another photo; its suffix chooses the format.
        plan: whose faces are changed.
        effect: what is done to them; what concerns time has no meaning here.
        options: of which `allow_8bit` and `marks` count.
        analyser: finds the faces.
        selection: which of them are meant.

    Raises:
        UserError: no face, or none of the wanted person; the photo can't be read or written, or has
            more than 8 bits a channel and options.allow_8bit is off.
        Refusal: by the plan's guard: nudity, or a face that would be changed looks like a child's.
    """
    options.check()
    effect.check()
    check_photo_output(source, output)
    opened = open_photo(source, plan, analyser, options, selection)
    prepared = prepare_photo(opened, effect)
    report = write_photo_result(prepared, output, options.marks)
    return replace(report, notes=[*prepared.notes, *report.notes])


def write_photo_result(prepared: PreparedPhoto[Any], output: Path, marks: Marks) -> PhotoReport:
    """Change the faces and write the photo.

    Returns:
        What was done; its notes are those that come of writing.
    """
    photo, image = prepared.opened.photo, prepared.render()
    clear = marks.clear_of(prepared.opened.clip.tracks.landmarks, *image.shape[:2])
    write_marked_photo(output, image, clear, photo)
    changed = len(prepared.effect.targets)
    lost = what_is_lost(output, photo)
    return PhotoReport(
        changed,
        len(prepared.opened.clip.tracks) - changed,
        [f"{output.name} does not keep the photo's {' and '.join(lost)}"] if lost else [],
        prepared.effect.notes,
        prepared.effect.facts,
    )


def check_photo_output(source: Path, output: Path) -> None:
    """Raise a UserError if the output can't be written, before any work is done."""
    check_photo_suffix(output)
    check_writable(output)
    check_apart(source, output)


def open_photo(
    source: Path,
    plan: SwapPlan,
    analyser: FaceAnalyser,
    options: PipelineOptions,
    selection: FaceSelection = ALL_FACES,
) -> OpenedPhoto:
    """Read a photo, find its faces and choose among them; see convert_photo."""
    photo = read_photo(source)
    if photo.bit_depth > 8 and not options.allow_8bit:
        raise UserError(
            f"{source} has {photo.bit_depth} bits a channel, and faces are drawn with 8",
            "Use --eight-bit to convert it all the same",
        )
    frame = Frame(0, 0.0, np.ascontiguousarray(photo.image))
    if plan.guard:
        plan.guard.check_picture(source, frame.image)
    found = find_in_photo(frame.image, analyser) if selection.quick else analyser.find([frame])[0]
    if not found:
        raise no_face_error(source)
    faces = link_photo(found)
    clip = EffectInput(source, faces, FramesInMemory([frame]), is_photo=True)
    assignment = run_to_end(assign_faces(clip, plan))
    if not assignment.targets:
        raise nobody_wanted_error(clip, assignment)
    left_alone = {track: "someone else" for track in range(len(faces)) if track not in assignment.targets}
    left_alone |= dict.fromkeys(_not_selected(source, len(faces), selection), NOT_SELECTED)
    targets = {track: of for track, of in assignment.targets.items() if track not in left_alone}
    clip = replace(clip, targets=targets)
    if plan.guard:
        check_children(clip, plan.guard)
    doubts = _doubts(faces, targets, frame.image, analyser)
    notes = [photo.note] if photo.note else []
    notes += [
        f"face {track + 1} may be drawn, or no face at all, so look at the result: {why}"
        for track, why in doubts.items()
    ]
    return OpenedPhoto(photo, frame, clip, left_alone, [*notes, *assignment.notes])


def link_photo(faces: Sequence[Face]) -> FaceTracks:
    """The faces of a photo, each a track of its own, numbered from left to right."""
    ordered = sorted(faces, key=lambda face: float(face.box[0] + face.box[2]))
    tracks = FaceTracks.of_faces([(0, face) for face in ordered], [0.0], [0])
    return replace(tracks, tracks=np.arange(len(ordered)))


def prepare_photo(opened: OpenedPhoto, effect: FaceEffect) -> PreparedPhoto[Any]:
    """Let an effect find out what it must know of a photo.

    Raises:
        UserError: it can change none of the faces.
    """
    prepared = run_to_end(effect.prepare(opened.clip))
    left_alone = {**opened.left_alone, **prepared.left_alone}
    if not prepared.targets:
        track, reason = next((t, why) for t, why in left_alone.items() if why != NOT_SELECTED)
        raise UserError(
            f"nothing to change in {opened.clip.source}: face {track + 1}: {reason}", "Try another photo"
        )
    plan = plan_faces(opened.clip.tracks, prepared.targets, effect.options.smoothing)
    return PreparedPhoto(opened, prepared, plan, left_alone, [*opened.notes, *effect.warn(plan)])


def _not_selected(source: Path, count: int, selection: FaceSelection) -> list[int]:
    """The tracks that were not asked for by number."""
    if selection.number is None:
        return []
    if not 1 <= selection.number <= count:
        raise UserError(
            f"--face-index {selection.number}: {source} shows {plural(count, 'face')}",
            "They are counted from left to right, from 1",
        )
    return [track for track in range(count) if track != selection.number - 1]


def _doubts(
    faces: FaceTracks, targets: Mapping[int, int], image: Image, analyser: FaceAnalyser
) -> dict[int, str]:
    """What speaks against faces' being photographed ones, by their tracks.

    The close look is at times less sure of a plain face than a glance is: who is seen at a glance is a face.
    """
    assert faces.confidences is not None
    assert faces.boxes is not None
    found, glance = {}, None
    for track in targets:
        if why := doubt_track([0], [float(faces.scores[track])], (1, 0.0)):
            glance = glance_at(image, analyser) if glance is None else glance
            seen = [face.score for face in glance if overlap(face.box, faces.boxes[track]) > SAME]
            why = doubt_track([0], [max(seen, default=0.0)], (1, 0.0)) and why
        sure = float(faces.confidences[track])
        if why or sure < UNSURE:
            found[track] = why or f"its landmarks are unsure: {sure:.2f}"
    return found
