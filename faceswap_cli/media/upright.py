"""Pictures that stand upright and have square pixels, for formats that can't say otherwise.

Turning moves samples and changes none. Making pixels square scales the side on which there are too few, so
that no sample is thrown away.
"""

from __future__ import annotations

from fractions import Fraction

from av.filter import Graph
from av.video.frame import VideoFrame

from faceswap_cli.media.orientation_filters import apply_graph, filter_graph, orientation_filters
from faceswap_cli.media.probe import MediaInfo


def upright_size(info: MediaInfo) -> tuple[int, int]:
    """Width and height of a video's pictures when they are upright and their pixels square."""
    aspect = info.sample_aspect or Fraction(1)
    if info.orientation.transpose:
        aspect = 1 / aspect
    if aspect >= 1:
        return round(info.width * aspect), info.height
    return info.width, round(info.height / aspect)


class UprightConverter:
    """Makes stored pictures of a video upright and square.

    Args:
        info: of the video.
    """

    def __init__(self, info: MediaInfo) -> None:
        self._orientation = info.orientation
        self._size = upright_size(info)
        self._scaled = self._size != (info.width, info.height)
        self._graph: Graph | None = None

    def of(self, picture: VideoFrame) -> VideoFrame:
        """The picture, in memory of its own unless nothing is to do; all must be of one size and format."""
        if self._orientation.upright and not self._scaled:
            return picture
        if self._graph is None:
            steps = orientation_filters(self._orientation)
            if self._scaled:
                scaling = "flags=lanczos+accurate_rnd+full_chroma_int"
                steps.append(("scale", f"w={self._size[0]}:h={self._size[1]}:{scaling}"))
            self._graph = filter_graph(picture, steps)
        return apply_graph(self._graph, picture)
