"""Put encoded pieces together as one video, with everything else of the source copied beside them."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from faceswap_cli.errors import UserError
from faceswap_cli.files import atomic_output
from faceswap_cli.media.containers import FORMATS, check_output, copyable, is_cover
from faceswap_cli.media.encode import segment_origin, target_tags
from faceswap_cli.media.probe import MediaInfo, open_video

__all__ = ["check_output", "join_segments"]

# How far ahead of the end one must look to know which packet is shown last: more than any encoder's B-frames.
_WINDOW = 32

# What is not true any more of a stream that was encoded again, or is worked out by the file's writer itself.
_STALE = (
    "encoder",
    "duration",
    "bps",
    "number_of_",
    "_statistics",
    "compatible_brands",
    "major_brand",
    "minor_version",
)


def join_segments(
    segments: Sequence[Path], source: Path, output: Path, info: MediaInfo, room: Path | None = None
) -> None:
    """Write `output`: the video of the segments, and every other stream of the source as it is.

    Frames keep the source's times: exactly in MP4 and MOV, to the millisecond in Matroska, which has no
    finer clock. The turn, the colour tags, metadata and chapters are kept. Streams that the format can't hold
    are left out; `check_output` tells which.

    Args:
        segments: pieces that a SegmentWriter wrote with this `info`, in order.
        source: the source video.
        output: the result; whole or not there.
        info: what `probe` said of the source.
        room: where the result is written before it is renamed: a folder on the output's disk, by default
            the output's own.

    Raises:
        UserError: a piece is damaged or does not fit the others, or the output can't be written.
    """
    assert segments, "a video has at least one piece"
    output = Path(output)
    suffix = output.suffix.lower()
    with (
        # What is unfinished in `room` is swept up there by a later run.
        atomic_output(output, room / f".joined.part{suffix}" if room else None) as temporary,
        open_video(Path(source)) as container,
        _segment(Path(segments[0])) as first,
    ):
        model = first.streams.video[0]
        others = copyable(container, info, suffix)
        target = av.open(
            f"file:{temporary}",
            "w",
            format=FORMATS[suffix],
            container_options=_muxer_options(suffix, container, info),
        )
        try:
            video, copies = _add_streams(target, container, info, model, others)
            end = _source_end(container, info)
            pictures = _timed(_pictures(segments, model, info), model, info, end)
            for packet in heapq.merge(_to(video, pictures), _copied(container, copies), key=_seconds):
                target.mux_one(packet)
            target.close()
        except BaseException as error:
            # A full disk is reported again on closing; the first report is the one to raise.
            with contextlib.suppress(FFmpegError, OSError):
                target.close()
            if isinstance(error, FFmpegError) and not isinstance(error, OSError):
                reason = f"{output}: the source's streams can't be put together ({error.strerror})"
                raise UserError(reason, "Use .mkv") from error
            raise


def _muxer_options(suffix: str, source: InputContainer, info: MediaInfo) -> dict[str, str]:
    # Nothing is shifted: MP4 writes an edit list for decoding times below zero, Matroska has none at all.
    options = {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
    if FORMATS[suffix] == "matroska":
        return options
    if any(key.startswith("com.") for key in source.metadata):
        # The keys that telephones write (place, model) are kept only this way.
        options["movflags"] = "+use_metadata_tags"
    starts = [Fraction(segment_origin(info)) * info.time_base]
    starts += [s.start_time * s.time_base for s in source.streams if s.start_time and s.time_base]
    # Streams that begin late are delayed in ticks of the whole movie, by default milliseconds.
    ticks = math.lcm(1000, *(start.denominator for start in starts))
    if 1000 < ticks < 1 << 31:
        options["movie_timescale"] = str(ticks)
    return options


def _add_streams(
    target: OutputContainer,
    source: InputContainer,
    info: MediaInfo,
    model: VideoStream,
    others: Sequence[Stream],
) -> tuple[VideoStream, dict[int, Stream]]:
    """The target's video stream, and its copies of other streams by their number in the source."""
    kept = {stream.index for stream in others}
    video: VideoStream | None = None
    copies: dict[int, Stream] = {}
    copy: Stream
    for stream in source.streams:
        if stream.index == info.stream_index:
            copy = video = _add_video(target, info, model)
        elif stream.index in kept and is_cover(stream) and target.format.name == "matroska":
            # Matroska keeps covers as attachments: as a video stream it would be one that moves.
            target.add_attachment(*_cover(info.path, stream))
            continue
        elif stream.index in kept:
            copy = copies[stream.index] = target.add_stream_from_template(stream, opaque=True)
        else:
            continue
        copy.metadata.clear()
        copy.metadata.update(_still_true(stream.metadata))
        copy.disposition = stream.disposition
    assert video is not None
    target.metadata.update(_still_true(source.metadata))
    target.set_chapters(source.chapters())
    return video, copies


def _add_video(target: OutputContainer, info: MediaInfo, model: VideoStream) -> VideoStream:
    video = target.add_stream_from_template(model, opaque=True)
    video.time_base = info.time_base
    # Some codecs (FFV1) do not hold the colour tags or the shape of pixels themselves.
    context, tags = video.codec_context, target_tags(info, str(model.pix_fmt))
    context.color_primaries, context.color_trc = tags.primaries, tags.transfer
    context.colorspace, context.color_range = tags.matrix, tags.range
    context.framerate = info.average_rate or Fraction(25)
    if info.sample_aspect is not None:
        context.sample_aspect_ratio = info.sample_aspect
    video.set_display_matrix(info.display_matrix)
    return video


