"""Open a file, or say plainly why it can't be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from faceswap_cli.errors import UserError
from faceswap_cli.limits import check_regular, limit
from faceswap_cli.media.mp4_boxes import check_sample_counts


def check_readable(path: Path) -> None:
    """Raise a UserError if `path` is not a file with something in it that we may read."""
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder, not a file", "Give a photo or a video")
        if not path.exists():
            raise UserError(f"no such file: {path}", "Check the path")
        if check_regular(path) == 0:
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

    Only files are ever opened, so that a playlist named .mp4 can't make us fetch from the network. Pictures
    beyond `limits` are refused by FFmpeg itself before it makes room for them.
    """
    check_sample_counts(path)
    try:
        # "file:" keeps FFmpeg from taking a name such as "part:2.mp4" for a protocol. Bytes that are no UTF-8
        # in a title must not keep anybody from using the video.
        container = av.open(f"file:{path}", "r", options=_options(), metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path) from error
    with container:
        yield container


def _options() -> dict[str, str]:
    return {"protocol_whitelist": "file", "max_pixels": str(limit("video_pixels"))}


def _unreadable(path: Path) -> UserError:
    with path.open("rb") as file:
        start = file.read(12)
    # MP4 and MOV have their index at the end as a rule: the usual fate of a download that was cut short.
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return UserError(f"{path} breaks off before its index", "Copy or download it again")
    return UserError(f"{path} is not a video or photo that can be read", "Convert it to .mp4 first")


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """What decodes a stream: FFmpeg's own choice, but for VP8 and VP9 with transparency, which that drops."""
    most = {"max_pixels": str(limit("video_pixels"))}
    name = _WITH_ALPHA.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1":
        stream.codec_context.options = most
        return stream.codec_context
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = stream.codec_context.extradata
    decoder.options = most
    return decoder


_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
