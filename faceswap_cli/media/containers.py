"""Which streams go into which file format, found out by trying, and told before the long work begins."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream

from faceswap_cli.errors import UserError
from faceswap_cli.files import check_writable
from faceswap_cli.media.encoders import ENCODERS, PICTURES, EncodeOptions, as_written, check_hdr, what_is_lost
from faceswap_cli.media.late_clock import clock_origin, late_clock_note
from faceswap_cli.media.light_metadata import DYNAMIC
from faceswap_cli.media.mp4_boxes import dolby_vision_profile
from faceswap_cli.media.open import open_video
from faceswap_cli.media.photo import describe_metadata
from faceswap_cli.media.pieces import is_wanted
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.projection import PROJECTION_SUFFIXES, read_projection
from faceswap_cli.media.sequence import is_pattern, picture_names, picture_suffix
from faceswap_cli.media.trial_encode import check_encoder
from faceswap_cli.media.upright import upright_size

FORMATS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".gif": "gif", ".webp": "webp"
}  # fmt: skip

ANIMATIONS = (".gif", ".webp")
"""Formats of moving pictures and nothing else."""

# What a user would miss. A format that can't hold it is refused while another one could.
_DISCARDED = 48  # FFmpeg's number for all of a stream

_DEAR = ("audio", "subtitle")

# What does not tell the shape of pixels itself, as H.264 and H.265 do: PyAV can't make Matroska tell it.
_SILENT_IN_MATROSKA = ("av1", "av1_nvenc", "prores", "ffv1")


def check_video_suffix(output: Path) -> None:
    """Raise a UserError for a name that no video is written as, nor a row of pictures."""
    if picture_suffix(output) is None and output.suffix.lower() not in FORMATS:
        raise UserError(f"video can't be written as '{output.suffix}' ({output})", f"Use {_named(FORMATS)}")


def check_output(output: Path, info: MediaInfo, options: EncodeOptions) -> list[str]:
    """Find out, before the long work, whether its result can be written.

    Args:
        output: where it will stand.
        info: the source video.
        options: how it will be encoded.

    Returns:
        One line for each thing of the source that the result will not have.

    Raises:
        UserError: the name, the place, the encoder or a stream of the source does not fit.
    """
    output = Path(output)
    suffix = output.suffix.lower()
    check_hdr(info, options)
    if picture_suffix(output) is not None:
        return _check_pictures(output, info, options)
    check_video_suffix(output)
    usable = ENCODERS[options.encoder].suffixes
    if suffix not in usable:
        raise UserError(f"{suffix} does not hold {options.encoder} video", f"Use {_named(usable)}")
    check_encoder(options.encoder)
    check_writable(output)
    if output.exists() and output.samefile(info.file):
        raise UserError(f"{output} is the source itself", "Choose another output")
    return [
        *_lost_streams(suffix, info, usable),
        *_said_no_more(suffix, info),
        *_light_left_out(suffix, info, options),
        *_left_of_pictures(info),
        *what_is_lost(as_written(info, options), options),
        *_shape_of_pixels(output, info, options),
    ]


def _check_pictures(output: Path, info: MediaInfo, options: EncodeOptions) -> list[str]:
    """The same for a sequence of pictures: a folder, or a name such as %05d.png."""
    suffix = picture_suffix(output) or ""
    if suffix not in PICTURES:
        raise UserError(f"pictures can't be written as '{suffix}' ({output})", f"Use {_named(PICTURES)}")
    if options.encoder != PICTURES[suffix]:
        raise UserError(f"{suffix} pictures are not {options.encoder} video", "Leave out --encoder")
    folder = output.parent if is_pattern(output) else output
    if not folder.is_dir():
        check_writable(folder)
    elif not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder} can't be written", "Choose another output, or mend its permissions")
    wanted = [number for number in range(len(info.pictures)) if is_wanted(info.pieces, number)]
    names = picture_names(output, info.pictures, wanted)
    if {file.resolve() for file in info.pictures} & {name.resolve() for name in names}:
        raise UserError(f"{output} is the source itself", "Choose another output")
    lost = [
        f"pictures have no {kind}: it is left out" for kind in _DEAR if kind in {o.type for o in info.others}
    ]
    return [
        *lost,
        *_said_no_more(suffix, info),
        *_light_left_out(suffix, info, options),
        *_left_of_pictures(info),
        *what_is_lost(as_written(info, options), options),
        *_shape_of_pixels(output, info, options),
    ]


def _left_of_pictures(info: MediaInfo) -> list[str]:
    """What is told of what pictures of a sequence carry, by the first of them."""
    beside = describe_metadata(info.pictures[0]) if info.pictures else []
    return [f"the pictures' {', '.join(beside)}: left out"] if beside else []


def _shape_of_pixels(output: Path, info: MediaInfo, options: EncodeOptions) -> list[str]:
    """What is told of pixels that are not square, where the result is not like the source."""
    size = upright_size(info)
    if size == (info.width, info.height):
        return []
    was, now = f"{info.width} x {info.height}", f"{size[0]} x {size[1]}"
    if ENCODERS[options.encoder].upright:
        return [f"pixels are made square: {was} becomes {now}"]
    if FORMATS.get(output.suffix.lower()) == "matroska" and options.encoder in _SILENT_IN_MATROSKA:
        return [f"as {options.encoder} in {output.suffix} the shape of pixels is not told: players may show "
                f"{was} in place of {now}"]  # fmt: skip
    return []


def _said_no_more(suffix: str, info: MediaInfo) -> list[str]:
    """What the source says of its pictures and the result does not."""
    if info.own_pictures:
        return []
    lost = [*info.said_aside]
    if lost and suffix in PROJECTION_SUFFIXES:
        with open_video(info.file) as source:
            kept = read_projection(info.file, source.streams[info.stream_index].id).said()
        lost = [said for said in lost if said not in kept]
    boxes = None if info.pictures else dolby_vision_profile(info.path)
    dolby = [] if boxes is None else [DYNAMIC["DOVI_METADATA"]]
    return [f"{said}: left out" for said in dict.fromkeys((*lost, *dolby))]


def _light_left_out(suffix: str, info: MediaInfo, options: EncodeOptions) -> list[str]:
    """What the source says of its light and the result does not."""
    light = as_written(info, options).tags.light
    if info.hdr and options.sdr:
        opaque = ", and transparency is left out" if info.pixels.alpha else ""
        return [f"--sdr: light up to {info.tags.peak:g} cd/m2 is tone-mapped to BT.709 in 8 bits{opaque}"]
    if light is not None and light.ambient is not None and suffix not in PROJECTION_SUFFIXES:
        return ["the light around the viewer (ambient viewing environment): left out"]
    return []


def copyable(source: InputContainer, info: MediaInfo, suffix: str) -> list[Stream]:
    """The source's streams that are copied into a file with this suffix: all beside the video that fit."""
    known = {other.index for other in info.others}
    others = [
        stream
        for stream in source.streams
        if stream.index in known
        and stream.index != info.stream_index
        and not _made_anew(stream, source)
        and streams_fit([stream], suffix)
    ]
    # Streams that fit one by one may not fit together; sound and subtitles matter most.
    return others if streams_fit(others, suffix) else [stream for stream in others if stream.type in _DEAR]


