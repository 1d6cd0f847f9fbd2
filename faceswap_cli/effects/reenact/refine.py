"""The refiner's eyes and hands: what it is shown of a drawn face, and its change carried to the frame's
pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli import zoo
from faceswap_cli.effects.reenact.layout import PointLayout, Points
from faceswap_cli.effects.reenact.warp import Box, FloatArray, crop_to_box
from faceswap_cli.networks.reenact.refiner import (
    PICTURES,
    Refinement,
    RefinerConfig,
    apply_refinement,
    build_refiner_network,
)

WEIGHTS = "refiner"

LID_REACH = 0.05
"""Face units around an eye's aperture within which paint may be."""


@dataclass(frozen=True)
class RefinerView:
    """What the refiner sees of a face, at its own resolution.

    Attributes:
        pictures: (S, S, PICTURES) float32: the drawn face in its light (3), the frame (3), how surely the
            photo shows skin, where the face shows, the hole between the lips, distances from lids and from
            lips, x and y of the normals, folds, and whether folds are known.
        expressions: (2, E) coefficients of the photo and of the target.
        paintable: (S, S) in [0, 1] where paint may be.
    """

    pictures: FloatArray
    expressions: FloatArray
    paintable: FloatArray


@dataclass(frozen=True)
class FaceChange:
    """What the refiner said of one face, and where it saw it.

    Attributes:
        change: of a batch of one.
        paintable: (S, S) in [0, 1].
        matrix: (2, 3) from frame pixels to the refiner's.
    """

    change: Refinement
    paintable: FloatArray
    matrix: NDArray[np.float64]


def average_light(changes: Sequence[FaceChange], weights: Sequence[float], own: FaceChange) -> FaceChange:
    """One face's change with the light of those around it in time; paint is its own: mouths move fast."""
    total = max(sum(weights), 1e-9)

    def mean(part: str) -> torch.Tensor:
        values = [w / total * getattr(one.change, part) for w, one in zip(weights, changes, strict=True)]
        return torch.stack(values).sum(0)

    return replace(own, change=own.change._replace(light=mean("light"), colour=mean("colour")))


def show_face(
    patches: FloatArray,
    points: Points,
    expressions: FloatArray,
    matrix: NDArray[np.float64],
    box: Box,
    layout: PointLayout,
    config: RefinerConfig,
) -> RefinerView:
    """What the refiner is shown.

    Args:
        patches: (H, W, 13) over a box of the frame: the lit face (3), the frame (3), the photo's cover, where
            the face shows, the hole between the lips, x and y of the normals, folds, whether they are known.
        points: (N, 2) frame pixels of the drawn face.
        expressions: (2, E).
        matrix: (2, 3) from frame pixels to the refiner's.
        box: the frame's.
        layout: what the points are.
        config: of the network.
    """
    size = config.size
    local = crop_to_box(matrix, box)
    shrink = float(np.hypot(local[0, 0], local[1, 0]))

    def seen(patch: FloatArray) -> FloatArray:
        soft: Any = patch
        if shrink < 0.9:
            soft = cv2.GaussianBlur(patch, (0, 0), 0.4 * float(np.sqrt(1 / shrink**2 - 1)))
        return np.asarray(cv2.warpAffine(soft, local, (size, size), flags=cv2.INTER_LINEAR), np.float32)

    there = points @ matrix[:, :2].T + matrix[:, 2]
    unit = size / config.side
    lids = np.min([_distance(there[list(eye.outline)], size, unit) for eye in layout.eyes], axis=0)
    lips = _distance(there[[*layout.mouth.above, *layout.mouth.below[::-1]]], size, unit)
    small = np.dstack([seen(patches[..., k : k + 4]) for k in range(0, patches.shape[2], 4)])
    cover, shows, hole = (small[..., channel] for channel in (6, 7, 8))
    pictures = np.dstack([small[..., :9], lids, lips, small[..., 9:]])
    assert pictures.shape[2] == PICTURES
    near_lids = np.clip(1 - lids * 0.5 / LID_REACH, 0, 1)
    paintable = shows * np.maximum(np.maximum(hole, near_lids), 1 - cover)
    return RefinerView(
        np.asarray(pictures, np.float32),
        np.asarray(expressions, np.float32),
        np.asarray(paintable, np.float32),
    )


def _distance(polygon: Points, size: int, unit: float) -> FloatArray:
    """(S, S) distance from a polygon, 1 for half a face unit and beyond, 0 inside."""
    mask = np.ones((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon * 16).astype(np.int32)], 0, shift=4)
    apart = cv2.distanceTransform(mask, cv2.DIST_L2, 5) / (0.5 * unit)
    return np.asarray(np.minimum(apart, 1), np.float32)


def refiner_key() -> str:
    """What the refiner's answers depend on."""
    return str(zoo.card(WEIGHTS).facts["sha256"])


class Refiner:
    """The bundled refiner.

    Args:
        device: a torch device's name.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._network = zoo.shared_network(WEIGHTS, build_refiner_network, device)
        self.config: RefinerConfig = self._network.config

    def __call__(self, view: RefinerView) -> Refinement:
        """The change of one face."""
        with torch.inference_mode():
            pictures = torch.from_numpy(view.pictures).permute(2, 0, 1)[None].to(self._device)
            told = torch.from_numpy(view.expressions)[None].to(self._device)
            change: Refinement = self._network(pictures, told)
        return Refinement(*(part.float().cpu() for part in change))


def carry(said: FaceChange, drawn: FloatArray, box: Box) -> tuple[FloatArray, FloatArray]:
    """A drawn face (H, W, 3) of a box of the frame, changed, and where it is painted (H, W)."""
    side = said.paintable.shape[0]
    local = crop_to_box(said.matrix, box)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def wide(part: torch.Tensor) -> torch.Tensor:
        """A part of the change at the box's pixels."""
        picture = np.ascontiguousarray(part[0].permute(1, 2, 0).numpy())
        factor = picture.shape[0] / side
        # Pixel centres: x_small = (x + .5) * factor - .5
        small = local * factor
        small[:, 2] += 0.5 * factor - 0.5
        found = cv2.warpAffine(
            picture, small, drawn.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return torch.from_numpy(found.reshape(*drawn.shape[:2], -1)).permute(2, 0, 1)[None]

    parts = Refinement(*(wide(part) for part in said.change))
    picture = torch.from_numpy(np.ascontiguousarray(drawn)).permute(2, 0, 1)[None]
    done, share = apply_refinement(picture, parts, wide(torch.from_numpy(said.paintable)[None, None]))
    return np.asarray(done[0].permute(1, 2, 0).numpy(), np.float32), np.asarray(share[0, 0].numpy())
