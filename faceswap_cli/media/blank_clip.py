"""A video of empty pictures: a clock for what is drawn without a video."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from faceswap_cli.files import atomic_output

SIDE = 16
"""Pixels."""


def write_blank_clip(path: Path, frames: int, rate: Fraction) -> None:
    """Write so many frames at a rate. The same clip has always the same date, so that unfinished work that
    was begun with it goes on.

    Args:
        path: of the file, .mkv.
        frames: how many.
        rate: a second.
    """
    with (
        atomic_output(path) as temporary,
        av.open(
            f"file:{temporary}", "w", format="matroska", container_options={"fflags": "+bitexact"}
        ) as target,
    ):
        stream = target.add_stream("ffv1", rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "gray"
        picture = VideoFrame.from_ndarray(np.zeros((SIDE, SIDE), np.uint8), "gray")
        for number in range(frames):
            picture.pts, picture.time_base = number, 1 / rate
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    os.utime(path, (0, 0))
