#!/usr/bin/env python3
"""Pairs to train the one-photo refiner on: a face drawn from one picture of a person, and how it truly looks.

    python -m scripts.data.reenact_pairs LABELS --views VIEWS.npz --count 4000 -o PAIRS

LABELS holds own-*.npz and kept-*.npz of `scripts.data.landmark_teacher`; VIEWS is the file of turned views
that `scripts.train.dense_landmarks` keeps. As in ReliableSwap (G. Yuan et al., 2023) the truth is a real
picture T of the person and never something that was drawn: T is disguised by the one-photo engine as somebody
else; the disguise is the frame, another picture S of T's person is the photo. What the refiner is shown is
exactly what the engine shows it when it converts (`effects.reenact.composite.view_face`).

S and T are two frames of a clip, a neutral and a smiling portrait, or a still and its turned view. PAIRS
holds own-*.npz and kept-*.npz with, of N pairs: pictures (N, S, S, 15) uint8, signed ones around 128;
expressions (N, 2, E) float32; paintable (N, S, S) uint8; truth (N, S, S, 3) uint8; features (N, S, S) uint8,
weights of eyes and mouth; kinds (N,).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from faceswap_cli.effects.reenact.composite import Neighbour, paste_face, view_face
from faceswap_cli.effects.reenact.head import fit_head
from faceswap_cli.effects.reenact.layout import face_layout, select_points
from faceswap_cli.effects.reenact.options import ReenactOptions
from faceswap_cli.effects.reenact.render import (
    Placement,
    RenderedFace,
    TargetFace,
    WeightedSource,
    render_face,
    render_placed,
)
from faceswap_cli.effects.reenact.shape import draw_shape, fit_photo, open_as_photo
from faceswap_cli.effects.reenact.source import FacePoints, SourcePhoto, prepare_source
from faceswap_cli.faces.geometry import warp
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.networks.reenact.refiner import RefinerConfig
from scripts.data.dense_faces import Faces
from scripts.train.head_model import person

PLAIN = ReenactOptions(grain=0.0, defocus=0.0, motion_blur=0.0, refine="off")

KINDS = {"film": 0.5, "smile": 0.2, "view": 0.3}
"""Shares of the kinds of pairs."""

MOST_TURN = 35.0
"""Degrees of yaw of a photo."""

SIGNED = (11, 12, 13)
"""Channels of the refiner's pictures that are about -1..1: kept around 128."""

DISGUISES = 250
"""People whom the truth is disguised as; a photo that is made ready is used again."""

FOLD_SCALE = 3.0
"""Folds are kept so much enlarged."""

Random = np.random.Generator


@dataclass(frozen=True)
class Picture:
    """A labelled face: its crop (S, S, 3), and its points."""

    image: np.ndarray
    at: FacePoints


