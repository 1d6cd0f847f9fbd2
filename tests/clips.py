"""Write pictures as a video, for tests that need one."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_clip(
    path: Path, pictures: Sequence[np.ndarray], codec: str = "libx264", pixel_format: str = "yuv420p"
) -> Path:
    """Pictures (H, W, 3) uint8 RGB as a 25 fps video."""
    options = {"preset": "ultrafast", "crf": "16"} if codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 25, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
