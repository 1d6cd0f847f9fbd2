"""Convert a video: find the faces, decide whose they are, draw them, join the pieces.

Every step's results are in a work folder beside the output (see `work`), so that an interrupted run goes
on where it stopped. Nothing stands under the output's name before all is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import masks, segments, survey, who
from faceswap_cli.compositing.known import faces_from_set
from faceswap_cli.compositing.options import ConvertOptions, ConvertProgress
from faceswap_cli.compositing.photo import check_apart, no_face, nobody_wanted, too_deep
from faceswap_cli.compositing.plan import Found, make_plan
from faceswap_cli.compositing.summary import summary
from faceswap_cli.compositing.work import WorkFolder, fingerprint
from faceswap_cli.errors import UserError
from faceswap_cli.faces.faceset import FaceSet
from faceswap_cli.faces.parsing import FaceParser
from faceswap_cli.faces.stage import FaceStage
from faceswap_cli.media.containers import check_output
from faceswap_cli.media.join import join_segments
from faceswap_cli.media.probe import MediaInfo, probe
from faceswap_cli.networks.renderer import Renderer

VERSION = 3
"""Raised when the same settings begin to give other pictures: unfinished work of before is not mixed in."""

MOST_TOLD = 3
"""Tracks left alone as doubtful that are told one by one."""

Steps = Iterator[ConvertProgress]


def convert_video(
    source: Path,
    output: Path,
    renderer: Renderer,
    options: ConvertOptions,
    stage: FaceStage | None = None,
    faces: FaceSet | None = None,
    reference: NDArray[np.float32] | None = None,
    model: str = "",
    parser: FaceParser | None = None,
) -> Steps:
    """Swap the faces of the video `source` and write it to `output`.

    What can be checked beforehand is checked at once; the work is done while the result is iterated, and
    the output stands there when the iteration ends. To stop early, close the generator (or interrupt it):
    the same call later goes on from there.

    Args:
        source: a video.
        output: another; its suffix chooses the container.
        renderer: draws the new faces.
        options: how.
        stage: finds the faces; needed when `faces` is None.
        faces: a face set of this video: its faces are drawn, and those whose crops were deleted are not.
        reference: (K, 128) identity embeddings of the person to replace; None replaces everyone.
        model: what the renderer's pictures depend on (weights, step), for resuming.
        parser: needed when `options.mask` names a mask that it makes.

    Yields:
        One ConvertProgress for every few frames, and one for every note.

    Raises:
        UserError: see ConvertOptions.check and check_source; no face, or none of the wanted person;
            a face set of another video; the disk is full.
    """
    options.check()
    assert parser is not None or not masks.wanted(options.mask).parser, "these masks need the face parser"
    assert (stage is None) != (faces is None), "faces come from a stage or from a face set"
    check_apart(source, output)
    info = probe(source)
    check_source(info, options)
    lost = check_output(output, info, options.encode)
    known = faces_from_set(faces, source) if faces is not None else None
    job = _Job(info, output, renderer, options, stage, known, reference, model, parser)
    return _convert(job, lost)


def check_source(info: MediaInfo, options: ConvertOptions) -> None:
    """Raise a UserError if a file can't be converted as a video with these options."""
    if info.kind != "video":
        raise UserError(f"{info.path} is a photo, not a video", "Use `faceswap convert photo`")
    if info.hdr:
        raise UserError(
            f"{info.path} is HDR video, whose brightness this tool would get wrong",
            "Make a standard-range (SDR, BT.709) copy of it first and convert that",
        )
    if info.bit_depth > 8 and not options.allow_8bit:
        raise too_deep(info.path, info.bit_depth)


