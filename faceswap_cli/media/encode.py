"""Write pictures as one closed piece of video, in the colours, the turn and the times of its source."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from faceswap_cli.errors import UserError
from faceswap_cli.files import atomic_output
from faceswap_cli.media.colour import Converter
from faceswap_cli.media.encoders import ENCODERS, EncodeOptions, as_written, target_format, target_tags
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.media.picture import picture_to_encode
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.upright import UprightConverter, upright_size

__all__ = ["SEGMENT_SUFFIX", "EncodeOptions", "SegmentWriter", "segment_origin"]

SEGMENT_SUFFIX = ".nut"
"""Of pieces, also of the few that are in another container because NUT does not hold them (ProRes)."""


class SegmentWriter:
    """Encodes frames to one closed piece of video (it starts with a keyframe and refers to no other piece).

    Use it in a `with` block: the file is whole when the block ends well, and not there if it does not. The
    same frames give the same bytes on the same machine.

    Args:
        path: the piece; SEGMENT_SUFFIX is its suffix, whatever the final container.
        info: the source video.
        options: how to encode.
        paint: changes each picture, in its own memory, as the last before the encoder; it is told how the
            picture is turned upright.

    Raises:
        UserError: it can't be written, the disk is full, or the encoder can't take these pictures.
    """

    def __init__(
        self,
        path: Path,
        info: MediaInfo,
        options: EncodeOptions | None = None,
        paint: Callable[[VideoFrame, Orientation], None] | None = None,
    ) -> None:
        self.path = Path(path)
        self.options = options or EncodeOptions()
        self.info = info = as_written(info, self.options)
        self.frames = 0
        self._paint = paint
        self._format = target_format(info, self.options)
        self._tags = target_tags(info, self._format, ENCODERS[self.options.encoder])
        self._converter = Converter(self._tags, info.stored_width, info.stored_height)
        self._upright = UprightConverter(info) if ENCODERS[self.options.encoder].upright else None
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
        """Encode one frame, with the source's own timestamp in its ticks.

        Of a frame that was decoded, only what was drawn on is converted from RGB: everything else is handed
        to the encoder as it was decoded. This may be done in the decoded picture's own memory.
        """
        pts, info = frame.pts, self.info
        assert pts is not None, "a frame of a video has a timestamp"
        assert self._last_pts is None or pts > self._last_pts, "frames come in the order of their times"
        assert frame.image.shape == (info.height, info.width, 3) and frame.image.dtype == np.uint8
        picture = self._to_encode(frame)
        orientation = info.orientation
        if self._upright is not None:
            picture, orientation = self._upright.of(picture), Orientation()
        if self._tags.hdr:
            picture.color_trc = self._tags.transfer  # what is painted must know what white is
        if self._paint is not None:
            self._paint(picture, orientation)
        picture.pict_type = PictureType.NONE  # the encoder decides; the source's types are not its own
        picture.time_base = info.time_base
        picture.pts = pts - segment_origin(info)
        self._last_pts = pts
        self.frames += 1
        self._container.mux(self._stream.encode(picture))

    def _to_encode(self, frame: Frame) -> VideoFrame:
        if frame.picture is None:
            return self._converter.from_rgb(self.info.orientation.undo(frame.image), self._format)
        return picture_to_encode(
            frame.image, frame.fine, frame.picture, self._format, self._converter, self._tags
        )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        with atomic_output(self.path) as temporary:
            muxer = ENCODERS[self.options.encoder].segment
            # Without shifting: the times are exact, and negative decoding times do no harm here.
            told = {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
            if muxer == "mov":
                told["movie_timescale"] = str(self.info.time_base.denominator)  # else a start is in ms
            self._container = av.open(f"file:{temporary}", "w", format=muxer, container_options=told)
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
        stream = container.add_stream(
            encoder.codec, rate=info.average_rate or 25, options=self.options.codec_options(self._tags.light)
        )
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height = info.stored_width, info.stored_height
        if self._upright is not None:
            context.width, context.height = upright_size(info)
        elif info.sample_aspect is not None:
            context.sample_aspect_ratio = info.sample_aspect
        context.pix_fmt = self._format
        context.time_base = info.time_base
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
