"""A video's pictures one after the other, upright, decoded ahead in one background thread."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from faceswap_cli.errors import UserError
from faceswap_cli.limits import check_limit, limit
from faceswap_cli.media.colour import Converter
from faceswap_cli.media.deinterlace import deinterlace
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.open import decoder_of, open_video
from faceswap_cli.media.picture import Picture
from faceswap_cli.media.pieces import is_past, is_wanted
from faceswap_cli.media.probe import MediaInfo, check_colours, probe
from faceswap_cli.media.sequence import read_pictures
from faceswap_cli.media.sizes import fit_picture

# Pictures decoded ahead: enough to keep a consumer busy, few enough to hold 4K video in little memory.
_AHEAD = 4


class VideoReader(contextlib.AbstractContextManager["VideoReader", None]):
    """Reads a video's frames in display order; use it in a `with` block, iterate it once.

    Args:
        path: a video.
        info: what `probe` said of it, if that is known already.
        near: a timestamp in ticks: reading begins at a keyframe thereabouts, and frames are counted from
            there. `seeking.frames_from` says which frames these are.

    Raises:
        UserError: the file is missing, no video, or HDR that is not read; or (while iterating) not one frame
            can be read.

    Attributes:
        info: what the file says of itself.
    """

    def __init__(self, path: Path, info: MediaInfo | None = None, near: int | None = None) -> None:
        self.path = Path(path)
        self.info = info or probe(self.path)
        if self.info.kind != "video":
            raise UserError(f"{path} is a photo, not a video", "Use the command for photos")
        check_colours(self.info)
        self._state = _State(near)
        self._queue: queue.Queue[Frame | BaseException | None] = queue.Queue(_AHEAD)
        self._thread: threading.Thread | None = None

    @property
    def damage(self) -> str | None:
        """After the last frame: what is wrong with the file, in words for the user; None if nothing is."""
        return self._state.damage

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        assert self._thread is None, "a VideoReader can be iterated once"
        # The thread gets what it needs, not the reader itself, so that a forgotten reader can be collected.
        self._thread = threading.Thread(
            target=_decode_ahead,
            args=(self.info, self._queue, self._state),
            name=f"decode {self.path.name}",
            daemon=True,
        )
        self._thread.start()
        try:
            while not self._state.stop.is_set():
                item = self._queue.get()
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.close()

    def close(self) -> None:
        """Stop decoding now and wait for the thread to end; harmless when called again."""
        self._state.stop.set()
        if self._thread is None:
            return
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                # Room for the one picture the thread may be waiting to hand over.
                self._queue.get_nowait()
            self._thread.join(0.005)


class _State:
    """What the reader and its thread share."""

    def __init__(self, near: int | None) -> None:
        self.near = near
        self.stop = threading.Event()
        self.damage: str | None = None


def _decode_ahead(info: MediaInfo, frames: queue.Queue[Frame | BaseException | None], state: _State) -> None:
    last: BaseException | None = None
    try:
        for frame in _decode(info, state):
            if state.stop.is_set():
                return
            frames.put(frame)
    except BaseException as error:  # raised again where the frames are asked for
        last = error
    if not state.stop.is_set():
        frames.put(last)


def _decode(info: MediaInfo, state: _State) -> Iterator[Frame]:
    if info.pictures:
        yield from _frames(read_pictures(info.pictures, state.near or 0, info.orientation), info, state)
        return
    with open_video(info.path) as container:
        stream = container.streams[info.stream_index]
        assert isinstance(stream, VideoStream)
        if state.near is not None:
            with contextlib.suppress(FFmpegError):  # what can't be sought in is read from its beginning
                container.seek(state.near, stream=stream)
        pictures = _Pictures(container, stream)
        yield from _frames(_timed(pictures, info), info, state)
        if pictures.read == 0:
            raise UserError(f"{info.path}: not one frame can be read", "Copy or download the video again")
        state.damage = pictures.damage(info)


def _timed(pictures: Iterable[VideoFrame], info: MediaInfo) -> Iterator[VideoFrame]:
    """The pictures, whole, with timestamps that grow."""
    clock = Clock(info)

    def clocked() -> Iterator[VideoFrame]:
        for picture in pictures:
            picture.pts, picture.time_base = clock.next(picture.pts), info.time_base
            yield picture

    size = (info.stored_width, info.stored_height)
    return (fit_picture(picture, size) for picture in deinterlace(clocked(), info.time_base))


def _frames(pictures: Iterable[VideoFrame], info: MediaInfo, state: _State) -> Iterator[Frame]:
    """The wanted pictures as frames, counted from 0."""
    converter = Converter(info.tags, info.stored_width, info.stored_height)
    # After a seek nobody knows which frames these are: whoever asked for it picks them by their times.
    pieces, index, number = info.pieces if state.near is None else (), 0, -1
    most = limit("frames")
    for number, picture in enumerate(pictures):
        if number >= most:
            check_limit("frames", number + 1, f"{info.path} has more than {number:,} frames")
        if state.stop.is_set() or is_past(pieces, number):
            break
        if not is_wanted(pieces, number):
            continue
        assert picture.pts is not None
        image = info.orientation.apply(converter.to_rgb(picture))
        kept = Picture(picture, image, converter, info.orientation)
        yield Frame(index, float(picture.pts * info.time_base), image, picture.pts, kept)
        index += 1
    if pieces and not index and not state.stop.is_set():
        raise UserError(f"{info.path} has only {number + 1} frames", "Give --frames that it has, from 0")


class Clock:
    """Timestamps that always grow, made from those of the decoder, which may be missing or run backwards."""

    def __init__(self, info: MediaInfo) -> None:
        self._step = info.last_duration
        self._last: int | None = None

    def next(self, pts: int | None) -> int:
        """The timestamp, in ticks, of the picture whose decoder said `pts`."""
        if pts is None:
            pts = 0 if self._last is None else self._last + self._step
        elif self._last is not None and pts <= self._last:
            # The smallest step that keeps the order: where the file's clock catches up, its own times return.
            pts = self._last + 1
        self._last = pts
        return pts


class _Pictures:
    """The pictures of a stream, as far as they can be decoded, and an account of what could not."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        stream.thread_type = "AUTO"  # type: ignore[assignment]
        self.read = 0
        self._container = container
        self._stream = stream
        self._decoder = decoder_of(stream)
        self._packets = 0
        self._bad = 0
        self._broken_off = False
        self._to_the_end = False
        self._end = Fraction(0)

    def __iter__(self) -> Iterator[VideoFrame]:
        for packet in self._demux():
            try:
                pictures = self._decoder.decode(packet)
            except FFmpegError:
                self._bad += 1
                continue
            for picture in pictures:
                self.read += 1
                self._bad += picture.is_corrupt
                yield picture

    def _demux(self) -> Iterator[av.Packet[VideoStream]]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    self._packets += 1
                    if packet.pts is not None:
                        end = (packet.pts + (packet.duration or 0)) * packet.time_base
                        self._end = max(self._end, end)
                yield packet
            self._to_the_end = True
        except FFmpegError:
            self._broken_off = True

    def damage(self, info: MediaInfo) -> str | None:
        """What went wrong, in words for the user; None if nothing did."""
        claimed = f" of {info.frames}" if info.frames else ""
        if self._broken_off or (self._to_the_end and self._short(info)):
            return f"{info.path} breaks off: {self.read}{claimed} frames could be read"
        if self._bad:
            return f"{info.path} is damaged: {self._bad} frames were skipped or faulty, {self.read} were read"
        return None

    def _short(self, info: MediaInfo) -> bool:
        """True if the container promises more than came: by its count of packets, or Matroska's duration."""
        if "mp4" in self._container.format.name and self._stream.frames:
            # Its index has what an edit list leaves of the stream; the rest never comes.
            return self._packets < len(self._stream.index_entries)
        promised = _matroska_seconds(self._stream.metadata.get("DURATION", ""))
        # Writers round the promise differently; a second is more than any of them is off by.
        return promised is not None and float(self._end) < promised - 1


def _matroska_seconds(text: str) -> float | None:
    """Seconds of a duration such as "00:00:19.687000000"; None if it is none."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
