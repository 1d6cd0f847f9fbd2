"""YUV to RGB and back, with the matrix and the range that the file says, the same way in both directions.

The numbers are those of ITU-T H.273, which FFmpeg, MP4 and Matroska share.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Literal, cast

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from faceswap_cli.media.hdr import HLG, PQ, PRIMARIES, HdrView, peak_of
from faceswap_cli.media.image import FineImage, Image
from faceswap_cli.media.light_metadata import LightMetadata
from faceswap_cli.media.planes import fine_to_yuv, planes, yuv_to_fine

UNSPECIFIED = 2  # primaries, transfer and matrix; a range that is not said is 0
MATRIX_RGB = 0
RANGE_UNSPECIFIED, RANGE_LIMITED, RANGE_FULL = 0, 1, 2
BT2020 = 9  # primaries, and the matrix that is not of constant luminance

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

LUMA_WEIGHTS = {
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.FCC: (0.30, 0.11),
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.BT2020: (0.2627, 0.0593),
}
"""What red and blue weigh in luma."""


@dataclass(frozen=True)
class ColourTags:
    """What a stream says of its colours, as H.273 numbers.

    Attributes:
        primaries: 2 if not said.
        transfer: 2 if not said; 16 is PQ and 18 is HLG (both HDR).
        matrix: 2 if not said; 0 means the pixels are RGB.
        range: 0 if not said, 1 limited (16-235), 2 full (0-255).
        light: what HDR says of its light; None if nothing.
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = RANGE_UNSPECIFIED
    light: LightMetadata | None = None

    @property
    def hdr(self) -> bool:
        """True for PQ and HLG: light, not display values, so 8 bits of it are a rough copy."""
        return self.transfer in (PQ, HLG)

    @property
    def peak(self) -> float:
        """The light, in cd/m2, that is the brightest in the view of HDR; see `hdr`."""
        return peak_of(self.transfer, self.light)

    @property
    def unreadable(self) -> str | None:
        """Why HDR is not read, in a few words; None if it is, and for SDR."""
        if not self.hdr:
            return None
        if self.matrix not in (MATRIX_RGB, 1, UNSPECIFIED, BT2020):
            return f"its colour matrix (number {self.matrix} of H.273) is none of BT.2020, BT.709 and RGB"
        if self.primaries not in (*PRIMARIES, UNSPECIFIED):
            return f"its primaries (number {self.primaries} of H.273) are none of BT.2020, P3 and BT.709"
        return None

    def view(self) -> HdrView | None:
        """What turns an HDR signal into what is looked at; None for SDR, which is looked at as it is."""
        if not self.hdr:
            return None
        primaries = self.primaries if self.primaries in PRIMARIES else BT2020
        return HdrView(self.transfer, primaries, self.peak)


BT709 = ColourTags(1, 1, 1, RANGE_LIMITED)
"""Of ordinary high-definition video: what is made anew is written so."""


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

    @property
    def family(self) -> Literal["yuv", "grey", "rgb"]:
        """Formats of one family differ in depth, chroma and alpha only."""
        return self.chroma if self.chroma in ("grey", "rgb") else "yuv"


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
    """swscale's name for the YUV matrix: what is said, else BT.2020 for HDR, BT.709 for HD, else BT.601."""
    known = _MATRICES.get(tags.matrix)
    if known is not None:
        return known
    if tags.hdr:
        return Colorspace.BT2020
    # The line most players draw between SD and HD.
    return Colorspace.ITU709 if width >= 1280 or height > 576 else Colorspace.ITU601


class _ThreadsOwn(threading.local):
    """One reformatter a thread: pictures are made into RGB in one and into what is encoded in another."""

    def __init__(self) -> None:
        self.reformatter = VideoReformatter()


