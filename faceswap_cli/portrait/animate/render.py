"""One frame of an animated photo."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap_cli.effects.reenact import warp
from faceswap_cli.effects.reenact.head import HeadPose, fit_head
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.source import FacePoints
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import Image
from faceswap_cli.portrait.animate.background import paint_background
from faceswap_cli.portrait.animate.lids import PaintedLid, paint_lids, shut_lids
from faceswap_cli.portrait.animate.matte import find_matte
from faceswap_cli.portrait.animate.motion import DriverMotion
from faceswap_cli.portrait.animate.mouth import Interior, fill_mouth
from faceswap_cli.portrait.animate.options import AnimateOptions
from faceswap_cli.portrait.animate.shape import AnimatedShape, PhotoFace, animate_pose, animate_shape
from faceswap_cli.portrait.animate.surface import HeadSurface, around_head, build_surface

FloatArray = NDArray[np.float32]

MARGIN = 0.5
"""Face units around what may change that are looked at to find the person and what is behind."""


@dataclass(frozen=True)
class Portrait:
    """A photo's person, ready to be animated.

    Attributes:
        image: (H, W, 3) the photo.
        points: (N, 3) photo pixels.
        pose: of the head.
        surface: of the head and what is around it.
        person: (h, w, 4) uint8 in the surface's box: colours times matte, and the matte.
        behind: (h, w, 3) uint8 what is behind the person.
        lids: of both eyes.
    """

    image: Image
    points: Points
    pose: HeadPose
    surface: HeadSurface
    person: Image
    behind: Image
    lids: tuple[PaintedLid, ...]

    @property
    def head(self) -> Points:
        """(N, 3) its points in head coordinates."""
        return self.pose.lift(self.points)


def prepare_portrait(image: Image, face: FacePoints, layout: PointLayout, parser: FaceParser) -> Portrait:
    """Make a photo ready: all that is found out about it is found out here, once.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: where the face is.
        layout: what its points are.
        parser: of faces.
    """
    pose = fit_head(face.points, layout)
    # What is farther away does not move, however large the photo is.
    part = around_head(pose, image.shape, MARGIN)
    near = np.ascontiguousarray(image[part[1] : part[3], part[0] : part[2]])
    shift = np.array([part[0], part[1], 0.0])
    local = replace(pose, shift=pose.shift - shift)
    matte = np.zeros(image.shape[:2], np.float32)
    found = find_matte(near, face.landmarks - shift[:2], local, parser)
    matte[part[1] : part[3], part[0] : part[2]] = found
    surface = build_surface(face.points, pose, matte, layout)
    x0, y0, x1, y1 = surface.box
    region, cover = image[y0:y1, x0:x1].astype(np.float32), matte[y0:y1, x0:x1, None]
    painted = paint_background(near, found, pose.scale)
    painted = painted[y0 - part[1] : y1 - part[1], x0 - part[0] : x1 - part[0]]
    moving = surface.moving_share(warp.box_pixels(surface.box))[..., None]
    behind = np.rint(region + moving * (painted - region)).astype(np.uint8)
    # What is drawn where nothing moves is the photo: person * matte is what the background leaves of it.
    mine = np.clip(region - (1 - cover) * behind, 0, 255 * cover)
    person = np.rint(np.dstack([mine, 255 * cover])).astype(np.uint8)
    lids = paint_lids(image[y0:y1, x0:x1], face.points[:, :2] - [x0, y0], pose.scale, layout)
    return Portrait(image, face.points, pose, surface, person, np.ascontiguousarray(behind), lids)


def draw_frame(
    portrait: Portrait,
    photo: PhotoFace,
    driver: DriverMotion,
    frame: int,
    options: AnimateOptions,
    layout: PointLayout,
    interior: Interior,
    canvas: Image,
) -> None:
    """Draw a portrait as the driver is in a frame, into a canvas of the photo's size, in place.

    Args:
        portrait: the photo's person.
        photo: its face, against the driver's.
        driver: what it does.
        frame: the number of the frame.
        options: how.
        layout: what points are.
        interior: of the mouth.
        canvas: (H, W, 3) uint8.
    """
    regions = options.regions
    pose = portrait.pose
    if "pose" in regions:
        pose = animate_pose(driver, frame, portrait.pose, options.strength, options.yaw_limit)
    head = driver.heads[frame].astype(np.float64)
    shape = animate_shape(head, driver, photo, layout, options.strength, regions)
    region = _composite(portrait, shape, pose, layout)
    drawn = pose.project(shape.drawn)[:, :2]
    fill_mouth(region, portrait.surface.box, drawn, pose.scale, interior, layout)
    x0, y0, x1, y1 = portrait.surface.box
    canvas[y0:y1, x0:x1] = region


def _composite(portrait: Portrait, shape: AnimatedShape, pose: HeadPose, layout: PointLayout) -> Image:
    """The surface's box (h, w, 3) with the moved person before the background."""
    surface = portrait.surface
    box = surface.box
    at = warp.box_pixels(box)
    moved = at.copy()
    drawn, still = (pose.project(points)[:, :2] for points in (shape.drawn, shape.still))
    for opening in layout.openings:
        moved += warp.opening_shift(at, opening, drawn, still, pose.scale)
    nodes = surface.source_map(shape.still[layout.skin], pose)
    where = _enlarge(nodes, box, moved) - np.array(box[:2], np.float32)
    person = shut_lids(portrait.person, portrait.lids, shape.lids)
    seen = _sample(person, where)
    free = (255 - seen[..., 3:]).astype(np.uint16)
    mixed = seen[..., :3] + (portrait.behind * free + 127) // 255
    return np.asarray(np.minimum(mixed, 255), np.uint8)


def _enlarge(nodes: FloatArray, box: warp.Box, at: FloatArray) -> FloatArray:
    """What is known at nodes that are evenly spread over a box, at pixels (h, w, 2)."""
    counts = np.array(nodes.shape[1::-1], np.float32) - 1
    scale = counts / np.maximum([box[2] - 1 - box[0], box[3] - 1 - box[1]], 1).astype(np.float32)
    u, v = ((at[..., i] - np.float32(box[i])) * scale[i] for i in (0, 1))
    found = cv2.remap(nodes, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _sample(person: Image, where: FloatArray) -> Image:
    """A person's picture (H, W, 4) at its pixels (h, w, 2).

    Beyond the border hair and cloth go on mirrored, but only where the person reaches the border.
    """
    u, v = where[..., 0], where[..., 1]
    seen = cv2.remap(person, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    height, width = person.shape[:2]
    if u.min() < 0 or v.min() < 0 or u.max() > width - 1 or v.max() > height - 1:
        cover = cv2.remap(person[..., 3], u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        share = np.minimum(cover / np.maximum(seen[..., 3], 1).astype(np.float32), 1)
        seen = np.rint(seen * share[..., None])
    return np.asarray(seen, np.uint8)
