"""What is the target's own in a drawn face: the inside of its mouth, and eyes that only the photo has open.

A photo of open eyes shows next to nothing of the lids: drawn over a whole eye, its lashes become a smear.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact import light, warp
from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.layout import Opening, Points
from faceswap_cli.effects.reenact.warp import Box, FloatArray
from faceswap_cli.media.frame import Image

LIP_EDGE = 0.012
"""Face units by which the target's mouth interior reaches over the drawn lips' inner edge, softly."""

PARTED = (0.01, 0.04)
"""Face units between lips from which on the target's interior is seen, and from which on wholly."""

LIP_DIFFERENCE = (0.04, 0.12)
"""Difference to the lips, in the logarithm of lightness or of red over green, from which on a pixel may be no
lip, and how much more makes it sure."""

SHUT = (0.45, 0.75)
"""Share of the photo's opening by which an eye is shut from which on one's own lids are seen, and wholly."""

LID, LID_EDGE = 0.05, 0.045
"""Face units by which they reach beyond the photo's open eye, and width of their soft edge."""

TONE_REACH, TONED = 0.08, 96
"""Face units over which the skin around tells their tone, and side in pixels at which it is looked at."""

HELD = 0.02
"""How much the size of a gap that is shut stays as it is, which its flat edge can't tell."""


def mouth_inside(
    image: Image, box: Box, mouth: Opening, own: Points, drawn: Points, still: Points, unit: float
) -> FloatArray:
    """The target's teeth and tongue, and the hole between the drawn lips that they are seen in.

    Args:
        image: (H, W, 3) the frame.
        box: of it.
        mouth: which points are its edge.
        own: (N, 2) the target's, frame pixels.
        drawn: where they are drawn.
        still: where they are drawn as open as on the photo.
        unit: pixels for a face unit.

    Returns:
        (h, w, 4) colours and share in [0, 1] at the pixels of the box.
    """
    inside = _moved(image, box, mouth, own, drawn, unit)
    hole = warp.polygon_mask(warp.outline_polygon(drawn, mouth), box)
    soft = cv2.GaussianBlur(hole, (0, 0), max(LIP_EDGE * unit, 0.4))
    amount = max(_wide_open(own, mouth, unit), _wide_open(still, mouth, unit))
    lips = warp.polygon_mask(drawn[[*mouth.above, *mouth.below[::-1]]], box)
    share = np.maximum(soft, hole) * unlike_lips(inside, lips * (1 - hole), unit) * np.float32(amount)
    return np.asarray(np.dstack([inside, share]), np.float32)


def shut_eyes(
    image: Image, box: Box, eyes: Sequence[Opening], own: Points, drawn: Points, still: Points, unit: float
) -> FloatArray | None:
    """The target's lids where only the photo's eyes are open; None: nowhere. See `mouth_inside`."""
    found: FloatArray | None = None
    for eye in eyes:
        amount = shut_share(drawn, still, eye)
        if not amount:
            continue
        if found is None:
            region = np.asarray(image[box[1] : box[3], box[0] : box[2]], np.float32) / np.float32(255)
            found = np.dstack([region, np.zeros(region.shape[:2], np.float32)])
        both = np.vstack([points[list(eye.outline)] for points in (drawn, still)])
        hull = cv2.convexHull(both.astype(np.float32))[:, 0].astype(np.float64)
        # The eye's own part of the box: a frame at 4K is large.
        far = (LID + LID_EDGE) * unit + 2
        near = (
            *np.maximum(np.floor(hull.min(0) - far), box[:2]).astype(int).tolist(),
            *np.minimum(np.ceil(hull.max(0) + far), box[2:]).astype(int).tolist(),
        )
        if near[2] <= near[0] or near[3] <= near[1]:
            continue
        share = np.float32(amount) * _soft(warp.polygon_mask(hull, near), unit)
        seen = _moved(image, near, eye, own, drawn, unit)
        part = found[near[1] - box[1] : near[3] - box[1], near[0] - box[0] : near[2] - box[0]]
        part[:] = np.where((share > part[..., 3])[..., None], np.dstack([seen, share]), part)
    return found


def shut_share(drawn: Points, still: Points, eye: Opening) -> float:
    """0 for an eye that is drawn about as open as on its photo, 1 for one that is shut beside it."""
    open_wide = float(np.mean(gaps(still, eye)))
    width = float(np.linalg.norm(np.subtract(*still[list(eye.corners)])))
    if open_wide < 0.08 * width:  # shut on the photo, too: its lids are there
        return 0.0
    shut = 1 - float(np.mean(gaps(drawn, eye))) / open_wide
    t = float(np.clip((shut - SHUT[0]) / (SHUT[1] - SHUT[0]), 0, 1))
    return t * t * (3 - 2 * t)


