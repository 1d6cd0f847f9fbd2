"""The inside of a mouth that opens farther than the photo shows: teeth and tongue of another picture.

That is a further photo of the person whose mouth is open, else the driver's frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.gaps import gaps
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.warp import Box, outline_polygon, polygon_mask
from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG
from faceswap_cli.media.frame import Image

FloatArray = NDArray[np.float32]

EDGE = 0.014
"""Face units over which the inside meets the lips."""

PARTED = (0.02, 0.05)
"""Face units between lips, more than on the photo, from which on the inside is seen, and then wholly."""

WIDER = (1.15, 1.6)
"""A photo's own open mouth is drawn up to so many times as wide open; beyond, the inside is another's."""

TONE = (0.55, 1.6)
"""Limits of the gains by which an inside is made as light as the photo."""


@dataclass(frozen=True)
class Interior:
    """A picture of a mouth.

    Attributes:
        image: (H, W, 3) uint8; None: nothing is known, and it is painted dark.
        points: (N, 2) of the face, its pixels.
        gain: (3,) of its colours.
        open: (K,) gaps between the lips of the photo that is animated, face units.
    """

    image: Image | None
    points: Points
    gain: NDArray[np.float64]
    open: NDArray[np.float64]


def fill_mouth(
    region: Image, box: Box, drawn: Points, unit: float, interior: Interior, layout: PointLayout
) -> None:
    """Put the inside of a mouth between drawn lips, in place.

    Args:
        region: (h, w, 3) uint8 the box's pixels.
        box: of the picture.
        drawn: (N, 2) pixels of the drawn face.
        unit: pixels for a face unit.
        interior: what is seen inside.
        layout: what points are.
    """
    mouth = layout.mouth
    amount = _amount(gaps(drawn, mouth) / unit, interior.open)
    if amount <= 0:
        return
    outline = outline_polygon(drawn, mouth)
    margin = int(np.ceil(4 * EDGE * unit)) + 2
    low = np.maximum(np.floor(outline.min(0)).astype(int) - margin, box[:2])
    high = np.minimum(np.ceil(outline.max(0)).astype(int) + margin + 1, box[2:])
    if (high - low < 3).any():
        return
    near = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    inside = _inside(interior, outline, near, unit, layout)
    hole = polygon_mask(outline, near)
    soft = cv2.GaussianBlur(hole, (0, 0), max(EDGE * unit, 0.4))
    share = (np.clip(1.6 * soft - 0.3, 0, 1) * np.float32(amount))[..., None]
    part = region[near[1] - box[1] : near[3] - box[1], near[0] - box[0] : near[2] - box[0]]
    part[:] = np.clip(np.rint(part + share * (inside - part)), 0, 255).astype(np.uint8)


def _amount(drawn: NDArray[np.float64], own: NDArray[np.float64]) -> float:
    """How much of another inside is seen: 0 where the photo's own will do."""
    wide, widest = float(drawn.max()), float(own.max())
    parted = np.clip((wide - widest - PARTED[0]) / (PARTED[1] - PARTED[0]), 0, 1)
    if widest < PARTED[1]:
        return float(parted)
    return float(parted * np.clip((wide / widest - WIDER[0]) / (WIDER[1] - WIDER[0]), 0, 1))


def _inside(interior: Interior, outline: Points, near: Box, unit: float, layout: PointLayout) -> FloatArray:
    """(h, w, 3) levels: the picture's mouth laid onto a drawn one."""
    size = (near[2] - near[0], near[3] - near[1])
    dark = np.full((size[1], size[0], 3), (52, 26, 26), np.float32)
    if interior.image is None:
        return dark
    own = outline_polygon(interior.points, layout.mouth)
    rows = np.hstack([outline - near[:2], np.ones((len(outline), 1))])
    # A flat mouth tells nothing of its height: what it can't tell stays as it is.
    corners = interior.points[list(layout.mouth.corners)]
    scale = float(np.linalg.norm(corners[1] - corners[0])) / max(float(np.ptp(outline[:, 0])), 1e-6)
    start = np.vstack([np.eye(2) * scale, own.mean(0) - scale * (outline - near[:2]).mean(0)])
    held = 0.02 * unit**2 * len(rows) / 24
    system = rows.T @ rows + np.diag([held, held, 1e-6])
    matrix = start + np.linalg.solve(system, rows.T @ (own - rows @ start))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(interior.image, matrix.T, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen.astype(np.float32) * np.clip(interior.gain, *TONE).astype(np.float32), np.float32)


def skin_tone(image: Image, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(3,) median levels of a face's skin: of its cheeks, forehead and the ridge of its nose.

    Args:
        image: (H, W, 3) uint8.
        points: (N, 2) pixels in the layout.
    """
    some = [int(n) - IBUG for name in ("cheeks", "forehead") for n in GROUPS[name]]
    places = np.rint(np.asarray(points)[some]).astype(int)
    unit = max(2, int(0.04 * float(np.ptp(points[:, 0]))))
    height, width = image.shape[:2]
    found = [
        image[max(y - unit, 0) : y + unit + 1, max(x - unit, 0) : x + unit + 1].reshape(-1, 3).mean(0)
        for x, y in places
        if 0 <= x < width and 0 <= y < height
    ]
    return np.asarray(np.median(found, axis=0) if found else np.full(3, 128.0), np.float64)
