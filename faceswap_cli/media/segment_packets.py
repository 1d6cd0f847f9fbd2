"""The packets of encoded pieces, in order and at their times."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from faceswap_cli.errors import UserError
from faceswap_cli.media.encode import segment_origin
from faceswap_cli.media.pieces import Cut
from faceswap_cli.media.probe import MediaInfo


@contextlib.contextmanager
def open_segment(path: Path) -> Iterator[InputContainer]:
    """Open a piece; a damaged one is a UserError."""
    try:
        container = av.open(f"file:{path}", "r")
    except FFmpegError as error:
        raise UserError(f"{path} is damaged", "Delete it, then run this again") from error
    with container:
        yield container


def segment_pictures(
    segments: Sequence[Path], model: VideoStream | None, info: MediaInfo
) -> Iterator[Packet[VideoStream]]:
    """Every packet of the pieces, its presentation time in the source's ticks; all encoded as `model` is."""
    origin = segment_origin(info)
    for path in map(Path, segments):
        with open_segment(path) as container:
            stream = container.streams.video[0]
            if model is not None:
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


def segment_packets(segments: Sequence[Path]) -> Iterator[Packet[VideoStream]]:
    """Every packet of the pieces, as it is."""
    for path in map(Path, segments):
        with open_segment(path) as container:
            yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)


def cut_of(segments: Sequence[Path], info: MediaInfo, origin: Fraction = Fraction(0)) -> Cut | None:
    """How the source's times become the result's; None if they are the same.

    Args:
        segments: the pieces.
        info: the source.
        origin: the second of the source that is 0 in the result.
    """
    if not info.pieces:
        return Cut.shift(origin) if origin else None
    ticks = sorted(packet.pts or 0 for packet in segment_pictures(segments, None, info))
    times, last = [tick * info.time_base for tick in ticks], info.last_duration * info.time_base
    return Cut.of_frames(times, last, info.pieces, origin)


def at_their_place(packets: Iterator[Packet[VideoStream]], cut: Cut | None) -> Iterator[Packet[VideoStream]]:
    """Packets at the result's times; the same if there is no cut."""
    for packet in packets:
        if cut is not None:
            assert packet.pts is not None and packet.time_base is not None
            place = cut.map_times(packet.pts * packet.time_base)
            assert place is not None, "the cut was made for these pictures"
            packet.pts = round(place[0] / packet.time_base)
        yield packet


def _check_same(path: Path, stream: VideoStream, model: VideoStream) -> None:
    """One header serves the whole video, so the pieces must have been encoded alike."""
    for what in ("name", "width", "height", "pix_fmt", "extradata"):
        if getattr(stream.codec_context, what) != getattr(model.codec_context, what):
            raise UserError(
                f"{path} was encoded differently than the piece before it ({what})",
                "Delete the unfinished work, then run this again",
            )
