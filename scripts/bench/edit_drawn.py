#!/usr/bin/env python3
"""Sex, beards, glasses, make-up and freckles on photos, by judges that no part of the tool has seen.

    python -m scripts.bench.edit_drawn OUT --shared ../shared --photos kept/*/*.jpg --labelled congress_pd/

Photos are of people that nothing was trained on. Judges: for sex a logistic reading of faceplugin's
descriptors of labelled pictures (a folder with labels.csv); BiSeNet for glasses and the colour of lips; the
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
import csv
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
from scripts.data.edit_pairs import fit_reader

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
    parser.add_argument("--labelled", type=Path, required=True, help="folder with labels.csv for the judge")
    parser.add_argument("--count", type=int, default=24, help="photos at most")
    parser.add_argument("--learn", type=int, default=240, help="labelled pictures at most")
    options = parser.parse_args()
    teachers = options.shared / "teachers"
    recogniser = Recogniser(teachers / "faceplugin_fr_feature.onnx")
    threshold = find_threshold(recogniser, options.shared / "datasets" / "london_ccby.tar", 40)
    judge = SexJudge(recogniser, options.labelled, options.learn, {one.name for one in options.photos})
    parsing = ParsingJudge(next(teachers.glob("bisenetv2*.tflite")))
    bench = Bench(Editor(), PointJudge(), parsing, recogniser, threshold)
    some = [options.photos[k] for k in np.linspace(0, len(options.photos) - 1, 2 * options.count).astype(int)]
    found = [find_photo(path.name, read_photo(path).image) for path in dict.fromkeys(some)]
    photos = [one for one in found if one and abs(estimate_pose(one.face.landmarks)[0]) < FRONTAL]
    photos = photos[: options.count]
    print(f"{len(photos)} photos; the judge of sex is right on {judge.right(photos):.0%}", file=sys.stderr)
    rows = sex_rows(bench, judge, photos)
    measures: dict[str, Measure] = {
        "beard": lambda image, photo, scale: darkness(
            image, bench.points(image, photo.face.landmarks * scale)
        ),
        "glasses": lambda image, photo, scale: glasses(parsing, image, photo.face.landmarks * scale),
        "makeup": lambda image, photo, scale: redness(parsing, image, photo.face.landmarks * scale),
        "freckles": lambda image, photo, scale: blobs(image, photo.face.landmarks * scale),
    }
    for name, measure in measures.items():
        rows.append(drawn_row(bench, name, measure, photos))
    for row in rows:
        print(json.dumps(row))
    write_text(options.out, json.dumps(rows, indent=1) + "\n")


class SexJudge:
    """A logistic reading of a recogniser's descriptors: above .5 a woman.

    Args:
        recogniser: that edits were not trained with.
        folder: of pictures with labels.csv (file, sex).
        most: pictures that are learnt from.
        judged: names of those that are not.
    """

    def __init__(self, recogniser: Recogniser, folder: Path, most: int, judged: set[str]) -> None:
        self.recogniser = recogniser
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
            self.labels = {row["file"]: float(row["sex"][0] in "fw") for row in csv.DictReader(file)}
        women = [name for name, female in self.labels.items() if female and name not in judged]
        men = [name for name, female in self.labels.items() if not female and name not in judged]
        rows, known = [], []
        for name in [*women[: most // 2], *men[: most // 2]]:
            photo = find_photo(name, read_photo(folder / name).image)
            if photo is not None:
                rows.append(recogniser(photo.image, photo.face.landmarks))
                known.append(self.labels[name])
        self.reader = fit_reader(np.stack(rows), np.array(known))[0]

    def __call__(self, image: Image, landmarks: NDArray[np.floating]) -> float:
        value = float(self.recogniser(image, landmarks) @ self.reader[:-1] + self.reader[-1])
        return float(1 / (1 + np.exp(-value)))

    def right(self, photos: Sequence[Photo]) -> float:
        """On photos of known sex that it was not fitted on, or nan."""
        known = [
            (self(one.image, one.face.landmarks) > 0.5) == (self.labels[one.name] > 0.5)
            for one in photos
            if one.name in self.labels
        ]
        return float(np.mean(known)) if known else float("nan")


def sex_rows(bench: Bench, judge: SexJudge, photos: Sequence[Photo]) -> list[dict[str, Any]]:
    """What is asked for, and what must fail: the average shape alone, the photo itself, noise."""
    rows = []
    ways: dict[str, Callable[[Photo, float], tuple[Image, NDArray[np.uint8]] | None]] = {
        "sex": lambda photo, aim: bench.editor.edit(photo, {"sex": aim}),
        "(average)": lambda photo, aim: average_shape(bench.editor, photo, aim),
    }
    ways |= {name: _control(change) for name, change in CONTROLS.items()}
    for name, way in ways.items():
        common, taken, monotone, shifts = Common(), [], [], []
        for photo in photos:
            before = judge(photo.image, photo.face.landmarks)
            aim = float(before < 0.5)
            started = time.process_time()
            made = way(photo, aim)
            if made is None:
                continue
            common.add(bench, photo, *made, time.process_time() - started)
            after = judge(made[0], photo.face.landmarks)
            half = way(photo, 0.5)
            taken.append(float((after > 0.5) == (aim > 0.5)))
            shifts.append(abs(after - before) if (after > before) == (aim > before) else -abs(after - before))
            if half is not None:
                middle = judge(half[0], photo.face.landmarks)
                monotone.append(min(before, after) - 0.02 <= middle <= max(before, after) + 0.02)
            worn = judge(damage(made[0]), photo.face.landmarks / 2)
            plain = judge(damage(photo.image), photo.face.landmarks / 2)
            if abs(after - before) > 0.1:
                common.left.append((worn - plain) / (after - before))
        row = common.row(name, taken, monotone, {})
        row["shift"] = float(np.mean(shifts))
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
    settings = cv2.SimpleBlobDetector_Params()
    settings.minArea, settings.maxArea = 6.0, 220.0
    settings.minThreshold, settings.maxThreshold, settings.thresholdStep = 30, 220, 4
    settings.minDistBetweenBlobs, settings.filterByConvexity, settings.filterByInertia = 2, False, False
    found = cv2.SimpleBlobDetector_create(settings).detect(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY))
    return float(sum(60 < one.pt[0] < 420 and 190 < one.pt[1] < 320 for one in found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
