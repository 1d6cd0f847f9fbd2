"""The first pass: look for faces in every frame, journalled, so that an interrupted look goes on.

In one process frames are read once, and their times, shots and faces are written down together. Several look
for faces at the same time: before that the video is read through once, which is quick, so that each can begin
anywhere (`media.seeking`) and cuts, which are seen by what was before, are where they always are. A batch of
frames is looked at by itself: who does it makes no difference.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from faceswap_cli.device import single_threaded
from faceswap_cli.effects.base import ConvertProgress
from faceswap_cli.faces.analysis import analyse_batches, batch_size
from faceswap_cli.faces.face import SCORE_DIGITS, Face, round_values
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.landmarks.packed_points import pack_known, unpack_points
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.false_positive_tracks import doubt_track, frame_pace
from faceswap_cli.faces.tracking.shot_detection import ShotDetector
from faceswap_cli.faces.tracking.tracks import link_tracks
from faceswap_cli.journal import Journal
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.media.seeking import Timeline, checksum, frames_from
from faceswap_cli.pipeline.executors.base import Executor, TaskRange, split_task

_LONGEST = 16
"""Batches that a worker looks at in one go, at most: each piece begins with a seek."""

_LINE = 64
"""Frames in a line of the journal, when they are only read."""


@dataclass(frozen=True)
class FrameIndex:
    """What the frames themselves are.

    Attributes:
        timeline: their times.
        shots: the number of each frame's shot.
        whole: the source's end was reached.
    """

    timeline: Timeline
    shots: list[int]
    whole: bool


@dataclass(frozen=True)
class DetectionTask:
    """A `Task` that finds faces; a piece is the first and the last of the detector's batches."""

    info: MediaInfo
    timeline: Timeline
    analyser: FaceAnalyser

    @property
    def source(self) -> Path:
        """The video."""
        return self.info.path

    def reading(self, source: Path) -> DetectionTask:
        """The same from another path."""
        return replace(self, info=replace(self.info, path=source))

    def __call__(self, piece: TaskRange) -> Generator[int | tuple[int, list[Any]]]:
        """Tells of how many frames are done, and of each batch: its number, and its frames' faces as JSON."""
        size = batch_size(self.info.width, self.info.height)
        beyond = (piece[1] + 1) * size
        with contextlib.closing(frames_from(self.info, self.timeline, piece[0] * size)) as frames:
            wanted = takewhile(lambda frame: frame.index < beyond, frames)
            with contextlib.closing(analyse_batches(wanted, self.analyser)) as batches:
                for batch in batches:
                    yield len(batch)
                    yield batch[0][0].index // size, [_faces(faces) for _, _, faces in batch]


def detect_faces(
    info: MediaInfo, analyser: FaceAnalyser, frames: Journal, faces: Journal, executor: Executor
) -> Iterator[ConvertProgress]:
    """Look at the frames that the journals don't hold yet. Afterwards `read_detections` gives all.

    Args:
        info: the video.
        analyser: finds the faces.
        frames: a journal of the frames' times and shots.
        faces: a journal of their faces.
        executor: where it is done.
    """
    if _progress(faces, "faces")[1]:
        yield from index_frames(info, frames)
        return
    if executor.most > 1 or not executor.near:
        yield from index_frames(info, frames)
        timeline = read_frame_index(frames).timeline
        if not timeline.damage:  # what decoders make of it depends on how they came there: read in one go
            yield from _detect_in_parts(DetectionTask(info, timeline, analyser), faces, executor)
            return
    yield from _detect_in_one_go(info, analyser, frames, faces)


