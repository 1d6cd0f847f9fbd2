"""From videos and photos to a face set, in a stream that can be stopped anywhere and taken up again."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces import geometry
from faceswap_cli.faces.analysis import Looked, analyse_batches
from faceswap_cli.faces.face import Face, round_values
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.identity.person_filter import (
    NOTHING_LEFT,
    FilteredOut,
    PersonFilter,
    filter_photo,
    filter_tracks,
)
from faceswap_cli.faces.landmarks.head_model import estimate_head_pose
from faceswap_cli.faces.landmarks.packed_points import pack_known
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.quality import face_sharpness
from faceswap_cli.faces.safety.guard import SafetyGuard, Young, describe_left_out, refuse_minor
from faceswap_cli.faces.sets.extract_options import ExtractOptions
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter
from faceswap_cli.faces.sets.records import FaceRecord, Header, Source, as_stored, with_tracks
from faceswap_cli.faces.sets.set_folder import check_set_folder, is_outside, remove_partial_crops
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.tracks import allowed_gap, link_tracks
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.inputs import find_media
from faceswap_cli.media.photo import read_photo
from faceswap_cli.media.probe import MediaInfo, check_colours, probe
from faceswap_cli.media.reader import VideoReader


@dataclass(frozen=True)
class ExtractProgress:
    """Where an extraction stands.

    Attributes:
        source: the file's name.
        number, sources: this is the `number`th (from 1) of so many files.
        done: frames looked at, from the video's beginning, earlier runs included.
        total: frames the container claims; None if it does not say.
        faces: faces found in this file.
        rate: frames a second, this run.
        state: "running"; "complete": this file's end was reached now; "known": it had been before;
            "unreadable": it was left out, or refused, see the notes.
        notes: what was wrong with the file, for the user.
    """

    source: str
    number: int
    sources: int
    done: int
    total: int | None
    faces: int
    rate: float
    state: Literal["running", "complete", "known", "unreadable"]
    notes: tuple[str, ...] = ()


class _UnreadableError(Exception):
    """A file could not be read at all; its argument is the UserError that says why."""


def extract_faces(
    inputs: Sequence[Path],
    output: Path,
    stage: FaceAnalyser,
    options: ExtractOptions = ExtractOptions(),
    photo_stage: FaceAnalyser | None = None,
    wanted: PersonFilter | None = None,
    guard: SafetyGuard | None = None,
) -> Generator[ExtractProgress, None, None]:
    """Put the faces of videos and photos into the face set `output`, which is made or added to.

    Files that the set knows already are passed over, one that was cut off is taken up where it stopped.
    A file that can't be read is told and left out, unless there is no other.

    Args:
        inputs: videos, photos, and folders of them.
        output: the face set's folder.
        stage: finds the faces in videos.
        options: what to take.
        photo_stage: finds the faces in photos (a thorough one); `stage`, if not given.
        wanted: whose faces are kept; everybody's, if not given.
        guard: leaves out what must not be taken; nothing is refused, if not given.

    Yields:
        Progress, several times for a video, and at least once for each file.

    Raises:
        UserError: nothing to read, no face anywhere, the set was made with other settings, a file was
            changed since, or the folder can't be written.
        Refusal: there is something, but all of it is refused.
    """
    options.check()
    files = is_outside(find_media(inputs), output)
    is_new, made = check_set_folder(output)
    mine = False
    try:
        with FaceSetWriter(output, _header(stage, options, wanted, guard)) as writer:
            mine = is_new
            faces, problems, refused = 0, [], []
            for number, file in enumerate(files, start=1):
                job = _Job(writer, file, number, len(files), options, wanted, guard)
                try:
                    for progress in job.run(stage, photo_stage or stage):
                        yield progress
                    faces += progress.faces
                    refused += [job.refused] if job.refused else []
                except Refusal as error:
                    refused.append(error)
                    yield job.progress(0, 0, "unreadable", (str(error),))
                except _UnreadableError as error:
                    problems.append(error)
                    yield job.progress(0, 0, "unreadable", (str(error.args[0]),))
            if len(problems) == len(files):
                raise problems[0].args[0]
            if not faces and refused:
                raise refused[0]
            if not faces:
                raise _no_face(files, wanted)
    except UserError:
        if mine:
            remove_partial_crops(output, made)
        raise


class _Job:
    """One file on its way into a face set."""

    def __init__(
        self,
        writer: FaceSetWriter,
        file: Path,
        number: int,
        sources: int,
        options: ExtractOptions,
        wanted: PersonFilter | None,
        guard: SafetyGuard | None,
    ) -> None:
        self.writer = writer
        self.file = file
        self.number = number
        self.sources = sources
        self.options = options
        self.wanted = wanted
        self.guard = guard
        self.refused: Refusal | None = None
        self.total: int | None = None
        self.started = time.monotonic()

    def run(self, stage: FaceAnalyser, photo_stage: FaceAnalyser) -> Iterator[ExtractProgress]:
        """Do all that is left to do for the file."""
        with _telling_unreadable():
            info = probe(self.file)
            check_colours(info)
        self.total = info.frames
        source = self.writer.add_source(_describe(self.file, info))
        if source.complete:
            yield self.progress(source.seen, source.faces, "known", source.notes)
        elif source.kind == "photo":
            yield self._photo(source, photo_stage)
        else:
            yield from self._video(source, info, stage)

    def progress(
        self,
        done: int,
        faces: int,
        state: Literal["running", "complete", "known", "unreadable"],
        notes: tuple[str, ...] = (),
        before: int = 0,
    ) -> ExtractProgress:
        """Progress after `done` frames, of which `before` had been done by earlier runs."""
        rate = (done - before) / max(time.monotonic() - self.started, 1e-6) if state != "known" else 0.0
        return ExtractProgress(
            self.file.name, self.number, self.sources, done, self.total, faces, rate, state, notes
        )

    def _photo(self, source: Source, stage: FaceAnalyser) -> ExtractProgress:
        with _telling_unreadable():
            image = read_photo(self.file).image
        if self.guard:
            self.guard.check_picture(self.file, image)
        source = replace(source, width=image.shape[1], height=image.shape[0], seen=1, complete=True)
        frame = Frame(0, 0.0, image)
        found = self._records(source, (frame, 0, stage.find([frame])[0]))
        # Each face of a photo is a track of its own.
        numbered = [(replace(record, track=k), crop) for k, (record, crop) in enumerate(found)]
        left = filter_photo(self.wanted, numbered) if self.wanted else NOTHING_LEFT
        kept = [one for one in numbered if one[0].crop not in left.crops]
        if self.guard:
            young = self.guard.young_faces(kept)
            left = self._without_young(left, young, [record for record, _ in kept])
            kept = [one for one in kept if one[0].crop not in left.crops]
        self.writer.add(source, kept)
        return self.progress(1, len(kept), "complete", left.notes)

    def _video(self, source: Source, info: MediaInfo, stage: FaceAnalyser) -> Iterator[ExtractProgress]:
        before, read = source.seen, 0
        if self.guard:
            with _telling_unreadable():
                self.guard.check_video(info)

        def frames() -> Iterator[Frame]:
            nonlocal read
            with _telling_unreadable():
                for frame in reader:
                    read = frame.index + 1
                    yield frame

        with VideoReader(self.file, info) as reader:
            batches = analyse_batches(frames(), stage, start=before, every=self.options.every)
            with contextlib.closing(batches):
                for batch in batches:
                    last = batch[-1][0]
                    height, width = last.image.shape[:2]
                    source = replace(source, seen=last.index + 1, width=width, height=height)
                    self.writer.add(
                        source, [one for looked in batch for one in self._records(source, looked)]
                    )
                    yield self.progress(source.seen, self._count(source), "running", before=before)
            notes = tuple(note for note in (info.note, reader.damage) if note)
        source = replace(source, seen=max(read, before), notes=notes)
        records = self.writer.index.records.get(source.id, [])
        tracks = _tracks(records)
        left = NOTHING_LEFT
        tracked, so_far = with_tracks(records, tracks.values()), FaceSet(self.writer.path, self.writer.index)
        if self.wanted:
            left = filter_tracks(self.wanted, so_far, tracked)
        if self.guard:
            tracked = [record for record in tracked if record.crop not in left.crops]
            left = self._without_young(left, self.guard.young_tracks(so_far, tracked), tracked)
        self.writer.finish(source, tracks, left.crops)
        yield self.progress(source.seen, self._count(source), "complete", (*notes, *left.notes), before)

    def _without_young(self, left: FilteredOut, young: Young, records: Sequence[FaceRecord]) -> FilteredOut:
        """Leave out children's tracks too, and keep in mind that it was refused."""
        if not young:
            return left
        crops = frozenset(record.crop for record in records if (record.source, record.track) in young)
        self.refused = refuse_minor(self.file, "what is to be seen in it", min(young.values()))
        return FilteredOut(left.crops | crops, (*left.notes, describe_left_out(young, len(crops))))

    def _count(self, source: Source) -> int:
        return len(self.writer.index.records.get(source.id, []))

    def _records(self, source: Source, looked: Looked) -> list[tuple[FaceRecord, Image]]:
        """What is stored of the faces of a frame."""
        frame, shot, faces = looked
        faces = [face for face in faces if _extent(face) >= self.options.min_size]
        if self.options.max_faces:
            faces = sorted(faces, key=lambda face: -_extent(face))[: self.options.max_faces]
        return [
            _record(
                f"{source.prefix}_{frame.index:06d}_{k}.jpg",
                source,
                frame,
                shot,
                face,
                self.options.crop_size,
            )
            for k, face in enumerate(faces)
        ]


