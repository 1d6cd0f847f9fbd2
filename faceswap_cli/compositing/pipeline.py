"""Convert a video: find the faces, decide whose they are, draw them, join the pieces.

Every step's results are in a work folder beside the output (see `work`), so that an interrupted run goes
on where it stopped. Nothing stands under the output's name before all is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing import masks, segments, survey, who
from faceswap_cli.compositing.known import faces_from_set, pieces_of
from faceswap_cli.compositing.minors import check_tracks
from faceswap_cli.compositing.options import ConvertOptions, ConvertProgress
from faceswap_cli.compositing.photo import check_apart, no_face, nobody_wanted
from faceswap_cli.compositing.places import Here, Place
from faceswap_cli.compositing.plan import Found, make_plan
from faceswap_cli.compositing.summary import summary
from faceswap_cli.compositing.treatment import Chosen, Swapping, Treatment
from faceswap_cli.compositing.who import Cast, Role
from faceswap_cli.compositing.work import Journal, WorkFolder, fingerprint
from faceswap_cli.errors import Refusal, UserError
from faceswap_cli.faces.faceset import FaceSet
from faceswap_cli.faces.parsing import FaceParser
from faceswap_cli.faces.people import Person
from faceswap_cli.faces.stage import FaceStage
from faceswap_cli.media.containers import check_output
from faceswap_cli.media.join import join_segments
from faceswap_cli.media.probe import MediaInfo, only_frames, probe
from faceswap_cli.media.seeking import Timeline
from faceswap_cli.networks.renderer import Renderer

VERSION = 7
"""Raised when the same settings begin to give other pictures: unfinished work of before is not mixed in."""

MOST_TOLD = 3
"""Tracks left alone as doubtful that are told one by one."""

Steps = Generator[ConvertProgress]


def convert_video(  # noqa: PLR0913
    source: Path,
    output: Path,
    cast: Cast | Renderer,
    options: ConvertOptions,
    stage: FaceStage | None = None,
    faces: FaceSet | None = None,
    model: str = "",
    parser: FaceParser | None = None,
    place: Place | None = None,
    *,
    treatment: Treatment | None = None,
) -> Steps:
    """Swap (or treat in another way) the faces of the video `source` and write it to `output`.

    What can be checked beforehand is checked at once; the work is done while the result is iterated, and
    the output stands there when the iteration ends. To stop early, close the generator (or interrupt it):
    the same call later goes on from there.

    Args:
        source: a video.
        output: another; its suffix chooses the container.
        cast: who is replaced, and who draws the new faces; a renderer alone draws everybody.
        options: how.
        stage: finds the faces; needed when `faces` is None.
        faces: a face set of this video: its faces are drawn, and those whose crops were deleted are not.
        model: what the renderers' pictures depend on (weights, step), for resuming.
        parser: needed when `options.mask` names a mask that it makes.
        place: where the work is done; by default in this process. The result is the same.
        treatment: what is done to the faces; by default the cast's renderers swap them.

    Yields:
        One ConvertProgress for every few frames, and one for every note.

    Raises:
        UserError: see ConvertOptions.check and video_of; no face, or none of the wanted person;
            a face set of another video; the disk is full.
        Refusal: by the cast's guard: nudity, or a face that would be drawn over looks like a child's.
    """
    options.check()
    whole_cast = cast if isinstance(cast, Cast) else Cast((Role(cast),))
    whole_cast.check()
    assert parser is not None or not masks.wanted(options.mask).parser, "these masks need the face parser"
    assert (stage is None) != (faces is None), "faces come from a stage or from a face set"
    check_apart(source, output)
    info = video_of(source, options)
    lost = check_output(output, info, options.encode)
    known = pieces_of(faces_from_set(faces, source), info.pieces) if faces is not None else None
    treatment = treatment or Swapping(whole_cast.renderers, model)
    job = _Job(info, output, whole_cast, options, stage, known, treatment, parser, place or Here())
    return _convert(job, lost)


def video_of(source: Path, options: ConvertOptions) -> MediaInfo:
    """What a source is, of which only the wanted frames are read.

    Raises:
        UserError: it can't be converted as a video, or has none of these frames.
    """
    info = only_frames(probe(source, options.rate), options.frames)
    check_source(info)
    return info


def check_source(info: MediaInfo) -> None:
    """Raise a UserError if a file can't be converted as a video."""
    if info.kind != "video":
        raise UserError(f"{info.path} is a photo, not a video", "Use `faceswap convert photo`")
    if info.hdr:
        raise UserError(
            f"{info.path} is HDR video, whose brightness this tool would get wrong",
            "Make a standard-range (SDR, BT.709) copy of it first and convert that",
        )


