"""How well the second landmark network sees what its teacher sees, beside the first.

    python -m scripts.bench.dense_landmarks LABELS [--run RUN]

LABELS is the folder with kept-*.npz of `scripts.data.landmark_teacher`: faces that were in no training. The
figures of the first network are those of the 68 points that it gave when the labels were made.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from faceswap_cli import zoo
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.landmarks.compact import points_from
from faceswap_cli.faces.landmarks.dense import GROUPS, IBUG, measure_opening
from faceswap_cli.faces.landmarks.fine import FineLandmarker
from faceswap_cli.networks.perception.dense_landmarks import (
    DenseLandmarkConfig,
    DenseLandmarkNetwork,
    build_dense_landmark_network,
)
from faceswap_cli.networks.perception.fine_landmarks import FineLandmarkNetwork
from faceswap_cli.networks.perception.landmarks import LandmarkConfig, LandmarkNetwork
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from scripts.data.dense_faces import Faces

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
    """(N, 222, 3) in pixels of the crops as they are, (N, 26): one look at each, turned by `roll` degrees, and
    the closer one if there is a network for it."""
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


def evaluate(
    network: DenseLandmarkNetwork, kept: Faces, fine: FineLandmarkNetwork | None = None
) -> Figures:
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


def compare_clip(
    found: np.ndarray, truth: np.ndarray, first: np.ndarray, unit: float
) -> dict[str, Any]:
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


def read_run(run: Path) -> DenseLandmarkNetwork:
    """The average weights of a run's newest checkpoint."""
    checkpoint, _ = CheckpointStore(run).newest()
    if checkpoint is None:
        raise SystemExit(f"error: there is no checkpoint in {run}")
    network = DenseLandmarkNetwork(DenseLandmarkConfig())
    network.load_state_dict(
        {k.removeprefix("ema."): v for k, v in checkpoint.tensors.items() if k.startswith("ema.")}
    )
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument("--run", type=Path, help="a training's folder; if not given, models/landmarks")
    options = parser.parse_args()
    network = (
        read_run(options.run) if options.run else zoo.load_network("landmarks", build_dense_landmark_network)
    )
    kept = Faces(sorted(f for f in options.labels.glob("kept-*.npz") if f.stat().st_size))
    for line in evaluate(network, kept).lines():
        print(line)
    first = LandmarkNetwork(LandmarkConfig()).eval().to(memory_format=torch.channels_last)
    for line in speed({"first": first, "second": network}):
        print(line)


if __name__ == "__main__":
    main()
