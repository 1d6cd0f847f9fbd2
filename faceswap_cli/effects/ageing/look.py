"""What becomes of a face's skin and hair with age, beside what the network of changes says.

Wrinkles that are not there yet are drawn by a network of their own, and taken away by a filter; hair goes
grey through its whole matte; cheeks, lips and lids sink as the mean faces of the ages do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray

from faceswap_cli import zoo
from faceswap_cli.compositing.hair_extension import WIDE
from faceswap_cli.compositing.skin_detail import SkinDetail, find_lines, luma_logs
from faceswap_cli.effects.ageing.greying import (
    HairColours,
    apply_greying,
    average_hair,
    look_at_hair,
    plan_greying,
)
from faceswap_cli.effects.ageing.request import AgeChange, clamp_age
from faceswap_cli.effects.edit.parts import SIDE as HAIR_SIDE
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.age.prototype import WEIGHTS as AVERAGES
from faceswap_cli.faces.age.skin import skin_area
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, transform, warp
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import FineImage, Image
from faceswap_cli.networks.ageing.ageing import MOST_FLOW
from faceswap_cli.networks.ageing.change import Change
from faceswap_cli.networks.ageing.prototype import AgePrototype, Field, build_age_prototype, grid
from faceswap_cli.networks.ageing.wrinkles import BARENESS, DARK, WrinkleNetwork, build_wrinkle_network

WRINKLES = "wrinkles"
"""The network's folder in `models/`."""

DEEPER = 1.0
"""How much of what the network draws is drawn."""

SHAPES = 1.0
"""How much of the difference of two mean faces is added to what the network moves."""

COARSE = 48
"""Side in pixels that mean faces' differences are spread in: they are smooth."""

SMOOTH_YEARS, MOST_SMOOTH = 45.0, 0.75
"""A face that gets so much younger loses so much of its lines."""


@dataclass(frozen=True)
class AgedLook:
    """What is done to skin and hair.

    Attributes:
        lines: (L, L) float16 logarithms of luma, in the network's square.
        lines_side: side of that in face units.
        smooth: how much of its own lines is taken away.
        skin: (P, P) float16, see `skin_area`.
        hair: what it looks like.
        ages: the one it has, and the one it gets.
    """

    lines: NDArray[np.float16]
    lines_side: float
    smooth: float
    skin: NDArray[np.float16]
    hair: HairColours
    ages: tuple[float, float]

    def skin_detail(self) -> SkinDetail:
        """For `apply_change`."""
        lines, skin = self.lines.astype(np.float32), self.skin.astype(np.float32)
        return SkinDetail(lines, self.lines_side, self.smooth, skin, self.hair.parsed["hair"], HAIR_SIDE)

    def colour_hair(
        self, canvas: Image | FineImage, landmarks: FloatArray, most: int, strength: float
    ) -> None:
        """Change the hair's colour in a picture, in place; `most` pixels to the side of the face's square."""
        moves = plan_greying(self.hair, *self.ages, strength)
        apply_greying(canvas, landmarks, self.hair, moves, most / WIDE)


def average_looks(looks: Sequence[tuple[float, AgedLook]]) -> AgedLook:
    """The first one with the lines, skin and colours of all, by their weights: for a steady video."""
    first = looks[0][1]
    total = sum(weight for weight, _ in looks)
    lines, skin = (
        (sum(np.float32(weight) * getattr(one, name).astype(np.float32) for weight, one in looks) / total)
        for name in ("lines", "skin")
    )
    return replace(
        first,
        lines=np.asarray(lines, np.float16),
        skin=np.asarray(skin, np.float16),
        hair=average_hair([(weight, one.hair) for weight, one in looks]),
    )