def is_cover(stream: Stream) -> bool:
    """True for a picture that stands for the whole file."""
    return bool(stream.disposition & Disposition.attached_pic)


def _made_anew(stream: Stream, source: InputContainer) -> bool:
    """True for QuickTime's timecode and chapter tracks, which are written from metadata and chapters."""
    if stream.type != "data":
        return False
    # FFmpeg discards what it made chapters of, and gives everything else: telemetry, for one.
    chapters = "mp4" in source.format.name and int(stream.discard) == _DISCARDED
    return "timecode" in stream.metadata or chapters


def streams_fit(streams: Sequence[Stream], suffix: str) -> bool:
    """True if streams can be copied into a file with this suffix: write such a file's head to find out."""
    if suffix in ANIMATIONS:
        return not streams
    if suffix == ".mov" and any(map(is_cover, streams)):
        return False  # FFmpeg takes a cover without a word and writes none.
    container = av.open(io.BytesIO(), "w", format=FORMATS[suffix])
    try:
        for stream in streams:
            container.add_stream_from_template(stream, opaque=True)
        if streams:
            container.start_encoding()
    except (FFmpegError, ValueError, OSError):
        return False
    finally:
        # A file with a head and nothing in it may not be closed to FFmpeg's liking.
        with contextlib.suppress(FFmpegError, ValueError, OSError):
            container.close()
    return True


def _lost_streams(suffix: str, info: MediaInfo, usable: Sequence[str]) -> list[str]:
    with open_video(info.file) as source:
        kept = {stream.index for stream in copyable(source, info, suffix)}
        others = [source.streams[other.index] for other in info.others]
        lost = [s for s in others if s.index not in kept and not _made_anew(s, source)]
        dear = [stream for stream in lost if stream.type in _DEAR]
        if dear and suffix not in ANIMATIONS:
            wanted = [stream for stream in others if stream.type in _DEAR]
            better = [
                other for other in (".mkv", ".mp4", ".mov") if other in usable and streams_fit(wanted, other)
            ]
            if better:
                raise UserError(f"{suffix} does not hold {_what(dear[0])}", f"Use {better[0]}")
            if any(stream.type == "audio" for stream in dear):
                raise UserError(
                    f"{suffix} does not hold {_what(dear[0])}", "Convert the source's sound first"
                )
        told = [f"{suffix} does not hold {_what(stream)}: it is left out" for stream in lost]
        return told if suffix in ANIMATIONS else [*told, *late_clock_note(clock_origin(source, info))]


def _what(stream: Stream) -> str:
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    return f"the source's {codec} {stream.type} (stream {stream.index})"


def _named(suffixes: Iterable[str]) -> str:
    return ", ".join(suffixes)
