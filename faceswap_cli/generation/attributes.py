"""What a picture of a head shows, in numbers, and how these go with a generator's styles.

Numbers are read by the tool's own estimators. Those of many drawn pictures are regressed onto the noise
that they were drawn from (Y. Shen et al., Interpreting the latent space of GANs for semantic face editing,
CVPR 2020), and a step in noise is found that changes what is asked for and, as far as can be, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli import zoo
from faceswap_cli.device import pick_device
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import FaceAnalyser, build_analyser
from faceswap_cli.faces.geometry import crop_matrix, interocular, transform, warp
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import SIDE, SIZE, FaceParser
from faceswap_cli.generation.sampling import PictureGenerator
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.networks.perception.parsing import CLASSES

READ = (
    "age", "female", "smile", "mouth_open", "yaw", "pitch", "light", "skin", "hair_light", "hair_red",
    "hair_yellow", "hair_length", "hair_amount", "beard", "glasses", "width",
)  # fmt: skip
"""What is read: years; log odds of a woman; coefficients of expression; degrees; how much lighter the left
half of the face is in the picture than its right (CIELAB); lightness of skin; hair in CIELAB; hair beside the
jaw and above the brows, and glasses, in square face units; how much darker the chin is than the cheeks; the
jaw's width over the face's height."""

FIRM, GENTLE = 6.0, 1.0
"""How much a step heeds what is asked for, and what is not, against being short."""

FAR = 1.0
"""A picture's noise is at most so many times as long as usual: beyond it no head that was learnt from looks
so, and a wish for red hair paints all of it red."""

SOFT = 20.0
"""Of the regression: strength of its prior, in pictures."""

Values = NDArray[np.float32]


PARTS = ("middle", "spread", "slope", "explained")
"""Of AttributeDirections, as they are kept."""


class AttributeReader:
    """Reads the largest face of pictures.

    Args:
        device: a `--device` value.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device

    def __call__(self, image: Image) -> Values | None:
        """(len(READ),) of a picture (H, W, 3); None without a face."""
        faces = self._analyser.find([Frame(0, 0.0, image)])[0]
        return (
            self._read(image, max(faces, key=lambda face: float(face.box[3] - face.box[1])))
            if faces
            else None
        )

    def _read(self, image: Image, face: Face) -> Values:
        points = np.asarray(face.landmarks, np.float64)
        [years] = self._ages.estimate(image, [points])
        female = float(np.clip(years.female, 0.002, 0.998))
        matrix = crop_matrix(points, SIZE, SIDE)
        crop, own = warp(image, matrix, SIZE), transform(points, matrix)
        lab = np.asarray(cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
        [shares] = self._parser.probabilities([crop])
        look = _read_colours(lab, shares, own)
        yaw, pitch, _ = estimate_pose(points)
        told = {} if face.expression is None else dict(zip(EXPRESSION_NAMES, face.expression, strict=True))
        height = np.linalg.norm(own[8] - own[27]) / interocular(own)
        found = {
            "age": years.age,
            "female": np.log(female / (1 - female)),
            "smile": float(told.get("smile_right", 0) + told.get("smile_left", 0)) / 2,
            "mouth_open": float(told.get("jaw_open", 0)),
            "yaw": yaw,
            "pitch": pitch,
            "width": np.linalg.norm(own[4] - own[12]) / interocular(own) / height,
            **look,
        }
        return np.array([found[name] for name in READ], np.float32)

    @cached_property
    def _analyser(self) -> FaceAnalyser:
        return build_analyser(device=self._device)

    @cached_property
    def _ages(self) -> AgeEstimator:
        return AgeEstimator(self._device)

    @cached_property
    def _parser(self) -> FaceParser:
        return FaceParser(str(pick_device(self._device)))


def _read_colours(
    lab: NDArray[np.float32], shares: NDArray[np.float32], points: NDArray[np.float64]
) -> dict[str, float]:
    """What the parser's square (SIZE, SIZE, 3) in CIELAB tells, with landmarks in its pixels."""
    y, x = np.indices(lab.shape[:2])
    skin, hair = shares[CLASSES.index("skin")], shares[CLASSES.index("hair")]
    middle, eyes, mouth, chin = points[27:31, 0].mean(), points[36:48, 1].mean(), points[62, 1], points[8, 1]

    def mean(where: NDArray[np.float32], channel: int = 0, usual: float = 50.0) -> float:
        weight = float(where.sum())
        return float((lab[..., channel] * where).sum() / weight) if weight > 5 else usual

    cheeks = skin * ((y > eyes + 3) & (y < mouth - 6))
    below = skin * ((y > mouth + 2) & (y < chin - 2) & (np.abs(x - middle) < 18))
    unit = interocular(points) ** 2
    return {
        "light": mean(cheeks * (x < middle)) - mean(cheeks * (x >= middle)),
        "skin": mean(cheeks),
        "hair_light": mean(hair, 0, 30.0),
        "hair_red": mean(hair, 1, 5.0),
        "hair_yellow": mean(hair, 2, 10.0),
        "hair_length": float((hair * (y > mouth)).sum() / unit),
        "hair_amount": float((hair * (y < points[17:27, 1].min())).sum() / unit),
        "beard": mean(cheeks) - mean(below, 0, mean(cheeks)),
        "glasses": float(shares[CLASSES.index("glasses")].sum() / unit),
    }


@dataclass(frozen=True)
class AttributeDirections:
    """How attributes go with noise: value = middle + slope @ noise, about.

    Attributes:
        middle, spread: (A,) mean and standard deviation among drawn pictures.
        slope: (A, N).
        explained: (A,) share of the variance that noise explains, on pictures that it was not learnt from.
    """

    middle: Tensor
    spread: Tensor
    slope: Tensor
    explained: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """By name, to be kept."""
        return {
            "middle": self.middle,
            "spread": self.spread,
            "slope": self.slope,
            "explained": self.explained,
        }

    def step(self, wanted: Mapping[str, float]) -> Tensor:
        """(N,) what is added to noise so that attributes change by so much and others stay, about.

        Args:
            wanted: changes, in each attribute's own unit.
        """
        slope = self.slope / self.spread[:, None]
        change = torch.zeros(len(READ))
        weight = torch.full((len(READ),), GENTLE)
        for name, value in wanted.items():
            number = READ.index(name)
            change[number] = value / self.spread[number]
            weight[number] = FIRM
        heavy = slope.T * weight
        found: Tensor = torch.linalg.solve(heavy @ slope + torch.eye(slope.shape[1]), heavy @ change)
        return found

    def predict(self, noise: Tensor) -> Tensor:
        """(A,) values of noise (N,)."""
        found: Tensor = self.middle + self.slope @ noise
        return found


def load_directions(name: str) -> AttributeDirections:
    """Those of a bundled generator.

    Raises:
        UserError: its weights are missing or damaged.
    """
    weights = zoo.tensors(name)
    return AttributeDirections(*(weights[f"attributes.{part}"] for part in PARTS))


def shorten(noise: Tensor) -> Tensor:
    """Noise (N,) that is no longer than FAR times what is usual."""
    found: Tensor = noise * min(1.0, FAR * len(noise) ** 0.5 / max(float(noise.norm()), 1e-6))
    return found


def read_attributes(
    generator: PictureGenerator, seeds: Sequence[int], truncation: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Noise (M, N) and attributes (M, A) of a generator's own pictures, those that show a face."""
    reader, kept, values = AttributeReader(), [], []
    for seed in seeds:
        [picture] = generator.draw([seed], truncation)
        found = reader(picture)
        if found is not None:
            kept.append(seed)
            values.append(found)
    return generator.noise(kept) * truncation, torch.from_numpy(np.stack(values))


def learn_directions_of(noise: Tensor, values: Tensor) -> AttributeDirections:
    """Ridge regression of attributes (M, A) onto noise (M, N); every fifth picture tells how good it is."""
    told = torch.arange(len(noise)) % 5 == 0

    def fit(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, y = noise[rows], values[rows]
        middle, spread = y.mean(0), y.std(0).clamp(min=1e-4)
        normal = x.T @ x + SOFT * torch.eye(x.shape[1])
        return middle, spread, torch.linalg.solve(normal, x.T @ (y - middle)).T

    middle, _, slope = fit(~told)
    left = values[told] - middle - noise[told] @ slope.T
    explained = 1 - left.square().mean(0) / (values[told] - values[told].mean(0)).square().mean(0).clamp(
        min=1e-8
    )
    middle, spread, slope = fit(torch.ones_like(told))
    return AttributeDirections(middle, spread, slope, explained)