def _record(
    crop_name: str, source: Source, frame: Frame, shot: int, face: Face, size: int
) -> tuple[FaceRecord, Image]:
    """A face's line and its crop, the latter cut by the landmarks exactly as the line gives them."""
    landmarks = np.asarray(round_values(face.landmarks))
    matrix = geometry.crop_matrix(landmarks, size, geometry.STORED_SIDE)
    crop = geometry.warp(frame.image, matrix, size)
    record = FaceRecord(
        crop=crop_name,
        source=source.id,
        frame=frame.index,
        time=frame.time,
        pts=frame.pts,
        box=face.box,
        landmarks=landmarks.astype(np.float32),
        matrix=matrix,
        score=face.score,
        track=-1,
        shot=shot,
        sharpness=face_sharpness(crop, geometry.transform(landmarks, matrix)),
        pose=estimate_pose(landmarks) if face.dense is None else estimate_head_pose(face.dense),
        confidence=face.confidence,
        packed=pack_known(face.landmarks, face.dense, face.expression),
    )
    return as_stored(record), crop


def _tracks(records: Sequence[FaceRecord]) -> dict[str, int]:
    """The track number of every crop of one source."""
    if not records:
        return {}
    count = max(record.frame for record in records) + 1
    times, shots = [0.0] * count, [0] * count  # of the frames that show a face
    for record in records:
        times[record.frame], shots[record.frame] = record.time, record.shot
    faces = [(r.frame, Face(r.box, r.landmarks, r.score)) for r in records]
    linked = link_tracks(
        FaceTracks.of_faces(faces, times, shots), allowed_gap([record.time for record in records])
    )
    numbers = linked.tracks.tolist()
    return {record.crop: number for record, number in zip(records, numbers, strict=True)}


