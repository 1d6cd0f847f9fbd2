"""Faces of known age in batches: the ages they shall get, and real faces that look like that."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.networks.ageing.ageing import LEAST_AGE, MOST_AGE
from faceswap_cli.training.engine.parallel import WHOLE, Share

FAR = 20.0
"""Half of the faces get an age at least so many years away: small steps are easy and many."""

NEAR = 3.0
"""A real face of an age is one that is at most so many years off, if there is any."""

TURN, SIZES, SHIFT = 3.0, 0.04, 0.015
"""Standard deviations of a view's turn (degrees), size (logarithm) and shift (share of the side)."""

AHEAD = 2
"""Batches that are made while the network is at one."""


class AgedFaces(Protocol):
    """N aligned faces whose ages are known."""

    @property
    def age(self) -> NDArray[np.float64]:
        """(N,) years."""
        ...

    @property
    def female(self) -> NDArray[np.float64]:
        """(N,) 1, 0, or 0.5 where nobody knows."""
        ...

    @property
    def side(self) -> float:
        """Of the crops in face units."""
        ...

    def crop(self, index: int) -> NDArray[np.uint8]:
        """(S, S, 3) RGB."""
        ...

    def mask(self, index: int) -> NDArray[np.uint8]:
        """(M, M) of the square of `mask_side` face units round the same middle: 255 where it may change."""
        ...

    @property
    def share(self) -> NDArray[np.float64]:
        """(N,) how often each comes up beside others of its age and sex."""
        ...

    @property
    def mask_side(self) -> float:
        """Side of the masks in face units."""
        ...


@dataclass(frozen=True)
class AgedFacesPart:
    """Some of N faces.

    Attributes:
        faces: all of them.
        rows: (M,) which.
    """

    faces: AgedFaces
    rows: NDArray[np.int64]

    @property
    def age(self) -> NDArray[np.float64]:
        """(M,) years."""
        return self.faces.age[self.rows]

    @property
    def female(self) -> NDArray[np.float64]:
        """(M,) 1, 0, or 0.5 where nobody knows."""
        return self.faces.female[self.rows]

    @property
    def share(self) -> NDArray[np.float64]:
        """(M,) how often each comes up beside others of its age and sex."""
        return self.faces.share[self.rows]

    @property
    def side(self) -> float:
        """Of the crops in face units."""
        return self.faces.side

    @property
    def mask_side(self) -> float:
        """Of the masks in face units."""
        return self.faces.mask_side

    def crop(self, index: int) -> NDArray[np.uint8]:
        """(S, S, 3) RGB."""
        return self.faces.crop(int(self.rows[index]))

    def mask(self, index: int) -> NDArray[np.uint8]:
        """(M, M): 255 where it may change."""
        return self.faces.mask(int(self.rows[index]))


def hold_out_ages(
    faces: AgedFaces, share: float, kept: AgedFaces | None = None
) -> tuple[AgedFaces, AgedFaces, str]:
    """Faces to learn from, faces to measure on, and what these are in words.

    Nobody younger than LEAST_AGE is learnt from. Of photos no two need be neighbours: every Nth is held out,
    from the youngest to the oldest.

    Args:
        faces: all.
        share: part to hold out, 0..1.
        kept: faces that were held out before; then all of `faces` are learnt from.
    """
    if (faces.age < LEAST_AGE).any():
        faces = AgedFacesPart(faces, np.flatnonzero(faces.age >= LEAST_AGE))
    count = len(faces.age)
    if kept is not None:
        return faces, kept, f"held out, to measure progress on: {len(kept.age)} faces"
    wanted = min(round(count * share), count - 1)
    if wanted < 1:
        return faces, faces, "nothing is held out: progress is measured on faces that are trained on"
    order = np.argsort(faces.age, kind="stable")
    held = np.zeros(count, bool)
    held[order[((np.arange(wanted) + 0.5) * count / wanted).astype(int)]] = True
    train, some = (AgedFacesPart(faces, np.flatnonzero(which)) for which in (~held, held))
    return train, some, f"held out, to measure progress on: {wanted} of {count} faces"


@dataclass(frozen=True)
class AgeingBatch:
    """B faces to change, and as many real ones of the ages that they shall get.

    Attributes:
        input, real: (B, 3, S, S) uint8 RGB.
        mask: (B, 1, S, S) uint8.
        age, target, real_age: (B,) years.
        female, real_female: (B,) 0..1.
        seed: (B,) what chance there is in the losses comes from the first of them.
    """

    input: Tensor
    real: Tensor
    mask: Tensor
    age: Tensor
    target: Tensor
    real_age: Tensor
    female: Tensor
    real_female: Tensor
    seed: Tensor

    def part(self, share: Share) -> AgeingBatch:
        """An equal part of it."""
        return AgeingBatch(*(share.of(getattr(self, field.name)) for field in fields(self)))

    def to(self, device: torch.device) -> AgeingBatch:
        """On a device."""
        return AgeingBatch(*(getattr(self, field.name).to(device) for field in fields(self)))


