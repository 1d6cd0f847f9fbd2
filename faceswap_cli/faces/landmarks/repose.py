"""Pictures of faces bent to another pose or expression, until the landmarks lie where they would.

Between them a thin-plate spline bends (Bookstein, Principal warps, 1989). What was hidden stays hidden: a
mouth that opens shows stretched lips, no teeth. A network that draws faces takes it for a view of that pose.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import transform, warp
from faceswap_cli.faces.landmarks.head_attributes import change_points
from faceswap_cli.media.frame import Image

MARGIN = 0.19
"""Of the picture around a crop that may be bent into it, as a share of its side."""

NODES = 49
"""Along a side, at which the spline is worked out: lids and lips are finer than on 17."""

STIFF = 1e-3
"""How little the spline follows single points, in units of its kernel: a turned temple must not fold."""


def repose(image: Image, points: ArrayLike, change: ArrayLike, matrix: ArrayLike, size: int) -> Image:
    """The crop of a face with other attributes.

    Args:
        image: (H, W, 3) uint8.
        points: (68, 2) landmarks, or (222, 3) dense points, in its pixels.
        change: what is added to the attributes, see `change_points`.
        matrix: (2, 3) from its pixels to the crop's.
        size: the crop's side in pixels.

    Returns:
        (size, size, 3) uint8; the crop is where it was, the face is turned in it.
    """
    margin = round(size * MARGIN)
    wider = np.array(matrix, np.float64)
    wider[:, 2] += margin
    found = np.array(points, np.float64)
    found[:, :2] = transform(found[:, :2], wider)
    found[:, 2:] *= np.sqrt(np.abs(np.linalg.det(wider[:, :2])))
    edge = frame_points(size + 2 * margin)
    places = np.vstack([change_points(found, change)[:, :2], edge]) - margin
    where = fit_spline(np.vstack([found[:, :2], edge]), places, size).astype(np.float32)
    wide = warp(image, wider, size + 2 * margin)
    u, v = where[..., 0], where[..., 1]
    return cv2.remap(wide, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def frame_points(side: int) -> NDArray[np.float64]:
    """Points (16, 2) around the edge of a square picture, which hold the spline there."""
    steps = np.linspace(0, side - 1, 5)
    return np.array([(x, y) for x in steps for y in steps if {x, y} & {0.0, side - 1.0}])


def fit_spline(values: NDArray[np.float64], places: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """What is `values` (N, 2) at `places` (N, 2), in between: for each pixel of a square (size, size, 2)."""
    count, places = len(places), places / size
    rows = np.hstack([np.ones((count, 1)), places])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(places, places) + STIFF * np.eye(count)
    system[:count, count:], system[count:, :count] = rows, rows.T
    solved = np.linalg.solve(system, np.vstack([values, np.zeros((3, 2))]))
    axis = np.linspace(0, size - 1, NODES) / size
    nodes = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    found = _kernel(nodes, places) @ solved[:count] + solved[count] + nodes @ solved[count + 1 :]
    between = np.linspace(0, NODES - 1, size).astype(np.float32)
    u, v = np.meshgrid(between, between)
    coarse = found.reshape(NODES, NODES, 2).astype(np.float32)
    # Nodes beyond the edge repeat it: cubic interpolation looks at two on either side.
    return np.asarray(cv2.remap(coarse, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float64)


def _kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """r^2 log r of the distances between two rows of points."""
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    np.maximum(squared, 1e-12, out=squared)
    found: NDArray[np.float64] = 0.5 * squared * cv2.log(squared)
    return found
