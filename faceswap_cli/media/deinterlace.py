"""Whole pictures of interlaced ones: FFmpeg's bwdif, one picture for each pair of fields."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph
from av.video.frame import VideoFrame


def deinterlace(pictures: Iterable[VideoFrame], time_base: Fraction) -> Iterator[VideoFrame]:
    """Pictures at the same times, each whole. Those not marked as interlaced stay as they are, and until the
    first that is, nothing is filtered.

    A field that is missing is made from those of the pictures before and after. Which field is the earlier
    one is what each picture says of itself.

    Args:
        pictures: decoded, in order, all with a timestamp.
        time_base: of the timestamps, also of those that come out.
    """
    # A filter takes one kind of picture; a broadcast may go on with another.
    for _, alike in itertools.groupby(pictures, key=lambda p: (p.width, p.height, p.format.name)):
        graph: Graph | None = None
        held: VideoFrame | None = None  # a field is made of the picture before, too
        for picture in alike:
            if graph is None and not picture.interlaced_frame:
                if held is not None:
                    yield held
                held = picture
                continue
            if graph is None:
                graph = _graph(picture, time_base)
                if held is not None:
                    graph.vpush(held)
            graph.vpush(picture)
            yield from _pulled(graph, time_base)
        if graph is None:
            assert held is not None, "a group has at least one picture"
            yield held
            continue
        graph.vpush(None)
        yield from _pulled(graph, time_base)


def _graph(picture: VideoFrame, time_base: Fraction) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=time_base
    )
    bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
    return graph


def _pulled(graph: Graph, time_base: Fraction) -> Iterator[VideoFrame]:
    while True:
        try:
            picture = graph.vpull()
        except (NothingYet, NothingMore):
            return
        assert isinstance(picture, VideoFrame)
        assert picture.pts is not None and picture.time_base is not None
        # The filter's clock is twice as fine, because it could give two pictures for one.
        picture.pts = round(picture.pts * picture.time_base / time_base)
        picture.time_base = time_base
        yield picture
