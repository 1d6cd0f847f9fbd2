"""How well the second landmark network sees what its teacher sees, beside the first; and the closer look.

    python -m scripts.bench.dense_landmarks LABELS [--run RUN] [--fine-run RUN] [--no-fine]

LABELS is the folder with kept-*.npz of `scripts.data.landmark_teacher`: faces that were in no training. The
figures of the first network are those of the 68 points that it gave when the labels were made.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from torch import nn

from faceswap_cli import zoo
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.landmarks.compact import FINE, points_from
from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG, measure_opening
from faceswap_cli.faces.landmarks.fine import FineLandmarker
from faceswap_cli.networks.perception.dense_landmarks import (
    DenseLandmarkConfig,
    DenseLandmarkNetwork,
    build_dense_landmark_network,
)
from faceswap_cli.networks.perception.fine_landmarks import (
    FineLandmarkConfig,
    FineLandmarkNetwork,
    build_fine_landmark_network,
)
from faceswap_cli.networks.perception.landmarks import LandmarkConfig, LandmarkNetwork
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from scripts.data.dense_faces import Faces

Network = TypeVar("Network", bound=nn.Module)

SHUT = 0.3
"""Lids are shut where they are open by less than this part of the clip's median opening; a row of frames with
shut lids is a blink."""

ROLLS = (0, 40, 90)

_FIRST_LIDS = (np.array([37, 38, 43, 44]), np.array([41, 40, 47, 46]))
_FIRST_LIPS = (np.array([61, 62, 63]), np.array([67, 66, 65]))


@dataclass
class Figures:
    """What was measured, by name; distances in eye distances or in percent of them, as the name says."""

    overall: dict[str, float] = field(default_factory=dict)
    clips: dict[str, dict[str, Any]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """For people."""
        found = ["  " + ", ".join(f"{k} {v:.3f}" for k, v in self.overall.items())]
        for name, row in self.clips.items():
            found.append(f"  {name[:34]:34} " + ", ".join(f"{k} {v}" for k, v in row.items()))
        return found

    def facts(self) -> dict[str, Any]:
        """For a card."""
        return {"overall": {k: round(v, 4) for k, v in self.overall.items()}, "clips": self.clips}


@torch.inference_mode()
def look(
    network: DenseLandmarkNetwork, faces: Faces, roll: float = 0, fine: FineLandmarkNetwork | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(N, 222, 3) in pixels of the crops as they are, (N, 26): one look at each, turned by `roll` degrees,
    and the closer one if there is a network for it."""
    config, device = network.config, next(network.parameters()).device
    angle = np.radians(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (config.size - 1) / 2
    points: list[np.ndarray] = []
    expressions: list[np.ndarray] = []
    closer = None if fine is None else FineLandmarker(fine, device)
    for start in range(0, len(faces.crops), 64):
        matrices, images = [], []
        for i in range(start, min(start + 64, len(faces.crops))):
            base = crop_matrix(faces.first[i], config.size, config.side).astype(np.float64)
            matrix = np.hstack([turn @ base[:, :2], (turn @ (base[:, 2] - middle) + middle)[:, None]])
            matrices.append(matrix)
            images.append(warp(faces.crops[i], matrix, config.size))
        batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(device).float() / 255
        out = network(batch.contiguous(memory_format=torch.channels_last))
        found = points_from(out, matrices)
        if closer is not None:
            found = closer(list(faces.crops[start : start + 64]), found)
        points += [np.asarray(one.dense, np.float64) for one in found]
        expressions += [np.asarray(one.expression) for one in found]
    return np.array(points), np.array(expressions)


def evaluate(network: DenseLandmarkNetwork, kept: Faces, fine: FineLandmarkNetwork | None = None) -> Figures:
    """Everything, on faces that were kept back; with the closer look if there is a network for it."""
    figures, truth = Figures(), kept.points
    eyes = np.linalg.norm(truth[:, 45] - truth[:, 36], axis=1)
    found, expression = look(network, kept, fine=fine)
    for roll in ROLLS:
        points = found if roll == 0 else look(network, kept, roll, fine)[0]
        apart = np.linalg.norm(points[..., :2] - truth[..., :2], axis=2) / eyes[:, None] * 100
        figures.overall |= {
            f"ibug {roll} %": float(apart[:, :IBUG].mean()),
            f"dense {roll} %": float(apart[:, IBUG:].mean()),
        }
    figures.overall["depth %"] = float((np.abs(found[..., 2] - truth[..., 2]) / eyes[:, None]).mean() * 100)
    figures.overall["iris of eye width"] = float(np.mean([_iris_error(found, truth, s) for s in _SIDES]))
    figures.overall["expression"] = float(np.abs(expression - kept.expression).mean())
    clips = np.array([name.split(":")[0] if ":" in name else "" for name in kept.names])
    for clip in sorted(set(clips) - {""}):
        rows = np.flatnonzero(clips == clip)
        figures.clips[clip] = compare_clip(found[rows], truth[rows], kept.first[rows], kept.unit)
    return figures


_SIDES = ("right", "left")


def _iris_error(found: np.ndarray, truth: np.ndarray, side: str) -> float:
    """Median distance of an iris' middle from the teacher's, in widths of the eye, where it can be seen."""
    iris, corners = GROUPS[f"{side}_iris"][0], GROUPS[f"{side}_lids"][[0, 8]]
    width = np.linalg.norm(truth[:, corners[1], :2] - truth[:, corners[0], :2], axis=1)
    seen = measure_opening(truth, f"{side}_lids") > 0.2 * width
    apart = np.linalg.norm(found[:, iris, :2] - truth[:, iris, :2], axis=1)
    return float(np.median((apart / width)[seen]))


def compare_clip(found: np.ndarray, truth: np.ndarray, first: np.ndarray, unit: float) -> dict[str, Any]:
    """Lids and mouth of one face in a clip: correlation with the teacher, range, blinks; both networks.

    Args:
        found, truth: (N, 222, 3) crop pixels, of this network and of the teacher.
        first: (N, 68, 2) of the first network.
        unit: pixels of a face unit.
    """
    lids, wanted = (
        np.mean([measure_opening(p, f"{s}_lids") for s in _SIDES], 0) / unit for p in (found, truth)
    )
    mouth, spoken = (measure_opening(p, "lips_inner") / unit for p in (found, truth))
    before = np.linalg.norm(first[:, _FIRST_LIDS[0]] - first[:, _FIRST_LIDS[1]], axis=2).mean(1) / unit
    said = np.linalg.norm(first[:, _FIRST_LIPS[0]] - first[:, _FIRST_LIPS[1]], axis=2).mean(1) / unit
    blinks = find_blinks(wanted)
    return {
        "lids r": round(_correlation(lids, wanted), 3),
        "(first": f"{_correlation(before, wanted):.3f})",
        "range": f"{_range(lids)} of {_range(wanted)} (first {_range(before)})",
        "blinks": f"{_matched(blinks, find_blinks(lids))} of {len(blinks)} "
        f"(first {_matched(blinks, find_blinks(before))})",
        "mouth r": round(_correlation(mouth, spoken), 3),
        "(first ": f"{_correlation(said, spoken):.3f})",
    }


def find_blinks(opening: np.ndarray) -> list[tuple[int, int]]:
    """First and last frame of each blink in a curve of the lids' opening (N,)."""
    shut = np.concatenate([[False], opening < SHUT * np.median(opening), [False]])
    starts, ends = np.flatnonzero(~shut[:-1] & shut[1:]), np.flatnonzero(shut[:-1] & ~shut[1:])
    return [(int(a), int(b) - 1) for a, b in zip(starts, ends, strict=True)]


def _matched(blinks: list[tuple[int, int]], found: list[tuple[int, int]]) -> int:
    """How many of the blinks overlap one that was found, to a frame."""
    return sum(any(a <= last + 1 and b >= first - 1 for a, b in found) for first, last in blinks)


def _range(curve: np.ndarray) -> str:
    low, high = np.percentile(curve, [5, 95])
    return f"{low:.3f}-{high:.3f}"


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def compare_hardships(network: DenseLandmarkNetwork, fine: FineLandmarkNetwork, kept: Faces) -> list[str]:
    """Mean distances from the teacher's lids and irises, and lips, in % of the eye distance, without and with
    the closer look, where it is hard to see."""
    some = copy(kept)
    rows = np.arange(0, len(kept.crops), max(1, len(kept.crops) // HARD_FACES))
    some.points, some.first = kept.points[rows], kept.first[rows]
    eyes = np.linalg.norm(some.points[:, 45] - some.points[:, 36], axis=1)[:, None] / 100
    groups = {
        "eyes": np.concatenate([GROUPS[f"{s}_{part}"] for s in _SIDES for part in ("lids", "iris")]),
        "lips": np.concatenate([GROUPS["lips_outer"], GROUPS["lips_inner"]]),
    }
    lines = []
    for name, spoil in HARDSHIPS.items():
        random = np.random.default_rng(0)
        some.crops = np.stack([spoil(random, kept.crops[i], kept.unit) for i in rows])
        found = [look(network, some, fine=f)[0] for f in (None, fine)]
        cells = []
        for group, numbers in groups.items():
            before, after = (
                np.linalg.norm((points - some.points)[:, numbers, :2], axis=2) / eyes for points in found
            )
            worse = (after.mean(1) > 1.1 * before.mean(1)).mean()
            cells.append(f"{group} {before.mean():.2f} > {after.mean():.2f}, worse in {worse:.0%}")
        lines.append(f"  {name:22} " + "; ".join(cells))
    return lines


HARD_FACES = 150
"""Faces that are spoilt, about."""


def _shrunk(pixels: float) -> Callable[[np.random.Generator, np.ndarray, float], np.ndarray]:
    def spoil(random: np.random.Generator, crop: np.ndarray, unit: float) -> np.ndarray:
        small = round(len(crop) * pixels / unit)
        back = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
        return cv2.resize(back, crop.shape[:2], interpolation=cv2.INTER_CUBIC)

    return spoil


def _dark(random: np.random.Generator, crop: np.ndarray, unit: float) -> np.ndarray:
    noise = cv2.resize(random.normal(0, 6, (len(crop) // 2, len(crop) // 2, 3)), crop.shape[:2])
    return np.clip(crop * 0.2 + noise, 0, 255).astype(np.uint8)


def _blurred(random: np.random.Generator, crop: np.ndarray, unit: float) -> np.ndarray:
    return cv2.GaussianBlur(crop, (0, 0), 0.05 * unit)


HARDSHIPS: dict[str, Callable[[np.random.Generator, np.ndarray, float], np.ndarray]] = {
    "as they are": lambda _, crop, __: crop,
    "eyes 60 px apart": _shrunk(60),
    "eyes 30 px apart": _shrunk(30),
    "eyes 18 px apart": _shrunk(18),
    "dark and noisy": _dark,
    "blurred": _blurred,
}


def speed(networks: dict[str, nn.Module], batch: int = 16, rounds: int = 25) -> list[str]:
    """Milliseconds of processor time a face and parameters of each, taken in turns on one thread."""
    torch.set_num_threads(1)
    pictures = torch.rand(batch, 3, 112, 112).contiguous(memory_format=torch.channels_last)
    spent: dict[str, list[float]] = {name: [] for name in networks}
    with torch.inference_mode():
        for _ in range(rounds):
            for name, network in networks.items():
                begun = time.process_time()
                network(pictures)
                spent[name].append((time.process_time() - begun) / batch * 1e3)
    return [
        f"{name}: {min(spent[name]):.2f} ms a face at best, {np.median(spent[name]):.2f} in the middle, "
        f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters"
        for name, network in networks.items()
    ]


class _Whole(nn.Module):
    """The closer look at both eyes and the mouth of as many faces as there are pictures."""

    def __init__(self, fine: FineLandmarkNetwork) -> None:
        super().__init__()
        self.fine = fine

    def forward(self, pictures: torch.Tensor) -> None:
        """As long as the crops take."""
        c, count = self.fine.config, len(pictures)
        for part, faces, size, points, told in (
            (self.fine.eye, 2 * count, c.eye_size, c.eye_points, c.eye_expressions),
            (self.fine.mouth, count, c.mouth_size, c.mouth_points, c.mouth_expressions),
        ):
            crops = torch.rand(faces, 3, size, size).contiguous(memory_format=torch.channels_last)
            part(crops, torch.rand(faces, points, 2) * size, torch.zeros(faces, told))


def read_run(run: Path, network: Network) -> Network:
    """A network with the average weights of a run's newest checkpoint."""
    checkpoint, _ = CheckpointStore(run).newest()
    if checkpoint is None:
        raise SystemExit(f"error: there is no checkpoint in {run}")
    network.load_state_dict(
        {k.removeprefix("ema."): v for k, v in checkpoint.tensors.items() if k.startswith("ema.")}
    )
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument("--run", type=Path, help="a training's folder; if not given, models/landmarks")
    parser.add_argument("--fine-run", type=Path, help="the same of the closer look")
    parser.add_argument("--no-fine", action="store_true", help="without the closer look")
    options = parser.parse_args()
    network = (
        read_run(options.run, DenseLandmarkNetwork(DenseLandmarkConfig()))
        if options.run
        else zoo.load_network("landmarks", build_dense_landmark_network)
    )
    kept = Faces(sorted(f for f in options.labels.glob("kept-*.npz") if f.stat().st_size))
    fine = None
    if options.fine_run:
        fine = read_run(options.fine_run, FineLandmarkNetwork(FineLandmarkConfig()))
    elif not options.no_fine and FINE in zoo.names():
        fine = zoo.load_network(FINE, build_fine_landmark_network)
    for line in evaluate(network, kept, fine).lines():
        print(line)
    if fine is not None:
        print("  distance in % of the eye distance, without > with the closer look")
        for line in compare_hardships(network, fine, kept):
            print(line)
    first = LandmarkNetwork(LandmarkConfig()).eval().to(memory_format=torch.channels_last)
    networks: dict[str, nn.Module] = {"first": first, "second": network}
    if fine is not None:
        networks["closer look"] = _Whole(fine)
    for line in speed(networks):
        print(line)


if __name__ == "__main__":
    main()