@dataclass(frozen=True)
class LookAger:
    """Says what becomes of skin and hair.

    Attributes:
        wrinkles: draws lines.
        averages: whose shapes are carried.
        parser: says where skin and hair are.
        mark: what the answers depend on.
        device: where the networks are.
    """

    wrinkles: WrinkleNetwork
    averages: AgePrototype
    parser: FaceParser
    mark: str
    device: str = "cpu"

    def predict(
        self, faces: Sequence[tuple[Image, PlannedFace]], ages: Sequence[AgeChange], near: FloatArray
    ) -> list[AgedLook]:
        """What becomes of some faces.

        Args:
            faces: each with the image of its frame.
            ages: of each.
            near: (N, C, P, P) what the parser says of their squares.
        """
        config = self.wrinkles.config
        skins = skin_area(near)
        crops = [_cut(i, f.landmarks, config.size, config.side) for i, f in faces]
        shown = [_rescaled(skin, config.size, config.side) for skin in skins]
        bare = [_without_lines(*one, config.size / config.side) for one in zip(crops, shown, strict=True)]
        ends = [(clamp_age(age.source), age.target) for age in ages]
        source, target = torch.tensor(ends, dtype=torch.float32, device=self.device).T
        x = torch.from_numpy(np.stack(bare)).to(self.device).permute(0, 3, 1, 2).contiguous()
        skin = torch.from_numpy(np.stack(shown))[:, None].to(self.device)
        with torch.inference_mode():
            both = torch.cat([torch.maximum(source, target), source])
            there, here = self.wrinkles(x.repeat(2, 1, 1, 1), skin.repeat(2, 1, 1, 1), both).chunk(2)
            drawn = DEEPER * (there - here)[:, 0].cpu().numpy()
        hair = look_at_hair(self.parser, [(image, face.landmarks) for image, face in faces])
        return [
            AgedLook(
                drawn[k].astype(np.float16),
                config.side,
                float(np.clip((end[0] - end[1]) / SMOOTH_YEARS, 0, 1)) * MOST_SMOOTH,
                skins[k].astype(np.float16),
                hair[k],
                end,
            )
            for k, end in enumerate(ends)
        ]

    def reshape(
        self,
        change: Change,
        faces: Sequence[tuple[Image, PlannedFace]],
        side: float,
        ages: Sequence[AgeChange],
    ) -> Change:
        """A change whose flow moves faces as the mean faces of their ages differ, too.

        Args:
            change: of crops of `side` face units.
            faces: each with the image of its frame.
            side: see there.
            ages: of each.
        """
        ends = [(clamp_age(age.source), age.target) for age in ages]
        source, target = torch.tensor(ends, dtype=torch.float32, device=self.device).T
        shapes = self.averages.between(source, target, torch.full_like(source, 0.5)).shape
        points = np.stack([_in_units(face.landmarks) for _, face in faces])
        carry = Field(torch.from_numpy(points).to(shapes), grid(COARSE, side).to(shapes))
        moved = -SHAPES * carry(shapes).view(len(faces), COARSE, COARSE, 2).permute(0, 3, 1, 2)
        size = change.flow.shape[-2:]
        flow = change.flow + F.interpolate(moved, size, mode="bicubic", align_corners=False)
        return change._replace(flow=flow.clamp(-1.5 * MOST_FLOW, 1.5 * MOST_FLOW))


def load_look_ager(parser: FaceParser, device: str) -> LookAger:
    """With the bundled weights.

    Raises:
        UserError: they are missing or damaged.
    """
    wrinkles: WrinkleNetwork = zoo.shared_network(WRINKLES, build_wrinkle_network, device)
    averages: AgePrototype = zoo.shared_network(AVERAGES, build_age_prototype, device)
    marks = [str(zoo.card(name).facts["sha256"]) for name in (WRINKLES, AVERAGES)]
    return LookAger(wrinkles, averages, parser, " ".join(["", *marks]), device)


def _cut(image: Image, landmarks: ArrayLike, size: int, side: float) -> FloatArray:
    """An aligned crop (size, size, 3) in 0..1."""
    crop = warp(image, crop_matrix(landmarks, size, side), size)
    return np.asarray(crop, np.float32) / np.float32(255)


def _rescaled(skin: FloatArray, size: int, side: float) -> FloatArray:
    """Skin (P, P) of the parser's square in a smaller one of `side` face units and `size` pixels."""
    scale = size / side * face_parser.SIDE / face_parser.SIZE
    shift = (size - 1) / 2 - scale * (face_parser.SIZE - 1) / 2
    matrix = np.array([[scale, 0, shift], [0, scale, shift]])
    return np.asarray(cv2.warpAffine(skin, matrix, (size, size)), np.float32)


def _without_lines(crop: FloatArray, skin: FloatArray, scale: float) -> FloatArray:
    """A crop (S, S, 3) as the network wants it, at `scale` pixels to a face unit."""
    lines = np.float32(BARENESS) * find_lines(luma_logs(crop), skin, scale)
    return np.asarray((crop + np.float32(DARK)) * np.exp(-lines)[..., None] - np.float32(DARK), np.float32)


def _in_units(landmarks: ArrayLike) -> NDArray[np.float32]:
    """Landmarks (68, 2) in face units from the aligned square's middle."""
    to_units = np.asarray(crop_matrix(landmarks, 2, 2.0), np.float64)
    to_units[:, 2] -= 0.5
    return np.asarray(transform(np.asarray(landmarks, np.float64), to_units), np.float32)
