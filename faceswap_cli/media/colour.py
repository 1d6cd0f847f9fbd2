"""YUV to RGB and back, with the matrix and the range that the file says, the same way in both directions.

The numbers are those of ITU-T H.273, which FFmpeg, MP4 and Matroska share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from faceswap_cli.media.frame import Image

UNSPECIFIED = 2  # primaries, transfer and matrix; a range that is not said is 0
MATRIX_RGB = 0
RANGE_UNSPECIFIED, RANGE_LIMITED, RANGE_FULL = 0, 1, 2
PQ, HLG = 16, 18

# Without accurate rounding swscale's fast paths darken a picture by more than a level on every round trip.
_ACCURATE = int(
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)

# Matrices that swscale does not know (YCgCo, ICtCp, ...) fall back as an unspecified one does: their colours
# are off while we look at them, but come back unharmed, because the way back uses the same matrix.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}


@dataclass(frozen=True)
class ColourTags:
    """What a stream says of its colours, as H.273 numbers.

    Attributes:
        primaries: 2 if not said.
        transfer: 2 if not said; 16 is PQ and 18 is HLG (both HDR).
        matrix: 2 if not said; 0 means the pixels are RGB.
        range: 0 if not said, 1 limited (16-235), 2 full (0-255).
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = RANGE_UNSPECIFIED

    @property
    def hdr(self) -> bool:
        """True for PQ and HLG: light, not display values, so 8 bits of it are a rough copy."""
        return self.transfer in (PQ, HLG)


@dataclass(frozen=True)
class PixelKind:
    """What matters of a pixel format here.

    Attributes:
        name: FFmpeg's name, such as "yuv420p10le".
        bit_depth: bits a sample.
        chroma: "444", "422" or "420" for YUV (rarer ones rounded up), "grey" or "rgb".
        alpha: True if it has an alpha plane.
        full_range: True if its samples go from 0 unless tagged otherwise.
    """

    name: str
    bit_depth: int
    chroma: Literal["444", "422", "420", "grey", "rgb"]
    alpha: bool
    full_range: bool


def pixel_kind(name: str) -> PixelKind:
    """Describe one of FFmpeg's pixel formats."""
    form = av.VideoFormat(name)
    # PyAV calls every format with a palette or packed RGB "rgb" by its flag; greys are told by their name.
    depth = max((component.bits for component in form.components), default=8)
    alpha = form.has_palette or any(component.is_alpha for component in form.components)
    if name.startswith(("gray", "mono", "ya8", "ya16")):
        return PixelKind(name, depth, "grey", alpha, True)
    if form.is_rgb or form.has_palette or name.startswith(("bayer", "xyz")):
        return PixelKind(name, depth, "rgb", alpha, True)
    return PixelKind(name, depth, _chroma(form), alpha, name.startswith("yuvj"))


def _chroma(form: av.VideoFormat) -> Literal["444", "422", "420"]:
    # In sixteenths of the picture, because formats say how wide their chroma plane is for a given width.
    half_width, half_height = form.chroma_width(16) < 16, form.chroma_height(16) < 16
    if half_width and half_height:
        return "420"
    return "422" if half_width else "444"


def range_of(tags: ColourTags, kind: PixelKind) -> int:
    """RANGE_LIMITED or RANGE_FULL: what is said, else what the pixel format usually means."""
    if kind.chroma == "rgb":
        return RANGE_FULL
    if tags.range != RANGE_UNSPECIFIED:
        return tags.range
    return RANGE_FULL if kind.full_range else RANGE_LIMITED


def matrix_of(tags: ColourTags, width: int, height: int) -> Colorspace:
    """swscale's name for the YUV matrix: what is said, else BT.709 for HD and BT.601 for smaller pictures."""
    known = _MATRICES.get(tags.matrix)
    if known is not None:
        return known
    # The line most players draw between SD and HD.
    return Colorspace.ITU709 if width >= 1280 or height > 576 else Colorspace.ITU601


class Converter:
    """Turns decoded pictures into RGB and RGB into pictures to encode, for one stream.

    Args:
        tags: the stream's colour tags.
        width: of the stored picture, pixels.
        height: of the stored picture, pixels.
    """

    def __init__(self, tags: ColourTags, width: int, height: int) -> None:
        self.tags = tags
        self.width = width
        self.height = height
        self.matrix = matrix_of(tags, width, height)
        self._reformatter = VideoReformatter()

    def to_rgb(self, picture: VideoFrame) -> Image:
        """(H, W, 3) uint8 RGB of a decoded picture, in stored orientation and in the stream's size."""
        kind = pixel_kind(picture.format.name)
        full = range_of(self.tags, kind) == RANGE_FULL
        rgb = self._reformat(picture, "rgb24", full, True)
        image = rgb.to_ndarray().astype(np.uint8, copy=False)
        return image if full or kind.chroma != "grey" else _stretched(image)

    def from_rgb(self, image: Image, pixel_format: str) -> VideoFrame:
        """A picture to encode in `pixel_format`, from a (H, W, 3) uint8 RGB one in stored orientation."""
        kind = pixel_kind(pixel_format)
        full = range_of(self.tags, kind) == RANGE_FULL
        if kind.chroma == "grey" and not full:
            image = _squeezed(image)
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        return self._reformat(picture, pixel_format, True, full)

    def _reformat(self, picture: VideoFrame, name: str, source_full: bool, target_full: bool) -> VideoFrame:
        return self._reformatter.reformat(
            picture,
            width=self.width,
            height=self.height,
            format=name,
            src_colorspace=self.matrix,
            dst_colorspace=self.matrix,
            interpolation=_ACCURATE,
            src_color_range=ColorRange.JPEG if source_full else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if target_full else ColorRange.MPEG,
        )


# swscale takes every grey format for full range, whatever it is told.
_STRETCH = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)
_SQUEEZE = (np.arange(256) * 219 / 255 + 16.5).astype(np.uint8)


def _stretched(image: Image) -> Image:
    stretched: Image = _STRETCH[image]
    return stretched


def _squeezed(image: Image) -> Image:
    squeezed: Image = _SQUEEZE[image]
    return squeezed
