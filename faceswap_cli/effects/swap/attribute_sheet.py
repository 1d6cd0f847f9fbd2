"""What each attribute does to what a model draws: one is varied at a time, and the effect measured.

Pose and expression are varied as `convert` does it, by the view that the network is shown; the light, which
only a conditional model is told, in its code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.faces.face import Detection, Face
from faceswap_cli.faces.geometry import crop_matrix, mean_face, warp
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.dense import IBUG
from faceswap_cli.faces.landmarks.head_attributes import change_points, measure_points
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.faces.landmarks.repose import repose
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.conditional import ConditionalRenderer
from faceswap_cli.networks.swap.conditions import LIGHT, NUMBERS, TRAITS
from faceswap_cli.networks.swap.family import split_output
from faceswap_cli.networks.swap.renderer import Renderer

LEVEL = "roll"
"""What alignment takes away: a network never sees it."""

STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""How far an attribute is moved, in its own units: see `networks.swap.conditions`."""

LIGHTS = ("lightness", "warmth", "tint", "light from the side", "light from below")
"""What the rows of the light are called."""

CELL, LABEL = 144, 150
"""Side of a picture and width of a row's name, pixels."""


@dataclass(frozen=True)
class AttributeEffect:
    """What varying one of TRAITS did.

    Attributes:
        name: of it.
        own: its measured change for each unit that was asked for; 1 is as asked.
        other: the largest such change of another trait.
        which: that one's name.
    """

    name: str
    own: float
    other: float
    which: str


@torch.inference_mode()
def draw_attribute_sheet(image: Image, face: Face, renderer: Renderer) -> tuple[Image, list[AttributeEffect]]:
    """Draw a face with each attribute moved by STEPS.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: in it.
        renderer: draws it as somebody.

    Returns:
        the sheet, a row for each attribute, and what was measured of those that landmarks tell.
    """
    lines, effects = [], []
    for number, name in enumerate(TRAITS):
        if name == LEVEL:
            continue
        changes = [step * np.eye(len(TRAITS))[number] for step in STEPS]
        images = _drawn(renderer, [_view(image, face, change, renderer) for change in changes])
        lines.append(_line(name, images))
        effects.append(_effect(number, _measured(images, renderer.side)))
    if isinstance(renderer, ConditionalRenderer):
        matrix = crop_matrix(face.landmarks, renderer.size, renderer.side)
        lines += _lit(renderer, warp(image, matrix, renderer.size))
    return np.vstack([_head(), *lines]), effects


def _view(image: Image, face: Face, change: NDArray[np.float64], renderer: Renderer) -> Image:
    """The crop of a face with other attributes, as `steer` shows it to a network."""
    points = face.landmarks if face.dense is None else face.dense
    matrix = crop_matrix(change_points(points, change)[:IBUG, :2], renderer.size, renderer.side)
    return repose(image, points, change, matrix, renderer.size)


def _drawn(renderer: Renderer, crops: Sequence[Image]) -> list[Image]:
    return _images(renderer(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255).image)


def _lit(renderer: ConditionalRenderer, crop: Image) -> list[Image]:
    """The rows of the light."""
    code = renderer.model.encode(torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255)
    lines = []
    for number, name in enumerate(LIGHTS):
        asked = code.repeat(len(STEPS), 1)
        asked[:, number - LIGHT] += torch.tensor(STEPS)
        drawn = split_output(renderer.model.draw(asked, renderer.embedding.expand(len(STEPS), NUMBERS))).image
        lines.append(_line(name, _images(drawn)))
    return lines


def _effect(number: int, measured: NDArray[np.float64]) -> AttributeEffect:
    """Slopes of the measured traits (len(STEPS), len(TRAITS)) over what was asked of one."""
    slopes = np.polyfit(STEPS, measured, 1)[0]
    others = np.abs(slopes)
    others[number] = 0
    most = int(others.argmax())
    return AttributeEffect(TRAITS[number], float(slopes[number]), float(slopes[most]), TRAITS[most])


def _measured(images: Sequence[Image], side: float) -> NDArray[np.float64]:
    """(N, len(TRAITS)) read from drawn faces, which lie where alignment puts them."""
    size = images[0].shape[0]
    where = Detection(
        np.array([0, 0, size, size], np.float32), five_from_68(mean_face(size, side)).astype(np.float32), 1.0
    )
    found = [one[0] for one in CompactLandmarker()(list(images), [[where]] * len(images))]
    return np.array(
        [measure_points(one.landmarks if one.dense is None else one.dense) for one in found], np.float64
    )


def _images(pictures: Tensor) -> list[Image]:
    values = pictures.permute(0, 2, 3, 1).mul(255).round().to(torch.uint8)
    return list(np.ascontiguousarray(values.cpu().numpy()))


def _line(name: str, images: Sequence[Image]) -> Image:
    cells = [cv2.resize(i, (CELL, CELL), interpolation=cv2.INTER_CUBIC) for i in images]
    label = np.full((CELL, LABEL, 3), 255, np.uint8)
    _write(label, name, (6, CELL // 2))
    return np.hstack([label, *cells])


def _head() -> Image:
    bar = np.full((26, LABEL + CELL * len(STEPS), 3), 255, np.uint8)
    for number, step in enumerate(STEPS):
        _write(bar, f"{step:+g}" if step else "as it is", (LABEL + number * CELL + 6, 18))
    return bar


def _write(picture: Image, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40,) * 3, 1, cv2.LINE_AA)
