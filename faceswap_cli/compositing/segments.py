"""The second pass: draw, composite and encode, one finished segment after the other."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceswap_cli.compositing.ahead import ahead
from faceswap_cli.compositing.drawing import composite, draw, lead_in
from faceswap_cli.compositing.options import ConvertOptions, ConvertProgress
from faceswap_cli.compositing.plan import Plan
from faceswap_cli.compositing.work import Journal
from faceswap_cli.faces.parsing import FaceParser
from faceswap_cli.media.encode import SEGMENT_SUFFIX, SegmentWriter
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.networks.renderer import Renderer

_AHEAD = 4
"""Frames that wait between two stages, at most."""


@dataclass(frozen=True)
class Finished:
    """Segments that earlier runs finished.

    Attributes:
        segments: their files, in order.
        frames: how many frames they hold together; the next one is the first to do.
        whole: they reach the source's end, there is nothing left to do.
        damage: what was wrong with the source, when it is known.
    """

    segments: list[Path]
    frames: int
    whole: bool
    damage: str | None = None


def finished(journal: Journal, folder: Path) -> Finished:
    """What `journal` says is done, as far as its files are still there in full and none is missing."""
    segments, frames, whole, damage = [], 0, False, None
    for count, line in enumerate(journal.read()):
        if "end" in line:
            whole, damage = line["end"] == frames > 0, line["damage"]
            if not whole:
                journal.cut(count)
            break
        path = folder / segment_name(count)
        if line["file"] != path.name or not path.is_file() or path.stat().st_size != line["bytes"]:
            journal.cut(count)
            break
        segments.append(path)
        frames += line["frames"]
    return Finished(segments, frames, whole, damage)


def segment_name(number: int) -> str:
    """The file of a segment, counted from 0."""
    return f"{number:06d}{SEGMENT_SUFFIX}"


def render(
    info: MediaInfo,
    plan: Plan,
    renderer: Renderer,
    options: ConvertOptions,
    journal: Journal,
    total: int | None,
    parser: FaceParser | None = None,
) -> Iterator[ConvertProgress]:
    """Write the segments that are missing. Afterwards `finished` gives them all.

    Decoding, drawing, compositing and encoding run in four threads, each a few frames ahead of the next.
    """
    folder = journal.path.parent
    for leftover in folder.glob(".*.part*"):
        leftover.unlink(missing_ok=True)
    before = finished(journal, folder)
    if before.whole:
        return
    started, done = time.monotonic(), before.frames
    with VideoReader(info.path, info) as reader:
        drawn = ahead(draw(_from(reader, lead_in(done)), plan, renderer, options, parser), _AHEAD)
        composed = ahead(composite(drawn, options), _AHEAD)
        # Closed in this order, last stage first: each thread then ends while the one before it still gives.
        with contextlib.closing(drawn), contextlib.closing(composed):
            wanted = (frame for frame in composed if frame.index >= before.frames)
            segments = itertools.groupby(wanted, key=lambda frame: frame.index // options.segment_frames)
            for number, frames in segments:
                path, first = folder / segment_name(number), done
                for _ in write_segment(path, frames, info, options):
                    done += 1
                    yield ConvertProgress("render", done, total, _rate(done - before.frames, started))
                entry = {"file": path.name, "frames": done - first, "bytes": path.stat().st_size}
                journal.append([entry])
        journal.append([{"end": done, "damage": reader.damage}])


def write_segment(
    path: Path, frames: Iterable[Frame], info: MediaInfo, options: ConvertOptions
) -> Iterator[Frame]:
    """Encode frames into a file that is whole or not there; each is given back when it is written."""
    with SegmentWriter(path, info, options.encode) as writer:
        for frame in frames:
            writer.write(frame)
            yield frame


def _from(frames: Iterable[Frame], first: int) -> Iterator[Frame]:
    return (frame for frame in frames if frame.index >= first)


def _rate(frames: int, started: float) -> float:
    return frames / max(time.monotonic() - started, 1e-6)
