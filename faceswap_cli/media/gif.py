"""Animated GIF: one palette for the whole, found in a first pass, so that it is as steady as the video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as NothingMore
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from faceswap_cli.media.probe import MediaInfo

TICK = Fraction(1, 100)
"""GIF's clock, seconds."""


def write_gif(container: OutputContainer, pictures: Iterable[VideoFrame], palette: VideoFrame) -> None:
    """Encode pictures (bgra, with times) with a palette from `palette_of`."""
    stream: VideoStream | None = None
    mapping: _Mapping | None = None
    for picture in pictures:
        if stream is None:
            stream = container.add_stream("gif", rate=25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "pal8"
            stream.codec_context.time_base = TICK
        mapping = mapping or _Mapping(picture, palette)
        assert picture.pts is not None and picture.time_base is not None
        picture.pts, picture.time_base = round(picture.pts * picture.time_base / TICK), TICK
        for mapped in mapping.of(picture):
            container.mux(stream.encode(mapped))
    assert stream is not None and mapping is not None, "a video has at least one picture"
    for mapped in mapping.of(None):
        container.mux(stream.encode(mapped))
    container.mux(stream.encode(None))


def palette_of(pictures: Iterable[VideoFrame]) -> VideoFrame:
    """The 256 colours (one of them transparent) that the pictures (bgra) are best shown with."""
    graph = None
    for picture in pictures:
        if graph is None:
            graph = Graph()
            source = graph.add_buffer(
                width=picture.width, height=picture.height, format=picture.format, time_base=TICK
            )
            found = graph.add("palettegen", "reserve_transparent=1:stats_mode=full")
            graph.link_nodes(source, found, graph.add("buffersink")).configure()
        graph.vpush(picture)
    assert graph is not None, "a video has at least one picture"
    graph.vpush(None)
    return next(_pulled(graph))


class _Mapping:
    """Pictures in the colours of a palette; `first` says what they are like."""

    def __init__(self, first: VideoFrame, palette: VideoFrame) -> None:
        self._graph = graph = Graph()
        self._pictures = graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=TICK
        )
        colours = graph.add_buffer(width=16, height=16, format=palette.format, time_base=TICK)
        # Only where a picture changes it is dithered anew: what stands still does not crawl.
        mapped = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle:alpha_threshold=128")
        self._pictures.link_to(mapped, 0, 0)
        colours.link_to(mapped, 0, 1)
        mapped.link_to(graph.add("buffersink"))
        graph.configure()
        palette.pts, palette.time_base = 0, TICK
        colours.push(palette)
        colours.push(None)

    def of(self, picture: VideoFrame | None) -> Iterator[VideoFrame]:
        """What is ready when `picture` has come in; None is the end."""
        self._pictures.push(picture)
        return _pulled(self._graph)


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            picture = graph.vpull()
        except (NothingYet, NothingMore):
            return
        assert isinstance(picture, VideoFrame)
        yield picture


def open_gif(path: Path, info: MediaInfo) -> OutputContainer:
    """A GIF to write, which plays as often as the source if that is one, else for ever."""
    return av.open(f"file:{path}", "w", format="gif", container_options={"loop": str(loops(info))})


def loops(info: MediaInfo) -> int:
    """How often a GIF is played again: 0 for ever, -1 not at all; 0 for what is no GIF."""
    if info.codec != "gif" or info.pictures:
        return 0
    with info.path.open("rb") as file:
        head = file.read(4096)
    place = head.find(b"NETSCAPE2.0\x03\x01")
    return int.from_bytes(head[place + 13 : place + 15], "little") if place >= 0 else -1
