"""Convert a video: find the faces, decide whose they are, draw them, join the pieces.

Every step's results are in a work folder beside the output (see `workdir`), so that an interrupted run goes
on where it stopped. Nothing stands under the output's name before all is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.base import ConvertProgress, EffectInput, FaceEffect, Phase
from faceswap_cli.effects.planned_faces import FacePlan, plan_faces
from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.sets.faceset import FaceSet
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.journal import fingerprint
from faceswap_cli.media.canvas import info_of_canvas
from faceswap_cli.media.containers import check_output
from faceswap_cli.media.encoders import as_written
from faceswap_cli.media.join import join_segments
from faceswap_cli.media.probe import MediaInfo, check_colours, only_frames, probe
from faceswap_cli.media.seeking import Timeline
from faceswap_cli.pipeline import detection_pass, render_pass
from faceswap_cli.pipeline.assignment import Assignment, SwapPlan, assign_faces, nobody_wanted_error
from faceswap_cli.pipeline.checks import check_apart, check_children, no_face_error
from faceswap_cli.pipeline.executors.base import Executor, InlineExecutor
from faceswap_cli.pipeline.faces_from_set import faces_from_set, select_frames
from faceswap_cli.pipeline.frame_sources import VideoFrames
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.pipeline.render_pass import RenderTask
from faceswap_cli.pipeline.workdir import ResumeDir, not_whole_error
from faceswap_cli.words import plural

VERSION = 18
"""Raised when the same settings begin to give other pictures: unfinished work of before is not mixed in."""

MOST_TOLD = 3
"""Tracks left alone as doubtful that are told one by one."""

Steps = Generator[ConvertProgress]


def convert_video(
    source: Path,
    output: Path,
    plan: SwapPlan,
    effect: FaceEffect,
    options: PipelineOptions,
    analyser: FaceAnalyser | None = None,
    faces: FaceSet | None = None,
    executor: Executor | None = None,
    tracks: FaceTracks | None = None,
) -> Steps:
    """Change the faces of the video `source` and write it to `output`.

    What can be checked beforehand is checked at once; the work is done while the result is iterated, and
    the output stands there when the iteration ends. To stop early, close the generator (or interrupt it):
    the same call later goes on from there.

    Args:
        source: a video.
        output: another; its suffix chooses the container.
        plan: whose faces are changed.
        effect: what is done to them.
        options: how it is run.
        analyser: finds the faces; needed when `faces` is None.
        faces: a face set of this video: its faces are drawn, and those whose crops were deleted are not.
        executor: where the work is done; by default in this process. The result is the same.
        tracks: faces that are known from elsewhere; then neither an analyser nor a face set is needed.

    Yields:
        One ConvertProgress for every few frames, and one for every note.

    Raises:
        UserError: see the options' checks and video_of; no face, or none of the wanted person;
            a face set of another video; the disk is full.
        Refusal: by the plan's guard: nudity, or a face that would be changed looks like a child's.
    """
    options.check()
    effect.check()
    given = [one for one in (analyser, faces, tracks) if one is not None]
    assert len(given) == 1, "faces come from an analyser, from a face set, or are known"
    check_apart(source, output)
    info = video_of(source, options)
    lost = check_output(output, written_info(info, options), options.encode)
    known = select_frames(faces_from_set(faces, source), info.pieces) if faces is not None else tracks
    job = _Job(info, output, plan, effect, options, analyser, known, executor or InlineExecutor())
    return _convert(job, lost)


def video_of(source: Path, options: PipelineOptions) -> MediaInfo:
    """What a source is, of which only the wanted frames are read.

    Raises:
        UserError: it can't be converted as a video, or has none of these frames.
    """
    info = only_frames(probe(source, options.rate), options.frames)
    check_source(info)
    return info


def written_info(info: MediaInfo, options: PipelineOptions) -> MediaInfo:
    """What the result of a source says of itself."""
    return info if options.canvas is None else info_of_canvas(info, options.canvas)


def check_source(info: MediaInfo) -> None:
    """Raise a UserError if a file can't be converted as a video."""
    if info.kind != "video":
        raise UserError(f"{info.path} is a photo, not a video", "Give a video, or use the command for photos")
    check_colours(info)


