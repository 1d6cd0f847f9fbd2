"""From a frame's pixels back to the photo's: a dense field, and one resampling.

Two maps in a row. The first closes or opens eyes and mouth to what they are on the photo, by moving what lies
above and below a gap along the line across it: it is exact at each pixel, also where a gap shuts and the map
tears. The second is smooth: a thin-plate spline (F. Bookstein, Principal warps, PAMI 1989) from the points to
the photo's, worked out on NODES x NODES nodes. What is drawn is then sampled once, at whole pixels of the
frame: each further resampling would cost a quarter of the finest detail.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.gaps import measure_gaze
from faceswap_cli.effects.reenact.layout import Opening, Points
from faceswap_cli.faces.landmarks.spline import Floats, solve_spline, spline_kernel

FloatArray = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole frame pixels, the end exclusive."""

NODES = 65
"""Along a side: about .035 face units apart."""

EYE_EDGE = 0.02
"""Face units from the lids over which a turned eyeball's pixels meet them."""

SLIT = (0.02, 0.05)
"""Face units between lids up to which lashes alone are seen between them, and from which on the eyeball is: a
whole one squeezed into a slit would be a row of bright dots."""

TORN = 4.0
"""Times the usual step from pixel to pixel from which on a map is torn."""

STIFF = 2e-4
"""How little the spline follows single points, in units of its kernel over the window."""

_LEAST = 1e-9
"""Squared distance below which points are one, in the window's units: what single precision can tell."""


@dataclass(frozen=True)
class Spline:
    """A thin-plate spline of the plane with values of any kind.

    Attributes:
        places: (N, 2) in the window's units.
        weights: (N + 3, K).
        origin, side: of the window in pixels.
    """

    places: Points
    weights: NDArray[np.float64]
    origin: NDArray[np.float64]
    side: float

    def __call__(self, where: Floats) -> NDArray[np.float64]:
        """Values (M, K) at pixels (M, 2)."""
        return np.asarray(self.bend(where) + self.plane(where), np.float64)

    def plane(self, where: Floats) -> Floats:
        """The linear part of the values (..., K) at pixels (..., 2)."""
        weights = self.weights[len(self.places) :]
        slope = weights[1:] / self.side
        found: Floats = where @ slope.astype(where.dtype) + (weights[0] - self.origin @ slope).astype(
            where.dtype
        )
        return found

    def bend(self, where: Floats) -> Floats:
        """The rest of the values (M, K) at pixels (M, 2)."""
        at = ((where - self.origin) / self.side).astype(np.float32)
        kernel = spline_kernel(at, self.places.astype(np.float32), _LEAST)
        found: Floats = kernel @ self.weights[: len(self.places)].astype(np.float32)
        return found

    def field(self, box: Box, at: FloatArray | None = None) -> FloatArray:
        """Values (H, W, K) at the pixels of a box, or at pixels `at` (H, W, 2) near it.

        What bends is worked out at NODES x NODES of them, and enlarged; the rest is exact.
        """
        at = box_pixels(box) if at is None else at
        coarse = self.bend(grid_points(box)).reshape(NODES, NODES, -1)
        return np.asarray(self.plane(at) + enlarge(np.asarray(coarse, np.float32), box, at), np.float32)


def fit_spline(places: Points, values: Floats, stiff: float = STIFF) -> Spline:
    """The spline that is `values` (N, K) at `places` (N, 2) pixels.

    Args:
        places: where.
        values: what.
        stiff: how little single points are followed.
    """
    origin = places.min(0)
    side = max(float(np.ptp(places, axis=0).max()), 1e-6)
    at = np.asarray((places - origin) / side, np.float64)
    return Spline(at, solve_spline(at, values, stiff, _LEAST), origin, side)


def grid_points(box: Box, nodes: int = NODES) -> NDArray[np.float64]:
    """(nodes * nodes, 2) pixels evenly over a box, its first and last pixels among them."""
    x, y = np.linspace(box[0], box[2] - 1, nodes), np.linspace(box[1], box[3] - 1, nodes)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def box_pixels(box: Box) -> FloatArray:
    """(H, W, 2) the pixels of a box."""
    x, y = np.arange(box[0], box[2], dtype=np.float32), np.arange(box[1], box[3], dtype=np.float32)
    return np.stack(np.meshgrid(x, y), -1)


def crop_to_box(matrix: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    """From a matrix (2, 3) of frame to crop pixels the one of a box's to crop pixels."""
    local = np.asarray(matrix, np.float64).copy()
    local[:, 2] += local[:, :2] @ np.array(box[:2])
    return local


def enlarge(coarse: FloatArray, box: Box, at: FloatArray | None = None, cubic: bool = True) -> FloatArray:
    """What is known at the `grid_points` of a box (G, G, K), at its pixels, or at pixels `at` (H, W, 2)."""
    at = box_pixels(box) if at is None else at
    nodes = coarse.shape[0]
    scale = (nodes - 1) / np.maximum([box[2] - 1 - box[0], box[3] - 1 - box[1]], 1)
    u = ((at[..., 0] - box[0]) * scale[0]).astype(np.float32)
    v = ((at[..., 1] - box[1]) * scale[1]).astype(np.float32)
    way = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(coarse, u, v, way, borderMode=cv2.BORDER_REPLICATE), np.float32)