def _cover(path: Path, stream: Stream) -> tuple[str, str, bytes]:
    """File name, MIME type and bytes of a cover picture."""
    kind = {"mjpeg": "jpeg"}.get(stream.codec_context.name, stream.codec_context.name)
    with open_video(path) as source:
        data = next((bytes(p) for p in source.demux(source.streams[stream.index]) if p.size), b"")
    return f"cover.{'jpg' if kind == 'jpeg' else kind}", f"image/{kind}", data


def _still_true(metadata: dict[str, str]) -> dict[str, str]:
    return {key: text for key, text in metadata.items() if not key.lower().startswith(_STALE)}


@contextlib.contextmanager
def _segment(path: Path) -> Iterator[InputContainer]:
    try:
        container = av.open(f"file:{path}", "r", format="nut")
    except FFmpegError as error:
        raise UserError(f"{path} is damaged", "Delete it, then run this again") from error
    with container:
        yield container


def _pictures(segments: Sequence[Path], model: VideoStream, info: MediaInfo) -> Iterator[Packet[VideoStream]]:
    """Every packet of the pieces, its presentation time in the source's ticks."""
    origin = segment_origin(info)
    for path in map(Path, segments):
        with _segment(path) as container:
            stream = container.streams.video[0]
            _check_same(path, stream, model)
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                assert packet.pts is not None and packet.time_base is not None
                ticks = packet.pts * packet.time_base / info.time_base
                assert ticks.denominator == 1, "a piece has the source's clock"
                packet.pts = int(ticks) + origin
                packet.time_base = info.time_base
                yield packet


def _check_same(path: Path, stream: VideoStream, model: VideoStream) -> None:
    """One header serves the whole video, so the pieces must have been encoded alike."""
    for what in ("name", "width", "height", "pix_fmt", "extradata"):
        if getattr(stream.codec_context, what) != getattr(model.codec_context, what):
            raise UserError(
                f"{path} was encoded differently than the piece before it ({what})",
                "Delete the unfinished work, then run this again",
            )


def _timed(
    packets: Iterable[Packet[VideoStream]], model: VideoStream, info: MediaInfo, end: int | None
) -> Iterator[Packet[VideoStream]]:
    """The packets with decoding times and durations.

    Each piece was encoded alone and its encoder started its decoding clock anew. Over the whole video the
    decoding times are the presentation times in order, moved back by the number of pictures that may be
    waiting to be shown: they grow strictly and never pass a picture's own time.
    """
    packets = iter(packets)
    window = deque(itertools.islice(packets, _WINDOW))
    shown = sorted(packet.pts for packet in window if packet.pts is not None)
    # Before the first time the clock must not take longer steps than from the first picture to the second:
    # FFmpeg's MP4 writer places a late start by whichever of the two waits less to be shown.
    step = min([info.last_duration, *(b - a for a, b in itertools.pairwise(shown[:2]))])
    depth = max(2, model.codec_context.reorder_depth) if model.codec_context.name != "ffv1" else 0
    # A piece starts with a keyframe, which is shown first.
    waiting = [shown[0] - step * back for back in range(depth, 0, -1)]
    for packet in window:
        _set_clock(packet, waiting, info)
    for packet in packets:
        _set_clock(packet, waiting, info)
        window.append(packet)
        yield window.popleft()
    last = max((packet.pts or 0) for packet in window)
    for packet in window:
        if packet.pts == last and end is not None and last < end:
            packet.duration = end - last
        yield packet


def _set_clock(packet: Packet[VideoStream], waiting: list[int], info: MediaInfo) -> None:
    assert packet.pts is not None
    heapq.heappush(waiting, packet.pts)
    packet.dts = heapq.heappop(waiting)
    assert packet.dts <= packet.pts, "the encoder reorders deeper than it says"
    packet.duration = info.last_duration


def _source_end(source: InputContainer, info: MediaInfo) -> int | None:
    """The tick at which the source's last frame ends, where the container says; else None."""
    stream = source.streams[info.stream_index]
    if "mp4" not in source.format.name or stream.duration is None:
        return None
    return segment_origin(info) + stream.duration


def _copied(source: InputContainer, copies: dict[int, Stream]) -> Iterator[Packet[Stream]]:
    """The packets of the other streams, as they are, but for decoding times that do not grow."""
    last: dict[int, int] = {}
    if not copies:
        return
    # A damaged source was reported by whoever read its pictures; what can be read of the rest is copied.
    with contextlib.suppress(FFmpegError):
        for packet in source.demux([source.streams[index] for index in copies]):
            index = packet.stream.index
            if not packet.size:
                continue
            if is_cover(packet.stream):
                packet.pts = packet.dts = 0
            if packet.dts is None:
                packet.dts = packet.pts
            if packet.dts is None:
                continue
            if packet.dts <= last.get(index, packet.dts - 1):
                packet.dts = last[index] + 1
                packet.pts = max(packet.dts, packet.pts or 0)
            last[index] = packet.dts
            yield from _to(copies[index], [packet])


def _to(stream: Stream, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
    for packet in packets:
        packet.stream = stream
        yield packet


def _seconds(packet: Packet[Stream]) -> float:
    return float((packet.dts or 0) * packet.time_base)