@dataclass(frozen=True)
class _Job:
    """One call of convert_video."""

    info: MediaInfo
    output: Path
    cast: Cast
    options: ConvertOptions
    stage: FaceStage | None
    known: Found | None
    treatment: Treatment
    parser: FaceParser | None
    place: Place

    @property
    def asks_who(self) -> bool:
        """Whether anybody must be recognised."""
        return self.options.identity and self.cast.asks_who

    @property
    def source_mark(self) -> list[Any]:
        """The source file: what it is called may change, what is in it not."""
        return [VERSION, *self.info.mark]

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
        if not self.asks_who:
            return fingerprint(self.faces_mark, None)
        named = [role.person is not None for role in self.cast.roles]
        people = [_looks(people) for people in (self.cast.wanted, self.cast.unwanted)]
        return fingerprint(self.faces_mark, named, people, self.cast.threshold)

    @property
    def picture_mark(self) -> str:
        """What the pictures depend on."""
        drawn_by = self.treatment.mark
        if self.parser is not None and masks.wanted(self.options.mask).parser:
            drawn_by.append(self.parser.mark)
        return fingerprint(self.who_mark, drawn_by, self.options.settings())


def _looks(people: Sequence[Person]) -> list[str]:
    return [_digest(np.asarray(person.looks, np.float32)) for person in people]


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _convert(job: _Job, lost: list[str]) -> Steps:
    for line in [*lost, *([job.info.note] if job.info.note else [])]:
        yield _note("faces", line)
    if job.cast.guard:
        job.cast.guard.check_video(job.info)
    with WorkFolder(job.output) as work:
        journal = work.journal("segments", job.picture_mark)
        if journal.discarded:
            yield _note("faces", "unfinished work with other settings was thrown away")
        read, found = yield from _find(job, work)
        timeline = read.timeline
        chosen = yield from _choose(job, work, timeline, found)
        if job.cast.guard:
            try:
                check_tracks(job.info, timeline, found, chosen, job.cast.guard)
            except Refusal:
                work.remove()  # nothing is kept of whom nothing may be made
                raise
        wanted = Chosen(job.info, timeline, found, chosen, job.who_mark)
        # The key signs the whole here; it goes to no other process or machine.
        marks = replace(job.options.marks, signer=None)
        marks = marks.clear_of(found.landmarks, job.info.height, job.info.width)
        options = replace(job.options, marks=marks)
        stages, treated = yield from job.treatment.stages(wanted, work, options, job.parser)
        before = segments.finished(journal, work.path)
        if before:
            yield _note("render", f"going on after {sum(before.values())} frames that are done")
        left_alone = set(found.track_numbers()) - treated.keys()
        plan = make_plan(found, job.options.smoothing, left_alone, treated)
        for said in job.treatment.notes(plan):
            yield _note("render", said)
        rendering = segments.Rendering(job.info, timeline, plan, stages, options, work.path)
        # What decoders make of damage depends on how they came there: it is read in one go.
        yield from segments.render(rendering, journal, Here() if timeline.damage else job.place)
        done = segments.finished(journal, work.path)
        frames = sum(done.values())
        missing = [number for number in segments.numbers(timeline, job.options) if number not in done]
        if missing or (frames != len(timeline) and not timeline.damage):
            raise _not_whole(work, f"{frames} of {len(timeline)} frames are drawn")
        yield ConvertProgress("join", 0, frames)
        pieces = [work.path / segments.segment_name(number) for number in sorted(done)]
        marks, whole = job.options.marks, not timeline.damage
        join_segments(pieces, job.info.path, job.output, job.info, work.path, whole, marks.tags, marks.seal)
        told = summary(plan, frames, len(found.track_numbers()))
        yield ConvertProgress("join", frames, frames, summary=told)
        work.remove()


