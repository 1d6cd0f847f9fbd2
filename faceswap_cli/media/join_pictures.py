"""What is put together out of encoded pieces and is no video file: single pictures, and GIF."""

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
    cut = cut_of(segments, info)

    def pictures() -> Iterator[VideoFrame]:
        shift = None
        for packet in at_their_place(segment_pictures(segments, None, info), cut):
            pts = packet.pts or 0
            shift = pts if shift is None else shift  # a GIF begins at once
            for picture in packet.decode():
                whole = picture.reformat(format="bgra")
                whole.pts, whole.time_base = pts - shift, info.time_base
                yield whole

    palette = palette_of(pictures())
    unfinished = room / ".joined.part.gif" if room else None
    with atomic_output(output, unfinished) as temporary:
        with open_gif(temporary, info) as target:
            write_gif(target, pictures(), palette)
        if seal is not None:
            seal(temporary)