class AgeingBatches:
    """Makes batches by (seed, step), the next ones while the network is at this one.

    Args:
        pool: does the work.
        faces: to draw from.
        count: faces in a batch.
        side: of the network's square in face units.
        sizes: parts of the run, up to how far of it each goes, and the side of the pictures in pixels.
        device: where the batches go.
        share: the part of each that is given.
    """

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        faces: AgedFaces,
        count: int,
        side: float,
        sizes: Sequence[tuple[float, int]],
        device: torch.device,
        share: Share = WHOLE,
    ) -> None:
        self.pool, self.faces, self.count, self.side = pool, faces, count, side
        self.sizes, self.device, self.share = sizes, device, share
        self.chances = np.cumsum(balance_ages(faces))
        self.coming: dict[tuple[int, int], Future[AgeingBatch]] = {}

    def __call__(self, generator: torch.Generator, progress: float) -> Sequence[AgeingBatch]:
        """The batch that a step's generator stands for."""
        seed = generator.initial_seed()
        size = next((one for until, one in self.sizes if progress < until), self.sizes[-1][1])
        wanted = [(seed + k, size) for k in range(AHEAD + 1)]
        self.coming = {key: self.coming.get(key) or self.pool.submit(self.made, *key) for key in wanted}
        return [self.coming.pop(wanted[0]).result().part(self.share).to(self.device)]

    def made(self, seed: int, size: int) -> AgeingBatch:
        """The batch of a seed, with pictures of `size` pixels."""
        random = np.random.default_rng(seed % 2**63)
        own = np.searchsorted(self.chances, random.random(self.count)).clip(max=len(self.chances) - 1)
        age = self.faces.age[own].clip(LEAST_AGE, MOST_AGE)
        target = np.array([draw_target_age(random, one, far) for far, one in enumerate(age)])
        real = np.array(
            [self._like(random, t, f) for t, f in zip(target, self.faces.female[own], strict=True)]
        )
        views = [self._view(random, int(i), size) for i in own]
        reals = [self._view(random, int(i), size)[0] for i in real]
        return AgeingBatch(
            _pictures([picture for picture, _ in views]),
            _pictures(reals),
            torch.from_numpy(np.stack([mask for _, mask in views]))[:, None],
            _numbers(age),
            _numbers(target),
            _numbers(self.faces.age[real]),
            _numbers(self.faces.female[own]),
            _numbers(self.faces.female[real]),
            torch.full((self.count,), seed % 2**62),
        )

    def _like(self, random: np.random.Generator, age: float, female: float) -> int:
        """A real face of an age and sex."""
        fits = self.faces.female == female if female != 0.5 else np.ones(len(self.faces.age), bool)
        off = np.where(fits, np.abs(self.faces.age - age), np.inf)
        near = np.flatnonzero(off <= max(NEAR, float(off.min())))
        share = self.faces.share[near]
        return int(random.choice(near, p=share / share.sum()))

    def _view(
        self, random: np.random.Generator, index: int, size: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A picture (size, size, 3) of a face, moved a little and perhaps mirrored, and its mask."""
        turn, grow = np.deg2rad(random.normal(0, TURN)), np.exp(random.normal(0, SIZES))
        shift = random.normal(0, SHIFT, 2) * size
        flip = -1.0 if random.random() < 0.5 else 1.0
        found = []
        crop, mask = self.faces.crop(index), self.faces.mask(index)
        for image, side in ((crop, self.faces.side), (mask, self.faces.mask_side)):
            scale = size / image.shape[0] * side / self.side * grow
            cos, sin = scale * np.cos(turn), scale * np.sin(turn)
            matrix = np.array([[flip * cos, -sin, 0.0], [flip * sin, cos, 0.0]])
            middle = np.full(2, (image.shape[0] - 1) / 2)
            matrix[:, 2] = (size - 1) / 2 + shift - matrix[:, :2] @ middle
            # Plain sampling would alias where a picture becomes much smaller.
            soft = cv2.GaussianBlur(image, (0, 0), 0.4 / scale) if scale < 0.7 else image
            border = cv2.BORDER_REFLECT if image.ndim == 3 else cv2.BORDER_CONSTANT
            found.append(cv2.warpAffine(soft, matrix, (size, size), borderMode=border))
        return found[0], found[1]  # type: ignore[return-value]


def draw_target_age(random: np.random.Generator, age: float, number: int) -> float:
    """An age to give to a face; every other one is at least FAR away."""
    while True:
        target = float(random.uniform(LEAST_AGE, MOST_AGE))
        if number % 2 or abs(target - age) >= FAR:
            return target


def balance_ages(faces: AgedFaces) -> NDArray[np.float64]:
    """Probability of drawing each face: inversely to the root of how many there are of its age and sex."""
    cells = (faces.age // 5).astype(int) * 3 + np.rint(faces.female * 2).astype(int)
    chance = faces.share / np.sqrt(np.bincount(cells, faces.share)[cells])
    return np.asarray(chance / chance.sum())


def _numbers(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _pictures(views: Sequence[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)