@dataclass(frozen=True)
class _Job:
    """One call of convert_video."""

    info: MediaInfo
    output: Path
    renderer: Renderer
    options: ConvertOptions
    stage: FaceStage | None
    known: Found | None
    reference: NDArray[np.float32] | None
    model: str
    parser: FaceParser | None

    @property
    def source_mark(self) -> list[Any]:
        """The source file: what it is called may change, what is in it not."""
        stat = self.info.path.stat()
        return [VERSION, stat.st_size, stat.st_mtime_ns]

    @property
    def faces_mark(self) -> str:
        """What the found faces depend on."""
        if self.known is not None:
            arrays = (self.known.frames, self.known.tracks, self.known.landmarks, self.known.removed)
            return fingerprint(self.source_mark, "set", [_digest(array) for array in arrays])
        assert self.stage is not None
        return fingerprint(self.source_mark, "stage", self.stage.settings)

    @property
    def who_mark(self) -> str:
        """What the decision whose faces are drawn depends on."""
        wanted = self.options.identity and self.reference is not None
        person = _digest(np.asarray(self.reference, np.float32)) if wanted else None
        return fingerprint(self.faces_mark, person)

    @property
    def picture_mark(self) -> str:
        """What the pictures depend on."""
        drawn_by = [self.model, type(self.renderer).__name__, self.renderer.size, self.renderer.side]
        if self.parser is not None and masks.wanted(self.options.mask).parser:
            drawn_by.append(self.parser.mark)
        return fingerprint(self.who_mark, drawn_by, self.options.settings())


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _convert(job: _Job, lost: list[str]) -> Steps:
    for line in [*lost, *([job.info.note] if job.info.note else [])]:
        yield _note("faces", line)
    with WorkFolder(job.output) as work:
        journal = work.journal("segments", job.picture_mark)
        if journal.discarded:
            yield _note("faces", "unfinished work with other settings was thrown away")
        found, damage = yield from _find(job, work)
        left_alone = yield from _choose(job, work, found)
        total = len(found.times) if job.known is None else job.info.frames
        before = segments.finished(journal, work.path)
        if before.frames:
            yield _note("render", f"going on after {before.frames} frames that are done")
        plan = make_plan(found, job.options.smoothing, left_alone)
        yield from segments.render(job.info, plan, job.renderer, job.options, journal, total, job.parser)
        done = segments.finished(journal, work.path)
        if not done.whole or (done.frames != len(found.times) and not (damage or done.damage)):
            raise _not_whole(work, f"{done.frames} of {len(found.times)} frames are drawn")
        if done.damage and not damage:
            yield _note("render", done.damage)
        yield ConvertProgress("join", 0, done.frames)
        join_segments(done.segments, job.info.path, job.output, job.info, work.path)
        told = summary(plan, done.frames, len(found.track_numbers()))
        yield ConvertProgress("join", done.frames, done.frames, summary=told)
        work.remove()


def _note(phase: Any, text: str) -> ConvertProgress:
    return ConvertProgress(phase, 0, None, note=text)


def _not_whole(work: WorkFolder, what: str) -> UserError:
    return UserError(
        f"the unfinished work in {work.path} is not whole: {what}", "Delete it, then run this again"
    )


def _find(job: _Job, work: WorkFolder) -> Generator[ConvertProgress, None, tuple[Found, str | None]]:
    """The faces, from the face set or by looking, and what is wrong with the source if that is known."""
    if job.known is not None:
        return job.known, None
    assert job.stage is not None
    journal = work.journal("faces", job.faces_mark)
    yield from survey.survey(job.info, job.stage, journal, job.info.frames)
    seen = survey.read_survey(journal)
    if not seen.whole:
        raise _not_whole(work, f"faces were looked for in {len(seen.times)} frames only")
    if seen.damage:
        yield _note("faces", seen.damage)
    if not seen.faces:
        work.remove()
        raise no_face(job.info.path)
    found, doubts = survey.without_doubtful(survey.found(seen))
    if not len(found.frames):
        work.remove()
        raise _only_doubtful(job.info.path, doubts)
    if doubts:
        yield _note("faces", f"left alone, probably no faces: {_told(doubts)}")
    return found, seen.damage


def _told(doubts: Mapping[int, str]) -> str:
    """A few of the reasons to doubt tracks, by track number."""
    few = "; ".join(f"track {track} ({reason})" for track, reason in list(doubts.items())[:MOST_TOLD])
    return f"{few}; {len(doubts) - MOST_TOLD} more" if len(doubts) > MOST_TOLD else few


def _only_doubtful(source: Path, doubts: Mapping[int, str]) -> UserError:
    return UserError(
        f"no face was surely found in {source}: {_told(doubts)}",
        "If they are faces, extract them and give the face set with --faces: its faces are all drawn",
    )


def _choose(job: _Job, work: WorkFolder, found: Found) -> Generator[ConvertProgress, None, set[int]]:
    """The tracks to leave alone."""
    if job.reference is None or not job.options.identity:
        return set()
    journal = work.journal("who", job.who_mark)
    known = next(journal.read(), None)
    verdicts = [who.Verdict(**verdict) for verdict in known["verdicts"]] if known else []
    if not verdicts:
        yield _note("faces", "looking whose faces they are")
        for step in who.look(job.info, found, job.reference):
            if isinstance(step, list):
                verdicts = step
            else:
                yield ConvertProgress("faces", step + 1, len(found.times))
        # In one line: some of the verdicts would pass for all.
        journal.append([{"verdicts": [vars(verdict) for verdict in verdicts]}])
    said = who.spoken(verdicts)
    if not any(verdict.wanted for verdict in verdicts):
        people = f"{len(verdicts)} face tracks of others were"
        raise nobody_wanted(job.info.path, f"{people} (nearest identity distance {_nearest(verdicts):.2f})")
    if said:
        yield _note("faces", said)
    return {verdict.track for verdict in verdicts if not verdict.wanted}


def _nearest(verdicts: list[who.Verdict]) -> float:
    return min(verdict.distance for verdict in verdicts)
