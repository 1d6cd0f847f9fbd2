"""A photo's head as a surface in space, and where each of its pixels goes when the head moves.

Nodes all over the head and what is around it have a place in head coordinates: the face's depth by its
points, the hair's by a dome that ends at the head's outline. Nodes of the head turn with it; below the jaw
they follow less and less, the shoulders a little. All of this is worked out once for a photo; for a frame
the nodes are moved, and the map is turned round.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact.head import HeadPose
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.warp import Box, FloatArray, fit_spline

AROUND = (2.4, 2.4, 2.4, 2.7)
"""Face units that are moved to the left of the middle of the face, above, to the right and below it."""

SPACING = 0.05
"""Face units between nodes."""

MOST_NODES = 110
"""Along a side."""

RIM_DEPTH, NECK_DEPTH = 0.7, 0.45
"""Face units behind the eyes' corners: the head's outline, and the neck below the chin."""

DEPTHS = (-0.6, 0.9)
"""Limits of any depth, face units."""

RAYS = 40
"""Directions in which the head's outline is looked for."""

JAW = ((0.0, 0.5, 0.85, 1.3), (1.0, 0.88, 0.45, 0.3))
"""Distances from the middle line, and how far below the middle of the face the jaw ends there, face units."""

NECK, SHOULDERS = 1.0, 2.3
"""Face units below the jaw: where shoulders have begun, and where nothing moves."""

SHOULDER_SHARE = 0.12
"""How much of the head's motion the shoulders make."""

FADE = 0.55
"""Face units outside the face over which its expression ends."""

ROUNDS = 10
"""Steps by which the map is turned round."""


