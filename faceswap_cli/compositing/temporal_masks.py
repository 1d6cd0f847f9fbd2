"""Masks steadied over time: what stands before a face, and where the drawn face is to be seen.

The face parser says it for each frame by itself, so that edges of a hand or of the hair shake a little from
frame to frame. Averaging over time would rid them of that, but smear a hand that moves. So a neighbouring
frame counts only at pixels where it says nearly the same: a bilateral filter in time (C. Tomasi and
R. Manduchi, ICCV 1998). It is symmetric, so nothing lags.

Of the shape masks only the parser's can jump like that. The hull and the network's own mask change slowly in
the crop, which moves with the face: a plain mean over the same window is enough for them, and a third of the
work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.quick_arrays import to_float

HalfMask = NDArray[np.float16]
"""Masks that wait for their neighbours: half the memory."""

REACH = 3
"""Frames on either side that are looked at."""

WINDOW = 0.06
"""Standard deviation in seconds of the weights in time at strength 1."""

DOUBT = (0.25, 0.8)
"""Below the first probability that nothing stands before a face it is taken for covered, above the second
for free. The middle is above a half: a hand painted over is seen at once, a patch of the old cheek is not."""

LEAST_WEIGHT = 0.01
"""Frames that would count for less are left out."""

AGREE = 0.2
"""Standard deviation of the difference at which a neighbour counts: edges that shake differ by less, a hand
that comes or goes by nearly 1."""

AREA = 0.8
"""Standard deviation in parser pixels of the blur before two frames are compared."""


def steady_mask(
    own: HalfMask | FloatMask, around: Sequence[tuple[float, HalfMask]], strength: float = 1.0
) -> FloatMask:
    """A face's occlusion mask, averaged with its track's masks around it where they agree.

    Args:
        own: (S, S) in [0, 1], this frame's.
        around: seconds from this frame, and mask, of each neighbour; this frame may be among them.
        strength: 0 leaves the mask as it is; above 1 the window widens.
    """
    total = to_float(own)
    reference = cv2.GaussianBlur(total, (0, 0), AREA)
    weights = np.ones_like(total)
    for near, mask in _counted(around, strength):
        other = to_float(mask)
        apart = cv2.GaussianBlur(other, (0, 0), AREA) - reference
        weight = np.float32(near) * np.exp(-0.5 * (apart / np.float32(AGREE)) ** 2)
        total += weight * other
        weights += weight
    return np.asarray(total / weights, np.float32)


def average_masks(
    own: HalfMask | FloatMask, around: Sequence[tuple[float, HalfMask]], strength: float = 1.0
) -> FloatMask:
    """A shape mask averaged with its track's masks around it, by the same weights in time as `steady_mask`.

    Args:
        own: (S, S) in [0, 1], this frame's.
        around: seconds from this frame, and mask, of each neighbour; this frame may be among them.
        strength: 0 leaves the mask as it is; above 1 the window widens.
    """
    total, weights = to_float(own), 1.0
    for near, mask in _counted(around, strength):
        total += np.float32(near) * to_float(mask)
        weights += near
    return np.asarray(total / np.float32(weights), np.float32)


def _counted(around: Sequence[tuple[float, HalfMask]], strength: float) -> Iterator[tuple[float, HalfMask]]:
    """The neighbours that count, each with its weight in time; without this frame itself."""
    for delay, mask in around:
        near = time_weight(delay, strength) if delay else 0.0
        if near >= LEAST_WEIGHT:
            yield near, mask


def time_weight(delay: float, strength: float) -> float:
    """How much a frame counts that is `delay` seconds away."""
    return float(np.exp(-0.5 * (delay / (WINDOW * strength)) ** 2)) if strength > 0 else 0.0


def sharpen_occlusion(free: FloatMask) -> FloatMask:
    """What is free, with its doubts made smaller: half a face before half a hand is neither.

    Args:
        free: (S, S) in [0, 1], the parser's probabilities.
    """
    low, high = DOUBT
    share = np.clip((free - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def rescale_mask(mask: HalfMask | FloatMask, from_side: float, size: int, side: float) -> FloatMask:
    """(size, size) the middle `side` face units of a square mask that spans `from_side` of them.

    Crops of one face differ in scale alone: all are cut by the same landmarks around the same middle.
    """
    source = mask.shape[0]
    scale = (size / side) / (source / from_side)
    shift = (size - 1) / 2 - scale * (source - 1) / 2
    matrix = np.array([[scale, 0, shift], [0, scale, shift]])
    moved = cv2.warpAffine(
        to_float(mask), matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(np.clip(moved, 0, 1), np.float32)
