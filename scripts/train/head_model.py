#!/usr/bin/env python3
"""Learn the 3-D head from labelled faces, say how well it explains others, and write models/head.

    python -m scripts.train.head_model LABELS

LABELS holds files of labels (`scripts.data.landmark_teacher`): own-*.npz are learnt from, kept-*.npz are
fitted.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from faceswap_cli import zoo
from faceswap_cli.faces.landmarks.dense import GROUPS, MIRROR_DENSE, MIRROR_EXPRESSION, MIRROR_SIGN
from faceswap_cli.faces.landmarks.head_model import RIGID, HeadModel, fit_similarity_3d, learn_head
from scripts.data.dense_faces import DATA, KEPT_BACK, TEACHER, Faces

ROOT = Path(__file__).resolve().parents[2]

EVERY = 5
"""Of a clip every so manieth frame is learnt from: the others are nearly the same."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument("--identities", type=int, default=20)
    options = parser.parse_args()
    own, kept = (
        Faces(sorted(f for f in options.labels.glob(f"{kind}-*.npz") if f.stat().st_size))
        for kind in ("own", "kept")
    )
    model = learn(own, options.identities)
    figures = explain(model, kept)
    for line in figures:
        print(line)
    write(model, own, figures)


def learn(faces: Faces, identities: int) -> HeadModel:
    """The model of some faces and their mirror images."""
    video = np.array([":" in name for name in faces.names])
    frame = np.array([int(name.split(":")[1]) if ":" in name else 0 for name in faces.names])
    rows = np.flatnonzero(~video | (frame % EVERY == 0))
    _, people = np.unique([person(str(name)) for name in faces.names[rows]], return_inverse=True)
    points, told = faces.points[rows], faces.expression[rows]
    mirrored = points[:, MIRROR_DENSE] * [-1, 1, 1]
    return learn_head(
        np.concatenate([points, mirrored]),
        np.concatenate([told, told[:, MIRROR_EXPRESSION] * MIRROR_SIGN]),
        np.concatenate([people, people + people.max() + 1]),
        identities,
    )


def person(name: str) -> str:
    """Who a picture shows: the clip's name; of the London set's names the number."""
    clip = name.partition(":")[0]
    own = clip.partition("_")[0] if clip[:3].isdigit() else clip
    return {"grid_pwij3p.mpg": "grid_id2_swwp2s.mpg"}.get(clip, own)


def explain(model: HeadModel, faces: Faces) -> list[str]:
    """Distances that remain of the mean alone, a person at rest, all of a fit; % of the eye distance."""
    lines = []
    parts = {"all": np.arange(len(model.mean)), "lids": np.r_[GROUPS["right_lids"], GROUPS["left_lids"]]}
    parts |= {"lips": np.r_[GROUPS["lips_outer"], GROUPS["lips_inner"]]}
    for name in np.unique(faces.sets):
        rows = np.flatnonzero(faces.sets == name)[::3]
        left: dict[str, list[np.ndarray]] = {"mean": [], "identity": [], "identity and expression": []}
        for i in rows:
            points = faces.points[i]
            fit = model.fit(points)
            nothing = np.zeros_like(fit.expression)
            for key, head in (
                ("mean", model.mean),
                ("identity", model.head(fit.identity, nothing)),
                ("identity and expression", model.head(fit.identity, fit.expression)),
            ):
                scale, rotation, shift = fit_similarity_3d(head[RIGID], points[RIGID])
                left[key].append(np.linalg.norm(scale * head @ rotation.T + shift - points, axis=1) / scale)
        for part, numbers in parts.items():
            found = ", ".join(f"{k} {100 * np.mean(np.array(v)[:, numbers]):.1f}" for k, v in left.items())
            lines.append(f"{name} {part}: {found}")
    return lines


def write(model: HeadModel, own: Faces, figures: list[str]) -> None:
    """Put the head and its card into models/head."""
    names, counts = np.unique(own.sets, return_counts=True)
    facts = {
        "what": "A linear 3-D head of 222 points: mean, directions in which people differ, directions of 26 "
        "coefficients of expression. No network.",
        "licence": "MIT",
        "data": DATA,
        "faces": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
        "kept_back": KEPT_BACK,
        "steps": 0,
        "config": {"points": len(model.mean), "identities": len(model.identity)},
        "figures": figures,
        "limits": "Points, depths and coefficients are a network's, which learned them elsewhere "
        f"({TEACHER}). Adults only.",
        "remake": "scripts/data/landmark_teacher.py, then scripts/train/head_model.py, as their first lines "
        "say",
    }
    parts = {
        name: torch.as_tensor(np.asarray(value, np.float32))
        for name, value in asdict(model).items()
        if name != "rigid"
    }
    card = zoo.write(ROOT / "models" / "head", parts, facts)
    print(f"{card.weights}: {card.facts['bytes'] / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
