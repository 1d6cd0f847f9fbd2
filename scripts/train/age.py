#!/usr/bin/env python3
"""Train the network that makes faces older and younger, and write `models/ageing`. It goes on where it was
stopped.

    python -m scripts.data.age_data utkface_16plus.tar congress_pd.tar london_ccby.tar sfhq_adults.tar -o DATA
    python -m scripts.data.ageing_masks DATA
    python -m scripts.train.age DATA -r RUN --recogniser faceplugin_fr_feature.onnx --minutes 90
    python -m scripts.train.age DATA -r RUN --write

RUN is any folder for checkpoints and previews; --write puts the averaged weights and their card into models/.
The age estimator in models/ must be there: it is what the network is trained by.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.device import pick_device
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.parsing.face_parser import SIDE as MASK_SIDE
from faceswap_cli.networks.ageing.ageing import AgeingConfig
from faceswap_cli.training.engine.checkpoints import CheckpointStore
from faceswap_cli.training.engine.loop import Budget, fit
from faceswap_cli.training.monitor.age_preview import write_age_preview
from faceswap_cli.training.train_age import COARSE, AgeingSettings, AgeingTrainer
from scripts.cards.ageing import write
from scripts.data.age_data import SIDE
from scripts.data.age_faces import Faces, read_faces
from scripts.train.ageing_teacher import Recogniser

SETS = ("congress_pd", "london_ccby", "sfhq_adults", "utkface_16plus")

WHOLE, OFTENER = SETS[:3], 5.0
"""Sets whose pictures show whole heads come up more often than there are of them: UTKFace's end at hair line
and ears, and from them nobody learns what becomes of hair."""


class Own:
    """The faces of a fold, with their masks. Invented ones are as old as the estimator says."""

    side, mask_side = SIDE, MASK_SIDE

    def __init__(self, data: Path, faces: Faces, fold: str) -> None:
        labelled, ranged = faces.where(fold), faces.ranged(fold)
        said = AgeEstimator().estimate_crops((faces.crop(int(i)) for i in ranged), SIDE)
        adult = np.array([one.minor < 0.5 for one in said], bool)
        self.faces, self.which = faces, np.concatenate([labelled, ranged[adult]])
        sure = [np.rint(one.female) if abs(one.female - 0.5) > 0.3 else 0.5 for one in said]
        self.age = np.concatenate([faces.age[labelled], np.array([one.age for one in said])[adult]])
        female = np.where(np.isnan(faces.female[labelled]), 0.5, faces.female[labelled])
        self.female = np.concatenate([female, np.array(sure)[adult]])
        self.share = np.array([OFTENER if faces.facts[i]["set"] in WHOLE else 1.0 for i in self.which])
        masks = [path for path in sorted(data.glob("*/*.mask.npy")) if path.parent.name in SETS]
        self.masks = np.concatenate([np.load(path) for path in masks])[self.which]

    def crop(self, index: int) -> np.ndarray:
        return self.faces.crop(int(self.which[index]))

    def mask(self, index: int) -> np.ndarray:
        return self.masks[index]


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    faces = read_faces(options.data, SETS)
    settings = AgeingSettings("", options.batch, options.rate, options.seed)
    own = Own(options.data, faces, "train")
    device = pick_device(options.device)
    recogniser = Recogniser(options.recogniser, AgeingConfig().side).to(device)
    store = CheckpointStore(options.run, keep=2)
    with ThreadPoolExecutor(1) as pool:
        learner = AgeingTrainer(settings, own, device, pool, recogniser)
        print("going on at step", learner.resumed(store, print))
        trainer = learner.trainer
        if options.write:
            write(trainer, faces)
            return
        preview = kept(options.data, faces)
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        shown = time.monotonic()
        budget = Budget(options.steps, None if options.steps else options.minutes)
        for tick in fit(trainer, learner.batches, budget, store, stop.is_set, save_seconds=240):
            if time.monotonic() - shown > options.every or tick.progress >= 1:
                shown = time.monotonic()
                path, coarse = options.run / f"{tick.step:06d}.png", tick.progress < COARSE
                write_age_preview(path, trainer.ema, *preview, coarse)
                said = " ".join(f"{name} {value:.3f}" for name, value in tick.losses.items())
                rate = f"{tick.images_per_second:.1f}/s, waits {tick.data_wait:.0%}"
                print(f"{tick.step} {said} | {rate}, {tick.left}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-r", "--run", type=Path, required=True, help="folder for checkpoints and previews")
    parser.add_argument("--recogniser", type=Path, required=True, help="faceplugin_fr_feature.onnx")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=float, default=120, help="seconds between lines and previews")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true", help="only write models/ from the newest checkpoint")
    return parser.parse_args()


def kept(data: Path, faces: Faces) -> tuple[Own, list[int]]:
    """Faces kept from training, a few of each set and age."""
    own = Own(data, faces, "kept")
    names = np.array([faces.facts[i]["set"] for i in own.which])
    chosen: list[int] = []
    for name, count in (("london_ccby", 2), ("congress_pd", 2), ("sfhq_adults", 3), ("utkface_16plus", 2)):
        there = np.flatnonzero(names == name)
        there = there[np.argsort(own.age[there], kind="stable")]
        chosen += [int(there[i]) for i in np.linspace(0, len(there) - 1, count + 2)[1:-1].astype(int)]
    return own, chosen


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