class Converter:
    """Turns decoded pictures into RGB and RGB into pictures to encode, for one stream, in any thread.

    The RGB of HDR is the view of its light (see `hdr`). Its signal is the RGB that is stored as YUV.

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
        self.view = tags.view()
        self._own = _ThreadsOwn()

    def to_rgb(self, picture: VideoFrame) -> Image:
        """(H, W, 3) uint8 RGB of a decoded picture, in stored orientation and in the stream's size."""
        if self.view is not None:
            return np.rint(self.to_fine_rgb(picture)).astype(np.uint8)
        kind = pixel_kind(picture.format.name)
        if kind.family == "yuv":
            # The same levels as "rgb24", in half the time: swscale's way to whole planes is vectorised.
            green, blue, red = planes(self._of_rgb(picture, "gbrp"))
            return cast(Image, cv2.merge([red, green, blue]))
        image = self._rgb(picture, "rgb24").astype(np.uint8, copy=False)
        return _STRETCH[image] if kind.chroma == "grey" and range_of(self.tags, kind) != RANGE_FULL else image

    def to_fine_rgb(self, picture: VideoFrame) -> FineImage:
        """The same as float32 in 0..255, with the fractions that more than 8 bits a sample say."""
        signal = self.to_signal(picture)
        return signal.clip(0, 255) if self.view is None else self.view.to_view(signal)

    def to_signal(self, picture: VideoFrame) -> FineImage:
        """What is stored, as float32 RGB in 0..255, or beyond where a limited range is left."""
        kind = pixel_kind(picture.format.name)
        if kind.family == "rgb":
            return self._rgb(picture, "rgb48le").astype(np.float32) * np.float32(1 / 257)
        full = range_of(self.tags, kind) == RANGE_FULL
        picture = self._reformat(picture, (self.width, self.height), _planar(picture.format.name), full, full)
        return yuv_to_fine(picture, LUMA_WEIGHTS[self.matrix], full)

    def from_rgb(self, image: Image | FineImage, pixel_format: str) -> VideoFrame:
        """A picture to encode, from (H, W, 3) RGB in stored orientation; of any size, so also of a region.

        Args:
            image: uint8, or float32 in 0..255, which is rounded to the format's own depth.
            pixel_format: FFmpeg's name.
        """
        return self.from_signal(image if self.view is None else self.view.to_signal(image), pixel_format)

    def from_signal(self, image: Image | FineImage, pixel_format: str) -> VideoFrame:
        """The same from what is to be stored, as RGB."""
        kind = pixel_kind(pixel_format)
        full = range_of(self.tags, kind) == RANGE_FULL
        size = (image.shape[1], image.shape[0])
        if image.dtype != np.uint8 and kind.family != "rgb":
            picture = fine_to_yuv(image, _planar(pixel_format), LUMA_WEIGHTS[self.matrix], full)
            return self._reformat(picture, size, pixel_format, full, full)
        if image.dtype != np.uint8:
            levels = np.rint(cast(FineImage, image).clip(0, 255) * np.float32(257)).astype(np.uint16)
            return self._reformat(VideoFrame.from_ndarray(levels, "rgb48le"), size, pixel_format, True, True)
        rgb = np.ascontiguousarray(cast(Image, image))
        if kind.chroma == "grey" and not full:
            rgb = _SQUEEZE[rgb]
        return self._reformat(VideoFrame.from_ndarray(rgb, "rgb24"), size, pixel_format, True, full)

    def to_format(self, picture: VideoFrame, pixel_format: str, tags: ColourTags) -> VideoFrame:
        """A decoded picture in another pixel format and in the stream's size, on the shortest way.

        Samples that both formats have stay as they are, to the bit.

        Args:
            picture: in stored orientation; it is given back itself if nothing is to do.
            pixel_format: FFmpeg's name.
            tags: what will be said of the new picture's colours.
        """
        size = (self.width, self.height)
        source, target = pixel_kind(picture.format.name), pixel_kind(pixel_format)
        new = Converter(tags, self.width, self.height)
        full = (range_of(self.tags, source) == RANGE_FULL, range_of(tags, target) == RANGE_FULL)
        alike = source.family == target.family and (
            source.family == "rgb" or (new.matrix == self.matrix and full[0] == full[1])
        )
        if source.family == "grey" and source.name != target.name:
            alike = False  # swscale takes no notice of the range of greys
        if alike and source.name == target.name and (picture.width, picture.height) == size:
            return picture
        if alike or (source.alpha and target.alpha):
            own = new if source.family == "rgb" else self
            return own._reformat(picture, size, pixel_format, *full)
        if self.view is not None:
            return new.from_signal(self.to_signal(picture), pixel_format)
        image = self.to_fine_rgb(picture) if source.bit_depth > 8 else self.to_rgb(picture)
        return new.from_rgb(image, pixel_format)

    def _rgb(self, picture: VideoFrame, name: str) -> NDArray[Any]:
        return self._of_rgb(picture, name).to_ndarray()

    def _of_rgb(self, picture: VideoFrame, name: str) -> VideoFrame:
        """A decoded picture in one of the formats of RGB, in the stream's size."""
        full = range_of(self.tags, pixel_kind(picture.format.name)) == RANGE_FULL
        return self._reformat(picture, (self.width, self.height), name, full, True)

    def _reformat(
        self, picture: VideoFrame, size: tuple[int, int], name: str, source_full: bool, target_full: bool
    ) -> VideoFrame:
        return self._own.reformatter.reformat(
            picture,
            width=size[0],
            height=size[1],
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


def _planar(name: str) -> str:
    """The format with the same samples, in planes of their own and in this machine's order of bytes."""
    own = {"nv12": "yuv420p", "p010le": "yuv420p10le", "ya16be": "gray16le", "ya16le": "gray16le"}
    return own.get(name, f"{name[:-2]}le" if name.endswith("be") else name)
