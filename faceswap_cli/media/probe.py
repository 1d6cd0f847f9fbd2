"""What a video or photo file is, without decoding more of it than its first picture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from faceswap_cli.errors import UserError
from faceswap_cli.media.colour import ColourTags, PixelKind, pixel_kind
from faceswap_cli.media.orientation import Orientation, from_display_matrix
from faceswap_cli.media.photo_header import photo_header

# Pictures that travel with a video, but are not its moving pictures.
_STILL = Disposition.attached_pic | Disposition.timed_thumbnails

_ONE = 1 << 16  # fixed point
_QUARTER_TURNS = {
    90: (0, -_ONE, 0, _ONE, 0, 0, 0, 0, 1 << 30),
    180: (-_ONE, 0, 0, 0, -_ONE, 0, 0, 0, 1 << 30),
    270: (0, _ONE, 0, -_ONE, 0, 0, 0, 0, 1 << 30),
}


@dataclass(frozen=True)
class OtherStream:
    """A stream beside the video: sound, subtitles, data, a cover picture.

    Attributes:
        index: its number in the file.
        type: "audio", "subtitle", "data", "attachment" or "video" (covers and second cameras).
        codec: FFmpeg's name, or "" if nobody knows it.
    """

    index: int
    type: str
    codec: str


@dataclass(frozen=True)
class MediaInfo:
    """What a file says of itself.

    Attributes:
        path: the file.
        kind: "video" or "photo".
        codec: FFmpeg's name of the video codec, or the photo's format ("jpeg", "png", ...).
        width: pixels across, upright.
        height: pixels down, upright.
        stored_width: pixels across as stored, before `orientation` is applied.
        stored_height: pixels down as stored.
        orientation: how the stored picture is turned upright.
        display_matrix: a video's own nine numbers for that, to be written again; None if it has none.
        frames: how many the container claims; None if it does not say. 1 for photos.
        duration: seconds; None if unknown or a photo.
        average_rate: frames a second; None if unknown or a photo.
        time_base: seconds in one tick of the frames' own timestamps.
        last_duration: ticks that the last frame should last, as far as can be guessed from the rate.
        start_pts: the first frame's timestamp in ticks; None if unknown.
        pixels: the pixel format, its depth, chroma and alpha.
        tags: what it says of its colours.
        interlaced: True if the first picture is two fields.
        sample_aspect: width of one stored pixel over its height; None if not said.
        stream_index: the video stream's number in the file.
        others: every other stream.
    """

    path: Path
    kind: Literal["video", "photo"]
    codec: str
    width: int
    height: int
    stored_width: int
    stored_height: int
    orientation: Orientation = field(default_factory=Orientation)
    display_matrix: tuple[int, ...] | None = None
    frames: int | None = None
    duration: float | None = None
    average_rate: Fraction | None = None
    time_base: Fraction = Fraction(1)
    last_duration: int = 1
    start_pts: int | None = None
    pixels: PixelKind = field(default_factory=lambda: pixel_kind("rgb24"))
    tags: ColourTags = field(default_factory=ColourTags)
    interlaced: bool = False
    sample_aspect: Fraction | None = None
    stream_index: int = 0
    others: tuple[OtherStream, ...] = ()

    @property
    def note(self) -> str | None:
        """What the user should know before the work begins; None if nothing."""
        if not self.interlaced:
            return None
        return f"{self.path.name} is interlaced video: not deinterlaced, faces may show combing"

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the stored pixel format."""
        return self.pixels.name

    @property
    def bit_depth(self) -> int:
        """Bits a sample."""
        return self.pixels.bit_depth

    @property
    def has_alpha(self) -> bool:
        """True if the stored pictures have transparency."""
        return self.pixels.alpha

    @property
    def hdr(self) -> bool:
        """True for PQ and HLG."""
        return self.tags.hdr


def probe(path: Path) -> MediaInfo:
    """Say what a file is.

    Raises:
        UserError: it is missing, empty, unreadable, neither video nor photo, or has no moving pictures.
    """
    path = Path(path)
    check_readable(path)
    header = photo_header(path)
    if header is None:
        with open_video(path) as container:
            return video_info(path, container, main_stream(path, container))
    orientation = header.orientation
    width, height = header.width, header.height
    if orientation.transpose:
        width, height = height, width
    return MediaInfo(
        path=path,
        kind="photo",
        codec=header.format,
        width=width,
        height=height,
        stored_width=header.width,
        stored_height=header.height,
        orientation=orientation,
        frames=1,
        pixels=PixelKind(
            header.format, header.bit_depth, "grey" if header.grey else "rgb", header.alpha, True
        ),
    )


