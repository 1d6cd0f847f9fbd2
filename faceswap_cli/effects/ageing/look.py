"""What becomes of a face's skin and hair with age, beside what the network of changes says.

Folds that all get are drawn as averages of many faces have them; a face's own lines, found by a filter, get
deeper or are smoothed; hair goes grey through its whole matte; cheeks, lips and lids sink as the mean faces
of the ages do.
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
from faceswap_cli.compositing.masks import FloatMask
from faceswap_cli.compositing.quick_arrays import to_float, to_half
from faceswap_cli.compositing.skin_detail import SkinDetail
from faceswap_cli.effects.ageing.greying import (
    HairColours,
    apply_greying,
    average_hair,
    cut_hair,
    look_at_hair,
    plan_greying,
    without_beard,
)
from faceswap_cli.effects.ageing.neck import add_neck, age_neck, neck_share
from faceswap_cli.effects.ageing.request import AgeChange, clamp_age
from faceswap_cli.effects.ageing.spots import draw_spots, spot_share
from faceswap_cli.effects.edit.parts import SIDE as HAIR_SIDE
from faceswap_cli.effects.planned_faces import PlannedFace
from faceswap_cli.faces.age.prototype import WEIGHTS as AVERAGES
from faceswap_cli.faces.age.skin import skin_area
from faceswap_cli.faces.face import FloatArray
from faceswap_cli.faces.geometry import crop_matrix, transform
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.media.frame import FineImage, Image
from faceswap_cli.networks.ageing.ageing import MOST_FLOW
from faceswap_cli.networks.ageing.change import Change
from faceswap_cli.networks.ageing.line_averages import COARSE, LineAverages, build_line_averages
from faceswap_cli.networks.ageing.prototype import AgePrototype, Field, build_age_prototype, grid
from faceswap_cli.networks.ageing.wrinkles import WrinkleLayers, build_wrinkle_layers

LINES, WRINKLES = "age_lines", "age_wrinkles"
"""Folders in `models/` of the averages and of the layers of single faces."""

DEEPER = 2.8
"""How much deeper lines are drawn than they are on average: an average has them a little everywhere, a face
deeply in one place."""

WRINKLE_YEARS = (30.0, 40.0, 50.0, 60.0, 70.0, 80.0)
WRINKLE_SHARES = (0.0, 0.4, 0.95, 1.3, 1.75, 2.0)
"""How deep the wrinkles are at which age, in parts of those of the invented old."""

DEEPEST, BRIGHTEST = 0.55, 0.18
"""Logarithms of luma that no line that is drawn passes, dark and light: skin beside a fold shines a
little."""

MIDDLE_SKIN, AS_SEEN = 60.0, (0.8, 1.5)
"""Lightness (CIELAB) of skin on which lines are drawn as they are, and how much deeper they get at least and
at most: of one depth they are seen less on dark skin."""

SHALLOWER = 0.6
"""The same when faces get younger."""

SHAPES = 1.6
"""How much of the difference of two mean faces is added to what the network moves."""

SMOOTH_YEARS, MOST_SMOOTH = 25.0, 0.9
"""A face that gets so much younger loses so much of its own lines."""

DEEPEN_YEARS, MOST_DEEPER = 45.0, 1.0
"""A face that gets so much older gets its own lines deeper by so much of themselves."""


def change_own_lines(source: float, target: float) -> float:
    """By how much of themselves a face's own lines get deeper (above 0) or shallower."""
    if target >= source:
        return min((target - source) / DEEPEN_YEARS, 1.0) * MOST_DEEPER
    return -min((source - target) / SMOOTH_YEARS, 1.0) * MOST_SMOOTH


def _as_seen(light: float) -> float:
    """How much deeper lines are drawn on skin of a lightness, so that they look as deep as on other skin."""
    return float(np.clip(MIDDLE_SKIN / max(light, 1.0), *AS_SEEN))


def wrinkle_share(age: float) -> float:
    """How deep an age's wrinkles are, in parts of those of the invented old."""
    return float(np.interp(age, WRINKLE_YEARS, WRINKLE_SHARES))