@dataclass(frozen=True)
class HeadSurface:
    """See the module.

    Attributes:
        box: of the photo that may change.
        pose: of the head in the photo.
        nodes: (G, H, 2) photo pixels.
        head: (G * H, 3) the same in head coordinates.
        share: (G * H, 1) how much of the head's motion each makes.
        spread: (G * H, N) how much of each point's motion.
        source: (N, 3) the layout's points of skin, head coordinates.
    """

    box: Box
    pose: HeadPose
    nodes: FloatArray
    head: FloatArray
    share: FloatArray
    spread: FloatArray
    source: Points

    def moving_share(self, at: FloatArray) -> FloatArray:
        """(h, w) in [0, 1]: 0 where what is seen at photo pixels (h, w, 2) hardly ever moves."""
        share = _share(*upright_places(at, self.pose))
        return np.asarray(_smooth_step((share - 0.08) / 0.4), np.float32)

    def moved_nodes(self, skin: Points, pose: HeadPose) -> FloatArray:
        """(G, H, 2) where the nodes are seen when the skin's points are `skin` (N, 3) in head coordinates,
        and the head has another pose."""
        change = (skin - self.source).astype(np.float32)
        seen = pose.project(self.head + self.spread @ change)[:, :2].astype(np.float32)
        at = self.nodes.reshape(-1, 2)
        return np.asarray((at + self.share * (seen - at)).reshape(self.nodes.shape), np.float32)

    def source_map(self, skin: Points, pose: HeadPose) -> FloatArray:
        """(G, H, 2) photo pixels that are seen at the nodes, see `moved_nodes`.

        Found step by step: what is seen at q is found at the p from which p + d(p) = q.
        """
        shift = self.moved_nodes(skin, pose) - self.nodes
        # Places among the nodes in place of pixels: nodes are what is looked up.
        first, last = self.nodes[0, 0], self.nodes[-1, -1]
        scale = (np.array(self.nodes.shape[1::-1], np.float32) - 1) / (last - first)
        rows, columns = self.nodes.shape[:2]
        own = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).astype(np.float32)
        step = np.ascontiguousarray(shift * scale)
        found = own - step
        for _ in range(ROUNDS):
            there = cv2.remap(
                step, found[..., 0], found[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            found = 0.3 * found + 0.7 * (own - there)
        return np.asarray(found / scale + first, np.float32)


def build_surface(points: Points, pose: HeadPose, matte: FloatArray, layout: PointLayout) -> HeadSurface:
    """The surface of a photo's head.

    Args:
        points: (N, 3) photo pixels.
        pose: of the head.
        matte: (H, W) in [0, 1] where the person is.
        layout: what the points are.
    """
    box = around_head(pose, matte.shape)
    counts = [
        min(MOST_NODES, max(8, int((box[i + 2] - box[i]) / (SPACING * pose.scale)) + 1)) for i in (0, 1)
    ]
    x, y = (np.linspace(box[i], box[i + 2] - 1, counts[i]) for i in (0, 1))
    nodes = np.stack(np.meshgrid(x, y), -1)
    flat = nodes.reshape(-1, 2)
    skin = points[layout.skin]
    depth = _depths(flat, skin, pose, matte)
    head = pose.lift(np.column_stack([flat, depth]))
    spread = fit_spline(skin[:, :2], np.eye(len(skin)))(flat)
    hull = cv2.convexHull(skin[:, :2].astype(np.float32))
    outside = (
        np.array([-cv2.pointPolygonTest(hull, (float(a), float(b)), True) for a, b in flat]) / pose.scale
    )
    spread *= (1 - _smooth_step(outside / FADE))[:, None]
    return HeadSurface(
        box,
        pose,
        nodes.astype(np.float32),
        head.astype(np.float32),
        _share(*upright_places(flat, pose))[:, None].astype(np.float32),
        spread.astype(np.float32),
        pose.lift(skin),
    )


def upright_places(
    at: NDArray[np.floating], pose: HeadPose
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels (..., 2) in face units to the right of the middle of the face and below it, as the head is
    tilted."""
    down = pose.rotation[:2, 1] / max(float(np.linalg.norm(pose.rotation[:2, 1])), 1e-6)
    apart = (np.asarray(at, np.float64) - pose.shift[:2]) / pose.scale
    return apart @ np.array([down[1], -down[0]]), apart @ down


def around_head(pose: HeadPose, shape: tuple[int, ...], margin: float = 0.0) -> Box:
    """The part of a photo that may change, and a margin in face units around it."""
    left, above, right, below = (pose.scale * (one + margin) for one in AROUND)
    x, y = pose.shift[:2]
    x0, y0 = max(0, int(x - left)), max(0, int(y - above))
    return x0, y0, min(shape[1], int(x + right) + 1), min(shape[0], int(y + below) + 1)


def _share(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of the head's motion is made at places in face units: all above the jaw."""
    below = y - np.interp(np.abs(x), *JAW)
    shoulders = SHOULDER_SHARE * (1 - _smooth_step((below - NECK) / (SHOULDERS - NECK)))
    return np.asarray(shoulders + (1 - SHOULDER_SHARE) * (1 - _smooth_step(below / NECK)), np.float64)


def _depths(
    flat: NDArray[np.float64], skin: Points, pose: HeadPose, matte: FloatArray
) -> NDArray[np.float64]:
    """(M,) depths in pixels at pixels (M, 2)."""
    rim = _rim(skin, pose, matte)
    neck = pose.project(np.array([[x, y, NECK_DEPTH] for y in (1.6, 2.4) for x in (-0.5, 0, 0.5)]))
    known = np.vstack([skin, rim, neck])
    z = (known[:, 2] - pose.shift[2]) / pose.scale
    found = fit_spline(known[:, :2], z[:, None], 2e-3)(flat)[:, 0]
    return np.asarray(np.clip(found, *DEPTHS) * pose.scale + pose.shift[2], np.float64)


def _rim(skin: Points, pose: HeadPose, matte: FloatArray) -> Points:
    """(K, 3) pixels along the outline of the head, where that lies beyond the face's points."""
    middle = pose.shift[:2]
    hull = cv2.convexHull(skin[:, :2].astype(np.float32))
    found = []
    for angle in np.linspace(0, 2 * np.pi, RAYS, endpoint=False):
        way = np.array([np.cos(angle), np.sin(angle)])
        radii = np.arange(0.3, 2.3, 0.04)
        at = middle + radii[:, None] * pose.scale * way
        if upright_places(at[-1:], pose)[1][0] > 1.0:
            continue  # towards the neck
        rows, columns = np.rint(at[:, 1]).astype(int), np.rint(at[:, 0]).astype(int)
        inside = (rows >= 0) & (rows < matte.shape[0]) & (columns >= 0) & (columns < matte.shape[1])
        seen = np.zeros(len(radii), np.bool_)
        seen[inside] = matte[rows[inside], columns[inside]] > 0.5
        # Beyond the photo's border the head goes on.
        end = np.flatnonzero(seen | (~inside & (radii < 1.6)))
        if not len(end):
            continue
        place = middle + radii[end[-1]] * pose.scale * way
        apart = -cv2.pointPolygonTest(hull, (float(place[0]), float(place[1])), True) / pose.scale
        if apart > 0.12:
            found.append([*place, pose.shift[2] + RIM_DEPTH * pose.scale])
            far = place + 0.7 * pose.scale * way
            found.append([*far, pose.shift[2] + RIM_DEPTH * pose.scale])
    return np.array(found, np.float64).reshape(-1, 3)


def _smooth_step(values: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip(values, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float64)
