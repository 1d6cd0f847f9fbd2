#!/usr/bin/env python3
"""Eyes and mouths as the closer look meets them: spoilt views of faces, cut out by the first look's points.

    python -m scripts.data.landmark_teacher TEACHER FOLDER... --size 448 -o LABELS/own-NAME.npz
    python -m scripts.data.fine_faces LABELS -o POOL/1.npz --count 4000 --seed 1

Each view of a face is mirrored, turned a little, perhaps turned out of the plane or its lids closed, covered,
spoilt, and often shrunk, as faces in pictures are small; models/landmarks looks at it, and where that puts
eyes and mouth they are cut out: its errors are those that the closer look is to mend.

A file holds, of N views: eye, mouth (N, S, S, 3) uint8, of one eye each, a left one mirrored; NAME_first and
NAME_points (N, P, 2) what models/landmarks said and what is true; NAME_weight (N, P); NAME_told and
NAME_expression (N, E) likewise; NAME_sure (N,) whether the latter are the teacher's. Of lids that were drawn
shut nobody knows what it would say: in a true blink the eyes look down, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli import zoo
from faceswap_cli.faces import geometry
from faceswap_cli.faces.landmarks.dense import (
    IBUG,
    MIRROR_DENSE,
    MIRROR_EXPRESSION,
    MIRROR_SIGN,
    measure_opening,
)
from faceswap_cli.faces.landmarks.fine import PARTS, Part, part_matrix, part_size
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.networks.perception.dense_landmarks import (
    DenseLandmarkNetwork,
    build_dense_landmark_network,
)
from faceswap_cli.networks.perception.fine_landmarks import FineLandmarkConfig
from scripts.data.dense_faces import SHARES, Faces, not_iris
from scripts.data.dense_views import View, turn_dense
from scripts.data.landmark_augment import Random, show, view

PICTURE, PICTURE_SIDE = 288, 2.6
"""Side of a view, in pixels and face units."""

BENT, CLOSED = 0.3, 0.6
"""Share of faces that are turned further or have their lids closed further; of these, that of the latter."""

KEPT, AGAIN = 64, 0.7
"""Bent faces that are kept, and how often one of them is shown again."""

SPOILT = 0.6
"""Share that is covered, cut off, lit, darkened, blurred or noisy, as the landmark network's were."""

SMALL = 0.45
"""Share that is shrunk, to LEAST of its side or more."""

LEAST = 0.12

NEARLY_SHUT = 0.06
"""Opening of the lids in face units below which a face is drawn more often."""

RARER = 2.0
"""How much more often."""

BATCH = 32