class Pairs:
    """Draws pairs.

    Args:
        faces: labelled ones.
        views: turned views by name, or None.
    """

    def __init__(self, faces: Faces, views: dict[str, np.ndarray] | None) -> None:
        self.faces, self.views = faces, views
        self.parser = FaceParser()
        names = [str(name) for name in faces.names]
        self.yaw = np.array([estimate_pose(first)[0] for first in faces.first])
        ahead = np.abs(self.yaw) < MOST_TURN
        people: dict[str, list[int]] = {}
        for i, name in enumerate(names):
            people.setdefault(person(name), []).append(i)
        video = {who: rows for who, rows in people.items() if ":" in names[rows[0]] and ahead[rows].any()}
        self.films = list(video.values())
        self.smiles = [rows for who, rows in people.items() if who not in video and len(rows) == 2]
        self.stills = [i for i, name in enumerate(names) if ":" not in name and ahead[i]]
        self.ahead = ahead
        self.source: Callable[[int], SourcePhoto] = lru_cache(600)(self._source)
        known = {i: k for k, i in enumerate(views["of"])} if views is not None else {}
        self.turned = [i for i in self.stills if i in known]
        self.view_of = known

    def draw(self, random: Random) -> dict[str, Any] | None:
        """A pair, or None if it can't be drawn."""
        kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
        if kind == "film" and self.films:
            rows = self.films[int(random.integers(len(self.films)))]
            s, t = random.choice([i for i in rows if self.ahead[i]]), random.choice(rows)
            photo, truth = self.source(int(s)), self.picture(int(t))
        elif kind == "smile" and self.smiles:
            s, t = random.permutation(self.smiles[int(random.integers(len(self.smiles)))])
            photo, truth = self.source(int(s)), self.picture(int(t))
        elif self.turned:
            t = int(random.choice(self.turned))
            truth, view = self.picture(t), self._view(self.view_of[t])
            if abs(estimate_pose(view.at.landmarks)[0]) > MOST_TURN + 10:
                return None
            photo = prepare_source(view.image, view.at, face_layout(), self.parser)
            kind = "view"
        else:
            return None
        disguise = self.source(int(random.choice(self.stills[:: max(len(self.stills) // DISGUISES, 1)])))
        found = self.make(photo, truth, disguise)
        return None if found is None else {**found, "kinds": kind}

    def make(self, photo: SourcePhoto, truth: Picture, disguise: SourcePhoto) -> dict[str, Any] | None:
        """What the refiner is shown of `truth`'s face in disguise, drawn from `photo`, and how it truly
        is."""
        layout, config = face_layout(), RefinerConfig()
        pose = fit_head(truth.at.points, layout)
        head = pose.lift(truth.at.points)
        frame = truth.image.copy()
        target = self._target(frame, truth.at, head)
        person = fit_photo(disguise.head, head, layout)
        worn = render_face(frame, target, [WeightedSource(disguise, person, 1.0)], person, layout, PLAIN)
        if not worn:
            return None
        paste_face(frame, worn, [Neighbour(0.0, 0, worn)], PLAIN, (0, 0))
        target = self._target(frame, truth.at, head)
        own = fit_photo(photo.head, head, layout)
        shape = draw_shape(head, head, own, layout, 0.0)
        still = pose.project(open_as_photo(shape, own, layout))
        placed = Placement(pose.project(shape.drawn), still, truth.at.points)
        face: RenderedFace | None = render_placed(frame, target, photo, layout, PLAIN, pose, placed)
        if face is None:
            return None
        matrix, view = view_face(frame, face, PLAIN, config)
        there = truth.at.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        return {
            "pictures": pack(view.pictures),
            "expressions": view.expressions,
            "paintable": np.rint(view.paintable * 255).astype(np.uint8),
            "truth": warp(truth.image, matrix, config.size),
            "features": feature_weights(there, config.size),
        }

    def picture(self, i: int) -> Picture:
        """A labelled face."""
        return Picture(
            self.faces.crops[i], FacePoints(self.faces.first[i], select_points(self.faces.points[i]))
        )

    def _view(self, k: int) -> Picture:
        assert self.views is not None
        points = self.views["points"][k].astype(np.float64)
        return Picture(self.views["crops"][k], FacePoints(points[:68, :2], select_points(points)))

    def _source(self, i: int) -> SourcePhoto:
        one = self.picture(i)
        return prepare_source(one.image, one.at, face_layout(), self.parser)

    def _target(self, image: np.ndarray, at: FacePoints, rest: np.ndarray) -> TargetFace:
        crop = self.parser.crop(image, at.landmarks)
        return TargetFace(at, rest, crop, self.parser.probabilities([crop])[0])


def pack(pictures: np.ndarray) -> np.ndarray:
    """(S, S, 15) float32 as uint8."""
    values = pictures * 255
    for channel in SIGNED:
        scale = FOLD_SCALE if channel == SIGNED[-1] else 1.0
        values[..., channel] = 128 + 127 * np.clip(pictures[..., channel] * scale, -1, 1)
    return np.rint(values).clip(0, 255).astype(np.uint8)


def unpack(pictures: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 15) uint8 as (B, 15, S, S) float32."""
    values = pictures.permute(0, 3, 1, 2).float() / 255
    for channel in SIGNED:
        scale = FOLD_SCALE if channel == SIGNED[-1] else 1.0
        values[:, channel] = (values[:, channel] * 255 - 128) / (127 * scale)
    return values


def feature_weights(points: np.ndarray, size: int) -> np.ndarray:
    """(S, S) uint8: 255 on eyes and mouth, softly."""
    layout = face_layout()
    mask = np.zeros((size, size), np.uint8)
    mouth = points[[*layout.mouth.above, *layout.mouth.below[::-1]]]
    for polygon in (*(points[list(eye.outline)] for eye in layout.eyes), mouth):
        cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 255)
    grown = cv2.dilate(mask, np.ones((9, 9), np.uint8))
    return np.asarray(cv2.GaussianBlur(grown, (0, 0), 2.5))


def rows(pairs: Pairs, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """So many pairs."""
    made = number = 0
    while made < count:
        found = pairs.draw(np.random.default_rng([seed, number]))
        number += 1
        if found is not None:
            made += 1
            yield found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument("--views", type=Path)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--kept", type=int, default=200)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    for kind, count in (("kept", options.kept), ("own", options.count)):
        faces = Faces(sorted(f for f in options.labels.glob(f"{kind}-*.npz") if f.stat().st_size))
        views = dict(np.load(options.views)) if options.views and kind == "own" else None
        done: list[dict[str, Any]] = []
        for row in rows(Pairs(faces, views), count, 0):
            done.append(row)
            if len(done) % 100 == 0:
                print(kind, len(done), flush=True)
            if len(done) % 1000 == 0 or len(done) == count:
                first = (len(done) - 1) // 1000 * 1000
                part = {key: np.stack([one[key] for one in done[first:]]) for key in row}
                np.savez(options.output / f"{kind}-{first:05d}.npz", **part)


if __name__ == "__main__":
    main()
