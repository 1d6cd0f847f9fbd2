"""Telling FFmpeg's Matroska writer of HDR's light, for codecs whose pictures don't say it themselves.

The writer takes it from a stream's parameters, which PyAV reads and copies but can't set. So a small MOV
of such a stream is written, boxes that say the light are put into it, and it is read again: that stream
has the parameters.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from faceswap_cli.media.light_metadata import LightMetadata, make_box
from faceswap_cli.media.projection import Projection, write_projection

SILENT_OF_LIGHT = ("ffv1", "prores")
"""FFmpeg's names of the decoders of such codecs."""

_FFV1, _OTHER = b"FFV1", b"png "
"""Codecs in MOV: FFmpeg reads FFV1 there but writes it not, so it is written as another."""


@contextlib.contextmanager
def stream_with_light(model: VideoStream, light: LightMetadata) -> Iterator[VideoStream]:
    """A stream encoded as `model` is, with parameters that say the light."""
    said, renamed = Projection().with_light(light), model.codec_context.name == "ffv1"
    with tempfile.TemporaryDirectory(prefix="faceswap-") as folder:
        path = Path(folder) / "light.mov"
        with av.open(f"file:{path}", "w", format="mov") as container:
            if renamed:
                stream = container.add_stream("png", 25)
                stream.width, stream.height, stream.pix_fmt = model.width, model.height, "rgb24"
            else:
                stream = container.add_stream_from_template(model, opaque=True)
            stream.time_base = Fraction(1, 25)
            container.mux_one(_first_packet(model, stream))
        if renamed:
            said = Projection(said.entry + make_box(b"glbl", model.codec_context.extradata or b""))
        write_projection(path, 1, said)
        if renamed:
            data = path.read_bytes()
            path.write_bytes(
                data[: (at := data.rindex(_OTHER, 0, data.rindex(b"glbl")))] + _FFV1 + data[at + 4 :]
            )
        with av.open(f"file:{path}", "r") as container:
            yield container.streams.video[0]


def _first_packet(model: VideoStream, stream: VideoStream) -> Packet[Any]:
    """The first packet of a stream, for another at its time 0."""
    assert isinstance(model.container, InputContainer)
    whole = next(packet for packet in model.container.demux(model) if packet.size)
    packet: Packet[Any] = Packet(bytes(whole))
    packet.pts = packet.dts = 0
    packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, 25), True, stream
    return packet
