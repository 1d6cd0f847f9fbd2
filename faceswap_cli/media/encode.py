"""Write pictures as one closed piece of video, in the colours, the turn and the times of its source."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from faceswap_cli.errors import UserError
from faceswap_cli.files import atomic_output
from faceswap_cli.media.colour import (
    MATRIX_RGB,
    RANGE_FULL,
    RANGE_LIMITED,
    UNSPECIFIED,
    ColourTags,
    Converter,
    matrix_of,
    pixel_kind,
)
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import MediaInfo

# NUT keeps any time base exactly, needs no index at its front, and is written front to back.
SEGMENT_SUFFIX = ".nut"


@dataclass(frozen=True)
class Encoder:
    """One way to encode.

    Attributes:
        codec: FFmpeg's name of the encoder.
        suffixes: containers that hold it.
        depths: bits a sample it can write.
        reorder: how many pictures may be decoded before one that is shown earlier (B-frames).
        quality: True if it takes `crf` and `preset`; else it is lossless.
        own_kinds: True if it also stores grey and RGB pictures as such.
        options: what else FFmpeg is told.
    """

    codec: str
    suffixes: tuple[str, ...]
    depths: tuple[int, ...]
    reorder: int
    quality: bool
    own_kinds: bool
    options: dict[str, str]


_MP4_AND_MKV = (".mp4", ".mov", ".m4v", ".mkv")

ENCODERS = {
    "x264": Encoder("libx264", _MP4_AND_MKV, (8, 10), 2, True, False, {"bf": "3", "b-pyramid": "normal"}),
    "x265": Encoder(
        # Its own default is open groups of pictures, which refer to pictures of the segment before.
        "libx265", _MP4_AND_MKV, (8, 10, 12), 2, True, False,
        {"x265-params": "log-level=none:info=0:open-gop=0:bframes=4:b-pyramid=1"},
    ),
    "ffv1": Encoder(
        # A fixed number of slices, so that the same frames give the same bytes on every machine.
        "ffv1", (".mkv",), (8, 10, 12, 16), 0, False, True,
        {"level": "3", "g": "1", "slices": "4", "slicecrc": "1"},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class EncodeOptions:
    """How the result is encoded.

    Attributes:
        encoder: a key of ENCODERS.
        crf: constant quality, 0 (lossless or nearly) to 51; lower is better and larger. Not for ffv1.
        preset: "ultrafast" to "veryslow": time against size. Not for ffv1.
    """

    encoder: str = "x264"
    crf: float = 16
    preset: str = "medium"

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise UserError(f"no encoder named {self.encoder}", f"Use one of {', '.join(ENCODERS)}")
        if not 0 <= self.crf <= 51:
            raise UserError(f"crf {self.crf} is out of range", "Use 0 (best) to 51 (smallest)")
        if self.preset not in PRESETS:
            raise UserError(f"no preset named {self.preset}", f"Use one of {', '.join(PRESETS)}")


PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


def target_format(info: MediaInfo, options: EncodeOptions) -> str:
    """FFmpeg's name of the pixel format that is written: the source's depth and chroma, where it can be.

    Pictures with an odd side are written as 4:4:4, the only chroma that keeps their size in every encoder.
    Transparency is not kept.
    """
    encoder = ENCODERS[options.encoder]
    enough = [depth for depth in encoder.depths if depth >= info.bit_depth]
    depth = enough[0] if enough else encoder.depths[-1]
    ending = "" if depth == 8 else f"{depth}le"
    chroma = info.pixels.chroma
    if encoder.own_kinds and chroma == "rgb":
        return "bgr0" if depth == 8 else f"gbrp{ending}"
    if encoder.own_kinds and chroma == "grey":
        return f"gray{ending}"
    # Few players show monochrome H.264: a grey picture gets empty colour planes.
    subsampling = {"rgb": "444", "grey": "420"}.get(chroma, chroma)
    if info.stored_width % 2 or info.stored_height % 2:
        subsampling = "444"
    return f"yuv{subsampling}p{ending}"


def target_tags(info: MediaInfo, pixel_format: str) -> ColourTags:
    """The colour tags that are written: the source's, unless its pixels were of another kind (RGB, grey).

    What the source leaves unsaid stays unsaid.
    """
    tags, source, target = info.tags, info.pixels, pixel_kind(pixel_format)
    if target.chroma in ("rgb", "grey"):
        return tags
    if source.chroma == "rgb":
        matrix = int(matrix_of(tags, info.stored_width, info.stored_height))
        return replace(tags, matrix=matrix, range=RANGE_LIMITED)
    if source.full_range and source.chroma != "grey":
        tags = replace(tags, range=RANGE_FULL)
    return replace(tags, matrix=UNSPECIFIED) if tags.matrix == MATRIX_RGB else tags


class SegmentWriter:
    """Encodes frames to one closed piece of video (it starts with a keyframe and refers to no other piece).

    Use it in a `with` block: the file is whole when the block ends well, and not there if it does not. The
    same frames give the same bytes on the same machine.

    Args:
        path: the piece; SEGMENT_SUFFIX is its suffix, whatever the final container.
        info: the source video.
        options: how to encode.

    Raises:
        UserError: it can't be written, the disk is full, or the encoder can't take these pictures.
    """

    def __init__(self, path: Path, info: MediaInfo, options: EncodeOptions | None = None) -> None:
        self.path = Path(path)
        self.info = info
        self.options = options or EncodeOptions()
        self.frames = 0
        self._format = target_format(info, self.options)
        self._tags = target_tags(info, self._format)
        self._converter = Converter(self._tags, info.stored_width, info.stored_height)
        self._last_pts: int | None = None

    def __enter__(self) -> Self:
        self._session = self._opened()
        self._session.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.__exit__(kind, error, traceback)

    def write(self, frame: Frame) -> None:
        """Encode one frame: upright (H, W, 3) uint8 RGB, with the source's own timestamp in its ticks."""
        pts, info = frame.pts, self.info
        assert pts is not None, "a frame of a video has a timestamp"
        assert self._last_pts is None or pts > self._last_pts, "frames come in the order of their times"
        assert frame.image.shape == (info.height, info.width, 3) and frame.image.dtype == np.uint8
        picture = self._converter.from_rgb(info.orientation.undo(frame.image), self._format)
        picture.time_base = info.time_base
        picture.pts = pts - segment_origin(info)
        self._last_pts = pts
        self.frames += 1
        self._container.mux(self._stream.encode(picture))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        with atomic_output(self.path) as temporary:
            # Without shifting: the times are exact, and negative decoding times do no harm here.
            self._container = av.open(
                f"file:{temporary}",
                "w",
                format="nut",
                container_options={"avoid_negative_ts": "disabled", "fflags": "+bitexact"},
            )
            try:
                self._stream = self._add_stream(self._container)
                yield
                assert self.frames, "a segment has at least one frame"
                self._container.mux(self._stream.encode(None))
                self._container.close()
            except BaseException as error:
                # A full disk is reported again on closing; the first report is the one to raise.
                with contextlib.suppress(FFmpegError, OSError):
                    self._container.close()
                raise self._plain(error) from error

    def _add_stream(self, container: OutputContainer) -> VideoStream:
        info, encoder = self.info, ENCODERS[self.options.encoder]
        chosen = dict(encoder.options)
        if encoder.quality:
            chosen |= {"crf": f"{self.options.crf:g}", "preset": self.options.preset}
        stream = container.add_stream(encoder.codec, rate=info.average_rate or 25, options=chosen)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = info.stored_width, info.stored_height
        context.pix_fmt = self._format
        context.time_base = info.time_base
        if info.sample_aspect is not None:
            context.sample_aspect_ratio = info.sample_aspect
        context.color_primaries, context.color_trc = self._tags.primaries, self._tags.transfer
        context.colorspace, context.color_range = self._tags.matrix, self._tags.range
        return stream

    def _plain(self, error: BaseException) -> BaseException:
        """FFmpeg's refusals as a UserError; the system's errors are said further out, by atomic_output."""
        if not isinstance(error, FFmpegError) or isinstance(error, OSError):
            return error
        size = f"{self.info.stored_width} x {self.info.stored_height}"
        return UserError(
            f"{self.options.encoder} can't encode {size} pixels as {self._format} ({error.strerror})",
            "Try another encoder",
        )


def segment_origin(info: MediaInfo) -> int:
    """The source's tick that is 0 in a segment: its first frame's, because NUT has no negative times."""
    return info.start_pts or 0
