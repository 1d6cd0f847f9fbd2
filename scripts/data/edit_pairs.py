"""The faces that `scripts/data/edit_faces.py` wrote, each with the other sex's average shape, too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from faceswap_cli.effects.edit.attribute_road import SHAPE, attribute_area, inner_face, move_crop
from faceswap_cli.effects.reenact.layout import face_layout
from faceswap_cli.faces.landmarks.dense import IBUG
from faceswap_cli.faces.parsing.face_parser import FACE, FaceParser, class_share
from faceswap_cli.training.engine.parallel import Share

SIZE, SIDE = 160, 2.75

SURE = 0.9
"""How sure a reading must be where no table says a face's sex."""

RIDGE = 30.0
"""Of the regression that finds how shapes differ."""


@dataclass(frozen=True)
class SexBatch:
    """Faces.

    Attributes:
        input: (B, 3, S, S) with the other sex's average shape.
        mask: (B, 1, S, S) where they may change.
        inner: (B, 1, S, S) what of them the critic sees.
        female: (B,) what they were, 1 or 0.
        real, real_inner, real_female: others, as they are.
        plain: (B, 3, S, S) as they are.
    """

    input: Tensor
    mask: Tensor
    inner: Tensor
    female: Tensor
    real: Tensor
    real_inner: Tensor
    real_female: Tensor
    plain: Tensor

    def part(self, share: Share) -> SexBatch:
        """An equal part of it."""
        return SexBatch(*(share.of(value) for value in self.__dict__.values()))