def opening_shift(at: FloatArray, opening: Opening, drawn: Points, still: Points, unit: float) -> FloatArray:
    """What to add to pixels, so that what is seen there is found where the gap is open as on the photo.

    Args:
        at: (H, W, 2) all pixels of a box.
        opening: which gap.
        drawn: (N, 2) pixels, the points as they are seen.
        still: (N, 2) the points with the photo's gap.
        unit: pixels for a face unit.

    Returns:
        (H, W, 2) pixels.
    """
    found = np.zeros(at.shape, np.float32)
    window = _touched(at, opening, drawn, still, unit)
    if window is not None:
        found[window] = _shift_near(at[window], opening, drawn, still, unit)
    return found


def soften_tears(seen: FloatArray, where: FloatArray, step: float) -> FloatArray:
    """What was sampled, softened by a pixel where the map tears: lids that meet would meet in stairs.

    Args:
        seen: (H, W, K) sampled.
        where: (H, W, 2) from where.
        step: pixels of the photo that a pixel's step usually is.
    """
    torn = np.zeros(seen.shape[:2], np.uint8)
    down = np.abs(np.diff(where[..., 1], axis=0)) > TORN * step
    torn[1:] |= down
    torn[:-1] |= down
    if not torn.any():
        return seen
    near = cv2.GaussianBlur(cv2.dilate(torn, np.ones((1, 3), np.uint8)).astype(np.float32), (0, 0), 0.6)
    soft = cv2.GaussianBlur(seen, (0, 0), 0.8)
    return seen + near[..., None] * (soft - seen)


def _touched(
    at: FloatArray, opening: Opening, drawn: Points, still: Points, unit: float
) -> tuple[slice, slice] | None:
    """The part of a box in which a gap moves anything; None if there is none."""
    left, right = drawn[list(opening.corners)]
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    across = np.array([-along[1], along[0]])
    some = list({*opening.outline, *opening.above, *opening.below})
    heights = np.concatenate([(points[some] - left) @ across for points in (drawn, still)])
    top = heights.min() - opening.reach[0] * unit
    bottom = heights.max() + opening.reach[1] * unit
    corners = np.array([end + height * across for end in (left, right) for height in (top, bottom)])
    x0, y0 = np.floor(corners.min(0) - at[0, 0]).astype(int) - 1
    x1, y1 = np.ceil(corners.max(0) - at[0, 0]).astype(int) + 2
    height, width = at.shape[:2]
    rows, columns = slice(max(y0, 0), min(y1, height)), slice(max(x0, 0), min(x1, width))
    return (rows, columns) if rows.stop > rows.start and columns.stop > columns.start else None


def _shift_near(at: FloatArray, opening: Opening, drawn: Points, still: Points, unit: float) -> FloatArray:
    """`opening_shift` of the pixels near a gap."""
    left, right = drawn[list(opening.corners)]
    length = max(float(np.linalg.norm(right - left)), 1e-6)
    along = (right - left) / length
    across = np.array([-along[1], along[0]])
    relative = at - left.astype(np.float32)
    u = np.clip(relative @ (along / length).astype(np.float32), 0, 1)
    v = relative @ across.astype(np.float32)

    def curve(points: Points, some: tuple[int, ...]) -> FloatArray:
        """The edge through some points, as a height (H, W) over the line between the corners."""
        p = points[list(some)] - left
        return _edge(p @ along / length, p @ across, u)

    gaze = _gaze_shift(u, opening, drawn, still)
    upper, lower = curve(drawn, opening.upper), curve(drawn, opening.lower)
    lower = np.maximum(lower, upper)
    up, down = curve(still, opening.upper) - upper, curve(still, opening.lower) - lower
    top = np.minimum(_outer(drawn, opening.above, left, along, across, length, u, upper), upper)
    bottom = np.maximum(_outer(drawn, opening.below, left, along, across, length, u, lower), lower)
    middle = np.clip((v - upper) / np.maximum(lower - upper, 1e-3), 0, 1)
    inside = up + (down - up) * middle
    if opening.iris:
        open_share = 1 - _fade((lower - upper - SLIT[0] * unit) / ((SLIT[1] - SLIT[0]) * unit))
        lids = np.where(middle < 0.8, up, down)  # the upper lid's lashes lie over the lower lid
        inside = lids + open_share * (inside - lids)
    fade_up = _fade((top - v) / (opening.reach[0] * unit))
    fade_down = _fade((v - bottom) / (opening.reach[1] * unit))
    shift = np.where(v < upper, up * fade_up, np.where(v > lower, down * fade_down, inside))
    moved = shift[..., None] * across.astype(np.float32)
    if gaze is not None:
        # Between the lids alone: at their edges the eyeball's pixels end, and lashes would go along.
        wide = np.clip((np.minimum(v - upper, lower - v) / (EYE_EDGE * unit)), 0, 1)
        seen = np.where((u > 0) & (u < 1), wide, 0)
        moved += (
            seen[..., None]
            * (gaze[0][..., None] * along + gaze[1][..., None] * across).astype(np.float32)
            * np.float32(length)
        )
    return np.asarray(moved, np.float32)


