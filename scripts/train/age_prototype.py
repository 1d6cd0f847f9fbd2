#!/usr/bin/env python3
"""Average faces by age, for `faceswap age --method prototype`: shape, colour and the strength of detail.

    python -m scripts.data.age_data utkface_16plus.tar congress_pd.tar london_ccby.tar -o DATA
    python -m scripts.train.age_prototype DATA

Every average is a point of a line over ages, fitted by least squares to all frontal faces of one sex at once
(P-splines: P. Eilers and B. Marx, Flexible smoothing with B-splines and penalties, 1996). Beside the age,
the fit has what else differs between young and old people's pictures: smiles, open mouths, pose, the
picture's resolution and the set it is from. So those do not pass for age.

Faces that the age estimator is measured on are left out here, too.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from faceswap_cli import zoo
from faceswap_cli.faces.age.labels import YOUNGEST
from faceswap_cli.faces.age.prototype import HAIR, CropAttributes
from faceswap_cli.faces.geometry import FACE_CENTRE, MEAN_FACE
from faceswap_cli.faces.landmarks.hull import raised_hull
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import FACE
from faceswap_cli.networks.ageing.change import BANDS, blur, split_bands
from faceswap_cli.networks.ageing.prototype import (
    AgePrototype,
    Field,
    PrototypeConfig,
    grid,
    hat_weights,
    mean_colours,
)
from faceswap_cli.networks.perception.parsing import CLASSES
from scripts.cards.age_estimator import SOURCES
from scripts.data.age_data import SIDE
from scripts.data.age_faces import Faces, read_faces

ROOT = Path(__file__).resolve().parents[2]

SETS = ("utkface_16plus", "congress_pd", "london_ccby")

TURNED = 18.0
"""Degrees of yaw or pitch beyond which a face is left out."""

COLOURLESS = 0.03
"""Mean distance of red and blue from luma, of 1, below which a picture is taken for a grey one, which old
people's tend to be."""

STIFF = {"colour": 0.15, "gain": 0.15, "shape": 0.15, "hair": 0.15}
"""How much the lines' bends cost, as a share of the faces."""

COVARIATES = 8

SMALL = 1e-5
"""Added to the energy of detail, luma's logarithm squared."""

EDGE = (0.02, 0.2)
"""How deep inside the mean face, in face units, differences begin and are whole."""

TINT = 0.7

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--most", type=int, default=300, help="faces of one sex and five years, at most")
    parser.add_argument("--output", type=Path, default=ROOT / "models" / "age_prototype")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    faces = read_faces(options.data, SETS)
    which = chosen(faces, options.most)
    averages = Averages(PrototypeConfig())
    begun = time.monotonic()
    for start in range(0, len(which), BATCH):
        averages.add(faces, which[start : start + BATCH])
        print(
            f"\r{start + BATCH}/{len(which)}, {averages.used} used, {time.monotonic() - begun:.0f} s", end=""
        )
    print()
    write(options.output, averages, faces, which)