@dataclass(frozen=True)
class _Job:
    """One call of convert_video."""

    info: MediaInfo
    output: Path
    plan: SwapPlan
    effect: FaceEffect
    options: PipelineOptions
    analyser: FaceAnalyser | None
    known: FaceTracks | None
    executor: Executor

    @property
    def source_key(self) -> list[Any]:
        """The source file: what it is called may change, what is in it not."""
        return [VERSION, *self.info.mark]

    @property
    def faces_key(self) -> str:
        """What the found faces depend on."""
        if self.known is not None:
            known = self.known
            arrays = (known.frames, known.tracks, known.landmarks, known.removed)
            dense = [_digest(a) for a in (known.dense, known.expression) if a is not None]
            return fingerprint(self.source_key, "set", [*(_digest(a) for a in arrays), *dense])
        assert self.analyser is not None
        return fingerprint(self.source_key, "stage", self.analyser.settings)

    @property
    def picture_key(self) -> str:
        """What the pictures depend on."""
        chosen = self.plan.cache_key(self.faces_key)
        return fingerprint(chosen, self.effect.cache_key, self.options.settings())


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _convert(job: _Job, lost: list[str]) -> Steps:
    """One step after the other; what each needs and gives is in its arguments and its result."""
    for line in [*lost, *([job.info.note] if job.info.note else [])]:
        yield _note("faces", line)
    guard = job.plan.guard
    if guard:
        guard.check_video(job.info)
    with ResumeDir(job.output) as work:
        segments = work.journal("segments", job.picture_key)
        if segments.discarded:
            yield _note("faces", "unfinished work with other settings was thrown away")
        timeline, faces = yield from _find_faces(job, work)
        frames = VideoFrames(job.info, timeline)
        clip = EffectInput(job.info.path, faces, frames, cache_key=job.faces_key, open_journal=work.journal)
        assignment = yield from _assign(clip, job.plan)
        clip = replace(clip, targets=assignment.targets, cache_key=job.plan.cache_key(job.faces_key))
        if guard:
            try:
                check_children(clip, guard)
            except Refusal:
                work.remove()  # nothing is kept of whom nothing may be made
                raise
        prepared = yield from job.effect.prepare(clip)
        plan = plan_faces(faces, prepared.targets, job.effect.options.smoothing)
        for line in (*prepared.notes, *job.effect.warn(plan)):
            yield _note("render", line)
        # The key signs the whole here; it goes to no other process or machine.
        marks = replace(job.options.marks, signer=None)
        if job.options.canvas is None:
            marks = marks.clear_of(faces.landmarks, job.info.height, job.info.width)
        options = replace(job.options, marks=marks)
        written = written_info(job.info, options)
        task = RenderTask(job.info, timeline, plan, prepared.stages, options, work.path, written)
        pieces, count = yield from render_pass.render_segments(task, segments, job.executor)
        yield ConvertProgress("join", 0, count)
        marks = job.options.marks
        sound = options.canvas.sound if options.canvas else None
        written = as_written(written, options.encode)
        join_segments(pieces, job.info.path, job.output, written, work.path, marks.tags, marks.seal, sound)
        summary = summarise(plan, count, len(faces.track_numbers()))
        yield ConvertProgress("join", count, count, summary=summary)
        work.remove()


def _find_faces(job: _Job, work: ResumeDir) -> Generator[ConvertProgress, None, tuple[Timeline, FaceTracks]]:
    """The frames, and the faces in them: from the face set, or by looking."""
    frames = work.journal("frames", fingerprint(job.source_key))
    if job.known is not None:
        yield from detection_pass.index_frames(job.info, frames)
        timeline = detection_pass.read_frame_index(frames).timeline
        yield from _notes("faces", timeline.damage)
        return timeline, job.known
    assert job.analyser is not None
    journal = work.journal("faces", job.faces_key)
    yield from detection_pass.detect_faces(job.info, job.analyser, frames, journal, job.executor)
    index = detection_pass.read_frame_index(frames)
    faces, whole = detection_pass.read_detections(job.info, index, journal)
    if not whole:
        raise not_whole_error(work.path, f"faces were looked for in {len(faces.times)} frames only")
    yield from _notes("faces", index.timeline.damage)
    if not len(faces):
        work.remove()
        raise no_face_error(job.info.path)
    faces, doubts = detection_pass.drop_doubtful_tracks(faces)
    if not len(faces):
        work.remove()
        raise _only_doubtful(job.info.path, doubts)
    if doubts:
        yield _note("faces", f"left alone, probably no faces: {_in_words(doubts)}")
    return index.timeline, faces


def _assign(clip: EffectInput, plan: SwapPlan) -> Generator[ConvertProgress, None, Assignment]:
    """The target of each track that is changed."""
    assignment = yield from assign_faces(clip, plan)
    if not assignment.targets:
        raise nobody_wanted_error(clip, assignment)
    yield from _notes("faces", assignment.left_alone, *assignment.notes)
    return assignment


def summarise(plan: FacePlan, frames: int, tracks: int) -> str:
    """What a finished conversion did, in one line.

    Args:
        plan: the faces that were changed.
        frames: of the video.
        tracks: face tracks that were found, changed or not.
    """
    changed, with_face = len(np.unique(plan.tracks)), len(np.unique(plan.frames))
    left = f", {plural(tracks - changed, 'track')} left alone" if tracks > changed else ""
    faces = f"{plural(len(plan.frames), 'face')} of {plural(changed, 'track')} drawn"
    return f"{faces} in {with_face} of {plural(frames, 'frame')}{left}"


def _note(phase: Phase, text: str) -> ConvertProgress:
    return ConvertProgress(phase, 0, None, note=text)


def _notes(phase: Phase, *texts: str | None) -> Steps:
    """Those that say something."""
    for text in texts:
        if text:
            yield _note(phase, text)


def _in_words(doubts: Mapping[int, str]) -> str:
    """A few of the reasons to doubt tracks, by track number."""
    few = "; ".join(f"track {track} ({reason})" for track, reason in list(doubts.items())[:MOST_TOLD])
    return f"{few}; {len(doubts) - MOST_TOLD} more" if len(doubts) > MOST_TOLD else few


def _only_doubtful(source: Path, doubts: Mapping[int, str]) -> UserError:
    return UserError(
        f"no face was surely found in {source}: {_in_words(doubts)}",
        "If they are faces, extract them and give the face set with --faces: its faces are all drawn",
    )
