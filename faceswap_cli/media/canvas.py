"""Pictures of their own size that take their times, and perhaps their sound, from a video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faceswap_cli.media.colour import BT709, pixel_kind
from faceswap_cli.media.orientation import Orientation
from faceswap_cli.media.probe import MediaInfo


@dataclass(frozen=True)
class Canvas:
    """What is written in place of a video's pictures.

    Attributes:
        width, height: pixels.
        video_sound: whether the video's sound is kept.
        sound: a file whose sound is put there, from its beginning; None: none.
    """

    width: int
    height: int
    video_sound: bool = True
    sound: Path | None = None

    def settings(self) -> list[Any]:
        """What written pictures depend on; plain JSON values."""
        return [self.width, self.height]


def info_of_canvas(info: MediaInfo, canvas: Canvas) -> MediaInfo:
    """What a result says of itself whose pictures are a canvas's, and whose times are a video's."""
    others = tuple(other for other in info.others if canvas.video_sound and other.type == "audio")
    return replace(
        info,
        width=canvas.width,
        height=canvas.height,
        stored_width=canvas.width,
        stored_height=canvas.height,
        orientation=Orientation(),
        display_matrix=None,
        pixels=pixel_kind("yuv420p"),
        tags=BT709,
        interlaced=False,
        sample_aspect=None,
        sizes=(),
        said_aside=(),
        others=others,
        own_pictures=True,
    )
