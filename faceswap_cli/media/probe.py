"""What a video or photo file is, without decoding more of it than its first picture."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
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
from faceswap_cli.media.hdr import PQ
from faceswap_cli.media.light_metadata import dynamic_metadata, read_light
from faceswap_cli.media.mp4_boxes import dolby_vision_profile
from faceswap_cli.media.open import check_readable, decoder_of, open_video
from faceswap_cli.media.orientation import Orientation, from_display_matrix
from faceswap_cli.media.orientation_filters import display_matrix
from faceswap_cli.media.photo_header import photo_header
from faceswap_cli.media.pieces import Piece, count_wanted, parse_pieces
from faceswap_cli.media.sequence import describe_beside, find_pictures, is_sequence
from faceswap_cli.media.sizes import Size, picture_sizes

# Pictures that travel with a video, but are not its moving pictures.
_STILL = Disposition.attached_pic | Disposition.timed_thumbnails

_INTERLACED = (2, 3, 4, 5)  # orders of fields


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
        interlaced: True if the first picture is two fields; later ones may be, all the same.
        sample_aspect: width of one stored pixel over its height; None if not said.
        stream_index: the video stream's number in the file.
        others: every other stream.
        pieces: the only frames that are read, if not all; see `only_frames`.
        pictures: the files of a sequence of pictures, one a frame; none for a video.
        sizes: the sizes that pictures are stored in, if there are several; stored_width and stored_height are
            those of the largest, into which the others are fitted.
        own_pictures: the pictures that are written are not its own, see `canvas`: what it says of them, its
            title and its chapters are not theirs.
        said_aside: what a video says of its pictures that encoders don't (SPHERICAL, STEREOSCOPIC, and light
            of single pictures).
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
    pieces: tuple[Piece, ...] = ()
    pictures: tuple[Path, ...] = ()
    sizes: tuple[Size, ...] = ()
    said_aside: tuple[str, ...] = ()
    own_pictures: bool = False

    @property
    def file(self) -> Path:
        """The file in which everything stands that is not a frame: of a sequence its first picture."""
        return self.pictures[0] if self.pictures else self.path

    @property
    def mark(self) -> list[object]:
        """What changes when the source is changed: sizes and dates of its files, which frames, their rate."""
        stats = [file.stat() for file in self.pictures or (self.path,)]
        dates = [[stat.st_size, stat.st_mtime_ns] for stat in stats]
        return [*dates, self.pieces, str(self.time_base) if self.pictures else ""]

    @property
    def note(self) -> str | None:
        """What the user should know before the work begins; None if nothing."""
        notes = [beside] if self.pictures and (beside := describe_beside(self.path, self.pictures)) else []
        if self.interlaced:
            notes.append(
                f"{self.path.name} is interlaced video: it is deinterlaced, the result is progressive"
            )
        if self.sizes:
            all_sizes = ", ".join(f"{width} x {height}" for width, height in self.sizes)
            notes.append(
                f"the pictures of {self.path.name} change size ({all_sizes}): all are fitted into "
                f"{self.stored_width} x {self.stored_height}, their shape kept"
            )
        if self.hdr and not self.tags.unreadable:
            name = "PQ" if self.tags.transfer == PQ else "HLG"
            notes.append(
                f"{self.path.name} is HDR ({name}): faces are found and drawn in a tone-mapped view of light "
                f"up to {self.tags.peak:g} cd/m2"
            )
        return "; ".join(notes) or None

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the stored pixel format."""
        return self.pixels.name

    @property
    def bit_depth(self) -> int:
        """Bits a sample."""
        return self.pixels.bit_depth

    @property
    def hdr(self) -> bool:
        """True for PQ and HLG."""
        return self.tags.hdr


def probe(path: Path, rate: Fraction | None = None) -> MediaInfo:
    """Say what a file is, or a sequence of pictures (see `sequence`).

    Args:
        path: of the file, a folder of pictures, or a name such as %05d.png.
        rate: pictures a second of a sequence, 25 if None; a video has its own.

    Raises:
        UserError: it is missing, empty, unreadable, neither video nor photo, or has no moving pictures.
    """
    path = Path(path)
    if is_sequence(path):
        return _sequence_info(path, rate or Fraction(25))
    check_readable(path)
    if rate is not None:
        raise UserError(f"{path} has its own times: --fps is for pictures", "Leave out --fps")
    header = photo_header(path)
    # An animated PNG is a video; what else holds several pictures is refused by whoever reads them.
    if header is None or (header.format == "png" and header.pictures > 1):
        with open_video(path) as container:
            stream = main_stream(path, container)
            return _of_largest(video_info(path, container, stream), picture_sizes(path, stream))
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


def _of_largest(info: MediaInfo, sizes: list[Size]) -> MediaInfo:
    """A video's info if its pictures have other sizes, too."""
    first = (info.stored_width, info.stored_height)
    sizes = list(dict.fromkeys([first, *sizes]))
    if len(sizes) == 1:
        return info
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    upright = (height, width) if info.orientation.transpose else (width, height)
    return replace(info, stored_width=width, stored_height=height, width=upright[0], height=upright[1],
                   sizes=tuple(sizes))  # fmt: skip


