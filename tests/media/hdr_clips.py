"""HDR clips whose light is known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from faceswap_cli.media.colour import BT2020, RANGE_LIMITED, ColourTags, Converter
from faceswap_cli.media.hdr import HLG, PQ, HdrView
from faceswap_cli.media.light_metadata import LightMetadata, light_options

P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))
LIGHT = LightMetadata(P3, (0.005, 1000.0), 900, 300)
"""What a graded clip says of its light."""

TRANSFERS = {"pq": PQ, "hlg": HLG}

X265 = "log-level=none:info=0"


def hdr_tags(transfer: int, light: LightMetadata | None = None) -> ColourTags:
    """BT.2020, limited range."""
    return ColourTags(BT2020, transfer, BT2020, RANGE_LIMITED, light)


def write_hdr(
    path: Path,
    signals: Sequence[np.ndarray],
    transfer: int = PQ,
    light: LightMetadata | None = None,
    pixel_format: str = "yuv420p10le",
    codec: str = "ffv1",
    matrix: Sequence[int] | None = None,
    tags: ColourTags | None = None,
) -> Path:
    """Write (H, W, 3) float32 signals, RGB in 0..255, as a video of 25 frames a second."""
    tags = tags or hdr_tags(transfer)
    height, width = signals[0].shape[:2]
    converter = Converter(tags, width, height)
    options = {"preset": "ultrafast", "x265-params": X265} if codec == "libx265" else {}
    for name, more in light_options(codec, light).items() if light else ():
        options[name] = f"{options[name]}:{more}"
    if codec == "libx265":
        options["x265-params"] += ":lossless=1"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.time_base = Fraction(1, 1000)
        stream.color_primaries, stream.color_trc = tags.primaries, tags.transfer
        stream.colorspace, stream.color_range = tags.matrix, tags.range
        stream.set_display_matrix(matrix)
        for index, signal in enumerate(signals):
            frame = converter.from_signal(signal.astype(np.float32), pixel_format)
            frame.pts, frame.time_base = index * 40, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shown_as(view: np.ndarray, transfer: int, peak: float = 1000.0) -> np.ndarray:
    """The signal that is seen as this (H, W, 3) picture of levels 0..255."""
    return HdrView(transfer, BT2020, peak).to_signal(view.astype(np.float32))


def smooth(index: int, width: int = 64, height: int = 48, top: float = 215.0) -> np.ndarray:
    """(H, W, 3) float32 levels without edges, a little further on in each frame."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    parts = [x / width, y / height, (x + y) / (width + height)]
    return np.stack([60 + (top - 60) * (0.5 + 0.5 * np.sin(3 * p + index / 9)) for p in parts], 2)


def with_hdr10_plus(path: Path) -> Path:
    """Put HDR10+ metadata (SMPTE ST 2094-40) before each picture of a bare H.265 stream."""
    fields = [(0xB5, 8), (0x3C, 16), (1, 16), (4, 8), (1, 8), (1, 2), (400, 27), (0, 1)]
    fields += [(50_000, 17)] * 3 + [(20_000, 17), (0, 4), (0, 10), (0, 3)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    bits += "0" * (-len(bits) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    message = b"\x00\x00\x00\x01\x4e\x01" + _escaped(bytes([4, len(payload)]) + payload + b"\x80")
    units = path.read_bytes().split(b"\x00\x00\x01")
    written = units[0]
    for unit in units[1:]:
        picture = unit[0] >> 1 < 32
        written += (message if picture else b"") + b"\x00\x00\x01" + unit
    path.write_bytes(written)
    return path


def _escaped(data: bytes) -> bytes:
    """Without three bytes that would be a start code."""
    out = bytearray()
    for byte in data:
        if byte <= 3 and out[-2:] == b"\x00\x00":
            out.append(3)
        out.append(byte)
    return bytes(out)
