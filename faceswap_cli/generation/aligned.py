"""Heads cut out of their background and moved into a mean shape."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.guided_filter import guided_filter
from faceswap_cli.effects.reenact.warp import fit_spline
from faceswap_cli.media.frame import Image

SIDE, NODES = 160, 41
"""Side of a texture in pixels, and nodes along it at which the spline is worked out."""

Points = NDArray[np.float64]


def cut_out(crop: Image, person: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(S, S, 4) colours times the share of a person, and this, in [0, 1]."""
    picture = np.asarray(crop / 255, np.float32)
    share = guided_filter(picture, np.asarray(person / 255, np.float32), 8, 1e-3)
    share = np.asarray(np.clip((share - 0.15) / 0.7, 0, 1), np.float32)
    count, parts = cv2.connectedComponents((share > 0.3).astype(np.uint8))
    if count > 2:  # the face's own piece
        middle = np.bincount(parts[120:200, 120:200].ravel(), minlength=count)[1:].argmax() + 1
        share = np.asarray(share * ((parts == middle) | (parts == 0)), np.float32)
    return np.asarray(np.dstack([picture * share[..., None], share]), np.float32)


def move_into(
    picture: NDArray[np.float32], points: Points, mean: Points, side: int = SIDE
) -> NDArray[np.uint8]:
    """(side, side, 4) uint8 a picture in [0, 1] whose points, in -1..1, are moved into a mean shape."""
    border = border_points()
    spline = fit_spline(np.concatenate([mean, border]), np.concatenate([points, border]))
    line = np.linspace(-1, 1, NODES)
    nodes = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    moves = (spline(nodes) - nodes).reshape(NODES, NODES, 2).astype(np.float32)
    fine = (np.arange(2 * side, dtype=np.float32) + 0.5) / side - 1
    place = (fine + 1) / 2 * (NODES - 1)
    moved = cv2.remap(moves, *np.meshgrid(place, place), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    at = (moved + np.stack(np.meshgrid(fine, fine), -1) + 1) / 2 * len(picture) - 0.5
    large = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    small = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(np.rint(small * 255), 0, 255).astype(np.uint8))


def border_points(count: int = 5) -> Points:
    """(N, 2) points on the edge of the square -1..1, which stay where they are."""
    line = np.linspace(-1, 1, count)
    ends = [(x, y) for x in line for y in (-1, 1)]
    return np.array(ends + [(x, y) for y in line[1:-1] for x in (-1, 1)])
