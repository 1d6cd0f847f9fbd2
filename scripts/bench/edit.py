#!/usr/bin/env python3
"""Features changed on photos, by judges that no part of the tool has seen: figures and side effects.

    python -m scripts.bench.edit OUT --shared ../shared --photos 10

--shared holds samples and judges that are no part of the project. Photos are those of samples/stills with one
large face that looks ahead. Judges: dlib's 68 points for shapes, another network's face parsing for colours
(BiSeNet, 19 classes), a recogniser for identity, whose threshold accepts one of a thousand pairs of others.

moved      how far the judge sees a feature move for 1 asked for (shapes: 1 is all of it; colours: CIELAB)
monotone   photos on which more asked for is more seen, of all
identity   results that are accepted as the same person, of all
left       share of the move that is left after JPEG 75, blur (1 pixel) and half size
outside    largest difference beside what may change; 0: bit for bit
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from faceswap_cli.effects.edit.colour_road import read_colour
from faceswap_cli.effects.edit.features import FEATURES, Value
from faceswap_cli.effects.edit.plan import FaceReading, plan_edit, read_face
from faceswap_cli.effects.edit.render import EditStages
from faceswap_cli.effects.options import EffectOptions
from faceswap_cli.effects.planned_faces import FacePlan, PlannedFace
from faceswap_cli.faces.detection.photo_faces import find_in_photo
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.face_analyser import build_analyser
from faceswap_cli.faces.geometry import crop_matrix, warp
from faceswap_cli.faces.landmarks.pose import estimate_pose
from faceswap_cli.faces.parsing.face_parser import FaceParser
from faceswap_cli.files import write_text
from faceswap_cli.media.frame import Frame, Image
from faceswap_cli.media.photo import read_photo
from scripts.bench.edit_shapes import SHAPES
from scripts.bench.reenact_judges import PointJudge, Recogniser

LARGEST = 900
"""Height that photos are brought to at most, pixels."""

FRONTAL = 20.0
"""Yaw in degrees up to which a face looks ahead."""

FALSE_ACCEPTS = 1e-3

SKIN, BROWS, LIPS, HAIR = (1, 10), (2, 3), (12, 13), (17,)
"""Classes of the judge that parses."""

Points = NDArray[np.float64]


STEPS: dict[str, tuple[float, ...]] = {
    "smile": (0.4, 0.8), "mouth": (0.25, 0.5), "brow-height": (-0.7, 0.7), "lids": (-0.25, 0.3),
    "turn": (-10, 10), "nod": (-8, 8),
}  # fmt: skip
"""What is added of each; of all others 0.8 both ways."""

COLOURS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "hair": (HAIR, ("black", "brown", "auburn", "blond", "grey", "blue")),
    "brows": (BROWS, ("black", "blond")),
    "lips": (LIPS, ("red", "plum")),
    "skin": (SKIN, ("-0.5", "0.5")),
    "warmth": (SKIN, ("-0.7", "0.7")),
}
"""Where the judge looks, and what is asked for (of numbers: added)."""


ENDS = {
    "hair": ("black", "blond"), "brows": ("black", "blond"), "lips": ("plum", "red"), "skin": ("-0.5", "0.5"),
    "warmth": ("-0.7", "0.7"),
}  # fmt: skip
"""The darker (or colder) and the lighter of two that are asked for."""


class ParsingJudge:
    """BiSeNet V2, 19 classes of CelebAMask-HQ, as a quantised TFLite file."""

    def __init__(self, file: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._net: Any = Interpreter(str(file), num_threads=1)
        self._net.allocate_tensors()

    def __call__(self, image: Image, landmarks: NDArray[np.floating]) -> tuple[Image, NDArray[np.int64]]:
        """A crop (448, 448, 3) of a face and its classes (448, 448)."""
        crop = warp(image, crop_matrix(landmarks, 448, 3.6), 448)
        given, told = self._net.get_input_details()[0], self._net.get_output_details()[0]
        self._net.set_tensor(given["index"], ((crop.astype(np.float32) - 127.5) / 127.5)[None])
        self._net.invoke()
        return crop, np.asarray(self._net.get_tensor(told["index"]), np.int64)


@dataclass(frozen=True)
class Photo:
    """A photo with its one face."""

    name: str
    image: Image
    face: Face

    @property
    def planned(self) -> PlannedFace:
        return PlannedFace(0, self.face.landmarks, 0, self.face.dense, self.face.expression)


class Editor:
    """Edits photos as `faceswap edit photo` does."""

    def __init__(self) -> None:
        self.parser = FaceParser()

    def read(self, photo: Photo, names: Mapping[str, Value]) -> FaceReading:
        return read_face(self.parser, photo.image, photo.planned, names)

    def edit(self, photo: Photo, wanted: Mapping[str, Value]) -> tuple[Image, NDArray[np.uint8]] | None:
        """The photo, edited, and where it may have changed (H, W); None if nothing of it can be changed."""
        change = plan_edit(self.read(photo, wanted), wanted)
        if not change:
            return None
        face, zero = photo.planned, np.zeros(1, np.int64)
        assert face.dense is not None and face.expression is not None
        plan = FacePlan(zero, zero, face.landmarks[None], {}, face.dense[None], face.expression[None])
        stages = EditStages(self.parser, {0: change}, EffectOptions(), 1.0, True)
        [done] = stages.composite(stages.draw([Frame(0, 0.0, photo.image)], plan))
        [mask] = stages.mask(stages.draw([Frame(0, 0.0, photo.image)], plan))
        return done.image, mask[..., 0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=10)
    parser.add_argument("--only", nargs="+", choices=[*COLOURS, *CONTROLS, *SHAPES], help="of these features")
    options = parser.parse_args()
    teachers = options.shared / "teachers"
    recogniser = Recogniser(teachers / "faceplugin_fr_feature.onnx")
    threshold = find_threshold(recogniser, options.shared / "datasets" / "london_ccby.tar", 40)
    photos = read_photos(options.shared / "samples" / "stills", options.photos)
    print(f"{len(photos)} photos; accepted from a cosine of {threshold:.3f} on", file=sys.stderr)
    bench = Bench(
        Editor(), PointJudge(), ParsingJudge(next(teachers.glob("bisenetv2*.tflite"))), recogniser, threshold
    )
    print("feature".ljust(14) + "".join(head.rjust(10) for head in HEADS) + "  side effects", flush=True)
    rows = []
    for row in bench.rows(photos, options.only or [*COLOURS, *CONTROLS, *SHAPES]):
        rows.append(row)
        shown = "".join(f"{row[head]:10.2f}" for head in HEADS)
        others = sorted(row["others"].items(), key=lambda pair: -abs(pair[1]))[:4]
        said = ", ".join(f"{name} {value:+.2f}" for name, value in others)
        print(row["feature"].ljust(14) + shown + "  " + said, flush=True)
    write_text(options.out, json.dumps(rows, indent=1) + "\n")


HEADS = ("moved", "monotone", "identity", "left", "outside", "ms")


@dataclass(frozen=True)
class Bench:
    """All judges."""

    editor: Editor
    points: PointJudge
    parsing: ParsingJudge
    recogniser: Recogniser
    threshold: float

    def rows(self, photos: Sequence[Photo], names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Those of features, and of what must fail."""
        for name in names:
            if name in CONTROLS:
                yield self.control_row(name, CONTROLS[name], photos)
            else:
                yield (self.colour_row if name in COLOURS else self.shape_row)(name, photos)

    def shape_row(self, name: str, photos: Sequence[Photo]) -> dict[str, Any]:
        """Figures of a feature of shape."""
        measure, full = SHAPES[name]
        moved, monotone, others = [], [], {other: list[float]() for other in SHAPES if other != name}
        common = Common()
        for photo in photos:
            now = self.editor.read(photo, {name: 0.0}).shapes[name]
            feature, seen = FEATURES[name], []
            before = self.points(photo.image, photo.face.landmarks)
            for step in STEPS.get(name, (-0.8, 0.8)):
                goal = float(np.clip(now + step, feature.low, feature.high))
                started = time.process_time()
                made = self.editor.edit(photo, {name: goal})
                if made is None or abs(goal - now) < 0.3 * abs(step):
                    continue
                common.add(self, photo, *made, time.process_time() - started)
                after = self.points(made[0], photo.face.landmarks)
                change = (measure(after) - measure(before)) / full / (goal - now)
                seen.append((goal - now, measure(after)))
                moved.append(change)
                common.left.append(self.left(made[0], photo, before, measure, measure(after)))
                for other, values in others.items():
                    about, whole = SHAPES[other]
                    share = (about(after) - about(before)) / whole / _span(other)
                    values.append(share * _span(name) / (goal - now))
            order = sorted([*seen, (0.0, measure(before))])
            if seen:
                monotone.append(all(a[1] < b[1] for a, b in itertools.pairwise(order)))
        return common.row(name, moved, monotone, {k: float(np.mean(v)) for k, v in others.items() if v})

    def left(
        self, image: Image, photo: Photo, before: Points, measure: Callable[[Points], float], after: float
    ) -> float:
        """What is left of a move after the picture was damaged."""
        plain = measure(self.points(damage(photo.image), photo.face.landmarks / 2))
        worn = measure(self.points(damage(image), photo.face.landmarks / 2))
        move = after - measure(before)
        return (worn - plain) / move if abs(move) > 1e-6 else 0.0

    def colour_row(self, name: str, photos: Sequence[Photo]) -> dict[str, Any]:
        """Figures of a feature of colour; monotone: the two of ENDS come out in their order."""
        classes, values = COLOURS[name]
        common, moved, others = Common(), [], {other: list[float]() for other in COLOURS if other != name}
        monotone, channel = [], 2 if name == "warmth" else 0
        for photo in photos:
            crop, parsed = self.parsing(photo.image, photo.face.landmarks)
            if np.isin(parsed, classes).mean() < 0.002:
                continue
            before, seen = mean_colour(crop, parsed, classes), {}
            for text in values:
                started = time.process_time()
                made = self.editor.edit(photo, {name: self._value(name, text, photo)})
                if made is None:
                    continue
                common.add(self, photo, *made, time.process_time() - started)
                new, _ = self.parsing(made[0], photo.face.landmarks)
                own = mean_colour(new, parsed, classes) - before
                small = photo.face.landmarks / 2
                worn = [self.parsing(damage(one), small)[0] for one in (made[0], photo.image)]
                far = mean_colour(worn[0], parsed, classes) - mean_colour(worn[1], parsed, classes)
                common.left.append(float(far @ own / max(float(own @ own), 1e-6)))
                moved.append(float(np.linalg.norm(own)))
                seen[text] = float(before[channel] + own[channel])
                for other, found in others.items():
                    theirs = COLOURS[other][0]
                    if not set(theirs) & set(classes) and np.isin(parsed, theirs).any():
                        change = mean_colour(new, parsed, theirs) - mean_colour(crop, parsed, theirs)
                        found.append(float(np.linalg.norm(change) / max(np.linalg.norm(own), 1e-6)))
            low, high = ENDS[name]
            if {low, high} <= seen.keys():
                monotone.append(seen[low] < seen[high])
        return common.row(name, moved, monotone, {k: float(np.mean(v)) for k, v in others.items() if v})

    def _value(self, name: str, text: str, photo: Photo) -> Value:
        """What is asked for: a colour, or a number that is added to what is there."""
        if FEATURES[name].colours:
            return text
        now = self.editor.read(photo, {name: 0.0})
        return float(np.clip(float(read_colour(name, now.colours["skin"], now.scene)) + float(text), -1, 1))

    def control_row(
        self, name: str, change: Callable[[Image], Image], photos: Sequence[Photo]
    ) -> dict[str, Any]:
        """What must fail: a picture that is not edited counts as a smile of .8 asked for."""
        measure, full = SHAPES["smile"]
        moved = []
        for photo in photos:
            both = (photo.image, change(photo.image))
            before, after = (self.points(one, photo.face.landmarks) for one in both)
            moved.append((measure(after) - measure(before)) / full / 0.8)
        return Common().row(name, moved, [value > 0.25 for value in moved], {})


