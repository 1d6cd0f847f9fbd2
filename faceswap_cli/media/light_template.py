"""Telling FFmpeg's Matroska writer of HDR's light, for codecs whose pictures don't say it themselves.

The writer takes it from a stream's parameters, which PyAV reads and copies but can't set. So a small MOV of such a
stream is written, boxes that say the light are put into it, and it is read again: that stream has the parameters.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from faceswap_cli.media.light_metadata import LightMetadata
from faceswap_cli.media.projection import Projection, write_projection

SILENT_OF_LIGHT = ("ffv1", "prores")
"""FFmpeg's names of decoders of such codecs; MOV holds all of them."""


@contextlib.contextmanager
def stream_with_light(model: VideoStream, light: LightMetadata) -> Iterator[VideoStream]:
    """A stream encoded as `model` is, with parameters that say the light."""
    with tempfile.TemporaryDirectory(prefix="faceswap-") as folder:
        path = Path(folder) / "light.mov"
        with av.open(f"file:{path}", "w", format="mov") as container:
            stream = container.add_stream_from_template(model, opaque=True)
            stream.time_base = Fraction(1, 25)
            packet = Packet(b"\0" * 16)
            packet.pts = packet.dts = 0
            packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, 25), True, stream
            container.mux_one(packet)
        write_projection(path, 1, Projection().with_light(light))
        with av.open(f"file:{path}", "r") as container:
            yield container.streams.video[0]
