#!/usr/bin/env python3
"""Train the network that makes faces older and younger, and write `models/ageing`. It goes on where it was
stopped.

    python -m scripts.data.age_invented sfhq_synthetic_mit.tar -o INVENTED --leave-out sfhq_under18.txt
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
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.device import pick_device
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.age.labels import YOUNGEST
from faceswap_cli.faces.parsing.face_parser import SIDE as MASK_SIDE
from faceswap_cli.faces.safety.guard import ADULT, WEIGHTS
from faceswap_cli.networks.ageing.ageing import AgeingConfig
from faceswap_cli.training.data.ageing_batches import AgedFacesPart
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.families import FAMILIES
from faceswap_cli.training.families.age import AgeData, age_phases
from faceswap_cli.training.family import LoadRequest, TrainingData
from scripts.cards.ageing import write
from scripts.data.age_data import SIDE
from scripts.data.age_faces import Faces, read_faces
from scripts.train.ageing_teacher import Recogniser
from scripts.train.run import Given, add_run_options, run_training, task_of, trained

SETS = ("congress_pd", "london_ccby", "sfhq_adults", "utkface_16plus")

WHOLE, OFTENER = SETS[:3], 5.0
"""Sets whose pictures show whole heads come up more often than there are of them: UTKFace's end at hair line
and ears, and from them nobody learns what becomes of hair."""


class Own:
    """The adults of a fold, with their masks. Invented ones are as old as the estimator says, and adults if
    the guard says so, too."""

    side, mask_side = SIDE, MASK_SIDE

    def __init__(self, data: Path, faces: Faces, fold: str) -> None:
        labelled, ranged = faces.where(fold), faces.ranged(fold)
        labelled = labelled[faces.age[labelled] >= YOUNGEST]
        said, guarded = (
            AgeEstimator("cpu", *one).estimate_crops((faces.crop(int(i)) for i in ranged), SIDE)
            for one in ((), (WEIGHTS, ADULT))
        )
        adult = np.array(
            [a.age >= YOUNGEST and b.minor < 0.5 for a, b in zip(said, guarded, strict=True)], bool
        )
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


class LearnedFaces(Given):
    """The faces of the fold that is trained on, and a few that are kept from it.

    Args:
        data: the folder that `scripts/data/age_data.py` wrote.
        faces: what lies there.
    """

    def __init__(self, data: Path, faces: Faces) -> None:
        super().__init__()
        self.data, self.faces = data, faces

    def load(self, request: LoadRequest) -> TrainingData:
        """With masks and ages."""
        own = Own(self.data, self.faces, "train")
        return AgeData(own, request.settings, request.device, kept(self.data, self.faces))


def main() -> None:
    options = arguments()
    cv2.setNumThreads(1)
    faces = read_faces(options.data, SETS)
    plain = FAMILIES["age"]
    settings = plain.from_scratch(plain.sizes["small"])
    settings = replace(settings, batch=options.batch, learning_rate=options.rate, seed=options.seed)
    recogniser = Recogniser(options.recogniser, AgeingConfig().side).to(pick_device(options.device))
    family = replace(plain, phases=partial(age_phases, recognise=recogniser))
    task = task_of(options, family, LearnedFaces(options.data, faces), settings)
    if options.write:
        write(trained(options, task), faces)
    else:
        run_training(options, task)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    add_run_options(parser, Budget(minutes=90), every=240)
    parser.add_argument("--recogniser", type=Path, required=True, help="faceplugin_fr_feature.onnx")
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(threads=2)
    return parser.parse_args()


def kept(data: Path, faces: Faces) -> AgedFacesPart:
    """Faces kept from training, a few of each set and age."""
    own = Own(data, faces, "kept")
    names = np.array([faces.facts[i]["set"] for i in own.which])
    chosen: list[int] = []
    for name, count in (("london_ccby", 2), ("congress_pd", 2), ("sfhq_adults", 3), ("utkface_16plus", 2)):
        there = np.flatnonzero(names == name)
        there = there[np.argsort(own.age[there], kind="stable")]
        chosen += [int(there[i]) for i in np.linspace(0, len(there) - 1, count + 2)[1:-1].astype(int)]
    return AgedFacesPart(own, np.array(chosen, np.int64))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
