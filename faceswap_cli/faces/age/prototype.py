"""Ageing by averages of faces, for crops of which nothing is known: finds landmarks, hair and sex in them.

The averages and how they are carried are in `networks/ageing/prototype.py`; docs/age.md says
how well it does.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.device import pick_device
from faceswap_cli.faces.age.estimator import AgeEstimator, frame_for_estimator
from faceswap_cli.faces.parsing import face_parser
from faceswap_cli.networks.ageing.change import Change, blur
from faceswap_cli.networks.ageing.prototype import AgePrototype, build_age_prototype
from faceswap_cli.networks.perception import dense_landmarks
from faceswap_cli.networks.perception.dense_landmarks import DenseLandmarkNetwork
from faceswap_cli.networks.perception.landmarks import POINTS, LandmarkNetwork
from faceswap_cli.networks.perception.parsing import CLASSES, ParsingNetwork, probabilities

WEIGHTS = "age_prototype"
"""The averages' folder in `models/`."""

SIZE, SIDE = 160, 2.75
"""Side of the crops in pixels and in face units."""

HAIR = CLASSES.index("hair")

THIN = 0.05
"""Standard deviation, in face units, of the Gaussian under which thin hair is lost."""


class PrototypeAger:
    """An `Ager` without a network of its own.

    Args:
        device: a `--device` value.

    Raises:
        UserError: the device is not here; the averages or the networks that look at faces are missing or
            damaged.
    """

    size, side = SIZE, SIDE

    def __init__(self, device: str = "cpu") -> None:
        self._device = str(pick_device(device))
        self._averages: AgePrototype = zoo.shared_network(WEIGHTS, build_age_prototype, self._device)
        self._look = CropAttributes(self._device)

    @torch.inference_mode()
    def __call__(self, crops: Tensor, source: Tensor, target: Tensor) -> Change:
        """See `networks.ageing.Ager`."""
        difference = self._averages.between(source, target, self._look.female(crops, SIDE))
        points, hair = self._look.landmarks(crops, SIDE), self._look.classes(crops, SIDE)[:, HAIR : HAIR + 1]
        change: Change = self._averages(crops, SIDE, points, is_broad(hair), difference)
        return change


def is_broad(hair: Tensor) -> Tensor:
    """Hair (B, 1, S, S) without its thin parts: along the edge of a shaven head the parser sees a line of it,
    which would become a bright one."""
    share = blur(hair, THIN * hair.shape[-1] / SIDE)
    return hair * ((share - 0.4) / 0.3).clamp(0, 1)


class CropAttributes:
    """What the tool's networks say of aligned crops (B, 3, S, S), RGB in [0, 1], of any size and side."""

    def __init__(self, device: str) -> None:
        self._points: LandmarkNetwork | DenseLandmarkNetwork = zoo.shared_network(
            "landmarks", dense_landmarks.build_either_landmark_network, device
        )
        self._parser: ParsingNetwork = zoo.shared_network(
            face_parser.NAME, face_parser.build_parsing_network, device
        )
        self._device = device

    @cached_property
    def _estimator(self) -> AgeEstimator:
        return AgeEstimator(self._device)

    def landmarks(self, crops: Tensor, side: float) -> Tensor:
        """(B, 68, 2) face units from the crops' middle."""
        config = self._points.config
        points = self._points(frame_for_estimator(crops, side, config.size, config.side)).points[:, :POINTS]
        units: Tensor = (points - (config.size - 1) / 2) * (config.side / config.size)
        return units

    def classes(self, crops: Tensor, side: float) -> Tensor:
        """(B, classes, S, S) probabilities, see `parsing.CLASSES`."""
        seen = probabilities(
            self._parser(frame_for_estimator(crops, side, face_parser.SIZE, face_parser.SIDE))
        )
        return frame_for_estimator(seen, face_parser.SIDE, crops.shape[-1], side)

    def female(self, crops: Tensor, side: float) -> Tensor:
        """(B,) 0..1."""
        return self._estimator.look(crops, side).female.sigmoid()