def check_readable(path: Path) -> None:
    """Raise a UserError if `path` is not a file with something in it that we may read."""
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder, not a file", "Give a photo or a video")
        if not path.exists():
            raise UserError(f"no such file: {path}", "Check the path")
        if path.is_file() and path.stat().st_size == 0:
            raise UserError(f"{path} is empty", "Copy or download it again")
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise UserError(
            f"{path} can't be read: {error.strerror or error}", "Check its permissions"
        ) from error


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """Open a file with FFmpeg; its errors on opening become a UserError.

    Only files are ever opened, so that a playlist named .mp4 can't make us fetch from the network.
    """
    try:
        # "file:" keeps FFmpeg from taking a name such as "part:2.mp4" for a protocol. Bytes that are no UTF-8
        # in a title must not keep anybody from using the video.
        container = av.open(
            f"file:{path}", "r", options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except (FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path) from error
    with container:
        yield container


def _unreadable(path: Path) -> UserError:
    with path.open("rb") as file:
        start = file.read(12)
    # MP4 and MOV have their index at the end as a rule: the usual fate of a download that was cut short.
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return UserError(f"{path} breaks off before its index", "Copy or download it again")
    return UserError(f"{path} is not a video or photo that can be read", "Convert it to .mp4 first")


def main_stream(path: Path, container: InputContainer) -> VideoStream:
    """The stream with the moving pictures: the largest one that is no cover.

    Raises:
        UserError: there is none, or no decoder for it.
    """
    moving = [s for s in container.streams.video if not s.disposition & _STILL]
    if not moving:
        covers = " (its cover picture is not one)" if container.streams.video else ""
        raise UserError(f"{path} has no video stream{covers}", "Give a file with moving pictures")
    decodable = [s for s in moving if s.codec_context is not None]
    if not decodable:
        raise UserError(f"{path}: no decoder for its video", "Convert it to H.264 first")
    return max(decodable, key=lambda s: (s.width * s.height, -s.index))


def video_info(path: Path, container: InputContainer, stream: VideoStream) -> MediaInfo:
    """Describe an opened video, decoding its first picture (some facts stand nowhere else).

    Raises:
        UserError: not one picture can be decoded.
    """
    picture = _first_picture(path, container, stream)
    time_base = stream.time_base or Fraction(1, 90000)
    rate = stream.average_rate or stream.guessed_rate or None
    matrix = display_matrix(picture)
    orientation = from_display_matrix(matrix)
    width, height = picture.width, picture.height
    aspect = stream.sample_aspect_ratio
    return MediaInfo(
        path=path,
        kind="video",
        codec=stream.codec_context.name,
        width=height if orientation.transpose else width,
        height=width if orientation.transpose else height,
        stored_width=width,
        stored_height=height,
        orientation=orientation,
        display_matrix=matrix,
        # AVI counts fields and empty chunks too: a number that is wrong is worse than none.
        frames=stream.frames or None if "mp4" in container.format.name else None,
        duration=_duration(container, stream, time_base),
        average_rate=rate,
        time_base=time_base,
        last_duration=picture_ticks(time_base, stream.guessed_rate or rate),
        start_pts=picture.pts,
        pixels=pixel_kind(picture.format.name),
        tags=_tags(stream, picture),
        interlaced=picture.interlaced_frame,
        sample_aspect=aspect if aspect and aspect > 0 else None,
        stream_index=stream.index,
        others=tuple(
            OtherStream(s.index, s.type, s.codec_context.name if s.codec_context is not None else "")
            for s in container.streams
            if s.index != stream.index
        ),
    )


def display_matrix(picture: VideoFrame) -> tuple[int, ...] | None:
    """The nine integers of a decoded picture's display matrix; None if it has none."""
    try:
        side_data: Any = picture.side_data
        if "DISPLAYMATRIX" not in side_data:
            return None
        return tuple(memoryview(bytes(side_data["DISPLAYMATRIX"])).cast("i"))
    except ValueError:
        # PyAV can't list side data of a kind newer than itself (EXIF in MJPEG), but it still tells the turn.
        return _QUARTER_TURNS.get(picture.rotation % 360)


def picture_ticks(time_base: Fraction, rate: Fraction | None) -> int:
    """How many ticks one picture lasts at `rate` (25 a second if that is unknown); at least 1."""
    return max(1, round(1 / ((rate or Fraction(25)) * time_base)))


def _first_picture(path: Path, container: InputContainer, stream: VideoStream) -> VideoFrame:
    stream.thread_type = "AUTO"  # type: ignore[assignment]
    try:
        for packet in container.demux(stream):
            with contextlib.suppress(av.error.InvalidDataError):
                for picture in packet.decode():
                    return picture
    except FFmpegError as error:
        raise UserError(f"{path} can't be decoded", "Copy it again, or convert it to .mp4 first") from error
    raise UserError(f"{path}: not one picture can be decoded", "Copy it again, or convert it to .mp4 first")


def _tags(stream: VideoStream, picture: VideoFrame) -> ColourTags:
    # A picture's own tags are those of the bitstream or, where that is silent, of the container.
    return ColourTags(
        primaries=int(picture.color_primaries),
        transfer=int(picture.color_trc),
        matrix=int(picture.colorspace),
        range=int(picture.color_range) or int(stream.color_range),
    )


def _duration(container: InputContainer, stream: VideoStream, time_base: Fraction) -> float | None:
    if stream.duration:
        return float(stream.duration * time_base)
    return container.duration / av.time_base if container.duration else None
