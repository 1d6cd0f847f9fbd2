"""How steady the age of one face is through a video that was aged, beside the video before."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from faceswap_cli.errors import UserError
from faceswap_cli.evaluation import metrics
from faceswap_cli.evaluation.age_judges import Judge, judge_view
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import interocular
from faceswap_cli.media.reader import VideoReader

EVERY = 3
"""The age is judged in every Nth frame."""


@dataclass(frozen=True)
class AgeSteadiness:
    """Figures of two videos, the first as it was.

    Attributes:
        frames: in which the largest face was found.
        before, after: mean age said, years.
        spread_before, spread_after: standard deviation of what is said of single frames, years.
        flicker: temporal high-frequency energy inside the face, after over before. 1 is as steady.
    """

    frames: int
    before: float
    after: float
    spread_before: float
    spread_after: float
    flicker: float


def measure_steadiness(
    original: Path, aged: Path, judge: Judge, stage: FaceAnalyser, most: int
) -> AgeSteadiness:
    """Measure the largest face of the first `most` frames; both videos must show the same frames.

    Raises:
        UserError: they can't be read, differ in size, or there is no face in the original.
    """
    flicker, frames = metrics.Flicker(2), 0
    said: list[tuple[float, float]] = []
    with VideoReader(original) as before, VideoReader(aged) as after:
        if (before.info.width, before.info.height) != (after.info.width, after.info.height):
            raise UserError(f"{aged} is not as large as {original}", "Give a video and what became of it")
        for old, new in islice(zip(before, after, strict=False), most):
            faces = stage.find([old])[0]
            if not faces:
                flicker.cut()
                continue
            points = max(faces, key=lambda face: interocular(face.landmarks)).landmarks
            flicker.add([old.image, new.image], points)
            if frames % EVERY == 0:
                ages = judge([judge_view(old.image, points), judge_view(new.image, points)]).age
                said.append((float(ages[0]), float(ages[1])))
            frames += 1
    if not said:
        raise UserError(f"no face was found in {original}", "Give a video with one")
    (first, second), (spread, again) = np.mean(said, axis=0), np.std(said, axis=0)
    return AgeSteadiness(frames, float(first), float(second), float(spread), float(again), flicker.ratio(1))
