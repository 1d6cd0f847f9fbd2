"""What ages faces in tests: lighter by the year, by a parser that takes everything for skin."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from faceswap_cli.effects.ageing.render import FaceAger
from faceswap_cli.faces.age.estimator import AgeEstimate, AgeEstimator
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.networks.ageing.change import BANDS, Change

GROWN_UP = AgeEstimate(30.0, 8.0, 0.5, 0.01)


class Lighter:
    """An ager that lightens and warms by a hundredth for every year, and sharpens a little."""

    size, side = 64, 2.75

    def __call__(self, crops: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> Change:
        years = ((target - source) / 100)[:, None, None, None]
        warm = torch.tensor([1.0, 0.5, 0.2])[None, :, None, None]
        gain = 0.2 * years * torch.ones_like(crops[:, : len(BANDS)])
        return Change(years * warm * torch.ones_like(crops), gain, torch.zeros_like(crops[:, :2]))


class NoParser(FaceParser):
    """Takes everything for skin."""

    @property
    def mark(self) -> str:
        return "skin"

    def load(self) -> None:
        pass

    def probabilities(self, crops):
        found = np.zeros((len(crops), 9, 128, 128), np.float32)
        found[:, 1] = 1
        return found


AGER = FaceAger(Lighter(), NoParser(), "lighter")


@dataclasses.dataclass(frozen=True)
class Guess(AgeEstimator):
    """Knows the answer."""

    answer: AgeEstimate

    def estimate(self, image, landmarks):
        return [self.answer for _ in landmarks]
