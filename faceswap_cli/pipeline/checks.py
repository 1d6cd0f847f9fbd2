"""What is checked before anything is written: files, depth, and whose faces would be changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from faceswap_cli.effects.base import EffectInput
from faceswap_cli.errors import UserError
from faceswap_cli.faces.identity.best_faces import best_face_indices, estimate_clarity
from faceswap_cli.faces.safety.guard import SafetyGuard, refuse_minor
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.frame import Image
from faceswap_cli.media.open import check_readable
from faceswap_cli.media.sequence import is_sequence

LOOKS = 3
"""Faces of a track that are looked at; each may cost a seek."""

MOST_FRAMES = 24
"""Frames that are looked at, at most: of a crowd the longest tracks are asked for."""


def check_children(clip: EffectInput, guard: SafetyGuard) -> None:
    """Look at a few clear faces of each track of a clip that is to be changed.

    Raises:
        Refusal: a track looks like a child's.
    """
    if guard.adults_confirmed:
        return
    faces = clip.tracks
    looks: dict[int, list[tuple[Image, float]]] = {}
    for frame, places in clip.read_faces(_choose_faces(faces, clip.targets)):
        for place in places:
            crop = guard.crop(frame.image, faces.landmarks[place])
            looks.setdefault(int(faces.tracks[place]), []).append((crop, estimate_clarity(faces, place)))
    for track, seen in looks.items():
        age = guard.young([crop for crop, _ in seen], [clarity for _, clarity in seen])
        if age is not None:
            raise refuse_minor(clip.source, clip.describe([track]), age)


def check_apart(source: Path, output: Path) -> None:
    """Raise a UserError if the source can't be read, or the output is the source itself."""
    if not is_sequence(source):
        check_readable(source)
    if source.resolve() == output.resolve() or (
        output.exists() and source.exists() and source.samefile(output)
    ):
        raise UserError(f"{output} is the source itself", "Choose another output")


def no_face_error(source: Path) -> UserError:
    """The error for sources without any face."""
    return UserError(
        f"no face was found in {source}",
        "Is one to be seen, at least 24 pixels high? Try another --detector, or a lower --min-size",
    )


def _choose_faces(faces: FaceTracks, tracks: Iterable[int]) -> dict[int, list[int]]:
    """The faces to look at, by frame: their places in `faces`."""
    chosen: dict[int, list[int]] = {}
    for track in sorted(tracks, key=lambda track: -len(faces.of_track(track))):
        for place in best_face_indices(faces, track, LOOKS):
            frame = int(faces.frames[place])
            if frame in chosen or len(chosen) < MOST_FRAMES:
                chosen.setdefault(frame, []).append(place)
    return chosen
