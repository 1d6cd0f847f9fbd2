"""Points to learn from out of files: a table of coordinates, or a picture whose ink they are drawn from."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.errors import UserError
from faceswap_cli.limits import read_limited
from faceswap_cli.media.photo import read_photo
from faceswap_cli.training.data.points import PointData

Levels = NDArray[np.floating[Any]]
"""(H, W) in [0, 1]."""

TABLES = (".csv", ".tsv", ".txt")

MOST_POINTS = 100_000
"""Of a table; evenly thinned beyond."""

LEAST_POINTS = 2

SIDE = 256
"""Longer side of a picture, to which larger ones are made smaller."""

EXTENT = 0.85
"""Half the longer side of what a file holds, in the plane."""

LEAST_CONTRAST = 0.08
"""Between ink and paper, of black to white."""

FAINT = 0.15
"""Ink below this share of the darkest is paper: scans and JPEGs are never quite white."""


def read_points(path: Path) -> PointData:
    """The data of a file.

    Raises:
        UserError: it holds no points, or can't be read.
    """
    if not path.is_file():
        raise UserError(f"--data {path} is neither a shape nor a file", "Give ring, line, gaussians, grid, "
                        "spiral, disjoint, a picture or a CSV file")  # fmt: skip
    return read_table(path) if path.suffix.lower() in TABLES else read_ink(path)


def read_table(path: Path) -> PointData:
    """Points x,y of a text file, a line each; a first line of words is a heading.

    Raises:
        UserError: a line holds anything else, or there are fewer than two different points.
    """
    lines = read_limited(path, "points_bytes").decode("utf-8", errors="replace").splitlines()
    found: list[tuple[float, float]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        point = _point(line)
        if point is not None:
            found.append(point)
        elif found or number > 1:
            raise UserError(
                f"{path}, line {number}: {line.strip()[:40]!r} is no point",
                "Write x,y on each line; the first may be a heading",
            )
    return fit_into_plane(path.name, np.array(found, np.float64).reshape(-1, 2), str(path))


def fit_into_plane(name: str, points: NDArray[np.float64], source: str) -> PointData:
    """Points (N, 2) of any size as data, moved and scaled into the plane.

    Raises:
        UserError: there are fewer than two different ones.
    """
    count, notes = len(points), []
    if count > MOST_POINTS:
        points = points[np.linspace(0, count - 1, MOST_POINTS).astype(np.int64)]
        notes.append(f"{source} has {count:,} points: {MOST_POINTS:,} of them, evenly spread, are learnt")
    if count < LEAST_POINTS or not (extent := float(np.ptp(points, axis=0).max())) > 0:
        raise UserError(
            f"{source} has {'no' if not count else 'only one'} place in the plane", "Give points that differ"
        )
    middle = (points.max(0) + points.min(0)) / 2
    return data_of_points(name, (points - middle) / (extent / 2) * EXTENT, tuple(notes))


def data_of_points(name: str, points: NDArray[np.float64], notes: tuple[str, ...] = ()) -> PointData:
    """Points (N, 2) of the plane as data: each is drawn equally often."""
    placed = torch.from_numpy(points.astype(np.float32))

    def draw(count: int, generator: torch.Generator) -> torch.Tensor:
        return placed[torch.randint(len(placed), (count,), generator=generator)]

    return PointData(name, draw, notes=notes)


def read_ink(path: Path) -> PointData:
    """A picture: the more a pixel differs from the paper, the more often a point is drawn there.

    Raises:
        UserError: it can't be read, or is blank.
    """
    photo = read_photo(path)
    grey: Levels = cv2.cvtColor(photo.image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    alpha: Levels | None = None if photo.alpha is None else photo.alpha.astype(np.float32) / 255
    notes, longer = [], max(grey.shape)
    if longer > SIDE:
        size = [max(round(side * SIDE / longer), 1) for side in grey.shape[::-1]]
        grey = _resized(grey, size)
        alpha = None if alpha is None else _resized(alpha, size)
        notes.append(f"{path} is made smaller, to {size[0]} x {size[1]} pixels")
    ink = ink_of(grey, alpha)
    if ink.max() < LEAST_CONTRAST:
        raise UserError(f"{path} is blank", "Give a picture with something dark on light, or light on dark")
    ink = np.where(ink < FAINT * ink.max(), 0, ink)
    chances = torch.from_numpy(np.cumsum(ink.astype(np.float64).ravel()))
    height, width = ink.shape
    scale = 2 * EXTENT / max(height, width)

    def draw(number: int, generator: torch.Generator) -> torch.Tensor:
        picked = chances[-1] * torch.rand(number, generator=generator, dtype=torch.float64)
        pixel = torch.searchsorted(chances, picked, right=True).clamp(max=len(chances) - 1)
        place = torch.stack([pixel % width, pixel // width], 1) + torch.rand(number, 2, generator=generator)
        centred = place - torch.tensor([width / 2, height / 2])
        return (centred * torch.tensor([scale, -scale])).float()

    return PointData(path.name, draw, notes=tuple(notes))


def ink_of(grey: Levels, alpha: Levels | None) -> Levels:
    """How much each pixel (H, W) in [0, 1] differs from the paper, which is the commonest level."""
    if alpha is not None and float(alpha.min()) < 1 - LEAST_CONTRAST:
        return alpha  # what is opaque is the drawing
    paper = float(np.median(grey))
    found: Levels = np.abs(grey - paper)
    return found


def _resized(levels: Levels, size: list[int]) -> Levels:
    return cv2.resize(levels, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _point(line: str) -> tuple[float, float] | None:
    words = [word for word in re.split(r"[,;\t ]+", line.strip()) if word]
    try:
        x, y = (float(word) for word in words)
    except ValueError:
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) < 1e12 else None