class Common:
    """What every row counts."""

    def __init__(self) -> None:
        self.same: list[bool] = []
        self.left: list[float] = []
        self.outside: list[int] = []
        self.seconds: list[float] = []

    def add(self, bench: Bench, photo: Photo, image: Image, mask: NDArray[np.uint8], seconds: float) -> None:
        one, other = (bench.recogniser(each, photo.face.landmarks) for each in (photo.image, image))
        self.same.append(float(one @ other) >= bench.threshold)
        apart = np.abs(image.astype(int) - photo.image).max(-1)
        self.outside.append(int(apart[cv2.dilate(mask, np.ones((5, 5), np.uint8)) == 0].max(initial=0)))
        self.seconds.append(seconds)

    def row(
        self, name: str, moved: Sequence[float], monotone: Sequence[bool], others: dict[str, float]
    ) -> dict[str, Any]:
        def mean(values: Sequence[Any]) -> float:
            return float(np.mean(values)) if len(values) else float("nan")

        return {
            "feature": name, "moved": mean(moved), "monotone": mean(monotone), "identity": mean(self.same),
            "left": float(np.median(self.left)) if self.left else float("nan"),
            "outside": float(max(self.outside, default=0)), "ms": 1e3 * mean(self.seconds),
            "results": len(moved), "others": others,
        }  # fmt: skip


