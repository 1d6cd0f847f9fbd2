"""Put encoded pieces together as one video, with everything else of the source copied beside them."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from faceswap_cli.media.containers import ANIMATIONS, FORMATS, check_output, copyable, is_cover
from faceswap_cli.media.encode import segment_origin
from faceswap_cli.media.encoders import ENCODERS, target_tags
from faceswap_cli.media.join_pictures import Seal, join_as_gif, join_as_pictures, join_as_webp
from faceswap_cli.media.late_clock import clock_origin
from faceswap_cli.media.light_template import SILENT_OF_LIGHT, stream_with_light
from faceswap_cli.media.open import open_video
from faceswap_cli.media.other_sound import add_sound
from faceswap_cli.media.pieces import Cut, shift_chapters
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.projection import PROJECTION_SUFFIXES, read_projection, write_projection
from faceswap_cli.media.segment_packets import at_their_place, cut_of, open_segment, segment_pictures
from faceswap_cli.media.sequence import picture_suffix

__all__ = ["check_output", "join_segments"]

# How far ahead of the end one must look to know which packet is shown last: more than any encoder's B-frames.
_WINDOW = 32

# Codecs whose packets come in the order in which they are shown.
_IN_ORDER = ("ffv1", "av1", "prores", "png")

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
    segments: Sequence[Path],
    source: Path,
    output: Path,
    info: MediaInfo,
    room: Path | None = None,
    tags: Mapping[str, str] | None = None,
    seal: Seal | None = None,
    sound: Path | None = None,
) -> None:
    """Write `output`: the video of the segments, and every other stream of the source as it is.

    Frames keep the source's times: exactly in MP4 and MOV, to the millisecond in Matroska, which has no
    finer clock. The turn, the colour tags, metadata and chapters are kept. Streams that the format can't hold
    are left out; `check_output` tells which.

    Of a video of which only pieces are wanted (`info.pieces`), these follow each other without a pause and
    from time 0, and so do the sound and the subtitles that belong to them: whole packets that begin within a
    piece, so that at each cut at most one packet of sound (some 20 ms) is missing or too much.

    Args:
        segments: pieces that a SegmentWriter wrote with this `info`, in order.
        source: the source video.
        output: the result; whole or not there.
        info: what `probe` said of the source.
        room: where the result is written before it is renamed: a folder on the output's disk, by default
            the output's own.
        tags: what the result says of itself beside what the source said, in Matroska.
        seal: what is done to the finished file before it gets its name.
        sound: a file whose sound is put there as long as the pictures last, see `other_sound`.

    Raises:
        UserError: a piece is damaged or does not fit the others, or the output can't be written.
    """
    assert segments, "a video has at least one piece"
    output = Path(output)
    suffix = output.suffix.lower()
    if picture_suffix(output) is not None:
        join_as_pictures(segments, output, info, seal)
        return
    if suffix in ANIMATIONS:
        join = join_as_gif if suffix == ".gif" else join_as_webp
        join(segments, output, info, room, seal)
        return
    with (
        # What is unfinished in `room` is swept up there by a later run.
        atomic_output(output, room / f".joined.part{suffix}" if room else None) as temporary,
        open_video(info.file) as container,
        open_segment(Path(segments[0])) as first,
        contextlib.ExitStack() as opened,
    ):
        model = first.streams.video[0]
        origin = clock_origin(container, info)
        cut = cut_of(segments, info, origin)
        others = copyable(container, info, suffix)
        target = av.open(
            f"file:{temporary}",
            "w",
            format=FORMATS[suffix],
            container_options=_muxer_options(suffix, container, info, origin),
        )
        try:
            video, copies = _add_streams(target, container, info, model, others, cut)
            length = None if info.pieces else _shown_length(container, info)
            shown = at_their_place(segment_pictures(segments, model, info), cut)
            pictures = _timed(shown, model, info, length)
            if FORMATS[suffix] == "matroska":
                target.metadata.update(tags or {})
            streams = [_copied(container, copies, cut)]
            if sound is not None:
                ends = _seconds_shown(at_their_place(segment_pictures(segments, model, info), cut), info)
                streams.append(opened.enter_context(add_sound(target, sound, ends)))
            for packet in heapq.merge(_to(video, pictures), *streams, key=_seconds):
                target.mux_one(packet)
            target.close()
            if suffix in PROJECTION_SUFFIXES and not info.own_pictures:
                said = read_projection(info.file, container.streams[info.stream_index].id)
                said = said.with_light(info.tags.light)
                write_projection(temporary, video.index + 1, said)  # FFmpeg counts tracks from 1
            if seal is not None:
                seal(temporary)
        except BaseException as error:
            # A full disk is reported again on closing; the first report is the one to raise.
            with contextlib.suppress(FFmpegError, OSError):
                target.close()
            if isinstance(error, FFmpegError) and not isinstance(error, OSError):
                reason = f"{output}: the source's streams can't be put together ({error.strerror})"
                raise UserError(reason, "Use .mkv") from error
            raise


def _muxer_options(suffix: str, source: InputContainer, info: MediaInfo, origin: Fraction) -> dict[str, str]:
    # Nothing is shifted: MP4 writes an edit list for decoding times below zero, Matroska has none at all.
    options = {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
    if FORMATS[suffix] == "matroska":
        return options
    if any(key.startswith("com.") for key in source.metadata):
        # The keys that telephones write (place, model) are kept only this way.
        options["movflags"] = "+use_metadata_tags"
    starts = [Fraction(segment_origin(info)) * info.time_base]
    if info.pieces:  # what begins late in the result can begin at any tick
        starts += [s.time_base for s in source.streams if s.time_base]
    starts += [s.start_time * s.time_base for s in source.streams if s.start_time and s.time_base]
    starts = [start - origin for start in starts]
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
    cut: Cut | None,
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
        if not info.own_pictures:
            copy.metadata.update(_still_true(stream.metadata))
        copy.disposition = stream.disposition
    assert video is not None
    if info.own_pictures:
        return video, copies
    target.metadata.update(_still_true(source.metadata))
    chapters = source.chapters()
    target.set_chapters(shift_chapters(chapters, cut) if cut else chapters)
    return video, copies


def _add_video(target: OutputContainer, info: MediaInfo, model: VideoStream) -> VideoStream:
    light = info.tags.light
    if light is not None and target.format.name == "matroska" and model.codec_context.name in SILENT_OF_LIGHT:
        with stream_with_light(model, light) as template:
            video = target.add_stream_from_template(template, opaque=True)
    else:
        video = target.add_stream_from_template(model, opaque=True)
    video.time_base = info.time_base
    # Some codecs (FFV1) do not hold the colour tags or the shape of pixels themselves.
    # Only of those whose names are alike (prores, prores_ks) anything must be known.
    name = model.codec_context.name
    encoder = next((e for e in ENCODERS.values() if e.codec.startswith(name)), ENCODERS["x264"])
    context, tags = video.codec_context, target_tags(info, str(model.pix_fmt), encoder)
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


def _timed(
    packets: Iterable[Packet[VideoStream]], model: VideoStream, info: MediaInfo, length: int | None
) -> Iterator[Packet[VideoStream]]:
    """The packets with decoding times and durations.

    Each piece was encoded alone and its encoder started its decoding clock anew. Over the whole video the
    decoding times are the presentation times in order, moved back by the number of pictures that may be
    waiting to be shown: they grow strictly and never pass a picture's own time.
    """
    packets = iter(packets)
    window = deque(itertools.islice(packets, _WINDOW))
    shown = sorted(packet.pts for packet in window if packet.pts is not None)
    first = shown[0]
    # Before the first time the clock must not take longer steps than from the first picture to the second:
    # FFmpeg's MP4 writer places a late start by whichever of the two waits less to be shown.
    step = min([info.last_duration, *(b - a for a, b in itertools.pairwise(shown[:2]))])
    in_order = model.codec_context.codec.canonical_name in _IN_ORDER
    depth = 0 if in_order else max(2, model.codec_context.reorder_depth)
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
        if packet.pts == last and length is not None:
            packet.duration = _last_duration(first + length - last, info)
        yield packet


def _last_duration(said: int, info: MediaInfo) -> int:
    """How many ticks the last picture lasts, of which a file says `said`, in a clock that may be coarser.

    An edit list begins and ends at ticks of the whole movie, as a rule milliseconds: what differs by no more
    than two of them from what the rate says is that.
    """
    rounded = abs(said - info.last_duration) * info.time_base <= Fraction(2, 1000)
    return info.last_duration if said < 1 or rounded else said


def _set_clock(packet: Packet[VideoStream], waiting: list[int], info: MediaInfo) -> None:
    assert packet.pts is not None
    heapq.heappush(waiting, packet.pts)
    packet.dts = heapq.heappop(waiting)
    assert packet.dts <= packet.pts, "the encoder reorders deeper than it says"
    packet.duration = info.last_duration


def _shown_length(source: InputContainer, info: MediaInfo) -> int | None:
    """How many ticks of the source are shown from its first frame on, where the container says; else None."""
    stream = source.streams[info.stream_index]
    # Of fragments FFmpeg gives the end, counted from where the clock begins, which may be anywhere.
    if "mp4" not in source.format.name or stream.duration is None or not stream.frames:
        return None
    return stream.duration


def _seconds_shown(packets: Iterable[Packet[VideoStream]], info: MediaInfo) -> Fraction:
    """When the last of some pictures ends."""
    return (max(packet.pts or 0 for packet in packets) + info.last_duration) * info.time_base


def _copied(source: InputContainer, copies: dict[int, Stream], cut: Cut | None) -> Iterator[Packet[Stream]]:
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
            if cut is not None and not is_cover(packet.stream) and not _moved(packet, cut):
                continue
            if packet.dts <= last.get(index, packet.dts - 1):
                packet.dts = last[index] + 1
                packet.pts = max(packet.dts, packet.pts or 0)
            last[index] = packet.dts
            yield from _to(copies[index], [packet])


def _moved(packet: Packet[Stream], cut: Cut) -> bool:
    """Move a packet to its time in the result; False if it is not in it."""
    assert packet.dts is not None and packet.time_base is not None
    base, before = packet.time_base, packet.pts if packet.pts is not None else packet.dts
    timed_text = packet.stream.type == "subtitle" and bool(packet.duration)
    start = before * base
    place = cut.map_times(start, start + (packet.duration or 0) * base if timed_text else None)
    if place is None:
        return False
    packet.pts = round(place[0] / base)
    packet.dts += packet.pts - before
    if timed_text:
        packet.duration = max(1, round((place[1] - place[0]) / base))
    return True


def _to(stream: Stream, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
    for packet in packets:
        packet.stream = stream
        yield packet


def _seconds(packet: Packet[Stream]) -> float:
    return float((packet.dts or 0) * packet.time_base)