def chosen(faces: Faces, most: int) -> np.ndarray:
    """Numbers of adults' training faces of known sex, `most` at most of each sex and five years of age."""
    which = faces.where("train")
    which = which[~np.isnan(faces.female[which]) & (faces.age[which] >= YOUNGEST)]
    which = np.random.default_rng(0).permutation(which)
    cells = (faces.age[which] // 5).astype(int) * 2 + (faces.female[which] > 0)
    keep = np.concatenate([np.flatnonzero(cells == cell)[:most] for cell in np.unique(cells)])
    return np.sort(which[keep])


class Averages:
    """Sums over faces from which all averages are solved at the end."""

    def __init__(self, config: PrototypeConfig) -> None:
        self.config, self.look, self.used = config, CropAttributes("cpu"), 0
        self.mean = torch.from_numpy(MEAN_FACE - FACE_CENTRE).float()
        self.rows = len(config.ages) + COVARIATES
        self.fields = {
            size: Field(self.mean[None], grid(size, config.side)) for size in (config.size, config.detail)
        }
        places = {
            "colour": (config.size**2, 3),
            "gain": (config.detail**2, len(BANDS)),
            "shape": (1, 136),
            "hair": (1, 1),
        }
        self.sums = {name: [Sums(self.rows, *shape) for _ in range(2)] for name, shape in places.items()}
        self.ages: list[float] = []

    @torch.inference_mode()
    def add(self, faces: Faces, which: np.ndarray) -> None:
        """Take in some faces."""
        crops = torch.stack([torch.from_numpy(faces.crop(int(i)).copy()) for i in which])
        crops = crops.permute(0, 3, 1, 2).float() / 255
        points = self.look.landmarks(crops, SIDE)
        turned = np.array([np.abs(estimate_pose(one)[:2]).max() for one in points.numpy()])
        colourful = mean_colours(crops)[:, 1:, 48:144, 48:144].abs().mean((1, 2, 3)).numpy()
        good = (turned < TURNED) & (colourful > COLOURLESS)
        if not good.any():
            return
        crops, points, which = crops[good], points[good], which[good]
        there = torch.from_numpy(np.stack([inside(faces.corners(int(i)), crops.shape[-1]) for i in which]))
        self._sum(crops, points, there[:, None], faces, which)

    def _sum(self, crops: Tensor, points: Tensor, there: Tensor, faces: Faces, which: np.ndarray) -> None:
        ages = torch.from_numpy(faces.age[which]).float()
        known = covariates(points, [faces.facts[i] for i in which])
        left = torch.cat([hat_weights(ages, self.config.ages), known], 1)
        seen = self.look.classes(crops, SIDE)
        face = there * seen[:, [CLASSES.index(name) for name in FACE]].sum(1, keepdim=True)
        hair = there * (seen[:, HAIR : HAIR + 1] > 0.9)
        logs = mean_colours(crops)
        logs = logs - mean(logs, face)[..., None, None]
        luma = logs[:, :1]
        scale = crops.shape[-1] / SIDE
        energy = [blur(face * band.square(), 0.04 * scale) for band in split_bands(luma, scale)]
        energy = torch.cat(energy, 1) / blur(face, 0.04 * scale).clamp(min=0.05)
        soft = blur(logs * face, 0.02 * scale) / blur(face, 0.02 * scale).clamp(min=0.05)
        values = {
            "colour": self._laid(soft, points, self.config.size),
            "gain": self._laid(0.5 * torch.log(energy + SMALL), points, self.config.detail),
            "shape": (points - self.mean).reshape(len(points), 1, 136),
            "hair": mean(luma, hair)[:, None],
        }
        weights = {
            "colour": self._laid(face, points, self.config.size),
            "gain": self._laid(face, points, self.config.detail),
            "shape": torch.ones(len(points), 1, 1),
            "hair": (hair.mean((1, 2, 3)) > 0.04).float().view(-1, 1, 1),
        }
        for name, sums in self.sums.items():
            for sex in (0, 1):
                own_sex = torch.from_numpy(faces.female[which] > 0.5) == bool(sex)
                sums[sex].add(left[own_sex], values[name][own_sex], weights[name][own_sex, :, 0])
        self.used += len(which)
        self.ages += ages.tolist()

    def _laid(self, pictures: Tensor, points: Tensor, size: int) -> Tensor:
        """Pictures (B, C, S, S) in the shape of the mean face: (B, size * size, C)."""
        places = grid(size, self.config.side) + self.fields[size](points - self.mean)
        found = F.grid_sample(pictures, (places * 2 / SIDE).view(-1, size, size, 2), align_corners=False)
        return found.flatten(2).transpose(1, 2)

    def solved(self) -> AgePrototype:
        """The averages."""
        config = self.config
        made, ages = AgePrototype(config), len(config.ages)
        made.mean.copy_(self.mean)
        for name, sums in self.sums.items():
            both = [one.solve(ages, STIFF[name]) for one in sums]  # (places, ages, channels)
            whole = torch.cat(both, 1).permute(1, 2, 0)
            getattr(made, name).copy_(whole.reshape(getattr(made, name).shape))
        return made


class Sums:
    """Weighted normal equations, one system a place."""

    def __init__(self, rows: int, places: int, channels: int) -> None:
        self.squares = torch.zeros(places, rows, rows, dtype=torch.float64)
        self.products = torch.zeros(places, rows, channels, dtype=torch.float64)

    def add(self, left: Tensor, values: Tensor, weights: Tensor) -> None:
        """Faces with left sides (B, rows), values (B, places, channels) and weights (B, places)."""
        pairs = (left[:, :, None] * left[:, None, :]).flatten(1)
        self.squares += (weights.T @ pairs).view_as(self.squares)
        self.products += torch.einsum("bp,br,bpc->prc", weights, left, values)

    def solve(self, ages: int, stiff: float) -> Tensor:
        """(places, ages, channels), the covariates at nought."""
        rows = self.squares.shape[1]
        bends = torch.zeros(ages - 2, rows, dtype=torch.float64)
        for k in range(ages - 2):
            bends[k, k : k + 3] = torch.tensor([1.0, -2.0, 1.0])
        faces = torch.diagonal(self.squares, dim1=1, dim2=2)[:, :ages].sum(1)
        stiffness = stiff * faces[:, None, None] * (bends.T @ bends)
        # Where there are few faces, as in the corners, everything is drawn to nought.
        ridge = torch.diag(torch.tensor([2.0] * ages + [20.0] * (rows - ages), dtype=torch.float64))
        return torch.linalg.solve(self.squares + stiffness + ridge, self.products)[:, :ages].float()


def covariates(points: Tensor, facts: list[dict[str, object]]) -> Tensor:
    """(B, COVARIATES) what else differs between faces: about nought on average, about 1 at most."""
    p = points
    wide = torch.linalg.norm(p[:, 54] - p[:, 48], dim=1) / 0.63 - 1
    up = (p[:, [62, 66], 1].mean(1) - p[:, [48, 54], 1].mean(1)) / 0.1
    opened = (p[:, 66, 1] - p[:, 62, 1]) / 0.2
    poses = torch.tensor([estimate_pose(one)[:2] for one in p.numpy()]) / TURNED
    fine = [float(np.clip(-np.log2(float(str(f["scale"]))), -1.5, 1.5)) for f in facts]
    sets = [[float(f["set"] == name) for name in SETS[1:]] for f in facts]
    columns = [3 * wide, up, opened, poses[:, 0], poses[:, 1], torch.tensor(fine)]
    return torch.cat([torch.stack(columns, 1), torch.tensor(sets)], 1).float()


def inside(corners: np.ndarray, size: int) -> np.ndarray:
    """(S, S) 1 where a crop shows its picture and not what is beyond its edge."""
    mask = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1.0)
    return cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=1)