def _gaze_shift(
    u: FloatArray, eye: Opening, drawn: Points, still: Points
) -> tuple[FloatArray, FloatArray] | None:
    """What to add along and across an eye, in its widths, so that the iris is found where it is on the photo.

    Around the iris all moves with it; from there to the corners less and less.

    Args:
        u: (H, W) places along the eye, see `gaps.measure_gaze`.
        eye: which; None comes back for a mouth.
        drawn: (N, 2) pixels.
        still: (N, 2).
    """
    if not eye.iris:
        return None
    here, there = measure_gaze(drawn, eye), measure_gaze(still, eye)
    width = max(float(np.linalg.norm(drawn[eye.corners[1]] - drawn[eye.corners[0]])), 1e-6)
    radius = float(np.linalg.norm(drawn[list(eye.iris[1:])] - drawn[eye.iris[0]], axis=1).mean()) / width
    low, high = np.clip(here[0] - radius, 0.02, 0.98), np.clip(here[0] + radius, 0.02, 0.98)
    share = np.interp(u, [0, low, high, 1], [0, 1, 1, 0]).astype(np.float32)
    along, across = (there - here).astype(np.float32)
    return share * along, share * across


def _outer(
    points: Points,
    some: tuple[int, ...],
    left: Points,
    along: Points,
    across: Points,
    length: float,
    u: FloatArray,
    edge: FloatArray,
) -> FloatArray:
    """The height of a lip's outline over the line between the corners; the edge itself, if there is none."""
    if not some:
        return edge
    p = points[list(some)] - left
    place, height = p @ along / length, p @ across
    order = np.argsort(place)
    return np.asarray(np.interp(u, place[order], height[order]), np.float32)


def _edge(place: Points, height: Points, u: FloatArray) -> FloatArray:
    """A smooth curve over 0..1 that is 0 at both ends and near `height` (K,) at `place` (K,)."""
    inside = np.clip(place, 0.05, 0.95)
    order = min(len(place), 4)
    powers = np.stack([inside**k for k in range(order)], 1)
    factors = np.linalg.lstsq((inside * (1 - inside))[:, None] * powers, height, rcond=None)[0]
    found = np.zeros_like(u)
    for factor in factors[::-1]:
        found = found * u + np.float32(factor)
    return np.asarray(found * u * (1 - u), np.float32)


def edge_curve(points: Points, opening: Opening, some: tuple[int, ...], u: FloatArray) -> FloatArray:
    """The edge of a gap through some of the points (N, 2), as a height over the line between its corners.

    Args:
        points: pixels.
        opening: the gap.
        some: its upper or its lower points.
        u: places along the line, 0 at the left corner and 1 at the right one.
    """
    left, right = points[list(opening.corners)]
    length = max(float(np.linalg.norm(right - left)), 1e-6)
    along = (right - left) / length
    apart = points[list(some)] - left
    return _edge(apart @ along / length, apart @ np.array([-along[1], along[0]]), u)


def _fade(distance: FloatArray) -> FloatArray:
    """1 at 0 and before, 0 from 1 on."""
    t = np.clip(distance, 0, 1)
    return np.asarray(1 - t * t * (3 - 2 * t), np.float32)


def outline_polygon(points: Points, opening: Opening, steps: int = 24) -> Points:
    """The edge of a gap as a fine polygon (K, 2) through its points (N, 2) pixels."""
    left, right = points[list(opening.corners)]
    length = max(float(np.linalg.norm(right - left)), 1e-6)
    along = (right - left) / length
    across = np.array([-along[1], along[0]])
    u = np.linspace(0, 1, steps)
    edges = []
    for some in (opening.upper, opening.lower):
        p = points[list(some)] - left
        edges.append(_edge(p @ along / length, p @ across, u.astype(np.float32)).astype(np.float64))
    lines = [left + np.outer(u * length, along) + np.outer(edge, across) for edge in edges]
    return np.vstack([lines[0], lines[1][::-1]])


def polygon_mask(polygon: Points, box: Box) -> FloatArray:
    """(H, W) in [0, 1]: how much of each pixel of a box lies in a polygon (K, 2)."""
    finer = 4
    size = ((box[3] - box[1]) * finer, (box[2] - box[0]) * finer)
    mask = np.zeros(size, np.uint8)
    corners = (polygon - box[:2] + 0.5) * finer - 0.5
    cv2.fillPoly(mask, [np.rint(corners * 16).astype(np.int32)], 255, shift=4)
    small = cv2.resize(mask, (box[2] - box[0], box[3] - box[1]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)
