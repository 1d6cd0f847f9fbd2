"""Faces of a video from a face set, for converting without looking for them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.sets.records import FaceRecord, Source
from faceswap_cli.faces.tracking.face_tracks import FaceTracks, stack_known
from faceswap_cli.media.pieces import Piece, is_wanted


def faces_from_set(faces: FaceSet, path: Path) -> FaceTracks:
    """What `faces` knows of the video `path`. Faces whose crops the user deleted are marked as removed.

    Raises:
        UserError: the set has nothing of this video, was not finished, lacks frames (`--every`), or the
            video has changed since.
    """
    source = _source_of(faces, path)
    if not source.complete:
        raise UserError(
            f"{faces.path} holds only a part of {path.name}: its extraction was interrupted",
            f"Run `faceswap extract {path} -o {faces.path}` again, it goes on where it stopped",
        )
    if faces.header.settings.get("every", "1") != "1":
        raise UserError(
            f"{faces.path} was made with --every {faces.header.settings['every']}: it lacks most frames",
            "Extract it with --every 1 into a new folder, or leave out the face set",
        )
    mine = sorted((r for r in faces.records if r.source == source.id), key=lambda r: r.frame)
    gone = [r for r in faces.deleted if r.source == source.id]
    if not mine:
        left = f"all {len(gone)} of its faces were deleted" if gone else "no face was found in it"
        raise UserError(f"{faces.path} has no face of {path.name}: {left}", "Extract it anew, or convert all")
    described = [record.face for record in mine]
    return FaceTracks(
        frames=np.array([r.frame for r in mine], np.int64),
        tracks=np.array([r.track for r in mine], np.int64),
        landmarks=np.stack([r.landmarks for r in mine]),
        scores=np.array([r.score for r in mine], np.float32),
        times=_times([*mine, *gone], source.seen),
        removed=np.array([(r.frame, r.track) for r in gone], np.int64).reshape(-1, 2),
        dense=stack_known([face.dense for face in described]),
        expression=stack_known([face.expression for face in described]),
    )


def select_frames(faces: FaceTracks, pieces: Sequence[Piece]) -> FaceTracks:
    """Faces in some pieces of a video only, whose frames are counted anew from 0."""
    if not pieces:
        return faces
    wanted = np.array([is_wanted(pieces, frame) for frame in range(len(faces.times))])
    number = np.cumsum(wanted) - 1
    stays = wanted[faces.frames]
    removed = faces.removed[wanted[faces.removed[:, 0]]].copy()
    removed[:, 0] = number[removed[:, 0]]
    kept = faces.select(stays)
    shots = None if faces.shots is None else faces.shots[wanted]
    return replace(kept, frames=number[kept.frames], times=faces.times[wanted], removed=removed, shots=shots)


def _source_of(faces: FaceSet, path: Path) -> Source:
    """The set's entry of a video: by its path, or by its content's marks when it was moved or renamed."""
    stat = path.stat()
    here = str(path.resolve())
    for source in faces.sources.values():
        if source.path == here:
            if (source.size, source.mtime_ns) != (stat.st_size, stat.st_mtime_ns):
                raise UserError(
                    f"{path} was changed since its faces were put into {faces.path}",
                    "Extract it anew, or leave out the face set",
                )
            return source
    for source in faces.sources.values():
        if source.size == stat.st_size and (source.name == path.name or source.mtime_ns == stat.st_mtime_ns):
            return source
    names = ", ".join(source.name for source in list(faces.sources.values())[:4]) or "nothing"
    raise UserError(
        f"{faces.path} is not of this video: it holds faces of {names}, none of {path.name}",
        "Give the face set that was extracted from it, or none",
    )


def _times(records: Sequence[FaceRecord], frames: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Seconds of every frame: known where there is a face, between them in step."""
    known = {record.frame: record.time for record in records}
    numbers = np.array(sorted(known), np.int64)
    count = max(frames, int(numbers[-1]) + 1)
    return np.interp(np.arange(count), numbers, [known[int(n)] for n in numbers])
