"""The first pass: look for faces in every frame, journalled, so that an interrupted look goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from faceswap_cli.compositing.options import ConvertProgress
from faceswap_cli.compositing.plan import Found
from faceswap_cli.compositing.work import Journal
from faceswap_cli.faces.analysis import analyse_batches
from faceswap_cli.faces.doubt import doubt_of, pace
from faceswap_cli.faces.face import Face, FloatArray
from faceswap_cli.faces.stage import FaceStage
from faceswap_cli.faces.tracks import Observation, link
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.reader import VideoReader


@dataclass
class Surveyed:
    """What the first pass saw, one entry a frame (times, shots) or a face (the others).

    Attributes:
        whole: it reached the source's end.
        damage: what was wrong with the source, when it is known.
    """

    times: list[float] = field(default_factory=list)
    shots: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    whole: bool = False
    damage: str | None = None


def survey(
    info: MediaInfo, stage: FaceStage, journal: Journal, total: int | None
) -> Iterator[ConvertProgress]:
    """Look at the frames that the journal doesn't hold yet. Afterwards `read_survey` gives all."""
    before, whole = _progress(journal)
    if whole:
        return
    started, count = time.monotonic(), before
    with VideoReader(info.path, info) as reader:
        # Taken up where a batch ended: what detectors say of a frame may depend on its batch.
        for batch in analyse_batches(reader, stage, start=before):
            journal.append([{"frames": [_entry(*looked) for looked in batch]}])
            count += len(batch)
            rate = (count - before) / max(time.monotonic() - started, 1e-6)
            yield ConvertProgress("faces", count, total, rate)
        journal.append([{"end": count, "damage": reader.damage}])


def read_survey(journal: Journal) -> Surveyed:
    """Everything the journal holds."""
    seen = Surveyed()
    for line in journal.read():
        if "end" in line:
            seen.whole, seen.damage = line["end"] == len(seen.times), line["damage"]
            break
        for seconds, shot, faces in line["frames"]:
            for box, score, landmarks in faces:
                points = np.array(landmarks, np.float32).reshape(68, 2)
                seen.frames.append(len(seen.times))
                seen.faces.append(Face(np.array(box, np.float32), points, score))
            seen.times.append(seconds)
            seen.shots.append(shot)
    return seen


def found(seen: Surveyed) -> Found:
    """The faces, linked to tracks, in compact arrays."""
    observations = [
        Observation(frame, seen.times[frame], face.box, face.landmarks, seen.shots[frame])
        for frame, face in zip(seen.frames, seen.faces, strict=True)
    ]
    return Found(
        frames=np.array(seen.frames, np.int64),
        tracks=np.array(link(observations), np.int64),
        landmarks=np.stack([face.landmarks for face in seen.faces]).astype(np.float32),
        scores=np.array([face.score for face in seen.faces], np.float32),
        times=np.array(seen.times),
        removed=np.zeros((0, 2), np.int64),
    )


def without_doubtful(seen: Found) -> tuple[Found, dict[int, str]]:
    """Leave out the tracks that are probably no faces.

    Returns:
        What stays, and why each of the others (by track number) does not.
    """
    looked = pace(np.arange(len(seen.times)), seen.times)
    tracks = {track: seen.of_track(track) for track in seen.track_numbers()}
    reasons = {
        track: reason
        for track, places in tracks.items()
        if (reason := doubt_of(seen.frames[places].tolist(), seen.scores[places].tolist(), looked))
    }
    stays = ~np.isin(seen.tracks, list(reasons))
    arrays = {name: getattr(seen, name)[stays] for name in ("frames", "tracks", "landmarks", "scores")}
    return replace(seen, **arrays), reasons


def _progress(journal: Journal) -> tuple[int, bool]:
    """How many frames the journal holds, and whether those are all."""
    count = 0
    for line in journal.read():
        if "end" in line:
            if line["end"] == count:
                return count, True
            journal.cut(0)  # a line is missing, and nothing says which
            return 0, False
        count += len(line["frames"])
    return count, False


def _entry(frame: Frame, shot: int, faces: Iterable[Face]) -> list[Any]:
    """One frame as JSON: its time, its shot, its faces."""
    # A hundredth of a pixel is finer than any landmarker is sure of.
    entries = [
        [_rounded(face.box, 2), round(float(face.score), 4), _rounded(face.landmarks, 2)] for face in faces
    ]
    return [frame.time, shot, entries]


def _rounded(values: FloatArray, digits: int) -> list[float]:
    plain: list[float] = np.round(values.astype(np.float64), digits).ravel().tolist()
    return plain
