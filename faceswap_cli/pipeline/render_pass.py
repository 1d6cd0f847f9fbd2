"""The second pass: draw, composite and encode, in segments that are finished one by one, wherever that is.

A segment is so many frames from a multiple of that number on. It is encoded by itself, and what is drawn in
it depends on nothing but the frames around it: so segments may be made in any order, by any process.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faceswap_cli import files
from faceswap_cli.effects.base import ConvertProgress, EffectStages
from faceswap_cli.effects.frame_window import BLOCK, lead_in, lead_out
from faceswap_cli.effects.in_threads import THREADS, map_in_order
from faceswap_cli.effects.planned_faces import FacePlan
from faceswap_cli.journal import Journal
from faceswap_cli.media.encode import SEGMENT_SUFFIX, SegmentWriter
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.seeking import Timeline, frames_from
from faceswap_cli.pipeline.executors.base import Executor, InlineExecutor, TaskRange, split_task
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.pipeline.prefetch import prefetch
from faceswap_cli.pipeline.workdir import not_whole_error

_AHEAD = 4
"""Frames that wait between two stages, at most."""

_MOST_PIXELS = 1920 * 1088
"""Of larger frames one block at a time is drawn: two would take much memory."""

_LONGEST = 4
"""Segments that a worker makes in one go, at most. The frames around a piece are drawn for nothing."""


@dataclass(frozen=True)
class Segment:
    """A segment that was made.

    Attributes:
        number: from 0.
        frames: how many it holds.
        data: its file's bytes, if it was made where the work folder can't be seen.
    """

    number: int
    frames: int
    data: bytes | None = None


@dataclass(frozen=True)
class RenderTask:
    """An `executors.base.Task` that makes segments; a piece is the first and the last of them.

    Attributes:
        info: the video.
        timeline: of it.
        plan: which faces are drawn, where and by whom.
        stages: what is done to them.
        options: how.
        folder: where segments go; None gives their bytes with the reports.
        written: what the segments say of themselves; None: what the video does.
    """

    info: MediaInfo
    timeline: Timeline
    plan: FacePlan
    stages: EffectStages
    options: PipelineOptions
    folder: Path | None
    written: MediaInfo | None = None

    @property
    def source(self) -> Path:
        """The video."""
        return self.info.path

    def reading(self, source: Path) -> RenderTask:
        """The same from another path."""
        return replace(self, info=replace(self.info, path=source))

    def __call__(self, piece: TaskRange) -> Generator[int | Segment]:
        """Make the segments of a piece; tells of each frame, and of each segment when its file is whole.

        Reading, decoding, drawing, compositing and encoding run in threads of their own, each a few frames
        ahead of the next.
        """
        with contextlib.ExitStack() as stack:
            folder = self.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            length, (low, high) = self.options.segment_frames, piece
            first, beyond = low * length, (high + 1) * length
            read = stack.enter_context(contextlib.closing(self._read(first, beyond)))
            drawn = prefetch(self._draw(read), _AHEAD)
            composed = prefetch(self.stages.composite(drawn), _AHEAD)
            # Closed last stage first: each thread then ends while the one before it still gives.
            stack.enter_context(contextlib.closing(drawn))
            stack.enter_context(contextlib.closing(composed))
            wanted = (frame for frame in composed if first <= frame.index < beyond)
            for number, frames in itertools.groupby(wanted, key=lambda frame: frame.index // length):
                path, count = folder / segment_name(number), 0
                for _ in write_segment(path, frames, self.written or self.info, self.options):
                    count += 1
                    yield 1
                yield Segment(number, count, None if self.folder else path.read_bytes())

    def _draw(self, frames: Iterable[Frame]) -> Iterator[Any]:
        """What the effect makes of each frame by itself: its blocks know nothing of each other."""
        blocks = (list(block) for _, block in itertools.groupby(frames, lambda frame: frame.index // BLOCK))
        large = self.info.width * self.info.height > _MOST_PIXELS
        for drawn in map_in_order(
            lambda block: list(self.stages.draw(block, self.plan)), blocks, 1 if large else THREADS
        ):
            yield from drawn

    def _read(self, first: int, beyond: int) -> Generator[Frame]:
        """The frames that must be drawn for those from `first` to before `beyond` to come out right."""
        last = lead_out(beyond - 1)
        with contextlib.closing(frames_from(self.info, self.timeline, lead_in(first))) as frames:
            yield from itertools.takewhile(lambda frame: frame.index <= last, frames)


def segment_name(number: int) -> str:
    """The file of a segment, counted from 0."""
    return f"{number:06d}{SEGMENT_SUFFIX}"


def finished_segments(journal: Journal, folder: Path) -> dict[int, int]:
    """How many frames each segment holds, by number: of those whose files are there and whole."""
    finished = {}
    for line in journal.read():
        path = folder / segment_name(line["number"])
        if path.is_file() and path.stat().st_size == line["bytes"]:
            finished[line["number"]] = line["frames"]
    return finished


def render_segments(
    task: RenderTask, journal: Journal, executor: Executor
) -> Generator[ConvertProgress, None, tuple[list[Path], int]]:
    """Make the segments that are missing.

    Returns:
        The files of all segments, in order, and how many frames they hold.

    Raises:
        UserError: not all of them came about.
    """
    folder, timeline = journal.path.parent, task.timeline
    for leftover in folder.glob(".*.part*"):
        leftover.unlink(missing_ok=True)
    numbers = range(-(-len(timeline) // task.options.segment_frames))
    finished = finished_segments(journal, folder)
    old = done = sum(finished.values())
    if done:
        yield ConvertProgress("render", 0, None, note=f"going on after {done} frames that are done")
    if missing := [number for number in numbers if number not in finished]:
        # What decoders make of damage depends on how they came there: it is read in one go.
        executor = InlineExecutor() if timeline.damage else executor
        there, started = replace(task, folder=folder if executor.near else None), time.monotonic()
        with contextlib.closing(executor.run(there, split_task(executor, missing, _LONGEST))) as reports:
            for report in reports:
                if isinstance(report, Segment):
                    _keep(report, journal)
                else:
                    done += report
                    rate = (done - old) / max(time.monotonic() - started, 1e-6)
                    yield ConvertProgress("render", done, len(timeline), rate)
        finished = finished_segments(journal, folder)
    frames = sum(finished.values())
    if set(numbers) - finished.keys() or (frames != len(timeline) and not timeline.damage):
        raise not_whole_error(folder, f"{frames} of {len(timeline)} frames are drawn")
    return [folder / segment_name(number) for number in sorted(finished)], frames


def _keep(segment: Segment, journal: Journal) -> None:
    """Write down that a segment is done, and its file if that came with it."""
    path = journal.path.with_name(segment_name(segment.number))
    if segment.data is not None:
        files.write_bytes(path, segment.data)
    entry = {"number": segment.number, "frames": segment.frames, "bytes": path.stat().st_size}
    journal.append([entry])


def write_segment(
    path: Path, frames: Iterable[Frame], info: MediaInfo, options: PipelineOptions
) -> Iterator[Frame]:
    """Encode frames into a file that is whole or not there; each is given back when it is written."""
    pixels = options.marks.pixels
    paint = None
    if pixels is not None:
        # Pictures that are encoded each by itself may be looked at each by itself, too.
        paint = pixels.of_piece() if options.encode.predicts else pixels.on_picture
    with SegmentWriter(path, info, options.encode, paint) as writer:
        for frame in frames:
            writer.write(frame)
            yield frame