def _span(name: str) -> float:
    """How much of a feature is asked for, in its own unit."""
    return max(abs(step) for step in STEPS.get(name, (0.8,)))


def _noise(image: Image) -> Image:
    """Noise that is not seen."""
    rough = np.random.default_rng(0).normal(0, 2, image.shape)
    return np.clip(np.rint(image + rough), 0, 255).astype(np.uint8)


CONTROLS: dict[str, Callable[[Image], Image]] = {"(copy)": lambda image: image, "(noise)": _noise}


def mean_colour(crop: Image, parsed: NDArray[np.int64], classes: Sequence[int]) -> Points:
    """(3,) CIELAB of some classes' pixels, well inside."""
    mask = np.isin(parsed, classes).astype(np.uint8)
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8))
    lab = cv2.cvtColor(crop.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
    return np.asarray(lab[(inner if inner.sum() > 50 else mask) > 0].mean(0), np.float64)


def damage(image: Image) -> Image:
    """A picture of half the size, blurred, after JPEG 75."""
    stored = io.BytesIO()
    Pillow.fromarray(image).save(stored, "JPEG", quality=75)
    back = cv2.GaussianBlur(np.asarray(Pillow.open(stored).convert("RGB")), (0, 0), 1.0)
    return np.ascontiguousarray(cv2.resize(back, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def find_photo(name: str, image: Image) -> Photo | None:
    """A photo with its largest face; None if there is none."""
    if image.shape[0] > LARGEST:
        scale = LARGEST / image.shape[0]
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    image = np.ascontiguousarray(image)
    faces = find_in_photo(image, build_analyser("auto", "auto", "cpu", thorough=True))
    face = max(faces, key=lambda one: float(one.box[3] - one.box[1]), default=None)
    return None if face is None or face.dense is None else Photo(name, image, face)


def read_photos(folder: Path, most: int) -> list[Photo]:
    """Photos with one large face that looks ahead, evenly over the folder."""
    paths = [path for path in sorted(folder.glob("*.*")) if not path.name.startswith(("solvay", "fr_two"))]
    chosen = [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, 2 * most).astype(int))]
    found = [find_photo(path.stem, read_photo(path).image) for path in chosen]
    ahead = [one for one in found if one and abs(estimate_pose(one.face.landmarks)[0]) < FRONTAL]
    return ahead[:most]


def find_threshold(recogniser: Recogniser, path: Path, most: int) -> float:
    """The cosine that one of a thousand pairs of other people passes."""
    analyser = build_analyser("auto", "auto", "cpu")
    embeddings = []
    with tarfile.open(path) as tar:
        names = sorted(one.name for one in tar.getmembers() if one.name.endswith("_neutral.jpg"))[:most]
        for name in names:
            data = tar.extractfile(name)
            assert data is not None
            picture = Pillow.open(io.BytesIO(data.read())).convert("RGB")
            picture.thumbnail((480, 480))
            image = np.ascontiguousarray(np.asarray(picture))
            faces = find_in_photo(image, analyser)[:1]
            embeddings += [recogniser(image, face.landmarks) for face in faces]
    every = np.stack(embeddings)
    cosines = (every @ every.T)[np.triu_indices(len(every), 1)]
    return float(np.quantile(cosines, 1 - FALSE_ACCEPTS))


if __name__ == "__main__":
    main()
