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
    return read_lines(fit_lines(guide, mask, radius, flat), guide)


def fit_lines(guide: FloatArray, mask: FloatArray, radius: float, flat: float) -> FloatArray:
    """(H, W, 4) slopes and offset by which a mask follows the colours around a pixel; see `guided_filter`."""
    colours, share = box_mean(guide, radius), box_mean(mask, radius)
    weighed = box_mean(guide * mask[..., None], radius) - colours * share[..., None]
    r, g, b = (np.ascontiguousarray(guide[..., k]) for k in range(3))
    mr, mg, mb = (colours[..., k] for k in range(3))
    rr, gg, bb = (box_mean(x * x, radius) - m * m + np.float32(flat) for x, m in ((r, mr), (g, mg), (b, mb)))
    rg, rb, gb = (
        box_mean(x * y, radius) - m for x, y, m in ((r, g, mr * mg), (r, b, mr * mb), (g, b, mg * mb))
    )
    # The symmetric 3 x 3 system of each pixel by its adjugate.
    irr, igg, ibb = gg * bb - gb * gb, rr * bb - rb * rb, rr * gg - rg * rg
    irg, irb, igb = gb * rb - rg * bb, rg * gb - gg * rb, rb * rg - rr * gb
    whole = irr * rr + irg * rg + irb * rb
    wr, wg, wb = (weighed[..., k] for k in range(3))
    slopes = [
        (irr * wr + irg * wg + irb * wb) / whole,
        (irg * wr + igg * wg + igb * wb) / whole,
        (irb * wr + igb * wg + ibb * wb) / whole,
    ]
    offset = share - slopes[0] * mr - slopes[1] * mg - slopes[2] * mb
    return box_mean(np.dstack([*slopes, offset]), radius)


def read_lines(lines: FloatArray, picture: FloatArray) -> FloatArray:
    """(H, W): what lines (H, W, 4) make of a picture's colours (H, W, 3), the guide's or finer ones."""
    return np.asarray(lines[..., 3] + dot_planes(lines[..., :3], picture), np.float32)
