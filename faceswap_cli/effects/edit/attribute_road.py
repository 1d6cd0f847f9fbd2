"""The road of the hidden vector: a network says how a face with another attribute differs.

The average difference in shape is made first, by the road of shape; what the network adds is light, colour,
detail and small moves, inside the face alone: hair, temples and what is around them stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from faceswap_cli import zoo
from faceswap_cli.compositing.apply_change import measure_colourfulness, pack_change
from faceswap_cli.compositing.part_matte import to_unit_range
from faceswap_cli.compositing.region_grid import RegionGrid, grid_around
from faceswap_cli.effects.reenact import warp as point_warp
from faceswap_cli.effects.reenact.layout import Points, face_layout
from faceswap_cli.effects.reenact.warp import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder
from faceswap_cli.faces.parsing.face_parser import FACE, SIZE, FaceParser, class_share
from faceswap_cli.media.frame import FineImage, Image
from faceswap_cli.networks.ageing.attributes import AttributeNetwork, build_attribute_network
from faceswap_cli.networks.ageing.change import Change, carry_change

WEIGHTS = "attributes"
"""In the zoo."""

SHAPE = 1.25
"""How much of the average difference in shape is made: less is hardly seen on single faces."""

EDGE = 0.11
"""Standard deviation in face units over which a change ends beside the inner face."""

SOFT = 1.2
"""Of the parser's mask, in its pixels."""

FINEST = 320.0
"""Pixels to a face unit that a change is carried in, at most."""


@cache
def load_attributes() -> AttributeNetwork:
    """The bundled network.

    Raises:
        UserError: its weights are missing or damaged.
    """
    network: AttributeNetwork = zoo.shared_network(WEIGHTS, build_attribute_network, "cpu")
    return network


def shape_step(name: str, step: float) -> Points:
    """(N, 3) what is added to a head's points for a step of an attribute, in face units."""
    network = load_attributes()
    place = network.attributes.names.index(name)
    return np.asarray(SHAPE * step * network.shape[place].double().numpy(), np.float64)


def read_attribute(name: str, image: Image, landmarks: NDArray[np.floating]) -> float:
    """What an attribute of a face is, 0..1, by its identity's descriptor."""
    network = load_attributes()
    descriptor = torch.from_numpy(IdentityEncoder().embed(image, [landmarks])).float()
    with torch.inference_mode():
        return float(network.read(descriptor)[0, network.attributes.names.index(name)])


def ask_network(
    parser: FaceParser, faces: Sequence[tuple[Image, NDArray[np.floating], Points, Points, float]]
) -> list[FloatArray]:
    """How some faces change, once their shapes are changed.

    Args:
        parser: says what is face.
        faces: of each the image, the landmarks (68, 2), the layout's points (N, 2) as they are and as they
            are drawn, all in pixels, and the step of the attribute.

    Returns:
        (S, S, 9) of each: residual, gains and flow in the network's square, and where they are made, 0..1.
    """
    network = load_attributes()
    size, side = network.size, network.side
    crops, areas = [], []
    for image, landmarks, own, drawn, _ in faces:
        matrix = crop_matrix(landmarks, size, side)
        goal = drawn @ matrix[:, :2].T + matrix[:, 2]
        crop = warp(image, matrix, size)
        crops.append(move_crop(crop, own @ matrix[:, :2].T + matrix[:, 2], goal))
        areas.append(attribute_area(goal, size, size / side))
    small = [cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for crop in crops]
    shown = class_share(parser.probabilities([np.asarray(one, np.uint8) for one in small]), FACE)
    light = np.stack(crops).astype(np.float32) / np.float32(255)
    x = torch.from_numpy(light).permute(0, 3, 1, 2).contiguous()
    step = torch.tensor([[one[4]] for one in faces])
    aside = x.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    with torch.inference_mode():
        both = network.change(torch.cat([x, x.flip(3)]), step.repeat(2, 1))
        plain, turned = (Change(*parts) for parts in zip(*(part.chunk(2) for part in both), strict=True))
    # Half of what it would do to one side of everybody's face alone is not done.
    change = Change(
        (plain.residual + turned.residual.flip(3)) / 2,
        (plain.gain + turned.gain.flip(3)) / 2,
        (plain.flow + turned.flow.flip(3) * aside) / 2,
    )
    found = pack_change(change, [measure_colourfulness(one) for one in light])
    return [
        np.dstack([one, _enlarged(cv2.GaussianBlur(face, (0, 0), SOFT), size) * area])
        for one, face, area in zip(found, shown, areas, strict=True)
    ]


