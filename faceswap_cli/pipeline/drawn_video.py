"""A video of pictures that are drawn one after the other, without a video to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

from faceswap_cli.files import hidden_name
from faceswap_cli.media.blank_clip import write_blank_clip
from faceswap_cli.media.canvas import Canvas, info_of_canvas
from faceswap_cli.media.containers import check_output
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.join import join_segments
from faceswap_cli.media.probe import probe
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.pipeline.render_pass import segment_name, write_segment
from faceswap_cli.pipeline.workdir import ResumeDir


def write_drawn_video(
    output: Path, pictures: Iterable[Image], frames: int, rate: Fraction, options: PipelineOptions
) -> Iterator[int]:
    """Write pictures as a video, whole or not at all.

    Args:
        output: of the video; its suffix says of which kind.
        pictures: `frames` of them, (H, W, 3) uint8 RGB, all of one size.
        frames: how many.
        rate: a second.
        options: how it is encoded and marked.

    Yields:
        How many are written.

    Raises:
        UserError: it can't be written.
    """
    clock = output.with_name(hidden_name(output.name, ".clock.mkv"))
    with ResumeDir(output) as work:
        try:
            write_blank_clip(clock, frames, rate)
            drawn = iter(pictures)
            first = next(drawn)
            height, width = first.shape[:2]
            written = info_of_canvas(probe(clock), Canvas(width, height, video_sound=False))
            check_output(output, written, options.encode)
            piece = work.path / segment_name(0)
            with VideoReader(clock) as ticks:
                frames_in_time = (
                    Frame(tick.index, tick.time, image, tick.pts)
                    for tick, image in zip(ticks, chain([first], drawn), strict=True)
                )
                for count, _ in enumerate(write_segment(piece, frames_in_time, written, options), 1):
                    yield count
            marks = options.marks
            join_segments([piece], clock, output, written, work.path, marks.tags, marks.seal)
        finally:
            clock.unlink(missing_ok=True)
            work.remove()  # pictures are drawn anew, so nothing is gone on with
