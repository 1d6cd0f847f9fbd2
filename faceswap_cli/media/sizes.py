"""Videos whose pictures change size on the way, as recordings of calls and broadcasts do.

A container tells one size, and only decoding tells the others. Pictures can change where a stream begins
anew (a keyframe); VP9's at any picture, by what their first bits say. So the packets are looked through once,
and a picture is decoded only where what describes it is new.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from faceswap_cli.media.open import open_video
from faceswap_cli.media.orientation_filters import apply_graph, filter_graph

Size = tuple[int, int]
"""Width and height."""

_DESCRIBED = ("h264", "hevc", "av1", "mpeg1video", "mpeg2video")
_CODECS = (*_DESCRIBED, "vp8", "vp9")

_FIXED = ("avc1", "hvc1", "av01", "mp4v", "dvh1", "dvhe")
"""MP4's names of codecs whose pictures are described once, beside the stream."""


def picture_sizes(path: Path, stream: VideoStream) -> list[Size]:
    """The sizes that a video's pictures are stored in, each once; none where it can't change.

    Args:
        path: of the video.
        stream: its main one, as it was opened elsewhere.
    """
    context = stream.codec_context
    if _kind(context) not in _CODECS or str(context.codec_tag) in _FIXED:
        return []
    about = path.stat()
    return list(_looked_through(path, stream.index, about.st_size, about.st_mtime_ns))


@functools.lru_cache(maxsize=64)
def _looked_through(path: Path, index: int, length: int, changed: int) -> tuple[Size, ...]:
    """The sizes in a file of this length and time of change: a command describes its source several times."""
    sizes: dict[Size, None] = {}
    # Damage is told by whoever reads all of it.
    with open_video(path) as container, contextlib.suppress(FFmpegError):
        own = container.streams[index]
        assert isinstance(own, VideoStream)
        seen: dict[bytes, None] = {}
        for packet in container.demux(own):
            if packet.size and (size := _size_of(packet, own.codec_context, seen)):
                sizes[size] = None
    return tuple(sizes)


def _kind(context: VideoCodecContext) -> str:
    """What is decoded, whatever decodes it."""
    return context.codec.canonical_name


def _size_of(packet: Packet[VideoStream], context: VideoCodecContext, seen: dict[bytes, None]) -> Size | None:
    """The size that a packet's picture says it has; None if it does not, or nothing new."""
    data = memoryview(packet)
    if _kind(context) == "vp8":
        return _vp8(data)
    if _kind(context) == "vp9":
        return _vp9(data)
    if not packet.is_keyframe:
        return None
    described = b"".join(_descriptions(context, data))
    if described in seen:
        return None
    seen[described] = None
    return _decoded(packet, context)


def _decoded(packet: Packet[VideoStream], context: VideoCodecContext) -> Size | None:
    decoder = av.CodecContext.create(context.codec.name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = context.extradata
    with contextlib.suppress(FFmpegError):
        for picture in (*decoder.decode(packet), *decoder.decode(None)):
            return picture.width, picture.height
    return None


def _vp8(data: memoryview) -> Size | None:
    """RFC 6386, 9.1: a keyframe's tag, start code, width and height."""
    if len(data) < 10 or data[0] & 1 or bytes(data[3:6]) != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF


def _vp9(data: memoryview) -> Size | None:
    """The VP9 bitstream specification, 6.2: the uncompressed header of a packet's first picture."""
    bits = _Bits(bytes(data[:32]))
    if bits.read(2) != 2:
        return None
    profile = bits.read(1) | bits.read(1) << 1
    bits.read(profile == 3)
    if bits.read(1):  # a picture that is there already is shown
        return None
    inter, shown, resilient = bits.read(1), bits.read(1), bits.read(1)
    if inter:
        intra_only = 0 if shown else bits.read(1)
        bits.read(0 if resilient else 2)
        if intra_only:
            return None
        bits.read(8 + 3 * 4)
        if any(bits.read(1) for _ in range(3)):  # as large as one before
            return None
    else:
        bits.read(24)
        bits.read(profile >= 2)
        rgb = bits.read(3) == 7
        bits.read((0 if rgb else 1) + (profile in (1, 3)) * (1 if rgb else 3))
    return bits.read(16) + 1, bits.read(16) + 1


class _Bits:
    """Bits of a few bytes, the highest first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        """The next bits as a number; 0 beyond the end."""
        self._left -= count
        return (self._value >> self._left if self._left >= 0 else 0) & ((1 << count) - 1)


def _descriptions(context: VideoCodecContext, data: memoryview) -> Iterator[bytes]:
    """What of a keyframe describes the pictures that follow."""
    if _kind(context) == "av1":
        yield from _sequence_headers(bytes(data[:1024]))
    elif _kind(context) in ("h264", "hevc"):
        for unit in _units(bytes(data), context):
            kind = unit[0] & 31 if _kind(context) == "h264" else unit[0] >> 1 & 63
            if kind == (7 if _kind(context) == "h264" else 33):
                yield unit
    else:
        place = bytes(data[:4096]).find(b"\0\0\1\xb3")
        yield bytes(data[place : place + 8]) if place >= 0 else b""


def _units(data: bytes, context: VideoCodecContext) -> Iterator[bytes]:
    """The units of an H.264 or H.265 picture: behind start codes, or each behind its length."""
    extra, at = context.extradata or b"", 4 if _kind(context) == "h264" else 21
    if len(extra) <= at or extra[0] != 1:
        # Only what stands before the picture itself is of interest.
        yield from (unit for unit in data[:4096].split(b"\0\0\1")[1:] if unit)
        return
    width, place = (extra[at] & 3) + 1, 0
    while place + width < len(data):
        length = int.from_bytes(data[place : place + width], "big")
        place += width
        if length:
            yield data[place : place + min(length, 4096)]
        place += length


def _sequence_headers(data: bytes) -> Iterator[bytes]:
    """AV1's (its specification, 5.3 and 5.5)."""
    place = 0
    while place + 2 < len(data):
        head = data[place]
        place += 2 if head & 4 else 1
        length = shift = 0
        while head & 2 and place < len(data):
            length |= (data[place] & 127) << shift
            shift += 7
            place += 1
            if not data[place - 1] & 128:
                break
        if head >> 3 & 15 == 1:
            yield data[place : place + length]
        if not head & 2:
            return
        place += length


def fit_picture(picture: VideoFrame, size: Size) -> VideoFrame:
    """A picture in another size, its shape kept, in the middle of black; the same if it has that size."""
    if (picture.width, picture.height) == size:
        return picture
    scale = min(size[0] / picture.width, size[1] / picture.height)
    # Even sides and places, for colour that is stored for every second pixel.
    sides = zip(size, (picture.width, picture.height), strict=True)
    inner = [min(whole, max(2, round(side * scale / 2) * 2)) for whole, side in sides]
    left, top = ((whole - side) // 4 * 2 for whole, side in zip(size, inner, strict=True))
    steps = [("scale", f"w={inner[0]}:h={inner[1]}:flags=bicubic+accurate_rnd+full_chroma_int")]
    steps.append(("pad", f"w={size[0]}:h={size[1]}:x={left}:y={top}"))
    return apply_graph(filter_graph(picture, steps), picture)
