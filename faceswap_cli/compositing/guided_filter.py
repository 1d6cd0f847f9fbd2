"""The guided filter with a colour picture as its guide, and means by box filters."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_cli.compositing.quick_arrays import dot_planes
from faceswap_cli.faces.face import FloatArray


def box_mean(values: FloatArray, radius: float) -> FloatArray:
    """Means over squares of 2 radius + 1 pixels; (H, W) or (H, W, C)."""
    side = 2 * max(1, round(radius)) + 1
    mean = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(mean, np.float32).reshape(values.shape)


ENOUGH = 0.02
"""Mean weight in a square for which nothing farther away is asked."""


def weighted_mean(values: FloatArray, weight: FloatArray, radius: float) -> FloatArray:
    """The weighted mean around each pixel; where there is little weight near, from farther and farther away.

    Args:
        values: (H, W, C).
        weight: (H, W), 0 to 1.
        radius: of the nearest squares, in pixels.
    """
    radii = [radius]
    while radii[-1] * 3 < max(weight.shape):
        radii.append(radii[-1] * 3)
    weighted = np.asarray(values * weight[..., None], np.float32)
    whole = weighted.sum((0, 1), dtype=np.float64) / max(float(weight.sum(dtype=np.float64)), 1e-9)
    found = np.broadcast_to(whole.astype(np.float32), values.shape)
    for reach in reversed(radii):
        known = box_mean(weight, reach)
        sure = np.clip(known / np.float32(ENOUGH), 0, 1)[..., None]
        near = box_mean(weighted, reach) / np.maximum(known, np.float32(1e-6))[..., None]
        found = found + sure * (near - found)
    return np.asarray(found, np.float32)


def guided_filter(guide: FloatArray, mask: FloatArray, radius: float, flat: float) -> FloatArray:
    """A mask fitted to the edges of a picture: K. He et al., Guided image filtering, ECCV 2010.

    Args:
        guide: (H, W, 3) in [0, 1].
        mask: (H, W).
        radius: of the squares in which the mask is a linear function of the colour, in pixels.
        flat: variance of the colour below which an area counts as flat.

    Returns:
        (H, W), about in [0, 1].
    """
    mean, share = box_mean(guide, radius), box_mean(mask, radius)
    red, green, blue = (guide[..., i] for i in range(3))

    def joint(one: FloatArray, other: FloatArray, means: FloatArray) -> FloatArray:
        return box_mean(one * other, radius) - means

    # The symmetric 3 x 3 covariance of the colours, inverted by its cofactors.
    low = np.float32(flat)
    rr = joint(red, red, mean[..., 0] ** 2) + low
    gg = joint(green, green, mean[..., 1] ** 2) + low
    bb = joint(blue, blue, mean[..., 2] ** 2) + low
    rg = joint(red, green, mean[..., 0] * mean[..., 1])
    rb = joint(red, blue, mean[..., 0] * mean[..., 2])
    gb = joint(green, blue, mean[..., 1] * mean[..., 2])
    inverse = (
        *(gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg),
        *(rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg),
    )
    whole = rr * inverse[0] + rg * inverse[1] + rb * inverse[2]
    c = [joint(channel, mask, mean[..., i] * share) / whole for i, channel in enumerate((red, green, blue))]
    slope = np.stack(
        [
            inverse[0] * c[0] + inverse[1] * c[1] + inverse[2] * c[2],
            inverse[1] * c[0] + inverse[3] * c[1] + inverse[4] * c[2],
            inverse[2] * c[0] + inverse[4] * c[1] + inverse[5] * c[2],
        ],
        -1,
    )
    offset = share - dot_planes(slope, mean)
    return np.asarray(dot_planes(box_mean(slope, radius), guide) + box_mean(offset, radius), np.float32)
