"""A video is remade, and what came out is read."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

from faceswap_cli.media.encode import SegmentWriter
from faceswap_cli.media.encoders import ENCODERS, EncodeOptions
from faceswap_cli.media.join import check_output, join_segments
from faceswap_cli.media.probe import MediaInfo, only_frames, probe
from faceswap_cli.media.reader import VideoReader

Clip = Callable[..., Path]

OPTIONS = {n: EncodeOptions(n, crf=20, preset="ultrafast") for n, e in ENCODERS.items() if not e.hardware}
MEDIUM = EncodeOptions(crf=20, preset="veryfast")  # unlike ultrafast it has B-frames
ONE = 1 << 16
TURNS = {
    "90": (0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30),
    "180": (-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30),
    "270": (0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30),
    "mirrored": (-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30),
}


def remake(
    source: Path,
    output: Path,
    options: EncodeOptions = MEDIUM,
    length: int = 7,
    frames: str = "",
    rate: Fraction | None = None,
) -> MediaInfo:
    """Read, encode in segments of `length` frames, join."""
    info = only_frames(probe(source, rate), frames)
    check_output(output, info, options)
    segments = []
    with VideoReader(source, info) as reader:
        read = iter(reader)
        while batch := list(itertools.islice(read, length)):
            segments.append(source.parent / f"{source.stem}{len(segments)}.nut")
            with SegmentWriter(segments[-1], info, options) as writer:
                for frame in batch:
                    writer.write(frame)
    join_segments(segments, source, output, info)
    for segment in segments:
        segment.unlink()
    return info


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams.video if not s.disposition & 1024)
        return [Fraction(f.pts) * f.time_base for f in container.decode(stream) if f.pts is not None]


def probed_times(path: Path) -> list[Fraction]:
    """The same from ffprobe, which is another reader of another version."""
    entries = "frame=best_effort_timestamp:stream=time_base"
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "flat"]
    lines = subprocess.run(
        [*command, str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    values = dict(line.split("=", 1) for line in lines)
    base = Fraction(values["streams.stream.0.time_base"].strip('"'))
    return [int(value) * base for key, value in values.items() if key.endswith("best_effort_timestamp")]


def packets(path: Path, kind: str = "audio") -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return (
            [(p.pts * p.time_base, bytes(p)) for p in container.demux(streams) if p.size] if streams else []
        )


def same_sound(source: Path, output: Path, tick: Fraction = Fraction(0)) -> None:
    before, after = packets(source), packets(output)
    assert [data for _, data in before] == [data for _, data in after]
    assert max((abs(a - b) for (a, _), (b, _) in zip(before, after, strict=True)), default=0) <= tick