def _extent(face: Face) -> float:
    """The longer side of a face's box in pixels."""
    return float((face.box[2:] - face.box[:2]).max())


def _header(
    stage: FaceAnalyser, options: ExtractOptions, wanted: PersonFilter | None, guard: SafetyGuard | None
) -> Header:
    """What a set keeps of how it was made; the settings' names are those of the command's options."""
    detector, landmarks = stage.names
    settings = {
        "every": str(options.every),
        "min-size": f"{options.min_size:g}",
        "max-faces": str(options.max_faces),
        "detector": detector,
        "landmarks": landmarks,
        **(wanted.settings if wanted else {}),
        **(guard.settings if guard else {}),
    }
    return Header(options.crop_size, geometry.STORED_SIDE, settings)


def _describe(file: Path, info: MediaInfo) -> Source:
    """A file as a source that no set knows yet."""
    about = file.stat()
    return Source(
        id=-1,
        name=file.name,
        path=os.fspath(file.resolve()),
        kind=info.kind,
        width=0,
        height=0,
        prefix=_prefix(file.stem),
        size=about.st_size,
        mtime_ns=about.st_mtime_ns,
    )


def _prefix(stem: str) -> str:
    """A file's stem as the beginning of crops' names, safe on every file system."""
    return re.sub(r"[^\w\-. ()]", "_", stem).strip(". ")[:80] or "source"


@contextlib.contextmanager
def _telling_unreadable() -> Iterator[None]:
    """Tell errors about an input, of which there may be others, from errors about the output."""
    try:
        yield
    except UserError as error:
        raise _UnreadableError(error) from error


def _no_face(files: Sequence[Path], wanted: PersonFilter | None) -> UserError:
    where = files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"
    if wanted:
        return UserError(
            f"no face of the people asked for found in {where}",
            "Give another photo with --only (clear, from the front), or leave --only and --not out",
        )
    return UserError(
        f"no face found in {where}",
        "Look whether a face is at least --min-size pixels large; another --detector may help",
    )
