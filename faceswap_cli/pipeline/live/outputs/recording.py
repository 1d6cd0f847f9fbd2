"""A recording of what is shown, without sound, that can be played however it ends.

It is written in pieces that stand by themselves (fragmented MP4, or Matroska) beside its place, and gets its
name when it is whole and sealed. What was cut off lies there and plays.
"""

from __future__ import annotations

import queue
import threading
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from av.video.stream import VideoStream

from faceswap_cli.errors import UserError
from faceswap_cli.files import check_writable, plain_error, said_plainly, sync_file
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.pipeline.live.outputs.base import Output, Shown
from faceswap_cli.provenance.marks import Marks
from faceswap_cli.provenance.pixels import PixelMarks

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv")

WAITING = 60
"""Pictures that wait for the encoder, at most; more are left out and counted."""

TICKS = Fraction(1, 1000)

CRF, PRESET = 20, "veryfast"


def unfinished_name(path: Path) -> Path:
    """Where a recording is written until it is whole."""
    return path.with_name(f"{path.stem}-unfinished{path.suffix}")


class Recording(Output):
    """Writes a file.

    Args:
        path: the file; its suffix chooses the container.
        fps: about so many pictures come in a second.
        marks: whose watermark and words it gets; the label is in the pictures already.

    Raises:
        UserError: it can't be written, or an unfinished one lies in its place.
    """

    def __init__(self, path: Path, fps: float, marks: Marks) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise UserError(
                f"-o {path}: no output of that name, nor a video that can be recorded",
                f"Use window, virtual, http, or a file that ends in {', '.join(SUFFIXES)}",
            )
        check_writable(path)
        self.path, self._marks, self._fps = path, marks, max(1, round(fps))
        self._temporary = unfinished_name(path)
        if self._temporary.exists():
            raise UserError(
                f"{self._temporary} is left of a recording that was cut off",
                "It can be played: rename it, or delete it",
            )
        pixels = marks.pixels
        hidden = PixelMarks(pixels.message) if pixels is not None and pixels.message is not None else None
        self._paint = hidden.of_piece() if hidden is not None else None
        self._pictures: queue.Queue[Shown | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._last = -1
        self.frames = self.left_out = 0
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    def show(self, shown: Shown) -> None:
        """See Output."""
        if self._error is not None:
            raise self._error
        try:
            self._pictures.put_nowait(shown)
        except queue.Full:
            self.left_out += 1

    def close(self) -> None:
        """See Output: the file gets its name."""
        self._pictures.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error
        if not self.frames:
            self._temporary.unlink(missing_ok=True)
            return
        with said_plainly(self.path):
            self._marks.seal(self._temporary)
            sync_file(self._temporary)
            self._temporary.replace(self.path)

    def describe(self) -> str:
        """See Output."""
        if not self.frames:
            return f"{self.path}: nothing was recorded"
        rest = f", {self.left_out} left out: the encoder was too slow" if self.left_out else ""
        return f"done: {self.path} ({self.frames} frames{rest}; no sound; {self._marks.describe(self.path)})"

    def _run(self) -> None:
        try:
            self._write()
        except OSError as error:  # FFmpeg's own are some, too
            self._error = plain_error(error, self.path)
        except FFmpegError as error:
            self._error = UserError(f"{self.path} can't be written ({error.strerror})", "Try another output")
        except BaseException as error:
            self._error = error
        while self._error is not None and self._pictures.get() is not None:
            pass  # nobody waits for what is not written

    def _write(self) -> None:
        first = self._pictures.get()
        if first is None:
            return
        # Each second is whole by itself and flushed: what is cut off loses one at most.
        told = {"flush_packets": "1"}
        if self.path.suffix.lower() != ".mkv":
            told["movflags"] = "frag_keyframe+empty_moov+default_base_moof"
        with av.open(f"file:{self._temporary}", "w", container_options=told) as container:
            container.metadata.update(self._marks.tags)
            stream = container.add_stream("libx264", self._fps, options={"crf": str(CRF), "preset": PRESET})
            assert isinstance(stream, VideoStream)
            height, width = first.plain.shape[:2]
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = TICKS
            stream.codec_context.gop_size = self._fps
            shown: Shown | None = first
            while shown is not None:
                container.mux(stream.encode(self._picture(shown)))
                self.frames += 1
                shown = self._pictures.get()
            container.mux(stream.encode(None))

    def _picture(self, shown: Shown) -> av.VideoFrame:
        picture = av.VideoFrame.from_ndarray(shown.plain, format="rgb24").reformat(format="yuv420p")
        if self._paint is not None:
            self._paint(picture, Orientation())
        self._last = max(self._last + 1, round(shown.time / TICKS))
        picture.pts, picture.time_base = self._last, TICKS
        return picture
