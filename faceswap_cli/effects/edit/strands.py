"""Single hairs drawn into a picture: lines that thin out to their ends, finer than its pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.warp import FloatArray

FINER = 3
"""Times as fine as the picture they are drawn."""


def draw_strands(
    picture: FloatArray,
    lines: NDArray[np.floating],
    colours: NDArray[np.floating],
    width: float,
    opacity: float = 1.0,
) -> None:
    """Draw hairs, in place, later ones over earlier ones.

    Args:
        picture: (H, W, 3) in 0..1.
        lines: (N, K, 2) pixels along each, from its root.
        colours: (N, 3) in 0..1.
        width: at the root, in pixels; less than one is drawn paler.
        opacity: of all of them.
    """
    height, wide = picture.shape[:2]
    low = np.floor(lines.reshape(-1, 2).min(0)).astype(int) - 3
    high = np.ceil(lines.reshape(-1, 2).max(0)).astype(int) + 4
    low, high = low.clip(0, [wide, height]), high.clip(0, [wide, height])
    if (high - low).min() < 2:
        return
    (x0, y0), (x1, y1) = low.tolist(), high.tolist()
    size = ((x1 - x0) * FINER, (y1 - y0) * FINER)
    # Premultiplied colour and cover: what is drawn later hides what lies under it.
    layer = np.zeros((size[1], size[0], 3), np.uint8)
    cover = np.zeros((size[1], size[0]), np.uint8)
    places = np.rint(((lines - low + 0.5) * FINER - 0.5) * 16).astype(np.int32)
    levels = np.clip(np.rint(colours * 255), 0, 255).astype(int)
    half = lines.shape[1] // 2 + 1
    root = max(1, round(width * FINER))
    tip = max(1, round(0.55 * width * FINER))
    for place, level in zip(places, levels, strict=True):
        paint = (int(level[0]), int(level[1]), int(level[2]))
        for part, thick in ((place[:half], root), (place[half - 1 :], tip)):
            cv2.polylines(layer, [part], False, paint, thick, cv2.LINE_8, 4)
            cv2.polylines(cover, [part], False, 255, thick, cv2.LINE_8, 4)
    whole = (layer.astype(np.float32) / np.float32(255), cover.astype(np.float32) / np.float32(255))
    shown = (x1 - x0, y1 - y0)
    colour, share = (np.asarray(cv2.resize(one, shown, interpolation=cv2.INTER_AREA)) for one in whole)
    thin = min(1.0, width * FINER / root)
    amount = np.float32(opacity * thin)
    part = picture[y0:y1, x0:x1]
    part += amount * (colour - share[..., None] * part)
