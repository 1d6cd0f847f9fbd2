"""Turning decoded pictures: samples are moved, none is changed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from av.filter import Graph
from av.video.frame import VideoFrame

from faceswap_cli.media.orientation import Orientation, from_display_matrix

Step = tuple[str, str]
"""One of FFmpeg's filters and its arguments."""

_ONE = 1 << 16  # fixed point
_QUARTER_TURNS = {
    90: (0, -_ONE, 0, _ONE, 0, 0, 0, 0, 1 << 30),
    180: (-_ONE, 0, 0, 0, -_ONE, 0, 0, 0, 1 << 30),
    270: (0, _ONE, 0, -_ONE, 0, 0, 0, 0, 1 << 30),
}


def display_matrix(picture: VideoFrame) -> tuple[int, ...] | None:
    """The nine integers of a decoded picture's display matrix; None if it has none."""
    try:
        side_data: Any = picture.side_data
        if "DISPLAYMATRIX" not in side_data:
            return None
        return tuple(memoryview(bytes(side_data["DISPLAYMATRIX"])).cast("i"))
    except ValueError:
        # PyAV can't list side data of a kind newer than itself (EXIF in MJPEG), but it still tells the turn.
        return _QUARTER_TURNS.get(picture.rotation % 360)


def orient_like(picture: VideoFrame, orientation: Orientation) -> VideoFrame:
    """A stored picture, stored so that `orientation` turns it upright; the same one if it is already."""
    own = from_display_matrix(display_matrix(picture))
    if own == orientation:
        return picture
    steps = [*orientation_filters(own), *reversed(orientation_filters(orientation))]
    return apply_graph(filter_graph(picture, steps), picture)


def orientation_filters(orientation: Orientation) -> list[Step]:
    """The filters that turn a stored picture upright; each undoes itself."""
    steps = {"transpose": orientation.transpose, "hflip": orientation.mirror, "vflip": orientation.flip}
    how = {"transpose": "dir=cclock_flip"}
    return [(name, how.get(name, "")) for name, wanted in steps.items() if wanted]


def filter_graph(picture: VideoFrame, steps: list[Step]) -> Graph:
    """A graph of filters, one after the other, for pictures like the one given."""
    graph = Graph()
    first = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1)
    )
    # What a filter does not take would be made something else, and stay so.
    kept = ("format", f"pix_fmts={picture.format.name}")
    nodes = [graph.add(name, how) if how else graph.add(name) for name, how in (*steps, kept)]
    graph.link_nodes(first, *nodes, graph.add("buffersink")).configure()
    return graph


def apply_graph(graph: Graph, picture: VideoFrame) -> VideoFrame:
    """What comes of a picture in a graph that gives each back at once; at the same time."""
    pts, base = picture.pts, picture.time_base
    graph.vpush(picture)
    result = graph.vpull()
    assert isinstance(result, VideoFrame)
    result.pts = pts
    if base is not None:
        result.time_base = base
    return result