def mean(pictures: Tensor, weights: Tensor) -> Tensor:
    """(B, C) means of (B, C, S, S) under weights (B, 1, S, S)."""
    return (pictures * weights).sum((2, 3)) / weights.sum((2, 3)).clamp(min=1)


def finish(made: AgePrototype) -> None:
    """Make averages fit to be carried, in place.

    Both halves of a face age alike: what differs is light. Towards the face's edge averages show hair, ears
    and what is behind them, so their differences fade to nought there. The finest band is halved: of what
    there is in crops of this size, half may be noise and compression.
    """
    for part in (made.colour, made.gain):
        part.copy_((part + part.flip(-1)) / 2)
    mirrored = made.shape[:, MIRROR] * torch.tensor([-1.0, 1.0])
    made.shape.copy_((made.shape + mirrored) / 2)
    for part in (made.colour, made.gain):
        part.mul_(fade(part.shape[-1], made.config.side))
    made.gain[:, 0] *= 0.5
    made.colour[:, 1:] *= TINT


def fade(size: int, side: float) -> Tensor:
    """(size, size) 1 well inside the mean face, 0 from its edge on."""
    scale, fine = size / side, 8
    hull = (raised_hull(MEAN_FACE) - FACE_CENTRE) * scale + size / 2
    mask = np.zeros((size * fine, size * fine), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(hull * fine).astype(np.int32), 1)
    deep = cv2.distanceTransform(mask, cv2.DIST_L2, 5) / fine / scale
    deep = cv2.resize(deep, (size, size), interpolation=cv2.INTER_AREA)
    x = np.clip((deep - EDGE[0]) / (EDGE[1] - EDGE[0]), 0, 1)
    soft = torch.from_numpy(x * x * (3 - 2 * x))
    return (soft + soft.flip(1)) / 2


# fmt: off
MIRROR = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
          45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
          *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1)]
# fmt: on


def write(folder: Path, averages: Averages, faces: Faces, which: np.ndarray) -> None:
    """Write the averages and their card."""
    made = averages.solved()
    finish(made)
    sets = np.array([faces.facts[i]["set"] for i in which])
    facts = {
        "what": "Averages of faces by age and sex: shape, colour relative to the face's own skin, and the "
        "strength of detail. No network: --method prototype carries the difference of two of them.",
        "licence": "Non-commercial research only (UTKFace, which most of the faces are from, is given for "
        "nothing else).",
        "data": [SOURCES[name].format(int((sets == name).sum())) for name in SETS],
        "steps": 0,
        "used": f"{averages.used} of these faces are frontal and in colour, "
        f"{(np.array(averages.ages) >= 60).sum()} of them 60 or older",
        "config": json.loads(json.dumps(asdict(averages.config))),
        "figures": "docs/age.md, The floor",
        "limits": "An average has no wrinkle of its own: it lengthens, softens, greys, and strengthens the "
        "detail that a face has. Sets of well-known people, mostly; skin tones are not told by them.",
        "remake": "python -m scripts.train.age_prototype, as its first lines say",
    }
    card = zoo.write(folder, made, facts)
    print(f"{card.weights}: {card.facts['bytes'] / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
