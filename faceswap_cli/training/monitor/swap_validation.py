"""How good a run is by now, on faces it was never trained on.

Nothing here draws a random number or changes a weight: a training that is measured ends in the same weights
as one that is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.evaluation import metrics
from faceswap_cli.faces.face import Detection
from faceswap_cli.faces.geometry import STORED_SIDE, mean_face
from faceswap_cli.faces.identity.identity_encoder import IdentityEncoder, cut_chip, identity_distance
from faceswap_cli.faces.landmarks.compact import CompactLandmarker
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.media.frame import Image
from faceswap_cli.networks.swap.family import FaceModel
from faceswap_cli.networks.swap.renderer import Rendered
from faceswap_cli.training.data.augment import Samples, apply_colour, colour_transform
from faceswap_cli.training.data.dataset import OPPONENT, Faces, spread_indices
from faceswap_cli.training.data.train_val_split import Split
from faceswap_cli.training.engine.early_stopping import ProgressKind
from faceswap_cli.training.monitor.figures import LOSS, Figure
from faceswap_cli.training.objectives.losses import face_loss
from faceswap_cli.training.objectives.weights import LossWeights
from faceswap_cli.training.runs.settings import TARGET

MOST = 24
"""Faces of each side that are measured; of several people put on fewer each, at least LEAST."""
LEAST = 8

APART = 0.05
"""When A is hardly farther from B than B is from himself, a likeness says nothing."""

SWAP_FIGURES = (
    LOSS,
    Figure(
        "likeness",
        "Likeness to B",
        "0 %: looks as little like B as A does; 100 %: as much as real held-out frames of B",
        "likeness to B",
        best=+1,
        unit="share",
        low=0,
        tall=1,
        gain=ProgressKind(+1, 0.01, relative=False),
    ),
    Figure(
        "sharpness",
        "Sharpness",
        "detail inside the face; 100 %: as much as A's own frames",
        "of A's sharpness",
        best=+1,
        unit="share",
        low=0,
        settled=True,
        gain=ProgressKind(+1, 0.02, relative=True),
    ),
    # Not judged: landmarks are best before anything is swapped.
    Figure(
        "landmarks",
        "Expression and pose",
        "how far eyes, brows, nose and mouth lie from A's, in % of the eye distance: less is better",
        "off in expression",
        unit="percent",
        low=0,
        settled=True,
        ripe=True,
    ),
    Figure("mask"),
)
"""What a report shows of a validation."""


@dataclass(frozen=True)
class SwapFigures:
    """One person put on A's held-out faces; means over them, nan where nothing could be measured.

    Attributes:
        likeness: 0: as far from B as A is; 1: as near to B as B's own held-out faces.
        distance: of the descriptors to B, what `likeness` is made from; one person is below 0.5 to 0.6.
        landmarks: distance of the 51 interior points to A's, % of the inter-ocular distance.
        sharpness: Laplacian variance inside the face, of A's own. 1 is as sharp; median.
        mask: mean absolute difference between the drawn mask and A's, 0..1.
    """

    likeness: float
    distance: float
    landmarks: float
    sharpness: float
    mask: float


@dataclass(frozen=True)
class Validation:
    """Figures of one moment.

    Attributes:
        loss: mean of `rebuilt`.
        terms: the loss by its terms, mean over the people.
        rebuilt: loss of each person's held-out faces through his own decoder, by identity.
        swaps: by identity of the person put on.
    """

    loss: float
    terms: dict[str, float]
    rebuilt: dict[str, float]
    swaps: dict[str, SwapFigures]

    def to_json(self) -> dict[str, Any]:
        """Plain values: the means over the people put on, and each of them if there are several."""
        means = {
            name: _mean([getattr(one, name) for one in self.swaps.values()])
            for name in SwapFigures.__dataclass_fields__
        }
        people = {name: vars(one) for name, one in self.swaps.items()} if len(self.swaps) > 1 else {}
        line = {"loss": self.loss, **means, "terms": self.terms, "rebuilt": self.rebuilt}
        return line | ({"people": people} if people else {})


@dataclass(frozen=True)
class _Person:
    """Somebody put on.

    Attributes:
        faces: held out.
        pictures: (N, 3, R, R) of them in A's light, what the network was taught to rebuild.
        references: (K, 128) descriptors of the person in A's light.
        before: distance of A's own faces to them.
        own: distance of the person's own held-out faces to them.
    """

    faces: Faces
    pictures: Tensor
    references: NDArray[np.float32]
    before: float
    own: float


class SwapValidator:
    """Measures a model on what was held out. What does not change is worked out once.

    Args:
        splits: everybody's samples, by identity.
        weights: of the loss.
    """

    def __init__(self, splits: Mapping[str, Split], weights: LossWeights) -> None:
        self._weights = weights
        others = [identity for identity in splits if identity != TARGET]
        self._each = max(LEAST, MOST // max(len(others), 1))
        self._target = choose_some(splits[TARGET].held, self._each)
        device = str(splits[TARGET].held.device)
        self._landmarker, self._encoder = CompactLandmarker(device), IdentityEncoder(device)
        self._wide = _images(self._target.wide.float() / 255)
        self._points = self._landmarks(self._wide)
        self._originals = _images(self._target.target.float() / 255)
        self._descriptors = self._described(self._wide, self._points)
        light = mean_light(splits[TARGET].train)
        self._people = {identity: self._person(splits[identity], light) for identity in others}

    def measure(self, model: FaceModel) -> Validation:
        """All figures of a model: that with the averaged weights, which convert uses."""
        terms = {TARGET: self._rebuilt(model, TARGET, self._target, self._target.target.float() / 255)}
        for identity, person in self._people.items():
            terms[identity] = self._rebuilt(model, identity, person.faces, person.pictures)
        rebuilt = {identity: sum(one.values()) for identity, one in terms.items()}
        return Validation(
            loss=_mean(list(rebuilt.values())),
            terms={name: _mean([one[name] for one in terms.values()]) for name in terms[TARGET]},
            rebuilt=rebuilt,
            swaps={identity: self._swap(model, identity) for identity in self._people},
        )

    def _rebuilt(self, model: FaceModel, identity: str, faces: Faces, pictures: Tensor) -> dict[str, float]:
        """The loss of faces through their own decoder, by its terms; neither is warped."""
        drawn = model.renderer(identity)(pictures)
        mask, weight, free = (v.float() / 255 for v in (faces.mask, faces.weight, faces.free))
        samples = Samples(identity, pictures, pictures, mask, weight, free)
        return {name: float(value) for name, value in face_loss(drawn, samples, self._weights).items()}

    def _swap(self, model: FaceModel, identity: str) -> SwapFigures:
        target, person = self._target, self._people[identity]
        drawn = model.renderer(identity)(target.target.float() / 255)
        pasted = self._pasted(drawn)
        wide = _images(mean_inside(target.wide.float() / 255, pasted))
        points, images = self._landmarks(wide), _images(pasted)
        # Where A's face is, not where one is found: early on there is hardly a face to be found.
        far = _apart(self._described(wide, self._points), person.references)
        scale = person.before - person.own
        return SwapFigures(
            likeness=(person.before - far) / scale if scale > APART else math.nan,
            distance=far,
            landmarks=_mean(
                [metrics.landmark_distance(a, b) for a, b in zip(self._points, points, strict=True)]
            ),
            sharpness=self._sharpness(images),
            mask=float((drawn.mask - target.mask.float() / 255).abs().mean()),
        )

    def _pasted(self, drawn: Rendered) -> Tensor:
        """(N, 3, R, R): the drawn faces, in the colours of those they cover, over A's pictures."""
        pictures = self._target.target.float() / 255
        free, mask = self._target.free.float() / 255, self._target.mask.float() / 255
        mean, std = mean_colours(drawn.image, mask * free)
        wanted = self._target.mean, self._target.std
        image = apply_colour(
            drawn.image, *colour_transform(replace(self._target, mean=mean, std=std), wanted)
        ).clamp(0, 1)
        alpha = drawn.mask * free
        return image * alpha + pictures * (1 - alpha)

    def _sharpness(self, images: Sequence[Image]) -> float:
        margin = (self._wide[0].shape[0] - images[0].shape[0]) / 2
        ratios = [
            metrics.sharpness_inside(new, points - margin)
            / max(metrics.sharpness_inside(old, points - margin), 1e-6)
            for old, new, points in zip(self._originals, images, self._points, strict=True)
        ]
        known = [ratio for ratio in ratios if not math.isnan(ratio)]
        return float(np.median(known)) if known else math.nan

    def _person(self, split: Split, light: tuple[Tensor, Tensor]) -> _Person:
        faces, known = choose_some(split.held, self._each), choose_some(split.references, self._each)
        described = []
        for one in (faces, known):
            wide = _images(match_light(one, light, one.wide))
            described.append(self._described(wide, self._landmarks(wide)))
        own, references = described
        before = _apart(self._descriptors, references)
        return _Person(
            faces, match_light(faces, light, faces.target), references, before, _apart(own, references)
        )

    def _landmarks(self, images: Sequence[Image]) -> list[NDArray[np.float32]]:
        """(68, 2) of the face in each wide picture; looked for where alignment has put it."""
        size = images[0].shape[0]
        five = five_from_68(mean_face(size, STORED_SIDE)).astype(np.float32)
        box = np.array([0, 0, size, size], np.float32)
        found = self._landmarker(images, [[Detection(box, five, 1.0)] for _ in images])
        return [points[0].landmarks for points in found]

    def _described(
        self, images: Sequence[Image], points: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        return self._encoder.embed_chips(cut_chip(i, p) for i, p in zip(images, points, strict=True))


def choose_some(faces: Faces, most: int) -> Faces:
    """Up to `most` faces, evenly spread, on the CPU."""
    index = torch.tensor(list(spread_indices(len(faces), most)), device=faces.device)
    return faces.pick(index).to(torch.device("cpu"))


def mean_light(faces: Faces) -> tuple[Tensor, Tensor]:
    """Mean colour and contrast of a person's pictures, each (3,)."""
    return faces.mean.mean(0).cpu(), faces.std.mean(0).cpu()


def match_light(faces: Faces, light: tuple[Tensor, Tensor], pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) uint8 of faces in some light, in [0, 1]."""
    wanted = light[0].expand(len(faces), 3), light[1].expand(len(faces), 3)
    return apply_colour(pictures.float() / 255, *colour_transform(faces, wanted)).clamp(0, 1)


def mean_colours(pictures: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (N, 3) inside masks (N, 1, H, W), in OPPONENT coordinates."""
    values = pictures.permute(0, 2, 3, 1).flatten(1, 2) @ torch.from_numpy(OPPONENT.T)
    weights = masks.flatten(1)[..., None]
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
    mean = (values * weights).sum(1)
    return mean, (((values - mean[:, None]) ** 2) * weights).sum(1).sqrt()


def mean_inside(wide: Tensor, pictures: Tensor) -> Tensor:
    """Wide pictures with the network's square in their middle replaced."""
    size, margin = pictures.shape[-1], (wide.shape[-1] - pictures.shape[-1]) // 2
    whole = wide.clone()
    whole[..., margin : margin + size, margin : margin + size] = pictures
    return whole


def _apart(descriptors: NDArray[np.float32], references: NDArray[np.float32]) -> float:
    """Mean distance to the nearest quarter of the references: they show other poses too."""
    apart = identity_distance(descriptors[:, None], references[None])
    return float(np.quantile(apart, 0.25, axis=1).mean())


def _images(pictures: Tensor) -> list[Image]:
    """(N, 3, H, W) in [0, 1] to uint8 RGB."""
    values = pictures.clamp(0, 1).permute(0, 2, 3, 1).float().numpy()
    return [np.ascontiguousarray(image) for image in np.rint(values * 255).astype(np.uint8)]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