class Drawer:
    """Draws views.

    Args:
        faces: with crops of 448 pixels.
    """

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        lids = [measure_opening(faces.points, f"{side}_lids") / faces.unit for side in ("right", "left")]
        rarity = faces.rarity() + RARER * (np.mean(lids, 0) < NEARLY_SHUT)
        chance = np.zeros(len(faces.names))
        for name, share in SHARES.items():
            there = np.char.startswith(faces.sets, name)
            if there.any():
                chance[there] = share * rarity[there] / rarity[there].sum()
        self.edges = np.cumsum(chance / chance.sum())
        self.made: list[tuple[View, np.ndarray, bool]] = []

    def pick(self, random: Random) -> int:
        """The number of a face."""
        return min(int(np.searchsorted(self.edges, random.random())), len(self.edges) - 1)

    def __call__(self, random: Random) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
        """A view (PICTURE, PICTURE, 3), its points (222, 2), their weights, coefficients (26,), and whether
        the eyes' are known."""
        faces, i = self.faces, self.pick(random)
        crop, points, weight = faces.crops[i], faces.points[i], faces.weight[i]
        expression = faces.expression[i]
        yaw = estimate_pose(faces.first[i])[0]
        sure = True
        if random.random() < BENT and abs(yaw) < 40:
            made, weight, sure = self._bent(random, i, yaw)
            crop, points, expression = made.image, made.points, made.expression
        if random.random() < 0.5:
            crop, points = crop[:, ::-1], points * [-1, 1, 1] + [crop.shape[1] - 1, 0, 0]
            points, weight = points[MIRROR_DENSE], weight[MIRROR_DENSE]
            expression = expression[MIRROR_EXPRESSION] * MIRROR_SIGN
        matrix = view(random, points[:IBUG, :2], PICTURE, PICTURE_SIDE, most_roll=60, wide_share=0.15)
        visible = np.ones(len(points), bool)
        if random.random() < SPOILT:
            other = faces.crops[self.pick(random)]
            image, flat, visible = show(random, crop, points[:, :2], visible, other, matrix, PICTURE)
        else:
            image = geometry.warp(np.ascontiguousarray(crop), matrix, PICTURE)
            flat = geometry.transform(points[:, :2], matrix)
        if random.random() < SMALL:
            small = round(PICTURE * np.exp(random.uniform(np.log(LEAST), 0)))
            area, back = cv2.INTER_AREA, int(random.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
            image = cv2.resize(image, (small, small), interpolation=area)
            image = cv2.resize(image, (PICTURE, PICTURE), interpolation=back)
        # What is covered is guessed: it counts, but less.
        return image, flat, weight * np.where(visible, 1.0, 0.3), expression, sure

    def _bent(self, random: Random, i: int, yaw: float) -> tuple[View, np.ndarray, bool]:
        """A face turned further or with its lids further closed, the weights of its points, and whether its
        lids are as they were; most are used several times."""
        if len(self.made) >= KEPT and random.random() < AGAIN:
            return self.made[int(random.integers(len(self.made)))]
        faces = self.faces
        closing = random.uniform(0, 1) ** 0.5 if random.random() < CLOSED else 0.0
        more = nod = 0.0
        if closing == 0 or random.random() < 0.2:
            sign = np.sign(yaw) if abs(yaw) > 15 else random.choice([-1, 1])
            more, nod = sign * max(random.uniform(0, 55), abs(yaw)) - yaw, random.normal(0, 10)
        made = turn_dense(faces.crops[i], faces.points[i], faces.expression[i], more, nod, closing)
        weight = faces.weight[i] * np.where(closing > 0.3, not_iris(), 1.0)
        self.made = [*self.made[-KEPT:], (made, weight, closing == 0)]
        return self.made[-1]


def first_look(
    random: Random, network: DenseLandmarkNetwork, images: Sequence[np.ndarray], points: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 222, 2) points and (N, 26) coefficients by models/landmarks, framed about as in the tool."""
    config = network.config
    matrices, crops = [], []
    for image, flat in zip(images, points, strict=True):
        base = geometry.crop_matrix(flat[:IBUG], config.size, config.side).astype(np.float64)
        angle, scale = random.normal(0, 0.03), np.exp(random.normal(0, 0.02))
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = (config.size - 1) / 2
        shift = turn @ (base[:, 2] - middle) + middle + random.normal(0, 0.01, 2) * config.size
        matrices.append(np.hstack([turn @ base[:, :2], shift[:, None]]))
        crops.append(geometry.warp(image, matrices[-1], config.size))
    batch = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        out = network(batch.contiguous(memory_format=torch.channels_last))
    found = [
        geometry.transform(flat, geometry.invert(matrix))
        for flat, matrix in zip(out.points.numpy().astype(np.float64), matrices, strict=True)
    ]
    return np.stack(found), out.expression.numpy()


def cut(
    image: np.ndarray, first: np.ndarray, told: np.ndarray, points: np.ndarray, weight: np.ndarray,
    expression: np.ndarray, part: Part, size: int, side: float,
) -> dict[str, np.ndarray]:  # fmt: skip
    """A part's row, without its name before it."""
    upright = geometry.fit_similarity(first[geometry.INTERIOR], geometry.MEAN_FACE[geometry.INTERIOR])
    matrix = part_matrix(upright, first, part, size, side)
    return {
        "": geometry.warp(image, matrix, size),
        "_first": geometry.transform(first[part.numbers], matrix).astype(np.float32),
        "_points": geometry.transform(points[part.numbers], matrix).astype(np.float32),
        "_weight": weight[part.numbers].astype(np.float32),
        "_told": (told[part.expressions] * part.signs).astype(np.float32),
        "_expression": (expression[part.expressions] * part.signs).astype(np.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network = zoo.load_network("landmarks", build_dense_landmark_network)
    drawer = Drawer(Faces(sorted(f for f in options.labels.glob("own-*.npz") if f.stat().st_size)))
    random, config = np.random.default_rng(options.seed), FineLandmarkConfig()
    rows: dict[str, list[np.ndarray]] = {}
    while len(rows.get("eye", [])) < options.count:
        drawn = [drawer(random) for _ in range(BATCH)]
        first, told = first_look(random, network, [d[0] for d in drawn], [d[1] for d in drawn])
        for k, (image, points, weight, expression, sure) in enumerate(drawn):
            # One of the eyes: two of a face are hardly more than one.
            for part in (PARTS[int(random.integers(2))], PARTS[2]):
                row = cut(
                    image, first[k], told[k], points, weight, expression, part, *part_size(config, part)
                )
                row["_sure"] = np.array(sure or part.kind == "mouth", np.float32)
                for key, value in row.items():
                    rows.setdefault(part.kind + key, []).append(value)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = options.output.with_suffix(".part")  # a training may be waiting for the whole file
    with unfinished.open("wb") as file:
        np.savez(file, **{key: np.stack(values) for key, values in rows.items()})
    unfinished.replace(options.output)
    print(len(rows["eye"]), "views in", options.output)


if __name__ == "__main__":
    main()