def apply_attribute(
    canvas: Image | FineImage, landmarks: ArrayLike, change: FloatArray
) -> NDArray[np.bool_] | None:
    """Carry a change onto a face, in place.

    Args:
        canvas: (H, W, 3) RGB in 0..255, its shapes changed already.
        landmarks: (68, 2) pixels, of the face as it was.
        change: (S, S, 9), see `ask_network`.

    Returns:
        (H, W) where it was made; None if nothing of the face is in the picture.
    """
    side = load_attributes().side
    grid = grid_around(landmarks, canvas.shape, side / 2)
    if grid is None:
        return None
    grid = grid.at_most(FINEST)
    picture = to_unit_range(grid.cut(canvas))
    fields = _placed(change, side, grid)
    turn = np.asarray(grid.matrix[:, :2] * grid.unit, np.float32)
    flow = cv2.transform(np.ascontiguousarray(fields[..., 6:8]), turn.T)
    mask = np.where(fields[..., 8] > 1 / 255, fields[..., 8], 0).astype(np.float32)
    with torch.inference_mode():
        x, *parts, where = (
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(one, -1, 0)))[None]
            for one in (picture, fields[..., :3], fields[..., 3:6], flow, mask[..., None])
        )
        new = carry_change(x, Change(*parts), where, grid.size[0] / grid.unit, "bicubic", noisy=True)
        difference = np.moveaxis((new - x).mul_(255)[0].numpy(), 0, -1)
    grid.add(canvas, np.ascontiguousarray(difference, np.float32))
    x0, y0, x1, y1 = grid.box
    made = np.zeros(canvas.shape[:2], np.bool_)
    made[y0:y1, x0:x1] = (
        cv2.resize((mask > 0).astype(np.float32), grid.box_size, interpolation=cv2.INTER_LINEAR) > 0
    )
    return made


def move_crop(crop: Image, own: Points, goal: Points) -> Image:
    """An aligned crop (S, S, 3) with the layout's points (N, 2) moved; its border stays."""
    skin, size = face_layout().skin, crop.shape[0]
    edge = np.linspace(0, size - 1, 9)
    rim = np.array([(x, y) for x in edge for y in edge if x in edge[[0, -1]] or y in edge[[0, -1]]])
    box = (0, 0, size, size)
    nodes = point_warp.grid_points(box)
    spline = point_warp.fit_spline(np.vstack([goal[skin], rim]), np.vstack([own[skin], rim]))
    step = (spline(nodes) - nodes).reshape(point_warp.NODES, point_warp.NODES, 2).astype(np.float32)
    at = point_warp.box_pixels(box)
    source = at + point_warp.enlarge(step, box, at)
    moved = cv2.remap(crop, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def inner_face(points: NDArray[np.floating], size: int, soft: float, grow: float = 1.0) -> FloatArray:
    """(size, size) in 0..1: a face without temples and the forehead's edge, where hair is.

    Args:
        points: (N, 2) the layout's, in pixels.
        size: of the picture.
        soft: standard deviation of its edge in pixels.
        grow: times its size.
    """
    mean = face_layout().head.mean
    below = mean[:, 1] > -0.8
    within = np.abs(mean[:, 0]) < np.where(mean[:, 1] < 0, 0.67, 0.9)
    hull = cv2.convexHull(np.asarray(points, np.float32)[below & within])[:, 0]
    middle = hull.mean(0)
    drawn = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(drawn, np.rint((middle + (hull - middle) * grow) * 16).astype(np.int32), 255, shift=4)
    return cv2.GaussianBlur(drawn, (0, 0), soft).astype(np.float32) / np.float32(255)


def attribute_area(points: NDArray[np.floating], size: int, unit: float) -> FloatArray:
    """(size, size) in 0..1: how much of a change is made; points (N, 2) in pixels, `unit` to a face unit."""
    return np.asarray((1.7 * inner_face(points, size, EDGE * unit)).clip(0, 1), np.float32)


def _enlarged(values: NDArray[np.floating], size: int) -> FloatArray:
    return np.asarray(cv2.resize(values, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


def _placed(values: FloatArray, side: float, grid: RegionGrid) -> FloatArray:
    """Values (S, S, C) of an aligned square in a grid's pixels; 0 beyond it."""
    matrix, flags = grid.to_crop(values.shape[0], side), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    parts = [
        cv2.warpAffine(np.ascontiguousarray(values[..., k : k + 3]), matrix, grid.size, flags=flags)
        for k in range(0, values.shape[2], 3)
    ]
    return np.asarray(np.dstack(parts), np.float32)
