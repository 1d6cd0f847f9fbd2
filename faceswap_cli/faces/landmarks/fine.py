"""The closer look at eyes and mouth (`models/fine_landmarks`): where its crops lie, and what it puts right.

The network of all points sees an eye 13 pixels wide. Here each eye (the left one mirrored) and the mouth are
cut out of the picture itself, upright by the points found, and a small network answers with their points
anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.faces import geometry
from faceswap_cli.faces.face import Points
from faceswap_cli.faces.landmarks.dense import (
    EXPRESSION_NAMES,
    GROUPS,
    IBUG,
    MIRROR_DENSE,
    MIRROR_EXPRESSION,
    MIRROR_SIGN,
)
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.perception.fine_landmarks import (
    FineLandmarkConfig,
    FineLandmarkNetwork,
    PartNetwork,
)

_EYE_EXPRESSIONS = ("blink", "squint", "wide", "gaze_x", "gaze_y")
MOUTH_EXPRESSIONS = (
    "jaw_open", "smile_right", "smile_left", "frown_right", "frown_left", "pucker", "funnel", "press",
    "stretch", "upper_lip_up", "lower_lip_down",
)  # fmt: skip
"""Coefficients that say what mouth and jaw do."""

_UP = 0.05
"""Face units by which the middle of an eye's crop lies above that of its lids: the brow belongs to it."""


@dataclass(frozen=True)
class Part:
    """A part of the face that is looked at closely.

    Attributes:
        name: right_eye, left_eye or mouth.
        kind: the network for it: eye or mouth.
        numbers: (P,) its points among the dense ones, in the network's order.
        expressions: (E,) its coefficients among all, likewise.
        signs: (E,) by which they are multiplied.
        outline: points whose middle the crop lies around.
        mirrored: whether the crop is a mirror image.
    """

    name: str
    kind: str
    numbers: NDArray[np.int64]
    expressions: NDArray[np.int64]
    signs: NDArray[np.float64]
    outline: NDArray[np.int64]
    mirrored: bool = False


def _parts() -> tuple[Part, ...]:
    numbers = np.concatenate(
        [np.arange(36, 42), GROUPS["right_lids"], GROUPS["right_iris"], GROUPS["right_brow"][5:]]
    )
    told = np.array([EXPRESSION_NAMES.index(f"{name}_right") for name in _EYE_EXPRESSIONS])
    right = Part("right_eye", "eye", numbers, told, np.ones(len(told)), GROUPS["right_lids"])
    left = Part(
        "left_eye", "eye", MIRROR_DENSE[numbers], MIRROR_EXPRESSION[told], MIRROR_SIGN[told],
        GROUPS["left_lids"], mirrored=True,
    )  # fmt: skip
    numbers = np.concatenate([np.arange(48, IBUG), GROUPS["lips_outer"], GROUPS["lips_inner"]])
    told = np.array([EXPRESSION_NAMES.index(name) for name in MOUTH_EXPRESSIONS])
    mouth = Part("mouth", "mouth", numbers, told, np.ones(len(told)), GROUPS["lips_outer"])
    return right, left, mouth


PARTS = _parts()


def part_size(config: FineLandmarkConfig, part: Part) -> tuple[int, float]:
    """Side of a part's crop, in pixels and in face units."""
    eye = part.kind == "eye"
    return (config.eye_size, config.eye_side) if eye else (config.mouth_size, config.mouth_side)


def part_matrix(
    upright: NDArray[np.float64], dense: NDArray[np.floating], part: Part, size: int, side: float
) -> NDArray[np.float64]:
    """From the picture to the part's crop: (2, 3).

    Args:
        upright: (2, 3) from the picture to face units, which turns the face upright.
        dense: (222, 2 or 3) in pixels of the picture.
        part: which.
        size, side: of the crop, in pixels and face units.
    """
    scale = size / side
    middle = upright[:, :2] @ dense[part.outline, :2].mean(0)
    if part.kind == "eye":
        middle = middle - [0, _UP]
    linear, shift = upright[:, :2] * scale, (size - 1) / 2 - middle * scale
    if part.mirrored:
        linear[0], shift[0] = -linear[0], size - 1 - shift[0]
    return np.hstack([linear, shift[:, None]])


class FineLandmarker:
    """Puts the points of lids, irises and lips right.

    Args:
        network: `models/fine_landmarks`.
        device: where it is.
    """

    def __init__(self, network: FineLandmarkNetwork, device: torch.device) -> None:
        self._network, self._device = network, device

    def __call__(self, images: Sequence[Image], points: Sequence[Points]) -> list[Points]:
        """The same faces with finer points.

        Args:
            images: (H, W, 3) uint8 RGB, of each face the picture that it is in.
            points: what the first look said of it, with dense points.
        """
        if not points:
            return []
        known = [np.asarray(one.dense, np.float64) for one in points]
        uprights = [
            geometry.fit_similarity(one[geometry.INTERIOR, :2], geometry.MEAN_FACE[geometry.INTERIOR])
            for one in known
        ]
        dense = np.stack([np.asarray(one.dense, np.float32) for one in points])
        expression = np.stack([np.asarray(one.expression, np.float32) for one in points])
        spread = np.stack([np.asarray(one.spread, np.float32) for one in points])
        for network, parts in (
            (self._network.eye, PARTS[:2]),
            (self._network.mouth, PARTS[2:]),
        ):
            jobs = [(k, part) for part in parts for k in range(len(points))]
            size, side = part_size(self._network.config, parts[0])
            matrices = [part_matrix(uprights[k], known[k], part, size, side) for k, part in jobs]
            crops = np.stack(
                [geometry.warp(images[k], m, size) for (k, _), m in zip(jobs, matrices, strict=True)]
            )
            first = np.stack(
                [
                    geometry.transform(known[k][part.numbers, :2], m)
                    for (k, part), m in zip(jobs, matrices, strict=True)
                ]
            )
            told = np.stack([expression[k, part.expressions] * part.signs for k, part in jobs])
            found, wide, does = self._look(network, crops, first, told)
            for row, ((k, part), matrix) in enumerate(zip(jobs, matrices, strict=True)):
                back = geometry.invert(matrix)
                numbers, ibug = part.numbers, part.numbers < IBUG
                dense[k, numbers, :2] = geometry.transform(found[row], back)
                expression[k, part.expressions] = does[row] * part.signs
                spread[k, numbers[ibug]] = wide[row][ibug] * np.hypot(back[0, 0], back[1, 0])
        return [
            replace(one, landmarks=d[:IBUG, :2].copy(), spread=s, dense=d, expression=e)
            for one, d, s, e in zip(points, dense, spread, expression, strict=True)
        ]

    def _look(
        self,
        network: PartNetwork,
        crops: NDArray[np.uint8],
        first: NDArray[np.float64],
        told: NDArray[np.float64],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Points, their spread and coefficients of each crop."""
        with torch.inference_mode():
            out = network(
                torch.from_numpy(crops).to(self._device).permute(0, 3, 1, 2).float().div_(255),
                self._tensor(first),
                self._tensor(told),
            )
        return out.points.cpu().numpy(), out.spread.cpu().numpy(), out.expression.cpu().numpy()

    def _tensor(self, values: NDArray[np.floating]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self._device)
