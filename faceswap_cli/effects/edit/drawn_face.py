"""A face that something is drawn on: where its skin is in the picture, and in the average face's places.

What is drawn is placed on the average face (head coordinates, face units: x to the picture's right, y down),
so that it is in the same place of a face in every frame of a video and in every picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.part_matte import PartRegion, smooth_step
from faceswap_cli.effects.reenact import warp
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import PointLayout, Points, face_layout, select_points
from faceswap_cli.effects.reenact.warp import Box, FloatArray
from faceswap_cli.faces.face import FloatArray as DenseArray
from faceswap_cli.media.frame import FineImage, Image

ROOM = 0.35
"""Around a face's points, in face units: a beard hangs beyond its chin, glasses stand out beside it."""

RIM = 8
"""Points along each side of the outline's ring."""


@dataclass(frozen=True)
class DrawnFace:
    """A face in a picture.

    Attributes:
        box: of the picture.
        points: (N, 3) the layout's, in picture pixels.
        pose: of the head.
        mattes: (H, W) of the box, by the names of parts: how much of each pixel is skin, hair, brows.
    """

    box: Box
    points: Points
    pose: HeadPose
    mattes: Mapping[str, FloatMask]

    @property
    def unit(self) -> float:
        """Pixels to a face unit."""
        return self.pose.scale

    @property
    def layout(self) -> PointLayout:
        """What the points are."""
        return face_layout()

    @property
    def skin(self) -> FloatMask:
        """(H, W) how much of each pixel is skin."""
        return self.mattes["skin"]

    @cached_property
    def places(self) -> FloatArray:
        """(H, W, 2) where on the average face each pixel of the box lies."""
        layout = self.layout
        spline = warp.fit_spline(self.points[layout.skin, :2], layout.head.mean[layout.skin, :2])
        nodes = np.asarray(spline(warp.grid_points(self.box)), np.float32)
        return warp.enlarge(nodes.reshape(warp.NODES, warp.NODES, 2), self.box)

    def pixels(self, places: NDArray[np.floating]) -> Points:
        """Where places (M, 2) of the average face are, in the box's pixels."""
        layout = self.layout
        spline = warp.fit_spline(layout.head.mean[layout.skin, :2], self.points[layout.skin, :2])
        return spline(np.asarray(places, np.float64)) - np.array(self.box[:2], np.float64)

    def cut(self, canvas: Image | FineImage) -> FloatArray:
        """The box (H, W, 3) of a picture, in 0..1."""
        x0, y0, x1, y1 = self.box
        return np.multiply(canvas[y0:y1, x0:x1], np.float32(1 / 255), dtype=np.float32)

    def put(self, canvas: Image | FineImage, picture: FloatArray, where: FloatMask) -> None:
        """Write a changed box (H, W, 3) in 0..1 where `where` (H, W) is more than nothing."""
        x0, y0, x1, y1 = self.box
        region, touched = canvas[y0:y1, x0:x1], where > 1 / 512
        levels = np.clip(picture * np.float32(255), 0, 255)
        region[touched] = (np.rint(levels) if canvas.dtype == np.uint8 else levels)[touched]

    def polygon(self, points: NDArray[np.floating], soft: float) -> FloatMask:
        """(H, W) a polygon (K, 2) of picture pixels, its edge soft over so many face units."""
        mask = warp.polygon_mask(np.asarray(points, np.float64), self.box)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(soft * self.unit, 0.4)), np.float32)

    def bump(self, middle: tuple[float, float], width: float, height: float) -> FloatMask:
        """(H, W) a Gaussian on the average face."""
        away = (self.places - np.array(middle, np.float32)) / np.array([width, height], np.float32)
        return np.asarray(np.exp(-0.5 * (away**2).sum(-1)), np.float32)


def see_face(
    canvas: Image | FineImage, dense: DenseArray, regions: Mapping[str, PartRegion | None]
) -> DrawnFace | None:
    """A face that something is drawn on; None if it lies outside the picture.

    Args:
        canvas: (H, W, 3).
        dense: (222, 3) pixels.
        regions: parts of the face, see `colour_road.cut_part`.
    """
    points = select_points(dense)
    pose = fit_head(points, face_layout())
    room = ROOM * pose.scale
    low = np.floor(points[:, :2].min(0) - room).astype(int).clip(0)
    high = np.minimum(np.ceil(points[:, :2].max(0) + room).astype(int) + 1, canvas.shape[1::-1])
    if (high - low).min() < 8:
        return None
    box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    mattes = {name: _in_box(region, box) for name, region in regions.items()}
    return DrawnFace(box, points, pose, mattes)


def _in_box(region: PartRegion | None, box: Box) -> FloatMask:
    """(H, W) a part's matte in the pixels of a box."""
    found = np.zeros((box[3] - box[1], box[2] - box[0]), np.float32)
    if region is None:
        return found
    x0, y0, x1, y1 = region.grid.box
    matte = cv2.resize(region.matte, region.grid.box_size, interpolation=cv2.INTER_LINEAR)
    a, b = max(x0, box[0]), max(y0, box[1])
    c, d = min(x1, box[2]), min(y1, box[3])
    if c > a and d > b:
        found[b - box[1] : d - box[1], a - box[0] : c - box[0]] = matte[b - y0 : d - y0, a - x0 : c - x0]
    return found


def rise(values: NDArray[np.floating], low: float, high: float) -> FloatArray:
    """0 below `low`, 1 above `high`, smooth between; the other way round where `low` is the larger."""
    return smooth_step((values - low) / (high - low))