def _sequence_info(path: Path, rate: Fraction) -> MediaInfo:
    """Describe a sequence of pictures by its first."""
    pictures = find_pictures(path)
    with open_video(pictures[0]) as container:
        info = video_info(pictures[0], container, main_stream(pictures[0], container))
    return replace(
        info,
        path=path,
        pictures=pictures,
        frames=len(pictures),
        duration=float(len(pictures) / rate),
        average_rate=rate,
        time_base=1 / rate,
        last_duration=1,
        start_pts=0,
        others=(),
    )


def check_colours(info: MediaInfo) -> None:
    """Raise a UserError if a video is HDR of a kind whose light can't be read."""
    reason = info.tags.unreadable
    profile = dolby_vision_profile(info.path) if info.kind == "video" and not info.pictures else None
    if profile == 5:
        reason = "it is Dolby Vision of profile 5, which has no picture that can be read without it"
    if reason is not None:
        raise UserError(
            f"{info.path} is HDR that is not read: {reason}", "Make an HDR10 or an SDR copy first"
        )


def only_frames(info: MediaInfo, text: str) -> MediaInfo:
    """A video of which only some frames are read, counted anew from 0; they keep their timestamps.

    Args:
        info: the video.
        text: which, as `parse_pieces` reads it; "" is all.

    Raises:
        UserError: the text can't be read, or the video is known to have none of these frames.
    """
    if not text:
        return info
    pieces = parse_pieces(text)
    wanted = count_wanted(pieces, info.frames)
    if wanted == 0:
        raise UserError(f"{info.path} has only {info.frames} frames", "Give --frames that it has, from 0")
    return replace(info, pieces=pieces, frames=wanted)


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
        frames=shown_frames(container, stream),
        duration=_duration(container, stream, time_base),
        average_rate=rate,
        time_base=time_base,
        last_duration=picture_ticks(time_base, stream.guessed_rate or rate),
        start_pts=picture.pts,
        pixels=pixel_kind(picture.format.name),
        tags=_tags(stream, picture),
        interlaced=picture.interlaced_frame or stream.codec_context.field_order in _INTERLACED,
        sample_aspect=aspect if aspect and aspect > 0 else None,
        stream_index=stream.index,
        said_aside=_said_aside(picture),
        others=tuple(
            OtherStream(s.index, s.type, s.codec_context.name if s.codec_context is not None else "")
            for s in container.streams
            if s.index != stream.index
        ),
    )


def shown_frames(container: InputContainer, stream: VideoStream) -> int | None:
    """How many frames an MP4 or MOV shows, without those that its edit list leaves out; None if unknown."""
    if "mp4" not in container.format.name or not stream.frames:
        return None
    return sum(not entry.is_discard for entry in stream.index_entries)


def picture_ticks(time_base: Fraction, rate: Fraction | None) -> int:
    """How many ticks one picture lasts at `rate` (25 a second if that is unknown); at least 1."""
    return max(1, round(1 / ((rate or Fraction(25)) * time_base)))


def _first_picture(path: Path, container: InputContainer, stream: VideoStream) -> VideoFrame:
    stream.thread_type = "AUTO"  # type: ignore[assignment]
    decoder = decoder_of(stream)
    try:
        for packet in container.demux(stream):
            with contextlib.suppress(av.error.InvalidDataError):
                for picture in decoder.decode(packet):
                    return picture
    except FFmpegError as error:
        raise UserError(f"{path} can't be decoded", "Copy it again, or convert it to .mp4 first") from error
    raise UserError(f"{path}: not one picture can be decoded", "Copy it again, or convert it to .mp4 first")


SPHERICAL, STEREOSCOPIC = "that it is spherical (360°) video", "that it is stereoscopic (3D) video"
_ASIDE = {"SPHERICAL": SPHERICAL, "STEREO3D": STEREOSCOPIC}


def _said_aside(picture: VideoFrame) -> tuple[str, ...]:
    with contextlib.suppress(ValueError):  # kinds newer than PyAV, see display_matrix
        side_data: Any = picture.side_data
        aside = tuple(said for name, said in _ASIDE.items() if name in side_data)
        return (*aside, *dynamic_metadata(picture))
    return ()


def _tags(stream: VideoStream, picture: VideoFrame) -> ColourTags:
    # A picture's own tags are those of the bitstream or, where that is silent, of the container.
    tags = ColourTags(
        primaries=int(picture.color_primaries),
        transfer=int(picture.color_trc),
        matrix=int(picture.colorspace),
        range=int(picture.color_range) or int(stream.color_range),
    )
    return replace(tags, light=read_light(picture)) if tags.hdr else tags


def _duration(container: InputContainer, stream: VideoStream, time_base: Fraction) -> float | None:
    if stream.duration:
        return float(stream.duration * time_base)
    return container.duration / av.time_base if container.duration else None