def lay_lids(drawn: FloatArray, lids: FloatArray, skin: FloatArray, unit: float) -> FloatArray:
    """A drawn patch (H, W, 3) with the target's lids (H, W, 4), in the tone of the drawn skin around them.

    Args:
        drawn: in [0, 1].
        lids: see `shut_eyes`.
        skin: (H, W) where the patch shows the drawn face's skin.
        unit: pixels for a face unit.
    """
    share = lids[..., 3]
    height, width = share.shape
    small = (min(width, TONED), min(height, TONED))
    spread = [
        max(TONE_REACH * unit * there / here, 0.5) for there, here in zip(small, (width, height), strict=True)
    ]

    def shrunk(picture: FloatArray) -> FloatArray:
        return np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.float32)

    def spread_out(picture: FloatArray, more: float) -> FloatArray:
        return np.asarray(
            cv2.GaussianBlur(picture, (0, 0), more * spread[0], sigmaY=more * spread[1]), np.float32
        )

    covered = shrunk(share)
    ring = shrunk(skin) * (spread_out(covered, 1) > 0.02) * (covered < 0.05)
    apart = light.log_light(shrunk(drawn)) - light.log_light(shrunk(np.ascontiguousarray(lids[..., :3])))
    gain = spread_out(apart * ring[..., None], 2) / (spread_out(ring, 2)[..., None] + np.float32(1e-3))
    rows, columns = (slice(found.min(), found.max() + 1) for found in np.nonzero(share > 0))
    wide = np.asarray(cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)[
        rows, columns
    ]
    toned = light.relight(np.ascontiguousarray(lids[rows, columns, :3]), wide)
    laid = drawn.copy()
    laid[rows, columns] += share[rows, columns, None] * (toned - laid[rows, columns])
    return laid


def _moved(image: Image, box: Box, opening: Opening, own: Points, drawn: Points, unit: float) -> FloatArray:
    """(h, w, 3) in [0, 1] the frame at a box, moved so that the target's own gap lies on the drawn one."""
    there, here = warp.outline_polygon(own, opening), warp.outline_polygon(drawn, opening)
    rows = np.hstack([here - box[:2], np.ones((len(here), 1))])
    # A flat gap tells nothing of its height: what it can't tell stays as it is.
    plain = np.vstack([np.eye(2), there.mean(0) - (here - box[:2]).mean(0)])
    held = HELD * unit**2 * len(rows) / 24
    system = rows.T @ rows + np.diag([held, held, 1e-6])
    matrix: NDArray[np.float64] = plain + np.linalg.solve(system, rows.T @ (there - rows @ plain))
    size, flags = (box[2] - box[0], box[3] - box[1]), cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(image, matrix.T, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32) / np.float32(255)


def _soft(mask: FloatArray, unit: float) -> FloatArray:
    """A mask that is LID wider and ends softly."""
    away = cv2.distanceTransform((mask < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    t = np.clip(1 - (away / unit - LID) / LID_EDGE, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def unlike_lips(picture: FloatArray, lips: FloatArray, unit: float) -> FloatArray:
    """(H, W) 1 where a mouth shows what is darker or less red than lips: points of shut lips may lie apart.

    Args:
        picture: (H, W, 3) around the mouth.
        lips: (H, W) where its lips are.
        unit: pixels for a face unit.
    """
    if lips.sum() < 8:
        return np.ones(lips.shape, np.float32)
    seen = light.log_light(picture)
    lightness, red = seen @ light.LUMA, seen[..., 0] - seen[..., 1]
    lip_light, lip_red = (float(np.average(part, weights=lips)) for part in (lightness, red))
    dark = np.clip((lip_light - lightness - LIP_DIFFERENCE[0]) / LIP_DIFFERENCE[1], 0, 1)
    pale = np.clip((lip_red - red - LIP_DIFFERENCE[0]) / LIP_DIFFERENCE[1], 0, 1)
    found = cv2.GaussianBlur(np.maximum(dark, pale), (0, 0), max(LIP_EDGE * unit, 0.4))
    return np.asarray(np.clip(1.5 * found, 0, 1), np.float32)


def _wide_open(points: Points, mouth: Opening, unit: float) -> float:
    """0 for a mouth that is as good as shut, and shows lips where teeth would be; 1 for an open one."""
    wide = float(np.max(gaps(points, mouth))) / unit
    return float(np.clip((wide - PARTED[0]) / (PARTED[1] - PARTED[0]), 0, 1))