def _detect_in_parts(task: DetectionTask, faces: Journal, executor: Executor) -> Iterator[ConvertProgress]:
    """By several that look at the same time."""
    before, total = _progress(faces, "faces")[0], len(task.timeline)
    size = batch_size(task.info.width, task.info.height)
    missing = range(-(-before // size), -(-total // size))
    done, started = before, time.monotonic()
    early: dict[int, list[Any]] = {}
    following = missing.start
    with contextlib.closing(executor.run(task, split_task(executor, missing, _LONGEST))) as reports:
        for report in reports:
            if isinstance(report, int):
                done += report
                rate = (done - before) / max(time.monotonic() - started, 1e-6)
                yield ConvertProgress("faces", done, total, rate)
                continue
            early[report[0]] = report[1]
            while following in early:  # the journal has them in order
                faces.append([{"faces": early.pop(following)}])
                following += 1
    faces.append([{"end": done}])


def _detect_in_one_go(
    info: MediaInfo, analyser: FaceAnalyser, frames: Journal, faces: Journal
) -> Iterator[ConvertProgress]:
    """While the frames are read."""
    before = _progress(faces, "faces")[0]
    known, all_read = _progress(frames, "frames")
    started, count = time.monotonic(), before
    with single_threaded(), VideoReader(info.path, info) as reader:
        # Taken up where a batch ended: what detectors say of a frame may depend on its batch.
        for batch in analyse_batches(reader, analyser, start=before):
            new = [_frame(frame, shot) for frame, shot, _ in batch if frame.index >= known]
            if new:
                frames.append([{"frames": new}])
            faces.append([{"faces": [_faces(found) for _, _, found in batch]}])
            count += len(batch)
            rate = (count - before) / max(time.monotonic() - started, 1e-6)
            yield ConvertProgress("faces", count, info.frames, rate)
        if not all_read:
            frames.append([{"end": count, "damage": reader.damage}])
        faces.append([{"end": count}])


def index_frames(info: MediaInfo, frames: Journal) -> Iterator[ConvertProgress]:
    """Only read the frames, and write down their times and shots; `read_frame_index` gives them."""
    known, whole = _progress(frames, "frames")
    if whole:
        return
    cuts, new, count = ShotDetector(), [], 0
    started = time.monotonic()
    with VideoReader(info.path, info) as reader:
        for frame in reader:
            shot = cuts.feed(frame.image)
            count += 1
            if frame.index >= known:
                new.append(_frame(frame, shot))
            if len(new) == _LINE:
                frames.append([{"frames": new}])
                new = []
                yield ConvertProgress(
                    "read", count, info.frames, count / max(time.monotonic() - started, 1e-6)
                )
        frames.append([*([{"frames": new}] if new else []), {"end": count, "damage": reader.damage}])


def read_frame_index(journal: Journal) -> FrameIndex:
    """Everything that a journal says of the frames."""
    pts: list[int] = []
    shots: list[int] = []
    sums: dict[int, int] = {}
    whole, damage = False, None
    for line in journal.read():
        if "end" in line:
            whole, damage = line["end"] == len(pts), line["damage"]
            break
        for ticks, shot, checked in line["frames"]:
            if checked is not None:
                sums[len(pts)] = checked
            pts.append(ticks)
            shots.append(shot)
    return FrameIndex(Timeline(np.array(pts, np.int64), sums, damage), shots, whole)


def read_detections(info: MediaInfo, index: FrameIndex, journal: Journal) -> tuple[FaceTracks, bool]:
    """All faces that the journals hold, linked to tracks, and whether those are all of the source."""
    found, count, whole = [], 0, False
    for line in journal.read():
        if "end" in line:
            whole = index.whole and line["end"] == count == len(index.shots)
            break
        for of_frame in line["faces"]:
            found += [(count, _face(*entry)) for entry in of_frame]
            count += 1
    faces = FaceTracks.of_faces(found, index.timeline.seconds(info).tolist(), index.shots)
    return link_tracks(faces), whole


def drop_doubtful_tracks(faces: FaceTracks) -> tuple[FaceTracks, dict[int, str]]:
    """Leave out the tracks that are probably no faces.

    Returns:
        What stays, and why each of the others (by track number) does not.
    """
    pace = frame_pace(np.arange(len(faces.times)), faces.times)
    tracks = {track: faces.of_track(track) for track in faces.track_numbers()}
    reasons = {
        track: reason
        for track, places in tracks.items()
        if (reason := doubt_track(faces.frames[places].tolist(), faces.scores[places].tolist(), pace))
    }
    return faces.select(~np.isin(faces.tracks, list(reasons))), reasons


def _progress(journal: Journal, kind: str) -> tuple[int, bool]:
    """How many frames a journal holds, and whether those are all."""
    count = 0
    for line in journal.read():
        if "end" in line:
            return count, True
        count += len(line[kind])
    return count, False


def _frame(frame: Frame, shot: int) -> list[Any]:
    """One frame as JSON: its timestamp, its shot, its checksum if it has one."""
    return [frame.pts, shot, checksum(frame)]


def _faces(faces: Iterable[Face]) -> list[Any]:
    """The faces of a frame as JSON: box, score, 136 landmark coordinates of each, dense points if known."""
    entries = []
    for f in faces:
        score = round(float(f.score), SCORE_DIGITS)
        entry = [round_values(f.box), score, round_values(f.landmarks.ravel())]
        packed = pack_known(f.landmarks, f.dense, f.expression)
        entries.append(entry if packed is None else [*entry, packed])
    return entries


def _face(box: list[float], score: float, landmarks: list[float], packed: str | None = None) -> Face:
    """A face out of what `_faces` makes of it."""
    points = np.array(landmarks, np.float32).reshape(68, 2)
    dense, expression = (None, None) if packed is None else unpack_points(points, packed)
    return Face(np.array(box, np.float32), points, score, dense=dense, expression=expression)