class SexFaces:
    """Faces of women and men.

    Args:
        path: what `edit_faces.py` wrote; what is worked out from it is kept beside it.
        others: more of these.
    """

    def __init__(self, path: Path) -> None:
        data = dict(np.load(path))
        self.reader = fit_reader(data["identities"], data["female"])
        read = 1 / (1 + np.exp(-(data["identities"] @ self.reader[0, :-1] + self.reader[0, -1])))
        female = np.where(
            data["female"] >= 0,
            data["female"],
            np.where(read > SURE, 1.0, np.where(read < 1 - SURE, 0.0, -1)),
        )
        known = (female >= 0) & (data["glasses"] < 0.02)
        data = {name: values[known] for name, values in data.items()}
        self.female = female[known].astype(np.float32)
        self.names = [str(one) for one in data["names"]]
        self.shape = fit_shape(data, self.female)
        store = path.with_suffix(".pairs.npz")
        if not store.exists():
            np.savez(store, **self._work_out(data))
        found = dict(np.load(store))
        self.plain = torch.from_numpy(data["crops"]).permute(0, 3, 1, 2)
        self.moved = torch.from_numpy(found["moved"]).permute(0, 3, 1, 2)
        self.mask, self.inner, self.moved_inner = (
            torch.from_numpy(found[name])[:, None] for name in ("mask", "inner", "moved_inner")
        )
        sharp = np.array(
            [
                cv2.Laplacian(cv2.cvtColor(one[40:130, 40:120], cv2.COLOR_RGB2GRAY), cv2.CV_32F).std()
                for one in data["crops"]
            ]
        )
        self.clear = sharp > np.quantile(sharp, 0.2)
        self.places = [np.flatnonzero((self.female == sex) & self.clear) for sex in (0, 1)]
        print(len(self.female), "faces,", int(self.female.sum()), "of women", flush=True)

    def _work_out(self, data: dict[str, NDArray[np.generic]]) -> dict[str, NDArray[np.uint8]]:
        parser, rows = FaceParser(), []
        for k, crop in enumerate(data["crops"]):
            own = data["points"][k][IBUG:].astype(np.float64)
            goal = other_shape(
                own, data["heads"][k].astype(np.float64), SHAPE * (1 - 2 * self.female[k]) * self.shape[0]
            )
            moved = move_crop(crop, own, goal)
            small = cv2.resize(moved, (128, 128), interpolation=cv2.INTER_AREA)
            mask = class_share(parser.probabilities([small]), FACE)[0]
            mask = cv2.GaussianBlur(mask, (0, 0), 1.2)
            rows.append(
                (
                    moved,
                    np.rint(255 * cv2.resize(mask, (SIZE, SIZE)) * attribute_area(goal, SIZE, SIZE / SIDE))
                    .clip(0, 255)
                    .astype(np.uint8),
                    inner(own),
                    inner(goal),
                )
            )
        names = ("moved", "mask", "inner", "moved_inner")
        return {name: np.stack(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}

    def batch(self, count: int, random: torch.Generator, coarse: bool) -> SexBatch:
        """Some faces, and others that are real."""
        picked = []
        for _ in range(2):
            half = [
                self.places[sex][
                    torch.randint(len(self.places[sex]), (count // 2,), generator=random).numpy()
                ]
                for sex in (0, 1)
            ]
            picked.append(torch.from_numpy(np.stack(half, 1).reshape(-1)))
        flip = torch.rand(count, 1, 1, 1, generator=random) < 0.5
        found = self.rows(picked[0], picked[1])
        values = dict(found.__dict__)
        for name, value in values.items():
            if value.dim() == 4:
                shown = torch.where(flip, value.flip(3), value)
                values[name] = F.avg_pool2d(shown, 2) if coarse else shown
        return SexBatch(**values)

    def rows(self, places: Tensor, others: Tensor | None = None) -> SexBatch:
        """Faces by number."""
        others = places if others is None else others

        def of(values: Tensor, rows: Tensor) -> Tensor:
            return (values[rows].float() / 255).contiguous(memory_format=torch.channels_last)

        female = torch.from_numpy(self.female)
        return SexBatch(
            of(self.moved, places), of(self.mask, places), of(self.moved_inner, places), female[places],
            of(self.plain, others), of(self.inner, others), female[others], of(self.plain, places),
        )  # fmt: skip

    def described(self) -> list[str]:
        """For the card."""
        sets = {
            "SFHQ galleries, people invented by image networks (MIT)": lambda n: "__r" in n,
            "Portraits of members of the US Congress (public domain)": lambda n: n[1:7].isdigit(),
            "Face Research Lab London Set, DeBruine & Jones 2017 (CC BY 4.0)": lambda n: (
                "_neutral" in n or "_smiling" in n
            ),
            "Portraits from Pixabay, uploaded before 2019 (CC0)": lambda n: n.startswith(("man_", "woman_")),
            "Young Adult White Faces, DeBruine (CC BY 4.0)": lambda n: n[:3].isdigit() and n[3] in "fm",
        }
        return [f"{said}: {sum(map(test, self.names))} faces" for said, test in sets.items()]


def fit_reader(descriptors: NDArray[np.floating], female: NDArray[np.floating]) -> NDArray[np.float32]:
    """(1, N + 1) logistic regression of sex on identity descriptors, where it is known."""
    known = female >= 0
    x = torch.from_numpy(np.hstack([descriptors[known], np.ones((known.sum(), 1))]).astype(np.float32))
    y = torch.from_numpy(female[known].astype(np.float32))
    weight = torch.where(y > 0.5, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    w = torch.zeros(x.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([w], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = F.binary_cross_entropy_with_logits(x @ w, y, weight) + 3e-4 * w.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[arg-type]
    return w.detach().numpy()[None]


def fit_shape(data: dict[str, NDArray[np.generic]], female: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1, P, 3) how heads of women differ from those of men, all else (age, expression) alike; mirrored."""
    layout = face_layout()
    heads = data["heads"].astype(np.float64)
    flipped = heads[:, layout.mirror] * np.array([-1, 1, 1])
    heads = (heads + flipped) / 2
    expression = data["expressions"].astype(np.float64)
    age = data["ages"].astype(np.float64)[:, None] / 20
    sets = np.array([["__r" in str(n), str(n)[1:7].isdigit()] for n in data["names"]], np.float64)
    x = np.hstack([female[:, None], age, expression, sets, np.ones((len(female), 1))]).astype(np.float64)
    penalty = np.full(x.shape[1], RIDGE / 100)
    penalty[[0, -1]] = 1e-6
    found = np.linalg.solve(x.T @ x + np.diag(penalty), x.T @ heads.reshape(len(heads), -1))
    return found[0].reshape(1, -1, 3).astype(np.float32)


def other_shape(
    points: NDArray[np.float64], head: NDArray[np.float64], step: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Points (P, 2) in pixels with a step in head coordinates (P, 3) made."""
    x = np.hstack([head, np.ones((len(head), 1))])
    linear = np.linalg.lstsq(x, points, rcond=None)[0]
    return points + step @ linear[:3]


def inner(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(SIZE, SIZE) what the critic sees: a face without temples and the forehead's edge."""
    return np.rint(255 * inner_face(points, SIZE, 2.0, 0.98)).astype(np.uint8)
