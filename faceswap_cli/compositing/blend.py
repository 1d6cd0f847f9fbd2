"""Put a crop back where it was cut out: one warp, one blend, nothing touched outside the mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike

from faceswap_cli.compositing.colour import FloatImage
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.faces.geometry import invert, transform
from faceswap_cli.media.frame import FineImage, Image

_SOFTEN = 0.3
"""Standard deviation, in frame pixels, of the blur before a much finer crop is sampled. A compromise:
averaging over whole pixels (as area interpolation does) halves the sharpness of an unchanged face, no
blur at all lets a drawn one shimmer."""


def paste(image: Image | FineImage, crop: FloatImage, mask: FloatMask, matrix: ArrayLike) -> None:
    """Blend a crop into its frame, in place.

    Args:
        image: (H, W, 3) RGB in 0..255, uint8 or float32, changed only where the mask lands.
        crop: (S, S, 3) float32 RGB in [0, 1].
        mask: (S, S) float32 in [0, 1]; the alpha, used once.
        matrix: (2, 3) similarity from frame to crop pixels.
    """
    box = touched(mask, matrix, image.shape[:2])
    if box is None:
        return
    x0, y0, x1, y1 = box
    size = (x1 - x0, y1 - y0)
    local = np.asarray(matrix, np.float64).copy()
    local[:, 2] += local[:, :2] @ (x0, y0)
    crop = _softened(crop, float(np.hypot(local[0, 0], local[1, 0])))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    new = cv2.warpAffine(crop, local, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    # Linear, because cubic overshoots: alpha must stay within [0, 1] and 0 outside the mask.
    alpha = cv2.warpAffine(mask, local, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)[..., None]
    region = image[y0:y1, x0:x1]
    mixed = alpha * (np.clip(new, 0, 1) * np.float32(255)) + (1 - alpha) * region
    region[:] = np.rint(mixed) if image.dtype == np.uint8 else mixed


def touched(mask: FloatMask, matrix: ArrayLike, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """The box x0 y0 x1 y1 (end exclusive) of the frame that the mask can reach; None when there is none."""
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not len(rows):
        return None
    # One pixel around it, for the interpolation.
    left, right, top, bottom = columns[0] - 1, columns[-1] + 1, rows[0] - 1, rows[-1] + 1
    square = np.array([[left, top], [right, top], [left, bottom], [right, bottom]])
    corners = transform(square, invert(matrix))
    x0, y0 = np.floor(corners.min(0)).astype(int).clip(0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, (shape[1], shape[0]))
    return (int(x0), int(y0), int(x1), int(y1)) if x0 < x1 and y0 < y1 else None


def _softened(crop: FloatImage, scale: float) -> FloatImage:
    """A crop without the detail that its frame, coarser by `scale`, can't show: it would shimmer.

    A Gaussian that grows from nothing where both are equally fine, so that a face that comes nearer doesn't
    change its look at some size.
    """
    if scale <= 1:
        return crop
    return cv2.GaussianBlur(crop, (0, 0), max(_SOFTEN * np.sqrt(scale**2 - 1), 0.1))  # type: ignore[return-value]


def sharpen(crop: FloatImage, amount: float) -> FloatImage:
    """A mild unsharp mask: `amount` 0 (nothing) to 1 (doubles the finest detail)."""
    if amount <= 0:
        return crop
    # A hundredth of the crop: detail the network blurred, not the grain of the pixels.
    blurred = cv2.GaussianBlur(crop, (0, 0), max(0.8, crop.shape[0] / 128))
    return np.clip(crop + amount * (crop - blurred), 0, 1)