@dataclass(frozen=True)
class AgedLook:
    """What is done to skin and hair.

    Attributes:
        lines: (L, L) float16 logarithms of luma, in the network's square.
        lines_side: side of that in face units.
        own: by how much of themselves its own lines get deeper, below 0 shallower.
        skin: (P, P) float16, see `skin_area`.
        hair: what it looks like.
        ages: the one it has, and the one it gets.
        variant: 0..1, see `request.AgeChange`.
    """

    lines: NDArray[np.float16]
    lines_side: float
    own: float
    skin: NDArray[np.float16]
    hair: HairColours
    ages: tuple[float, float]
    variant: float = 0.0

    def skin_detail(self) -> SkinDetail:
        """For `apply_change`."""
        lines, skin = to_float(self.lines), to_float(self.skin)
        return SkinDetail(lines, self.lines_side, self.own, skin, self.hair.parsed["hair"], HAIR_SIDE)

    def colour_hair(
        self, canvas: Image | FineImage, landmarks: FloatArray, most: int, strength: float
    ) -> None:
        """Change the hair's colour in a picture, and the neck, in place; `most` pixels to the side of the
        face's square."""
        moves = plan_greying(self.hair, *self.ages, strength)
        apply_greying(canvas, landmarks, self.hair, moves, most / WIDE)
        share = strength * neck_share(*self.ages)
        age_neck(canvas, landmarks, self.hair.parsed["neck"], HAIR_SIDE, share, self.variant)

    def add_hair(
        self, mask: FloatMask, image: Image, landmarks: FloatArray, most: int, strength: float
    ) -> None:
        """Add to a mask (H, W), in place, where `colour_hair` changes something."""
        for name in plan_greying(self.hair, *self.ages, strength):
            region = cut_hair(name, image, landmarks, self.hair, most / WIDE)
            if region is not None:
                x0, y0, x1, y1 = region.grid.box
                shown = cv2.resize(region.matte, region.grid.box_size, interpolation=cv2.INTER_LINEAR)
                np.maximum(mask[y0:y1, x0:x1], shown, out=mask[y0:y1, x0:x1])
        if strength * neck_share(*self.ages) > 0:
            add_neck(mask, landmarks, self.hair.parsed["neck"], HAIR_SIDE)


def average_looks(looks: Sequence[tuple[float, AgedLook]]) -> AgedLook:
    """The first one with the lines, skin and colours of all, by their weights: for a steady video."""
    first = looks[0][1]
    total = sum(weight for weight, _ in looks)
    lines, skin = (
        (sum(np.float32(weight) * to_float(getattr(one, name)) for weight, one in looks) / total)
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
        lines: of each age.
        wrinkles: of which everybody gets one layer.
        averages: whose shapes are carried.
        parser: says where skin and hair are.
        mark: what the answers depend on.
        device: where the networks are.
    """

    lines: LineAverages
    wrinkles: WrinkleLayers
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
        ends = [(clamp_age(age.source), age.target) for age in ages]
        source, target = torch.tensor(ends, dtype=torch.float32, device=self.device).T
        points = torch.from_numpy(np.stack([_in_units(face.landmarks) for _, face in faces])).to(source)
        hair = look_at_hair(self.parser, faces)
        hair = [without_beard(one) if age.female > 0.5 else one for one, age in zip(hair, ages, strict=True)]
        with torch.inference_mode():
            # A filter takes folds away that are there; only the rest of them is lightened.
            amount = torch.where(target > source, DEEPER, SHALLOWER)[:, None, None]
            wrinkles = self._wrinkle(points, ages, ends)
            shared = amount * self.lines(points, source, target)
            size = wrinkles.shape[1:]
            shared = F.interpolate(shared[:, None], size, mode="bilinear", align_corners=False)[:, 0]
            seen = torch.tensor([_as_seen(one.skin_light) for one in hair], device=self.device)
            lines = (shared + wrinkles) * seen.view(-1, 1, 1)
            most = torch.where(lines > 0, BRIGHTEST, DEEPEST)
            drawn = (most * torch.tanh(lines / most)).cpu().numpy()
        skins = to_half(skin_area(near))
        side = self.lines.config.side
        assert side == self.wrinkles.config.side
        return [
            AgedLook(to_half(drawn[k]), side, change_own_lines(*end), skins[k], hair[k], end, ages[k].variant)
            for k, end in enumerate(ends)
        ]

    def _wrinkle(
        self, points: torch.Tensor, ages: Sequence[AgeChange], ends: Sequence[tuple[float, float]]
    ) -> torch.Tensor:
        """(N, size, size) wrinkles and spots that faces of some `points` (N, 68, 2) get."""
        deeper = [max(0.0, wrinkle_share(target) - wrinkle_share(source)) for source, target in ends]
        shares = [spot_share(target) - spot_share(source) for source, target in ends]
        config = self.wrinkles.config
        own = [
            share * draw_spots(config.size, config.side, a.variant)
            for share, a in zip(shares, ages, strict=True)
        ]
        chosen = [self.wrinkles.choose(age.female, age.variant) for age in ages]
        drawn: torch.Tensor = self.wrinkles(
            points, chosen, deeper, torch.from_numpy(np.stack(own)).to(points)
        )
        return drawn

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
    lines: LineAverages = zoo.shared_network(LINES, build_line_averages, device)
    averages: AgePrototype = zoo.shared_network(AVERAGES, build_age_prototype, device)
    wrinkles: WrinkleLayers = zoo.shared_network(WRINKLES, build_wrinkle_layers, device)
    marks = [str(zoo.card(name).facts["sha256"]) for name in (LINES, WRINKLES, AVERAGES)]
    return LookAger(lines, wrinkles, averages, parser, " ".join(["", *marks]), device)


def _in_units(landmarks: ArrayLike) -> NDArray[np.float32]:
    """Landmarks (68, 2) in face units from the aligned square's middle."""
    to_units = np.asarray(crop_matrix(landmarks, 2, 2.0), np.float64)
    to_units[:, 2] -= 0.5
    return np.asarray(transform(np.asarray(landmarks, np.float64), to_units), np.float32)
