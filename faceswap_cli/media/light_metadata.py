"""What HDR video says of its light: read from decoded pictures, told to encoders, written as MP4's boxes.

That is the mastering display (SMPTE ST 2086), content light levels (CTA-861.3) and the light around the
viewer (H.274).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

Point = tuple[float, float]


@dataclass(frozen=True)
class LightMetadata:
    """What is said of light; None and 0 where nothing is said.

    Attributes:
        primaries: x and y (CIE 1931) of the mastering display's red, green, blue and white.
        luminance: its least and its most light, cd/m2.
        max_cll: the brightest pixel, cd/m2 (MaxCLL).
        max_fall: the brightest picture on average, cd/m2 (MaxFALL).
        ambient: light around the viewer, lux, and x and y of its colour.
    """

    primaries: tuple[Point, Point, Point, Point] | None = None
    luminance: Point | None = None
    max_cll: int = 0
    max_fall: int = 0
    ambient: tuple[float, float, float] | None = None

    @property
    def mastering(self) -> tuple[tuple[Point, Point, Point, Point], Point] | None:
        """Primaries and luminance if both are said: most formats hold them together or not at all."""
        return (self.primaries, self.luminance) if self.primaries and self.luminance else None


DYNAMIC = {
    "DYNAMIC_HDR_PLUS": "HDR10+'s metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid's metadata",
    "DOVI_METADATA": "Dolby Vision's metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision's metadata",
}
"""What pictures say of themselves one by one, by FFmpeg's names: it would have to be made anew."""


def read_light(picture: VideoFrame) -> LightMetadata | None:
    """What a decoded picture says of its light, also if the container says it; None if nothing."""
    mastering = _integers(picture, "MASTERING_DISPLAY_METADATA")
    levels = _integers(picture, "CONTENT_LIGHT_LEVEL")
    ambient = _integers(picture, "AMBIENT_VIEWING_ENVIRONMENT")
    primaries = luminance = None
    if len(mastering) >= 22:  # ten fractions, and whether the first eight and the last two are meant
        x = _fractions(mastering[:20])
        primaries = ((x[0], x[1]), (x[2], x[3]), (x[4], x[5]), (x[6], x[7])) if mastering[20] else None
        luminance = (x[8], x[9]) if mastering[21] and x[9] > x[8] else None
    cll, fall = levels[:2] if len(levels) >= 2 else (0, 0)
    around = _fractions(ambient[:6]) if len(ambient) >= 6 else []
    light = LightMetadata(
        primaries, luminance, cll, fall, (around[0], around[1], around[2]) if around else None
    )
    return None if light == LightMetadata() else light


def dynamic_metadata(picture: VideoFrame) -> tuple[str, ...]:
    """What a decoded picture says of itself alone, in words."""
    with contextlib.suppress(ValueError):  # kinds newer than PyAV
        side_data: Any = picture.side_data
        return tuple(dict.fromkeys(said for name, said in DYNAMIC.items() if name in side_data))
    return ()


def _integers(picture: VideoFrame, name: str) -> list[int]:
    """FFmpeg's own record, which is of whole numbers of 32 bits; empty if there is none."""
    with contextlib.suppress(ValueError, KeyError):  # kinds newer than PyAV
        side_data: Any = picture.side_data
        data = bytes(side_data[name])
        return [int(number) for number in np.frombuffer(data[: len(data) // 4 * 4], np.int32)]
    return []


def _fractions(numbers: Sequence[int]) -> list[float]:
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [above / below if below else 0.0 for above, below in pairs]


_POINT, _LIGHT = 50_000, 10_000
"""Steps of a chromaticity and of a cd/m2, in HEVC and MP4."""


def _steps(numbers: Sequence[float], scale: int) -> list[int]:
    return [round(number * scale) for number in numbers]


def light_options(codec: str, light: LightMetadata) -> dict[str, str]:
    """What an encoder is told of light, by FFmpeg's name of the encoder; nothing if it holds none."""
    told: list[str] = []
    x265, levels = codec == "libx265", f"{light.max_cll},{light.max_fall}"
    if light.mastering is not None:
        (red, green, blue, white), (least, most) = light.mastering
        points = [("G", green), ("B", blue), ("R", red), ("WP", white)]
        if x265:
            parts = [f"{name}({','.join(map(str, _steps(at, _POINT)))})" for name, at in points]
            brightness = _steps((most, least), _LIGHT)
            told.append(f"master-display={''.join(parts)}L({brightness[0]},{brightness[1]})")
        else:
            parts = [f"{name}({x:.5f},{y:.5f})" for name, (x, y) in points]
            told.append(f"mastering-display={''.join(parts)}L({most:.4f},{least:.4f})")
    if light.max_cll or light.max_fall:
        told.append(f"{'max-cll' if x265 else 'content-light'}={levels}")
    name = {"libx265": "x265-params", "libsvtav1": "svtav1-params"}.get(codec)
    return {name: ":".join(told)} if told and name is not None else {}


def light_boxes(light: LightMetadata) -> bytes:
    """The boxes `mdcv`, `clli` and `amve` (ISO/IEC 14496-12), of those that are said."""
    boxes = b""
    if light.mastering is not None:
        (red, green, blue, white), (least, most) = light.mastering
        points = _steps([*green, *blue, *red, *white], _POINT)
        boxes += make_box(b"mdcv", struct.pack(">8H2I", *points, *_steps((most, least), _LIGHT)))
    if light.max_cll or light.max_fall:
        boxes += make_box(b"clli", struct.pack(">2H", light.max_cll, light.max_fall))
    if light.ambient is not None:
        lux, x, y = light.ambient
        boxes += make_box(b"amve", struct.pack(">I2H", *_steps([lux], _LIGHT), *_steps((x, y), _POINT)))
    return boxes


def make_box(name: bytes, content: bytes) -> bytes:
    """A box of MP4."""
    return struct.pack(">I4s", 8 + len(content), name) + content
