#!/usr/bin/env python3
"""How long `faceswap age photo` takes once everything is loaded, stage by stage.

    python -m scripts.bench.age_photo PHOTO [PHOTO ...] --threads 2

Each photo is aged several times in one process, the first time not counted: seconds on the clock and of
processor time (of all threads), the least of the rest.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch

from faceswap_cli.cli.age_load import load_face_ager
from faceswap_cli.cli.options import PeopleOptions
from faceswap_cli.cli.people_plan import load_people_plan
from faceswap_cli.effects.ageing import render
from faceswap_cli.effects.ageing.effect import AgeEffect
from faceswap_cli.effects.ageing.request import AgeRequest
from faceswap_cli.faces.age.estimator import AgeEstimator
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.pipeline import photo as driver
from faceswap_cli.pipeline.options import PipelineOptions
from faceswap_cli.provenance import marks, pixels

STAGES: dict[str, tuple[Any, str]] = {
    "reading": (driver, "read_photo"),
    "nudity": (SafetyGuard, "check_picture"),
    "finding faces": (driver, "find_in_photo"),
    "how old they are": (AgeEstimator, "estimate"),
    "asking the networks": (render.FaceAger, "predict"),
    "applying the change": (render, "apply_change"),
    "watermark": (pixels.PixelMarks, "on_photo"),
    "encoding": (cv2, "imencode"),
    "words in the file": (marks.Marks, "seal"),
}
"""What is timed, by names for people: where it is looked up."""


class Clock:
    """Seconds and processor seconds of calls, by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, tuple[float, float]] = {}

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its calls counted under a name."""

        def call(*arguments: Any, **named: Any) -> Any:
            clock, processor = time.perf_counter(), time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                before = self.spent.get(name, (0.0, 0.0))
                now = time.perf_counter() - clock, time.process_time() - processor
                self.spent[name] = before[0] + now[0], before[1] + now[1]

        return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--to", type=float, default=70)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    clock = Clock()
    for name, (owner, attribute) in STAGES.items():
        setattr(owner, attribute, clock.timed(name, getattr(owner, attribute)))
    ager = load_face_ager("network", None, "cpu", 1.0)
    stage = build_analyser(device="cpu", thorough=True)
    plan = load_people_plan(PeopleOptions(), SafetyGuard(), lambda: stage)
    effect = AgeEffect(ager, AgeRequest(options.to), AgeEstimator("cpu"))
    how = PipelineOptions(marks=marks.Marks(marks.Kind.AGE))

    def age(source: Path, output: Path) -> None:
        driver.convert_photo(source, output, plan, effect, how, stage, driver.FaceSelection(quick=True))

    whole = clock.timed("all", age)
    for source in options.photos:
        rounds = []
        for _ in range(options.rounds):
            clock.spent.clear()
            with tempfile.TemporaryDirectory() as folder:
                whole(source, Path(folder) / "out.jpg")
            rounds.append(dict(clock.spent))
        print(f"\n{source}: seconds, of processor time")
        for name in [*STAGES, "all"]:
            best = [min(one.get(name, (0.0, 0.0))[i] for one in rounds[1:]) for i in (0, 1)]
            print(f"  {name:22} {best[0]:6.3f} {best[1]:6.3f}")


if __name__ == "__main__":
    main()