def _note(phase: Any, text: str) -> ConvertProgress:
    return ConvertProgress(phase, 0, None, note=text)


def _not_whole(work: WorkFolder, what: str) -> UserError:
    return UserError(
        f"the unfinished work in {work.path} is not whole: {what}", "Delete it, then run this again"
    )


def _find(job: _Job, work: WorkFolder) -> Generator[ConvertProgress, None, tuple[survey.Read, Found]]:
    """The frames, and the faces in them: from the face set, or by looking."""
    frames = work.journal("frames", fingerprint(job.source_mark))
    if job.known is not None:
        yield from survey.read_through(job.info, frames, job.info.frames)
        read = survey.read_frames(frames)
        yield from _told_of_damage(read)
        return read, job.known
    assert job.stage is not None
    faces = work.journal("faces", job.faces_mark)
    yield from survey.survey(job.info, job.stage, frames, faces, job.info.frames, job.place)
    read = survey.read_frames(frames)
    seen = survey.read_survey(job.info, read, faces)
    if not seen.whole:
        raise _not_whole(work, f"faces were looked for in {len(seen.times)} frames only")
    yield from _told_of_damage(read)
    if not seen.faces:
        work.remove()
        raise no_face(job.info.path)
    found, doubts = survey.without_doubtful(survey.found(seen))
    if not len(found.frames):
        work.remove()
        raise _only_doubtful(job.info.path, doubts)
    if doubts:
        yield _note("faces", f"left alone, probably no faces: {_told(doubts)}")
    return read, found


def _told_of_damage(read: survey.Read) -> Steps:
    if read.timeline.damage:
        yield _note("faces", read.timeline.damage)


def _told(doubts: Mapping[int, str]) -> str:
    """A few of the reasons to doubt tracks, by track number."""
    few = "; ".join(f"track {track} ({reason})" for track, reason in list(doubts.items())[:MOST_TOLD])
    return f"{few}; {len(doubts) - MOST_TOLD} more" if len(doubts) > MOST_TOLD else few


def _only_doubtful(source: Path, doubts: Mapping[int, str]) -> UserError:
    return UserError(
        f"no face was surely found in {source}: {_told(doubts)}",
        "If they are faces, extract them and give the face set with --faces: its faces are all drawn",
    )


def _choose(
    job: _Job, work: WorkFolder, timeline: Timeline, found: Found
) -> Generator[ConvertProgress, None, dict[int, int]]:
    """The role of each track that is drawn."""
    if not job.asks_who:
        return dict.fromkeys(found.track_numbers(), 0)
    verdicts = yield from _verdicts(job, work.journal("who", job.who_mark), timeline, found)
    chosen = who.choose(job.cast, verdicts, found.frames, found.tracks)
    if not chosen.roles:
        count = len(verdicts)
        people = f"{count} face track{'s' if count > 1 else ''} of others {'were' if count > 1 else 'was'}"
        nearest = f" (nearest identity distance {who.closest(verdicts):.2f})" if job.cast.wanted else ""
        raise nobody_wanted(job.info.path, f"{people}{nearest}")
    for note in (*who.absent(job.cast, chosen), *chosen.notes):
        yield _note("faces", note)
    return chosen.roles


def _verdicts(
    job: _Job, journal: Journal, timeline: Timeline, found: Found
) -> Generator[ConvertProgress, None, list[who.Verdict]]:
    """What is known of the tracks, or is found by looking at them."""
    if (known := next(journal.read(), None)) is not None:
        return [who.Verdict(**verdict) for verdict in known["verdicts"]]
    yield _note("faces", "looking whose faces they are")
    looking = who.look(job.info, timeline, found, job.cast)
    try:
        while True:
            yield ConvertProgress("faces", next(looking) + 1, len(found.times))
    except StopIteration as stop:
        verdicts: list[who.Verdict] = stop.value
    # In one line: some of the verdicts would pass for all.
    journal.append([{"verdicts": [vars(verdict) for verdict in verdicts]}])
    return verdicts
