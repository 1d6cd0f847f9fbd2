"""The sound of another file, copied beside pictures that have none of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from faceswap_cli.errors import UserError
from faceswap_cli.media.containers import ANIMATIONS, streams_fit
from faceswap_cli.media.open import check_readable


def check_sound(path: Path, suffix: str) -> None:
    """Raise a UserError unless a file has sound that a container with this suffix holds."""
    check_readable(path)
    with _opened(path) as source:
        if suffix not in ANIMATIONS and not streams_fit(source.streams.audio[:1], suffix):
            name = source.streams.audio[0].codec_context.name
            raise UserError(f"{suffix} does not hold the {name} sound of {path}", "Use .mkv")


@contextlib.contextmanager
def add_sound(target: OutputContainer, path: Path, length: Fraction) -> Iterator[Iterator[Packet[Any]]]:
    """Add a file's first sound to a container that is not begun; gives its packets up to a length in
    seconds."""
    with _opened(path) as source:
        stream = source.streams.audio[0]
        copy = target.add_stream_from_template(stream, opaque=True)
        copy.metadata.clear()

        def packets() -> Iterator[Packet[Any]]:
            first: int | None = None
            for packet in source.demux(stream):
                if not packet.size or packet.dts is None or packet.pts is None:
                    continue
                first = packet.pts if first is None else first
                packet.pts, packet.dts = packet.pts - first, packet.dts - first
                if packet.pts * packet.time_base >= length:
                    return
                packet.stream = copy
                yield packet

        yield packets()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with av.open(f"file:{path}") as source:
            if not source.streams.audio:
                raise UserError(f"{path} has no sound", "Give a file with sound, or --sound none")
            yield source
    except FFmpegError as error:
        raise UserError(f"{path} can't be read ({error.strerror})", "Give a file with sound") from error
