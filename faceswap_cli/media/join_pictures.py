"""What is put together out of encoded pieces and is no video file: single pictures, GIF and WebP."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from av.video.frame import VideoFrame

from faceswap_cli.files import atomic_output, make_folder
from faceswap_cli.media.gif import open_gif, palette_of, write_gif
from faceswap_cli.media.pieces import is_wanted
from faceswap_cli.media.probe import MediaInfo
from faceswap_cli.media.segment_packets import at_their_place, cut_of, segment_packets, segment_pictures
from faceswap_cli.media.sequence import picture_names
from faceswap_cli.media.webp import write_webp

Seal = Callable[[Path], None]
"""What is done to a finished file before it gets its name."""


def join_as_pictures(
    segments: Sequence[Path], output: Path, info: MediaInfo, seal: Seal | None = None
) -> None:
    """Write each packet as a file of its own: that is what packets of picture formats are."""
    packets = [0] * sum(1 for _ in segment_packets(segments))
    wanted = (n for n in itertools.count() if is_wanted(info.pieces, n))
    names = picture_names(output, info.pictures, [next(wanted) for _ in packets])
    make_folder(names[0].parent)
    for name, packet in zip(names, segment_packets(segments), strict=True):
        with atomic_output(name) as temporary:
            temporary.write_bytes(bytes(packet))
            if seal is not None:
                seal(temporary)


def join_as_gif(
    segments: Sequence[Path], output: Path, info: MediaInfo, room: Path | None, seal: Seal | None = None
) -> None:
    """Write an animated GIF; see `join.join_segments`."""
    palette = palette_of(_pictures(segments, info))
    unfinished = room / ".joined.part.gif" if room else None
    with atomic_output(output, unfinished) as temporary:
        with open_gif(temporary, info) as target:
            write_gif(target, _pictures(segments, info), palette)
        if seal is not None:
            seal(temporary)


def join_as_webp(
    segments: Sequence[Path], output: Path, info: MediaInfo, room: Path | None, seal: Seal | None = None
) -> None:
    """Write an animated WebP; see `join.join_segments`."""
    packets = at_their_place(segment_pictures(segments, None, info), cut_of(segments, info))
    ticks = [packet.pts or 0 for packet in packets]
    ends = [round(1000 * tick * info.time_base) for tick in [*ticks, ticks[-1] + info.last_duration]]
    durations = [max(1, after - before) for before, after in itertools.pairwise(ends)]
    unfinished = room / ".joined.part.webp" if room else None
    with atomic_output(output, unfinished) as temporary:
        write_webp(temporary, _pictures(segments, info), durations)
        if seal is not None:
            seal(temporary)


def _pictures(segments: Sequence[Path], info: MediaInfo) -> Iterator[VideoFrame]:
    """The pictures of some pieces (bgra), from time 0 on: animations begin at once."""
    shift = None
    for packet in at_their_place(segment_pictures(segments, None, info), cut_of(segments, info)):
        pts = packet.pts or 0
        shift = pts if shift is None else shift
        for picture in packet.decode():
            whole = picture.reformat(format="bgra")
            whole.pts, whole.time_base = pts - shift, info.time_base
            yield whole
