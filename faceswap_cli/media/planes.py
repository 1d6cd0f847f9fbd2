"""The samples of a picture as arrays, and fine RGB to them and back.

swscale's own way to 16-bit RGB and back is off by a level or more where the range is full, and is not the
same both ways; here it is arithmetic, so that what has more than 8 bits keeps them.
"""

from __future__ import annotations

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from faceswap_cli.media.image import FineImage, Image

Plane = NDArray[np.uint8] | NDArray[np.uint16]

# Formats with several samples side by side in one plane, and how many; all others have one.
_PACKED = {
    "rgb24": 3,
    "bgr0": 4,
    "bgra": 4,
    "rgba": 4,
    "rgb48be": 3,
    "rgb48le": 3,
    "rgba64be": 4,
    "rgba64le": 4,
}
_HALF_PACKED = {"nv12": 2, "p010le": 2}


def planes(picture: VideoFrame) -> list[Plane]:
    """The planes of a picture, but for transparency, as (H, W, samples) arrays that share its memory."""
    form = picture.format
    sample = np.dtype(np.uint16 if max(c.bits for c in form.components) > 8 else np.uint8)
    views: list[Plane] = []
    for number, plane in enumerate(picture.planes):
        side_by_side = _PACKED.get(form.name, _HALF_PACKED.get(form.name, 1) if number else 1)
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]
        used = rows[:, : plane.width * side_by_side * sample.itemsize]
        views.append(used.view(sample).reshape(plane.height, plane.width, side_by_side))
    if form.name in _PACKED:
        return [views[0][..., :3]]
    return views[:-1] if any(component.is_alpha for component in form.components) else views


def yuv_to_fine(picture: VideoFrame, weights: tuple[float, float], full: bool) -> FineImage:
    """(H, W, 3) float32 RGB of a planar YUV or grey picture: 0..255, or beyond where a limited range is left.

    Args:
        picture: of any depth and chroma.
        weights: of red and of blue in luma.
        full: True if its samples go from 0.
    """
    black, luma, chroma = _scales(picture, full)
    parts = [plane[..., 0].astype(np.float32) for plane in planes(picture)]
    y = (parts[0] - black) / luma
    if len(parts) == 1:
        return np.repeat(y[..., None], 3, axis=2)
    size = (picture.width, picture.height)
    zero = _no_colour(picture)
    u, v = (cv2.resize((part - zero) / chroma, size, interpolation=cv2.INTER_LINEAR) for part in parts[1:])
    red, blue = weights
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], axis=2)


def fine_to_yuv(image: Image | FineImage, name: str, weights: tuple[float, float], full: bool) -> VideoFrame:
    """A planar YUV or grey picture of (H, W, 3) RGB levels 0..255, rounded to the format's own depth."""
    height, width = image.shape[:2]
    picture = VideoFrame(width, height, name)
    black, luma, chroma = _scales(picture, full)
    red, blue = weights
    r, g, b = (image[..., channel].astype(np.float32) for channel in range(3))
    y = red * r + (1 - red - blue) * g + blue * b
    views = planes(picture)
    most = (1 << _depth(picture)) - 1
    views[0][..., 0] = np.rint(y * luma + black).clip(0, most)
    for view, colour, weight in zip(views[1:], (b, r), (blue, red), strict=False):
        size = (view.shape[1], view.shape[0])
        difference = cv2.resize((colour - y) / (2 * (1 - weight)), size, interpolation=cv2.INTER_AREA)
        view[..., 0] = np.rint(difference * chroma + _no_colour(picture)).clip(0, most)
    return picture


def _depth(picture: VideoFrame) -> int:
    return max(component.bits for component in picture.format.components)


def _no_colour(picture: VideoFrame) -> int:
    """The chroma sample that means no colour."""
    return 1 << (_depth(picture) - 1)


def _scales(picture: VideoFrame, full: bool) -> tuple[float, float, float]:
    """The luma of black, and how many steps of luma and of chroma one level of 0..255 is."""
    depth = _depth(picture)
    if full:
        step = ((1 << depth) - 1) / 255
        return 0.0, step, step
    step = float(1 << (depth - 8))
    return 16 * step, 219 * step / 255, 224 * step / 255
